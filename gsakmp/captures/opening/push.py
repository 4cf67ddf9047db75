"""GROUPKEY-PUSH and its acknowledgement, as a witness reads them (RFC 6407, 4; RFC 8263)."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Final, NamedTuple

from gsakmp.captures.opened import (
    Acknowledged,
    Check,
    KeysFollowed,
    Lost,
    RolledOver,
    SADeleted,
    Sender,
    Status,
    sa_name,
)
from gsakmp.captures.opening.book import Book
from gsakmp.captures.opening.ciphertexts import parsed
from gsakmp.captures.opening.draft import Draft, First, identity_text
from gsakmp.captures.opening.known import Membership, RekeyState, fits, rekey_event
from gsakmp.captures.opening.pull import Brought, read_brought, sense
from gsakmp.captures.opening.signatures import signature_check
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.doi import GDOI, GDOID, STANDARD, Dialect
from gsakmp.errors import GsakmpError, InvalidHash, StateError
from gsakmp.exchanges.ack import open_ack
from gsakmp.group.acknowledgement_keys import WITH_LEAF_KEY, acknowledgement_base_key
from gsakmp.group.member_updates import with_signature_key_of
from gsakmp.group.sa import RekeySA
from gsakmp.identities import Identity
from gsakmp.message import HEADER_OCTETS, Message
from gsakmp.payloads import GroupDelete, GroupSA, Identification, KeyDownload, SequenceNumber
from gsakmp.registries import KeyDownloadType

__all__ = ["PushOpening"]

PROTOCOLS: Final = {0: "rekey", 1: "ESP", 2: "AH"}
"""Of a Delete (RFC 6407, 5.9); of an SA TEK all but the first (5.5)."""
RETRANSMITTED: Final = 30 * 1_000_000_000
"""Nanoseconds in which a GCKS sends the same octets again: it hears of no loss (but by RFC 8263), so it sends
some copies, a few seconds apart. A later one, or one from elsewhere, is a replay. That the Rekey SA was
replaced in between, by it or by the next, tells nothing: copies of earlier ones are still to come."""
ANY_NUMBER: Final = 0xFFFF_FFFF


class Sight(NamedTuple):
    """A push, decrypted."""

    message: Message
    plaintext: bytes
    kek: KEK
    number: int

    def __repr__(self) -> str:
        return f"Sight(push {self.number})"


class PushOpening:
    """Opens pushes and checks acknowledgements. `dialect` is given, or None to find it out."""

    def __init__(self, book: Book, dialect: Dialect | None) -> None:
        self._book = book
        self._dialect = dialect

    # -- pushes ------------------------------------------------------------------------------------------

    def take(self, draft: Draft, message: Message) -> None:
        """A push."""
        spi = message.initiator_cookie + message.responder_cookie
        draft.sa, draft.sender, draft.exchange = sa_name(spi), Sender.GCKS, f"{sa_name(spi)} push"
        state = self._book.rekey(spi)
        if state is None or not state.keks:
            reason = self._book.why_unknown(spi) or "no key of this Rekey SA is known"
            draft.fail(Status.SEALED, reason)
            return
        draft.group = state.group
        first = state.seen.get(draft.digest)
        if first is not None and sent_again(first, draft.first):
            draft.repeats(first)
        sight = self._opened(message, state)
        if sight is None:
            draft.fail(Status.WRONG_KEY, "it does not decrypt to SEQ and payloads: altered, or another key")
            return
        draft.status, draft.plaintext, draft.plaintext_octets = Status.OPENED, sight.message, sight.plaintext
        draft.step = sight.number
        draft.exchange = f"{state.name} push {sight.number}"
        self._check(draft, state, sight)
        if first is not None:
            return
        if not draft.sound:
            self._book.withhold(draft, sight.message)
            return
        state.seen.put(draft.digest, draft.first)
        self._learn(draft, state, sight)

    def _opened(self, message: Message, state: RekeyState) -> Sight | None:
        """The push under the SA's key, in the dialect in which it makes the most sense."""
        given = self._dialect or state.dialect
        dialects = (given,) if given is not None else (STANDARD, GDOID)
        best: tuple[int, Sight] | None = None
        for kek in state.keks:
            for sight in sights(message, kek, dialects):
                policies = [p for p in sight.message.payloads if isinstance(p, GroupSA)]
                score = sum(sense(policy, sight.message.dialect) for policy in policies)
                if best is None or score > best[0]:
                    best = score, sight
        return None if best is None else best[1]

    def _check(self, draft: Draft, state: RekeyState, sight: Sight) -> None:
        """Signature and sequence number."""
        header = sight.message.replace(non_esp_marker=False).build()[:HEADER_OCTETS]
        # Without a given dialect either form of an RSA signature is taken, and the check says which it is.
        draft.checks.append(signature_check(sight.message, sight.plaintext, header, state, self._dialect))
        number = sight.number
        if draft.again:
            return
        if number <= state.last:
            draft.checks.append(
                Check("sequence number", False, f"{number}, and {state.last} was there before: a replay")
            )
            return
        draft.checks.append(Check("sequence number", True, str(number)))
        if draft.sound and state.holders and number > state.last + 1:
            missed = number - state.last - 1
            what = f"{missed} {'push' if missed == 1 else 'pushes'} of {state.name}"
            draft.events.append(Lost(what=what, count=missed))

    def _learn(self, draft: Draft, state: RekeyState, sight: Sight) -> None:
        message = sight.message
        state.keks, state.last = (sight.kek,), sight.number
        policy = next((p for p in message.payloads if isinstance(p, GroupSA)), None)
        if state.dialect is None and policy is not None:  # by what else there is, dialects can't be told
            state.dialect = message.dialect
        keys = next((p for p in message.payloads if isinstance(p, KeyDownload)), None)
        if policy is not None:
            brought = read_brought(policy, keys, draft.seconds, message.dialect, push=True)
            self._successor(draft, state, brought, sight.number)
            draft.checks += brought.checks
            self._book.add_data(draft, brought, state.group, tuple(state.holders))
        for payload in message.payloads:
            if isinstance(payload, GroupDelete):
                draft.events += self._deleted(payload, state)

    # -- the next Rekey SA -------------------------------------------------------------------------------

    def _successor(self, draft: Draft, state: RekeyState, brought: Brought, number: int) -> None:
        """The Rekey SA that a push brings, and who is led to its key: by the KEK all who have the present
        one, by LKH or OFT those whose own keys open update arrays, in this push or with others of the plan.
        It may be known already, by the pull of a member that joins with it (RFC 6407, 7.4.2)."""
        sa = brought.rekey
        if sa is None or sa.spi == state.spi:
            return
        successor = self._book.rekey(sa.spi)
        fresh = successor is None or successor.sa is None
        if fresh:
            if state.sa is not None:
                try:
                    sa = with_signature_key_of(state.sa, sa)
                except GsakmpError as error:
                    brought.refused("the new Rekey SA", error)
            elif not sa.signature_key and state.signature_keys:
                sa = replace(sa, signature_key=state.signature_keys[0])
            successor = self._book.add_rekey(sa, state.group, state.dialect, ())
            if (state.dialect or STANDARD).sequence_number_goes_on:
                successor.last = number
        assert successor is not None
        before = set(successor.holders)
        had_key = bool(successor.keks) and not fresh
        plain = self._in_plain(state, successor, brought)
        events = list(self._followed(state, successor, brought))
        if successor.keks and not had_key:
            draft.events.append(rekey_event(successor))
        draft.events += events
        gained = tuple(name for name in successor.holders if name not in before or fresh)
        draft.events.append(
            RolledOver(
                group=state.group,
                old=state.name,
                new=successor.name,
                followed=gained,
                left_behind=tuple(name for name in state.holders if name not in successor.holders),
                by="KEK" if plain else brought.management or "KEK",
            )
        )

    @staticmethod
    def _in_plain(state: RekeyState, successor: RekeyState, brought: Brought) -> bool:
        """Whether the push has the new KEK for all who hold the present one; then they hold it."""
        key = brought.rekey.key if brought.rekey is not None else b""
        plain = any(packet.kd_type == KeyDownloadType.KEK for packet in brought.packets)
        if not plain or not fits(successor, key):
            if plain and key and successor.keks:
                what = f"the key of Rekey SA {successor.name} is not the one that this SPI had before"
                brought.checks.append(Check("policy", False, what))
            return False
        successor.holders.update(state.holders)
        return True

    def _followed(self, state: RekeyState, successor: RekeyState, brought: Brought) -> Iterator[KeysFollowed]:
        """The members whose own keys lead them on."""
        if successor.sa is None or not brought.management:
            return
        suite = successor.sa.suite
        cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=True)
        for member in self._book.members(state):
            if member.keys is None:
                continue
            try:
                found = member.keys.follow(brought.packets, cipher)
            except GsakmpError as error:
                brought.refused(f"the {brought.management} update for {member.name}", error)
                continue
            if found is None or (successor.keks and not found.same(successor.keks[0])):
                continue
            if not successor.keks:
                self._book.give_key(successor, found.build())
            known = member.name in successor.holders
            successor.holders[member.name] = None
            if not known:
                yield KeysFollowed(
                    member=member.name, sa=successor.name, keys=member.count, by=brought.management
                )

    def _deleted(self, payload: GroupDelete, state: RekeyState) -> Iterator[SADeleted]:
        protocol = PROTOCOLS.get(int(payload.protocol_id), str(int(payload.protocol_id)))
        for spi in payload.spis:
            rekey = protocol == "rekey"
            known = self._book.rekey(spi) is not None if rekey else self._book.has_data(spi)
            yield SADeleted(
                protocol=protocol,
                sa=sa_name(spi) if any(spi) else "*",
                group=state.group,
                known=known,
            )

    # -- acknowledgements --------------------------------------------------------------------------------

    def take_ack(self, draft: Draft, message: Message) -> None:
        """An acknowledgement; it is not encrypted."""
        spi = message.initiator_cookie + message.responder_cookie
        draft.sa, draft.sender = sa_name(spi), Sender.MEMBER
        number = next((p.sequence_number for p in message.payloads if isinstance(p, SequenceNumber)), 0)
        draft.step, draft.exchange = number, f"{draft.sa} push {number}"
        state = self._book.rekey(spi)
        if state is None or state.sa is None:
            draft.checks.append(Check("HASH", None, "no policy of this Rekey SA is known"))
            return
        draft.group = state.group
        origin = draft.digest + draft.datagram.source.encode()
        first = state.acknowledged.get(origin)
        if first is not None:
            draft.repeats(first)
        name = self._acknowledging(draft, message, state)
        if draft.again:
            return
        sent = 0 < number <= state.last
        detail = "" if sent else f"push {number} is not in the capture"
        draft.checks.append(Check("sequence number", True if sent else None, detail))
        if draft.sound and name:
            state.acknowledged.put(origin, draft.first)
            draft.events.append(Acknowledged(member=name, sa=state.name, sequence_number=number))

    def _acknowledging(self, draft: Draft, message: Message, state: RekeyState) -> str:
        """The member whose key the HASH is of; empty if it is of none."""
        assert state.sa is not None
        requested = state.sa.suite.acknowledgement
        said = next((identity_text(p) for p in message.payloads if isinstance(p, Identification)), "")
        if requested is None:
            draft.checks.append(Check("HASH", None, "this Rekey SA asks for no acknowledgement"))
            return ""
        sa = replace(state.sa, sequence_number=ANY_NUMBER, key=state.keks[0].build() if state.keks else b"")
        if requested in WITH_LEAF_KEY:
            return self._by_own_key(draft, message, state, sa, said)
        if sa.key:
            draft.checks.append(hash_verdict(message, sa, b""))
        else:
            draft.checks.append(Check("HASH", None, "the key of this Rekey SA is not known"))
        member = registered_at(self._book.members(state), draft.datagram.source, said)
        draft.member = member.name if member is not None else said
        return draft.member

    def _by_own_key(self, draft: Draft, message: Message, state: RekeyState, sa: RekeySA, said: str) -> str:
        """The member whose own LKH key the HASH is made with. Several may be behind one address, and not all
        of them need to have registered in this file: who is not found out has no key here that is wrong."""
        members = [each for each in self._book.members(state) if each.leaf]
        here = [each for each in members if each.address == draft.datagram.source != ""]
        for member in here or members:
            verdict = hash_verdict(message, sa, member.leaf)
            if verdict.passed or here:
                draft.checks.append(verdict)
                draft.member = member.name
                return member.name
        draft.checks.append(Check("HASH", None, "the key of this member is not known"))
        draft.member = said
        return ""


