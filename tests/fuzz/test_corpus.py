"""The fuzzer's corpus, replayed: what once went wrong, what is malformed, and a short run of the fuzzer."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from tests.fuzz import seeds
from tests.fuzz.judge import Context, Disagreement, judge
from tests.fuzz.mutate import extents, mutated

CORPUS = seeds.corpus()


@pytest.mark.parametrize(("path", "seed"), CORPUS, ids=[path.stem for path, _ in CORPUS])
def test_corpus(path: Path, seed: seeds.Seed) -> None:
    octets, context = seed
    verdict = judge(octets, context)
    assert verdict.reason == ""
    expected = "accepted" if path.stem.startswith("sound-") else "rejected"
    assert verdict.accepted == (expected == "accepted")


def test_corpus_is_there() -> None:
    assert len(CORPUS) >= 20


def test_captured_messages_are_all_accepted() -> None:
    found = [judge(octets, context) for octets, context in seeds.captured()]
    assert len(found) > 60
    assert all(verdict.accepted and verdict.compared for verdict in found)


def test_mutants_by_construct_and_generated_code() -> None:
    pool = [*seeds.captured(), *seeds.generated(150)]
    others, random = [octets for octets, _ in pool], Random(20)
    verdicts = []
    for _ in range(4000):
        octets, context = random.choice(pool)
        verdicts.append(judge(mutated(octets, others, random), context))
    accepted = sum(verdict.accepted for verdict in verdicts)
    assert 0.2 < accepted / len(verdicts) < 0.8, (
        "mutations that find nothing, or nothing but the header's length"
    )


def test_the_judge_can_refuse(monkeypatch: pytest.MonkeyPatch) -> None:
    """The judge must notice a reference that differs, and a field that does."""
    octets, context = seeds.captured()[0]
    judge(octets, context)
    monkeypatch.setattr("tests.vectors.reference.differences", lambda *_: ["a difference"])
    with pytest.raises(Disagreement, match="a difference"):
        judge(octets, context)
    monkeypatch.undo()
    monkeypatch.setattr("tests.vectors.reference.Terminated", None)
    with pytest.raises(Disagreement):
        judge(octets, context)


def test_extents_follow_nested_lengths() -> None:
    octets, _ = next(seed for seed in seeds.captured() if seed[0][18] == 2)
    found = extents(octets)
    assert [octets[field : field + 2] for field, _, _ in found] == [
        (end - start).to_bytes(2, "big") for _, start, end in found
    ]
    assert len(found) >= 3  # SA, proposal, transform


def test_contexts_as_text() -> None:
    for _, context in seeds.captured():
        assert Context.from_text(str(context)) == context


@pytest.mark.slow
def test_the_command_counts_and_ends_well() -> None:
    command = [sys.executable, str(Path(__file__).with_name("run.py")), "--messages", "300", "--jobs", "1"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "300 mutated messages" in done.stdout.splitlines()[-1]
    assert "0 failures" in done.stdout
