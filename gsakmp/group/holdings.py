"""All SAs that a member holds: added, retired, deleted, expired. What is refused is refused before anything
changes; the methods that change don't fail."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Final

from gsakmp.crypto import KEK, kek_cipher
from gsakmp.errors import LimitExceeded, PolicyRefused
from gsakmp.group.held import Held, HeldDataSA, HeldRekeySA
from gsakmp.group.member_types import LifecycleChanged, MemberEvent, SAEnded
from gsakmp.group.sa import DataSA, Lifecycle, RekeySA, TrafficSelector

__all__ = ["DataKey", "Holdings", "data_key"]

DATA_SAS: Final = 1024
"""Data SAs at once: four generations of as many as one message can hold (`limits.PAYLOADS_PER_CHAIN`)."""
REKEY_SAS: Final = 16
"""Rekey SAs at once. One is in force; of those that retire the first to end goes for another."""
ENDED: Final = 4096
"""SAs remembered after their end, so that a download that has been overtaken does not bring them back."""
EVENTS: Final = 4096
"""Events that wait to be taken; older ones are lost first."""

DataKey = tuple[int, bytes]
"""Protocol and SPI: an AH and an ESP SA may have the same SPI."""


def data_key(sa: DataSA) -> DataKey:
    """By which a data SA is held."""
    return (int(sa.protocol), sa.spi)


class Holdings:
    """Rekey SAs by SPI, data SAs by protocol and SPI."""

    def __init__(self) -> None:
        self.rekey: dict[bytes, HeldRekeySA] = {}
        self.data: dict[DataKey, HeldDataSA] = {}
        self.change = 0
        """How often the SAs were changed by a registration or a push."""
        self.events: deque[MemberEvent] = deque(maxlen=EVENTS)
        self._ended: dict[bytes | DataKey, tuple[int, int]] = {}  # change, and sequence number of a Rekey SA

    # -- what there is -----------------------------------------------------------------------------------

    @property
    def current_rekey(self) -> HeldRekeySA | None:
        """The Rekey SA that nothing has replaced."""
        return next((held for held in self.rekey.values() if held.current), None)

    @property
    def serving(self) -> bool:
        """Whether there is a data SA that nothing has deleted or replaced."""
        return any(held.current for held in self.data.values())

    def ended_since(self, key: bytes | DataKey, change: int) -> bool:
        """Whether an SA has ended after a change."""
        found = self._ended.get(key)
        return found is not None and found[0] > change

    def last_sequence_number(self, spi: bytes) -> int:
        """That of the last push accepted under an SPI, as far back as it is remembered; 0 for none."""
        held = self.rekey.get(spi)
        return held.sa.sequence_number if held else self._ended.get(spi, (0, 0))[1]

    # -- checks --------------------------------------------------------------------------------------------

    def check_rekey(self, sa: RekeySA) -> None:
        """Raises `PolicyRefused` for an SPI that is held with another key or policy."""
        held = self.rekey.get(sa.spi)
        if held is not None and alike(held.sa, sa) != held.sa:
            raise PolicyRefused(f"the Rekey SA {sa.spi.hex()} is known, with another key or policy")

    def check_data(self, sas: Sequence[DataSA]) -> None:
        """Raises `PolicyRefused` for an SPI that is held with other keys or policy, `LimitExceeded` for more
        SAs than are held at once."""
        new = 0
        for sa in sas:
            held = self.data.get(data_key(sa))
            new += held is None
            if held is not None and (
                replace(sa, created_at=held.sa.created_at, lifetime_seconds=held.sa.lifetime_seconds)
                != held.sa
            ):
                raise PolicyRefused(f"data SA {sa.spi.hex()} is known, with other keys or policy")
        if len(self.data) + new > DATA_SAS:
            raise LimitExceeded(f"more than {DATA_SAS} data SAs", "sa_attributes")

    # -- changes -------------------------------------------------------------------------------------------

    def add_rekey(self, held: HeldRekeySA) -> None:
        """A Rekey SA that is in force from now on."""
        while len(self.rekey) >= REKEY_SAS:
            self._drop(min(self.rekey, key=lambda spi: self.rekey[spi].ends_at), "replaced")
        known = self.last_sequence_number(held.sa.spi)
        held.sa = replace(held.sa, sequence_number=max(known, held.sa.sequence_number))
        held.lifecycle = Lifecycle.ACTIVE
        self.rekey[held.sa.spi] = held

    def accepted(self, spi: bytes, sequence_number: int) -> None:
        """A push came with this number; it never goes back."""
        held = self.rekey[spi]
        held.sa = replace(held.sa, sequence_number=max(held.sa.sequence_number, sequence_number))

    def add_data(self, held: HeldDataSA) -> None:
        """A data SA, beside what there is."""
        self.data[data_key(held.sa)] = held

    def predecessors(self, sa: DataSA, change: int) -> list[HeldDataSA]:
        """The SAs for the same traffic that were there at `change`, and so are replaced by `sa`."""
        return [
            held
            for held in self.data.values()
            if traffic(held.sa) == traffic(sa) and held.change <= change and held.current
        ]

    def end(self, helds: Iterable[Held], reason: str) -> None:
        """Gone at once."""
        for held in list(helds):
            if isinstance(held, HeldRekeySA):
                self._drop(held.sa.spi, reason)
            elif isinstance(held, HeldDataSA):
                self._drop(data_key(held.sa), reason)

    def clear(self) -> None:
        """All gone, by the member's own wish, and nothing remembered."""
        self.end([*self.rekey.values(), *self.data.values()], "left")
        self._ended.clear()

    # -- time ----------------------------------------------------------------------------------------------

    def next_timeout(self) -> float | None:
        """When an SA next needs attention."""
        return min((held.next_change() for held in self._all()), default=None)

    def advance(self, now: float) -> tuple[list[Held], list[Held]]:
        """Take every SA to what it is at `now`. Those that have ended without a successor, and those for
        which it is time to register."""
        ended: list[Held] = []
        due: list[Held] = []
        for held in list(self._all()):
            if now >= held.ends_at:
                if held.current:
                    ended.append(held)
                self.end([held], held.ending)
                continue
            lifecycle = held.lifecycle_at(now)
            if lifecycle != held.lifecycle:
                held.lifecycle = lifecycle
                self.events.append(
                    LifecycleChanged(category=category(held), spi=spi(held), lifecycle=lifecycle)
                )
            if now >= held.renew_at:
                held.renew_at = float("inf")
                due.append(held)
        return ended, due

    def _all(self) -> Iterable[HeldRekeySA | HeldDataSA]:
        yield from self.rekey.values()
        yield from self.data.values()

    def _drop(self, key: bytes | DataKey, reason: str) -> None:
        held = self.rekey.pop(key) if isinstance(key, bytes) else self.data.pop(key)
        number = held.sa.sequence_number if isinstance(held, HeldRekeySA) else 0
        self._ended.pop(key, None)  # so that it goes to the end
        self._ended[key] = (self.change, number)
        while len(self._ended) > ENDED:
            del self._ended[next(iter(self._ended))]
        self.events.append(SAEnded(category=category(held), spi=spi(held), reason=reason))