def sent_again(first: First, now: First) -> bool:
    """Whether a push is a retransmission of its `first` copy, and no replay (RFC 6407, 7.3.4)."""
    return first.source == now.source and abs(now.time - first.time) <= RETRANSMITTED


def registered_at(members: Sequence[Membership], source: str, said: str) -> Membership | None:
    """The member that registered from an address and port, else the only one from that address."""
    for member in members:
        if member.address and member.address == source:
            return member
    at_host = [each for each in members if each.host and said in (f"ipv4:{each.host}", f"ipv6:{each.host}")]
    return at_host[0] if len(at_host) == 1 else None


def hash_verdict(message: Message, sa: RekeySA, leaf: bytes) -> Check:
    """Whether an ACK is made with the SA's key, or with a member's own."""

    def base_key(identity: Identity) -> bytes:
        return acknowledgement_base_key(sa, leaf)

    try:
        open_ack(message, sa, base_key, doi=GDOI)
    except InvalidHash:
        return Check("HASH", False, "it does not fit the message and the key")
    except StateError as error:
        return Check("HASH", None, str(error))
    except GsakmpError as error:
        return Check("HASH", False, str(error))
    return Check("HASH", True)


def sights(message: Message, kek: KEK, dialects: tuple[Dialect, ...]) -> Iterator[Sight]:
    """The push under a key, in each dialect in which it can be read; SEQ leads (RFC 6407, 4)."""
    try:
        plaintext = kek.decrypt(message.ciphertext)
    except GsakmpError:
        return
    for found in parsed(message, plaintext, GDOI, dialects, kek.cipher.block_size):
        first = found.payloads[0]
        if isinstance(first, SequenceNumber):
            yield Sight(found, plaintext, kek, first.sequence_number)
