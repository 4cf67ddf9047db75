"""ESP packets under a group's TEKs (RFC 4303; RFC 6407, 5.5)."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from gsakmp.captures.opened import Check, ESPContent, ExchangeKind, Sender, Status
from gsakmp.captures.opening.book import Book
from gsakmp.captures.opening.draft import Draft
from gsakmp.captures.opening.known import DataState
from gsakmp.crypto.esp import ESPPacket, esp_header
from gsakmp.crypto.esp_suites import ESPSuite
from gsakmp.errors import GsakmpError, InvalidHash

__all__ = ["DataOpening"]

WINDOW: Final = 64
"""Sequence numbers before the highest one whose repetition is seen (RFC 4303, 3.4.3 wants as many)."""


class DataOpening:
    """Opens ESP packets."""

    def __init__(self, book: Book) -> None:
        self._book = book

    def knows(self, octets: bytes) -> bool:
        """Whether octets begin with the SPI of a data SA that is known."""
        return len(octets) >= 8 and self._book.has_data(octets[:4])

    def take(self, draft: Draft, packet: bytes) -> None:
        """An ESP packet."""
        draft.kind = ExchangeKind.ESP
        try:
            spi, number = esp_header(packet)
        except GsakmpError as error:
            draft.error = error
            draft.fail(Status.MALFORMED, "no ESP header")
            return
        draft.sa = draft.exchange = spi.hex()
        draft.sender = Sender.MEMBER
        state = self._book.data(spi, draft.datagram.destination_address)
        draft.group = state.group if state is not None else ""
        destination = str(state.sa.selector.destination) if state is not None and state.sa is not None else ""
        draft.esp = ESPContent(
            spi=spi.hex(), sequence_number=number, group=draft.group, destination=destination
        )
        if draft.datagram.missing:
            draft.fail(Status.SEALED, "the frame was captured short")
        elif state is None or not state.suites:
            reason = "of AH, or of unknown algorithms" if state is not None else "no TEK of this SPI is known"
            known = state.reason if state is not None else self._book.why_unknown(spi)
            draft.fail(Status.SEALED, known or reason)
        else:
            self._open(draft, draft.esp, packet, state)

    def _open(self, draft: Draft, content: ESPContent, packet: bytes, state: DataState) -> None:
        number = content.sequence_number
        error: GsakmpError | None = None
        found: dict[ESPSuite, ESPPacket] = {}
        for suite in state.suites:
            try:
                found[suite] = suite.open(packet)
            except GsakmpError as exc:
                error = exc if error is None or isinstance(exc, InvalidHash) else error
        if not found:
            draft.checks.append(Check("ICV", False, str(error)))
            draft.fail(Status.WRONG_KEY, "altered, or under another key")
            return
        fitting = fitting_suites(tuple(found), packet)
        if all(suite.checks_integrity for suite in fitting):
            state.suites = fitting
            draft.checks += [Check("ICV", True), self._replay(draft, state, number)]
        else:
            draft.checks.append(Check("ICV", None, "this SA has no integrity check"))
        draft.events += self._book.begun(state)
        if len(fitting) > 1:
            draft.fail(
                Status.SEALED, "its keys fit several algorithms, and it has no padding that tells which"
            )
            return
        opened = found[fitting[0]]
        draft.status, draft.plaintext_octets = Status.OPENED, opened.payload
        draft.esp = replace(content, next_header=opened.next_header, payload=opened.payload)

    @staticmethod
    def _replay(draft: Draft, state: DataState, number: int) -> Check:
        """Whether a sender has used this number before. Each sender of a group counts for itself."""
        source = draft.datagram.source
        highest, mask = state.windows.get(source) or (0, 0)
        if number > highest:
            shift = number - highest
            mask = (mask << shift | 1) & ((1 << WINDOW) - 1) if shift < WINDOW else 1
            state.windows.put(source, (number, mask))
            return Check("replay", True, f"sequence number {number}")
        place = highest - number
        if place >= WINDOW:
            return Check("replay", None, f"sequence number {number}, far below {highest}")
        if mask >> place & 1:
            return Check("replay", False, f"sequence number {number} was there before")
        state.windows.put(source, (highest, mask | 1 << place))
        return Check("replay", True, f"sequence number {number}")


def fitting_suites(suites: tuple[ESPSuite, ...], packet: bytes) -> tuple[ESPSuite, ...]:
    """Those of the suites under which a packet opens that may be its own. Ciphers that share an HMAC are told
    by the padding; of a sender that pads with something else none can be told from the others."""
    if len(suites) == 1:
        return suites
    return tuple(suite for suite in suites if suite.pads_by_default(packet)) or suites