def alike(known: RekeySA, sa: RekeySA) -> RekeySA:
    """`sa` with what may differ between two descriptions of one Rekey SA taken from `known`: when, how long,
    how many; KEK_MANAGEMENT_ALGORITHM, which a pull does not say (RFC 6407, 5.3); a key that comes by LKH, or
    with other parity bits."""
    return replace(
        sa,
        key=known.key if not sa.key or same_kek(known, sa) else sa.key,
        signature_key=sa.signature_key or known.signature_key,
        suite=replace(
            sa.suite,
            management=known.suite.management,
            signature_key_length=sa.suite.signature_key_length or known.suite.signature_key_length,
        ),
        sequence_number=known.sequence_number,
        created_at=known.created_at,
        lifetime_seconds=known.lifetime_seconds,
    )


def same_kek(known: RekeySA, sa: RekeySA) -> bool:
    """Whether both have the same KEK, in one spelling or in two."""
    if not known.key or (known.suite.encryption, known.suite.key_length) != (
        sa.suite.encryption,
        sa.suite.key_length,
    ):
        return False
    cipher = kek_cipher(sa.suite.encryption, sa.suite.key_length, allow_weak=True)
    return KEK.parse(cipher, known.key).same(KEK.parse(cipher, sa.key))


def traffic(sa: DataSA) -> tuple[int, TrafficSelector]:
    """What an SA protects: a new one for the same replaces it."""
    return (int(sa.protocol), sa.selector)


def category(held: Held) -> int:
    return 2 if isinstance(held, HeldRekeySA) else 3


def spi(held: HeldRekeySA | HeldDataSA) -> str:
    return held.sa.spi.hex()
