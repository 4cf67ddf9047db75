"""Rekeys per second: a push made, signed, committed and handed out, beside its signature and its cipher."""

from __future__ import annotations

import gc
from dataclasses import dataclass
from time import thread_time_ns
from typing import Final

from benchmarks.engines.floor import call_of, signer
from benchmarks.engines.world import GROUP, Rig
from benchmarks.timing import Measured, uncollected
from gsakmp.exchanges.address import Datagram

__all__ = ["SIGNATURES", "Rekeyed", "measure_rekeys", "table"]

OURS: Final = "gcks"
FLOOR: Final = "cryptography"
SIGNATURES: Final = {"ecdsa-256-sha256": "ECDSA P-256", "rsa-3072-sha256": "RSA 3072"}
SECONDS: Final = 100.0
"""Between two rekeys on the engine's clock: what they replaced is forgotten before the next."""
BATCH: Final = 10


@dataclass(frozen=True, slots=True)
class Rekeyed:
    """Pushes of one signature to so many members, two for each rekey."""

    name: str
    members: int
    octets: int
    measured: Measured


def measure_rekeys(signature: str, members: int, rounds: int) -> Rekeyed:
    """`rounds` of ten rekeys: a new KEK under the old, then a new data SA under the new one."""
    rig = Rig(rekey={"signature": signature, "lifetime": 86_400})
    for _ in range(0, members, 50):
        rig.register(min(50, members))
    sizes = [len(datagram.data) for datagram in ordered(rig)]
    sign, _ = signer(SIGNATURES[signature], bytes(sizes[0]))
    floor = [sign, call_of(("encrypt", 16, sum(sizes) // len(sizes) // 16 * 16))]
    found: dict[str, list[float]] = {OURS: [], FLOOR: []}
    rig.taken()
    with uncollected():
        for _ in range(rounds):
            pushes = sum(len(ordered(rig)) for _ in range(BATCH))
            found[OURS].append(rig.taken()[0] / pushes)
            start = thread_time_ns()
            for _ in range(pushes):
                for call in floor:
                    call()
            found[FLOOR].append((thread_time_ns() - start) / pushes)
            gc.collect()
    return Rekeyed(SIGNATURES[signature], members, sum(sizes) // len(sizes), Measured(found))


def ordered(rig: Rig) -> list[Datagram]:
    """One rekey; its pushes."""
    rig.now += SECONDS
    rig.gcks.handle_timeout(rig.now)
    rig.gcks.datagrams_to_send(rig.now)
    with rig:
        rig.gcks.rekey(GROUP, rig.now)
        pushes = rig.gcks.datagrams_to_send(rig.now)
        while rig.gcks.next_event() is not None:
            pass
    return list(pushes)


def table(results: list[Rekeyed]) -> str:
    head = f"{'push':<14}{'members':>9}{'octets':>8}{'best':>11}{'per second':>12}{'floor':>11}{'times':>8}"
    head += f"{'(best)':>9}"
    lines = [head, "-" * len(head)]
    for one in results:
        best = one.measured.best(OURS)
        best_times = f"({one.measured.best_ratio(OURS, FLOOR):.2f})"
        lines.append(
            f"{one.name:<14}{one.members:>9}{one.octets:>8}{best:>8.0f} us{1e6 / best:>12.0f}"
            f"{one.measured.best(FLOOR):>8.0f} us{one.measured.ratio(OURS, FLOOR):>8.2f}{best_times:>9}"
        )
    return "\n".join(lines)
