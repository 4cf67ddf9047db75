"""``python -m benchmarks.engines``: what one GCKS process does, beside what its cryptography alone would."""

from __future__ import annotations

import argparse
import platform
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from typing import Final

from benchmarks.engines import loopback, memory, registration, rekey
from benchmarks.timing import pinned

__all__ = ["main"]


@dataclass(frozen=True, slots=True)
class Amount:
    """How much is measured."""

    rounds: int
    at_once: int
    pushed_to: tuple[int, ...]
    sizes: tuple[int, ...]
    traced: int
    served: int


FULL: Final = Amount(10, registration.AT_ONCE, (10, 1000), (100, 1_000, 10_000), 1_000, 1_000)
QUICK: Final = Amount(1, 2, (2,), (100, 200), 50, 4)
PARTS: Final = ("registration", "rekey", "memory", "loopback")


def arguments(given: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser("python -m benchmarks.engines", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few members, to see that all works")
    parser.add_argument("--only", metavar="PART", action="append", choices=PARTS, help=", ".join(PARTS))
    return parser.parse_args(given)


def head(processor: int | None) -> str:
    place = "not pinned to one processor" if processor is None else f"pinned to processor {processor}"
    software = f"python {platform.python_version()}, cryptography {version('cryptography')}"
    return f"""\
{software}, machine {platform.machine()}; {place}, but for loopback.
"best" is the shortest round, "times" how long the key server takes for one turn of the floor: the median over
the rounds, each compared in itself, then from the best ones. The collector is off."""


def registrations(amount: Amount) -> str:
    found = [registration.measure_case(case, amount.rounds, amount.at_once) for case in registration.CASES]
    parts = [registration.notes(), registration.table(found), registration.shares_table(found)]
    if found[0].times > registration.TARGET:
        parts.append(found[0].shares.table(found[0].case.name, found[0].profiled))
    return "\n\n".join(parts)


def rekeys(amount: Amount) -> str:
    return rekey.table(
        [
            rekey.measure_rekeys(signature, members, amount.rounds)
            for signature in rekey.SIGNATURES
            for members in amount.pushed_to
        ]
    )


def members(amount: Amount) -> str:
    return memory.table(memory.grow(amount.sizes, amount.traced))


def served(amount: Amount) -> str:
    found = [loopback.serve(amount.served, store=store) for store in (False, True)]
    return loopback.table([one for one in found if one is not None])


RUNS: Final[dict[str, Callable[[Amount], str]]] = dict(
    zip(PARTS, (registrations, rekeys, members, served), strict=True)
)


def main(given: Sequence[str] | None = None) -> int:
    """0, whatever the ratios."""
    options = arguments(given)
    amount, wanted = QUICK if options.quick else FULL, options.only or PARTS
    with pinned() as processor:
        print(head(processor))
        for part in PARTS[:-1]:
            if part in wanted:
                print(f"\n{RUNS[part](amount)}", flush=True)
    if PARTS[-1] in wanted:  # which takes two processors
        print(f"\n{served(amount)}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
