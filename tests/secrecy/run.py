"""``python -m tests.secrecy.run --histories 10000``: so many random histories of each algorithm, and a tenth of
that with a server, members and the octets of their pushes.

With ``--broken``, each broken variant is hunted instead, until the model catches it. Ends with 1 when a history
is against the definition of its algorithm, or a broken variant goes unnoticed.
"""

from __future__ import annotations

import argparse
import secrets
import sys
import time
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from functools import partial

from tests.secrecy import engines, seeds
from tests.secrecy.broken import VARIANTS, hunted
from tests.secrecy.histories import CHOICES, OPERATIONS, checked, smallest
from tests.secrecy.oneway import mixed
from tests.secrecy.world import Broken

CHUNK = 50
SHOWN = 5
"""Failures that are told in full."""
MIXED = 20
"""One history in so many is also tried with past and future members together, which OFT says nothing of."""
HUNT = 2_000
PUSHES = "-pushes"
"""What the algorithms are called where they are tried with engines, on the wire."""
FEWER = 10
"""Of those there is one history for so many without."""


def trees(name: str, seed: int, operations: int) -> dict[str, int]:
    """One history of an algorithm with a KEK. Raises `Broken`."""
    record = checked(name, seed, operations).record
    counts = {"KEKs": len(record.epochs), "memberships": len(record.stints), "pushes": len(record.sent)}
    if name == "oft" and seed % MIXED == 0:
        counts |= {"KEKs tried with past and future members together": len(record.epochs)}
        counts |= {"of them known to these, as the definition says": len(mixed(record))}
    return counts


def periods(name: str, seed: int, operations: int) -> dict[str, int]:
    return seeds.history(seed)


def pushes(name: str, seed: int, operations: int) -> dict[str, int]:
    """One history of a server and members. Raises `Broken`."""
    world = engines.history(name.removesuffix(PUSHES), seed, operations)
    counts = {"KEKs": len(world.record.epochs), "memberships": len(world.record.stints)}
    return counts | {"data keys": len(world.made), "pushes": len(world.record.sent)}


TRIALS: dict[str, Callable[[str, int, int], dict[str, int]]] = {
    **dict.fromkeys(CHOICES, trees),
    "marks": periods,
    **dict.fromkeys((name + PUSHES for name in CHOICES), pushes),
}


def chunk(name: str, operations: int, numbers: range) -> tuple[Counter[str], list[str]]:
    """Counts, and what was found."""
    counts: Counter[str] = Counter()
    found = []
    for seed in numbers:
        counts["histories"] += 1
        try:
            counts.update(TRIALS[name](name, seed, operations))
        except Broken as error:
            found.append(f"{name}, seed {seed}: {smallest(name, seed) if name in CHOICES else error}")
    return counts, found


def all_of(name: str, first: int, options: argparse.Namespace) -> int:
    """So many histories of one algorithm; how many were against its definition."""
    began = time.monotonic()
    end = first + options.histories // (FEWER if name.endswith(PUSHES) else 1)
    numbers = [range(at, min(at + CHUNK, end)) for at in range(first, end, CHUNK)]
    counts: Counter[str] = Counter()
    failures: list[str] = []
    with ProcessPoolExecutor(options.workers) as pool:
        for more, found in pool.map(partial(chunk, name, options.operations), numbers):
            counts += more
            for one in found[: max(0, SHOWN - len(failures))]:
                print(one, flush=True)
            failures += found
            if sys.stderr.isatty():
                print(f"\r{name}: {counts['histories']}", end="\r", file=sys.stderr, flush=True)
    told = ", ".join(f"{count} {what}" for what, count in counts.items())
    print(f"{name}: {told}; {len(failures)} failures; {time.monotonic() - began:.0f} s", flush=True)
    return len(failures)


def hunt(names: list[str], first: int) -> int:
    """How many broken variants went unnoticed."""
    missed = 0
    for variant in VARIANTS:
        if variant.algorithm not in names:
            continue
        at, said = hunted(variant, range(first, first + HUNT))
        missed += at is None
        when = f"caught in history {at}: {said}" if at is not None else f"NOT caught in {HUNT} histories"
        print(f"{variant.algorithm}, {variant.name}: {when}", flush=True)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument(
        "--histories", type=int, default=10_000, help="of each algorithm, and a tenth on the wire"
    )
    parser.add_argument("--operations", type=int, default=OPERATIONS, help="of each history")
    parser.add_argument("--algorithm", choices=sorted(TRIALS), help="this one alone")
    parser.add_argument("--seed", type=int, help="of the first history, for the same ones again")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--broken", action="store_true", help="hunt for the broken variants instead")
    options = parser.parse_args()
    first = secrets.randbelow(1 << 40) if options.seed is None else options.seed
    names = [options.algorithm] if options.algorithm else list(TRIALS)
    print(f"seed {first}", flush=True)
    if options.broken:
        return int(hunt(names, first) > 0)
    return int(sum(all_of(name, first, options) for name in names) > 0)


if __name__ == "__main__":
    sys.exit(main())
