"""Differential fuzzing: mutated messages, judged by the generated code and by construct.

    python tests/fuzz/run.py --messages 1000000 --jobs 2

Ends with one line that counts what was accepted, rejected and compared. Exit status 1 on any disagreement
without a reason (see `tests.fuzz.judge.REASONS`) or any exception but a `GsakmpError`; the messages that
show it are printed, ready for `tests/fuzz/corpus/`. Bounded in count and in time.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import Counter
from multiprocessing import get_context
from pathlib import Path
from random import Random

NON_ESP_MARKER = bytes(4)

# Run as a script, it finds the project's tests beside it.
sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.fuzz import seeds  # noqa: E402
from tests.fuzz.judge import REASONS, Disagreement, judge  # noqa: E402
from tests.fuzz.mutate import mutated  # noqa: E402

SEEDS_GENERATED = 600
POOL = 4000
"""Messages that are mutated further at most."""

FAILURES = 20
"""Failures after which a job stops."""


def job(
    number: int, count: int, seed: int, seconds: float, construct: float
) -> tuple[Counter[str], list[str]]:
    """Judge `count` mutants, until `seconds` have passed; `construct` is the share compared with construct."""
    random, until = Random(seed * 1000 + number), time.monotonic() + seconds
    pool = [*seeds.captured(), *seeds.generated(SEEDS_GENERATED), *(seed for _, seed in seeds.corpus())]
    others = [octets for octets, _ in pool]
    counts: Counter[str] = Counter()
    failures: list[str] = []
    while counts["messages"] < count and len(failures) < FAILURES and time.monotonic() < until:
        octets, context = random.choice(pool)
        mutant = mutated(octets, others, random)
        if random.random() < 0.1:
            context = random.choice(pool)[1]
        if random.random() < 0.03:
            mutant, context = NON_ESP_MARKER + mutant, context._replace(port=4500)
        counts["messages"] += 1
        try:
            verdict = judge(mutant, context, construct=random.random() < construct)
        except Disagreement as exc:
            failures.append(str(exc))
            continue
        counts["accepted" if verdict.accepted else "rejected"] += 1
        counts["compared"] += verdict.compared
        if verdict.reason:
            counts[verdict.reason] += 1
        if verdict.accepted and context.port != 4500 and len(pool) < POOL and random.random() < 0.05:
            pool.append((mutant, context))
    return counts, failures


def arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--messages", type=int, default=100_000, help="mutated messages in all")
    parser.add_argument("--jobs", type=int, default=2, help="processes")
    parser.add_argument("--seed", type=int, default=1, help="the same seed gives the same messages")
    parser.add_argument("--seconds", type=float, default=1200, help="time after which it stops, as a failure")
    parser.add_argument(
        "--construct", type=float, default=1.0, help="share that construct judges too, 0 to 1"
    )
    return parser.parse_args()


def main() -> int:
    """Run the jobs and print what came of them."""
    args = arguments()
    started = time.monotonic()
    shares = [args.messages // args.jobs + (n < args.messages % args.jobs) for n in range(args.jobs)]
    work = [(n, share, args.seed, args.seconds, args.construct) for n, share in enumerate(shares)]
    with get_context("spawn").Pool(args.jobs) as workers:
        results = workers.starmap(job, work, chunksize=1)
    counts: Counter[str] = sum((found for found, _ in results), Counter())
    failures = [failure for _, found in results for failure in found]
    for failure in failures:
        print(failure)
    for reason, text in REASONS.items():
        if counts[reason]:
            print(f"{counts[reason]} differ, reason {reason!r}: {text}")
    agreed = counts["compared"] - sum(counts[reason] for reason in REASONS)
    print(
        f"{counts['messages']} mutated messages: {counts['accepted']} accepted, {counts['rejected']} rejected; "
        f"{counts['compared']} compared with construct, {agreed} agree, {len(failures)} failures; "
        f"{time.monotonic() - started:.0f} s, seed {args.seed}"
    )
    if counts["messages"] < args.messages and not failures:
        print(f"stopped after {args.seconds:.0f} s, before all messages were tried")
        return 1
    return 1 if failures else 0


if __name__ == "__main__":
    sys.exit(main())
