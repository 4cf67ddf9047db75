"""``python -m benchmarks``: the library beside its peers, in one table."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

import gsakmp
from benchmarks import report
from benchmarks.capture_file import session
from benchmarks.cases import CASES, Case
from benchmarks.peers import LIBRARY, Peer, peers_of
from benchmarks.targets import Key, verdicts
from benchmarks.timing import Measured, Work, measure, pinned
from benchmarks.whole_file import Disagreement, measure_file

__all__ = ["main"]

WHOLE_FILE = "whole file"


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured: messages in a batch, and rounds; messages in the file, and times that it is
    read."""

    messages: int
    rounds: int
    file_messages: int
    file_rounds: int


FULL = Amount(200, 25, 200_000, 3)
QUICK = Amount(4, 3, 200, 1)


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks", description=__doc__)
    names = [case.name for case in CASES] + [WHOLE_FILE]
    parser.add_argument("--quick", action="store_true", help="a few messages, to see that all agree")
    parser.add_argument("--only", metavar="NAME", action="append", choices=names, help=", ".join(names))
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write everything to a JSON file")
    return parser.parse_args(given)


def prepared(case: Case, peers: Sequence[Peer], amount: Amount) -> dict[str, dict[str, Work]]:
    """What each peer does, by action, after holding every peer to the same values and octets.

    Parsing has a new batch in every round. Building has the same one: nobody remembers what he built.
    Raises `Disagreement`.
    """
    batches = case.batches(amount.rounds + 1, amount.messages)
    samples = batches[0]
    expected: list[Any] | None = None
    works: dict[str, dict[str, Work]] = {"parse": {}, "build": {}}
    for peer in peers:
        parsed = [peer.parse(octets) for octets in samples]
        said = [peer.facts(message) for message in parsed]
        expected = said if expected is None else expected
        if said != expected:
            raise Disagreement(f"{case.name}: {peer.name} reads something else than {peers[0].name}")
        to_build = [peer.to_build(message) for message in parsed]
        if [peer.build(message) for message in to_build] != samples:
            raise Disagreement(f"{case.name}: {peer.name} builds other octets")
        works["parse"][peer.name] = peer.parse, batches
        works["build"][peer.name] = peer.build, [to_build]
    return works


def parse_pair(pair: tuple[bytes, int]) -> gsakmp.Message:
    return gsakmp.parse(pair[0], port=pair[1])


def profile(key: Key, works: dict[Key, Work], calls: int) -> str:
    """The profile of one key; of the whole file, that of its messages without the reading of the file."""
    case, action = key
    if case == WHOLE_FILE:
        random = Random(1)
        messages = [pair for _ in range(20) for pair in session(random)]
        return report.profile(f"{case}: parsing what is in it", parse_pair, messages, calls)
    function, batches = works[key]
    return report.profile(f"{case}, {action}", function, batches[-1], calls)


def run(options: argparse.Namespace, amount: Amount) -> None:
    wanted = options.only or [case.name for case in CASES] + [WHOLE_FILE]
    results: dict[Key, Measured] = {}
    library: dict[Key, Work] = {}
    remarks = []
    with pinned() as processor:
        for case in CASES:
            if case.name in wanted:
                for action, works in prepared(case, peers_of(case), amount).items():
                    say(f"{case.name}, {action}")
                    results[case.name, action] = measure(works, amount.rounds)
                    library[case.name, action] = works[LIBRARY]
        if WHOLE_FILE in wanted:
            found, octets, missing = measure_file(amount.file_messages, amount.file_rounds, say)
            results[WHOLE_FILE, "decode"] = found
            remarks.append(report.file_notes(amount.file_messages, octets, missing))
        judged = verdicts(results)
        missed = dict.fromkeys((v.target.case, v.target.action) for v in judged if v.met is False)
        profiles = [profile(key, library, 100 if options.quick else 5000) for key in missed]
    say("")
    parts = [report.notes(processor), *remarks, report.table(results), report.targets(judged), *profiles]
    print("\n\n".join(parts))
    if options.json is not None:
        options.json.write_text(json.dumps(report.as_json(results, judged), indent=1) + "\n")


def say(text: str) -> None:
    """What is going on, for who watches a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """0, whatever the ratios; 1 if a peer disagrees or can't be run."""
    options = arguments(given)
    try:
        run(options, QUICK if options.quick else FULL)
    except Disagreement as problem:
        print(f"nothing to compare: {problem}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
