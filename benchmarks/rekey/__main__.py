"""``python -m benchmarks.rekey``: what rekeying costs, by algorithm and by the number of members."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

from benchmarks.rekey import periods, report, whole_server
from benchmarks.rekey.measuring import Found, measure
from benchmarks.rekey.structures import CASES, Case
from benchmarks.timing import pinned

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured: sizes of groups, rounds of each change, receivers of MARKS, members of the whole
    server; and whether each has a process of its own."""

    members: tuple[int, ...]
    rounds: int
    receivers: int
    served: int
    apart: bool


FULL: Final = Amount((1_000, 10_000, 100_000, 1_000_000), 20, 2_000, 100_000, True)
QUICK: Final = Amount((30,), 2, 5, 20, False)
SERVED: Final = ("lkh, degree 4", "oft")
MOST: Final = 2_000_000


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.rekey", description=__doc__)
    names = [case.name for case in CASES]
    parser.add_argument("--members", metavar="N", type=int, nargs="+", help="sizes of groups")
    parser.add_argument("--algorithm", metavar="NAME", action="append", choices=names, help="; ".join(names))
    parser.add_argument("--quick", action="store_true", help="a few members, to see that all works")
    parser.add_argument("--json", metavar="FILE", type=Path, help="also write everything to a JSON file")
    options = parser.parse_args(given)
    if any(not 4 <= size <= MOST for size in options.members or ()):
        parser.error(f"--members: 4 to {MOST}")
    return options


def structures(cases: Sequence[Case], sizes: Sequence[int], amount: Amount) -> list[Found]:
    """Every algorithm of every size, smallest first."""
    found = []
    for size in sorted(sizes):
        for case in cases:
            say(f"{case.name}, {size} members")
            found.append(measure(case, size, amount.rounds, apart=amount.apart))
    say("")
    return found


def say(text: str) -> None:
    """What is going on, for who watches a terminal."""
    if sys.stderr.isatty():
        print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


def main(given: Sequence[str] | None = None) -> int:
    """0, whatever the ratios."""
    options = arguments(given)
    amount, wanted = QUICK if options.quick else FULL, options.algorithm or [case.name for case in CASES]
    cases = [case for case in CASES if case.name in wanted]
    with pinned() as processor:
        found = structures(cases, options.members or amount.members, amount)
        parts = [report.head(processor), report.change_tables(found), report.size_table(found)]
        if target := report.targets(found):
            parts.append(target)
        given_seeds = periods.give(amount.receivers)
        served = [
            whole_server.serve(case, amount.served, apart=amount.apart)
            for case in cases
            if case.name in SERVED
        ]
    parts.append(periods.table(given_seeds))
    if served:
        parts.append(whole_server.table(served))
    print("\n\n".join(parts))
    if options.json is not None:
        everything = {
            "structures": report.as_json(found),
            "marks": [asdict(one) for one in given_seeds],
            "whole_server": [asdict(one) for one in served],
        }
        options.json.write_text(json.dumps(everything, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
