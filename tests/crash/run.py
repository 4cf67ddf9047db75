"""``python -m tests.crash.run --kills 300``: kills the key server so often, and tells what was seen."""

from __future__ import annotations

import argparse
import asyncio
import secrets
import tempfile
from pathlib import Path
from statistics import median

from tests.crash.trial import Tally, Trial


def trial(kills: int, seed: int, fault: str = "") -> Tally:
    """The trial in a folder of its own. Raises `AssertionError`."""
    with tempfile.TemporaryDirectory(prefix="gsakmp-") as folder:

        async def play() -> Tally:
            return await Trial(kills, seed, Path(folder), fault).run()

        return asyncio.run(play())


def table(tally: Tally) -> str:
    """The counts as text."""
    rows: list[tuple[str, object]] = [("kills", tally.kills.total())]
    rows += [(f"  {kind}", count) for kind, count in sorted(tally.kills.items())]
    rows += sorted((name, count) for name, count in tally.counts.items() if name != "datagrams")
    rows += [
        ("reused or lost", 0),
        ("median start, seconds", round(median(tally.start_seconds or [0]), 3)),
        ("recovery, seconds", round(tally.recovery_seconds, 2)),
        ("all, seconds", round(tally.seconds, 1)),
    ]
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"{name:{width}}  {value:>8}" for name, value in rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--kills", type=int, default=300)
    parser.add_argument("--seed", type=int, default=None, help="for the same choices again (times vary)")
    options = parser.parse_args()
    seed = secrets.randbelow(1 << 32) if options.seed is None else options.seed
    print(f"seed {seed}", flush=True)
    print(table(trial(options.kills, seed)))


if __name__ == "__main__":
    main()
