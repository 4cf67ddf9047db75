"""Phase 1, as a witness follows it: what is in the clear is kept, what is encrypted opened (RFC 2409, 5)."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Final

from gsakmp import limits
from gsakmp.captures.keyring import Keyring, Kind
from gsakmp.captures.opened import ExchangeKind, ISAKMPSAEstablished, Lost, Sender, Status
from gsakmp.captures.opening.candidates import Candidate, Candidates
from gsakmp.captures.opening.ciphertexts import LONGEST_BLOCK, Reading, blocks, readings
from gsakmp.captures.opening.draft import Draft, Recent, identity_text, told
from gsakmp.captures.opening.proofs import fits_hash, proofs
from gsakmp.captures.opening.state import INITIATOR, RESPONDER, ISAKMPState, Run, Suite
from gsakmp.crypto import PhaseOneKeys
from gsakmp.doi import DOIS
from gsakmp.exchanges.phase1.common import NO_COOKIE, body_of
from gsakmp.message import Message
from gsakmp.payloads import SA, Hash, Identification, KeyExchange, Nonce, Signature
from gsakmp.registries import PayloadType
from gsakmp.wire import Payload

__all__ = ["PhaseOneOpening", "take_keys", "why_sealed"]

LAST_STEP: Final = {ExchangeKind.MAIN: 6, ExchangeKind.AGGRESSIVE: 3}
LONGEST_PART: Final = 8192
"""Octets of one payload's body that are kept of a phase 1. An SA with 64 transforms has some 2,500."""
LEADING: Final[tuple[type[Payload], ...]] = (Identification, Hash, Signature)
"""One of these is in every encrypted message of phase 1."""


Note = Callable[[Kind, str, bytes], None]
"""Takes a secret that has become known: kind, name, value."""


class PhaseOneOpening:
    """All ISAKMP SAs of a capture."""

    def __init__(self, keyring: Keyring, note: Note) -> None:
        self.keyring = keyring
        self.candidates = Candidates(keyring)
        self._note = note
        self._offers: Recent[bytes, ISAKMPState] = Recent(limits.OPENED_PHASES_1)
        self._states: Recent[bytes, ISAKMPState] = Recent(limits.OPENED_PHASES_1)

    def state(self, cookies: bytes) -> ISAKMPState | None:
        """The SA of both cookies, if something of it was seen before."""
        return self._states.get(cookies)

    def made(self, message: Message, kind: ExchangeKind) -> ISAKMPState:
        """A new state for both cookies, with what message 1 has said, if that was seen."""
        offer = self._offers.get(message.initiator_cookie)
        cookies = message.initiator_cookie, message.responder_cookie
        if offer is None:
            made = ISAKMPState(*cookies, kind, message.doi)
        else:
            made = replace(
                offer,
                responder_cookie=message.responder_cookie,
                initiator=replace(offer.initiator),
                responder=replace(offer.responder),
                run=Run(""),
            )
        return self._states.put(b"".join(cookies), made)

    def take(self, draft: Draft, message: Message) -> None:
        """A message of Main or Aggressive Mode."""
        draft.exchange = f"{message.initiator_cookie.hex()} phase 1"
        if message.responder_cookie == NO_COOKIE:
            self._offer(draft, message)
            return
        cookies = message.initiator_cookie + message.responder_cookie
        state = self.state(cookies) or self.made(message, draft.kind)
        draft.sa = state.name
        seen = state.run.seen(draft.digest)
        if seen is not None:
            draft.repeats(seen)
        if message.encrypted:
            self._encrypted(draft, message, state, seen.iv if seen else None)
        else:
            self._clear(draft, message, state)

    # -- in the clear ------------------------------------------------------------------------------------

    def _offer(self, draft: Draft, message: Message) -> None:
        """Message 1, which has no responder's cookie yet."""
        state = self._offers.get(message.initiator_cookie)
        if state is None:
            state = ISAKMPState(message.initiator_cookie, NO_COOKIE, draft.kind, message.doi)
            self._offers.put(message.initiator_cookie, state)
        draft.step, draft.sender = 1, INITIATOR
        seen = state.run.seen(draft.digest)
        if seen is not None:
            draft.repeats(seen)
            return
        state.run.passed(draft, None, b"", sound=False)
        state.seen_from(draft.datagram, INITIATOR)
        learn(state, draft, message, INITIATOR)
        told(draft, message, protected=False)

    def _clear(self, draft: Draft, message: Message, state: ISAKMPState) -> None:
        draft.step, draft.sender = place(draft, message, state)
        if not draft.again:
            state.run.passed(draft, None, b"", sound=False)
            state.seen_from(draft.datagram, draft.sender)
            learn(state, draft, message, draft.sender)
            told(draft, message, protected=False)
        if draft.kind is not ExchangeKind.AGGRESSIVE:
            return
        self._keys_by_hash(message, state)
        draft.checks += proofs(message, state, draft.sender)
        if draft.step == 3 and not draft.again:
            if state.keys is not None:
                # Nothing of phase 1 was encrypted: the IV that was ready for it takes the last block's place.
                first_iv = state.keys.first_iv(state.initiator.public, state.responder.public)
                state.run.sound.ends.append(first_iv)
            self._finish(draft, state)

    def _keys_by_hash(self, message: Message, state: ISAKMPState) -> None:
        """The keys that HASH_R of Aggressive Mode fits, which comes before anything is encrypted. Where the
        secrets name this SA and none fits, the first of them: then it is the hash that is wrong."""
        if state.keys is not None:
            return
        named: Candidate | None = None
        for candidate in self.candidates.of(state):
            if Kind.SKEYID not in candidate.known:
                continue
            if fits_hash(message, state, RESPONDER, candidate.keys):
                take_keys(state, candidate)
                return
            named = named or (candidate if candidate.named else None)
        if named is not None and len(tuple(self.keyring.pre_shared_keys())) <= 1:
            take_keys(state, named)

    # -- encrypted ---------------------------------------------------------------------------------------

    def _encrypted(self, draft: Draft, message: Message, state: ISAKMPState, iv: bytes | None) -> None:
        last = LAST_STEP[draft.kind]
        sender = INITIATOR
        if draft.kind is ExchangeKind.MAIN:
            sender = state.sender(draft.datagram)
            if sender is Sender.UNKNOWN:
                sender = RESPONDER if state.run.ends() else INITIATOR
        draft.sender = sender
        draft.step = last if draft.kind is ExchangeKind.AGGRESSIVE or sender is RESPONDER else last - 1
        found = self._open(message, state, iv)
        if found is None:
            self._unopened(draft, message, state)
        else:
            self._take_reading(draft, message, state, found)
        if draft.again:
            return
        known_iv, end = found.iv if found is not None else None, message.ciphertext[-LONGEST_BLOCK:]
        state.run.passed(draft, known_iv, end, sound=found is not None and draft.sound)
        if draft.step == last and draft.status is not Status.WRONG_KEY:
            self._finish(draft, state)

    def _take_reading(self, draft: Draft, message: Message, state: ISAKMPState, found: Reading) -> None:
        draft.status, draft.plaintext, draft.plaintext_octets = Status.OPENED, found.message, found.plaintext
        party = state.party(draft.sender)
        before = party.identity, party.identity_body
        for payload in found.message.payloads:
            if isinstance(payload, Identification) and not party.identity_body:
                first = message.next_payload or 0
                party.identity = identity_text(payload)
                party.identity_body = kept(body_of(PayloadType.IDENTIFICATION, found.plaintext, first))
        draft.checks += proofs(found.message, state, draft.sender)
        if not draft.sound:
            party.identity, party.identity_body = before
        elif not draft.again:
            told(draft, found.message, protected=True)

    def _open(self, message: Message, state: ISAKMPState, iv: bytes | None) -> Reading | None:
        """The message with the keys of the SA, or with those that are found to fit it."""
        if state.keys is not None:
            return reading(message, state, state.keys, iv)
        best: tuple[Candidate, Reading] | None = None
        for candidate in self.candidates.of(state):
            if best is not None and len(candidate.known) <= len(best[0].known):
                continue
            found = reading(message, state, candidate.keys, iv)
            if found is not None:
                best = candidate, found
        if best is None:
            return None
        take_keys(state, best[0])
        return best[1]

    def _unopened(self, draft: Draft, message: Message, state: ISAKMPState) -> None:
        """Why it stays closed, and what of it can be seen all the same."""
        before = 2 if draft.kind is ExchangeKind.AGGRESSIVE else draft.step - 1
        iv_known = iv_is_known(state, draft)
        if state.keys is None and not iv_known:
            first = next((each for each in self.candidates.of(state) if each.named), None)
            if first is not None:
                take_keys(state, first)  # nothing here to try them on
        if state.keys is None:
            named = any(each.named for each in self.candidates.of(state))
            reason = (
                "the keys that are there for this SA do not fit" if named else why_sealed(self.keyring, state)
            )
            draft.fail(Status.WRONG_KEY if named else Status.SEALED, reason)
            return
        count, block = blocks(state.keys, message), state.keys.cipher.block_size
        if iv_known or not count:
            problem = "it does not decrypt to payloads" if count else f"it does not fill blocks of {block}"
            draft.fail(Status.WRONG_KEY, f"{problem}: altered, or under another key")
            return
        rest = state.keys.decrypt(bytes(block), message.ciphertext)[block:]
        draft.plaintext_octets = bytes(block) + rest
        draft.fail(Status.PARTLY, f"the IV of its first block is in message {before}, which is not there")
        draft.events.append(Lost(what=f"message {before} of phase 1", count=1))

    # -- the end -----------------------------------------------------------------------------------------

    def _finish(self, draft: Draft, state: ISAKMPState) -> None:
        """The last message of phase 1 was seen."""
        if not draft.sound:
            return
        state.established = True
        if draft.status is not Status.SEALED:
            self.announce(draft, state)

    def announce(self, draft: Draft, state: ISAKMPState) -> None:
        """The SA is there, and its keys are right. Said once."""
        if state.announced:
            return
        state.announced = True
        for kind, octets in known_keys(state):
            self._note(kind, state.name, octets)
        suite = state.suite
        method = suite.method if suite is not None else None
        draft.events.append(
            ISAKMPSAEstablished(
                sa=state.name,
                initiator=state.initiator.name,
                responder=state.responder.name,
                initiator_address=state.initiator.address,
                responder_address=state.responder.address,
                suite=suite.name if suite is not None else "",
                method=method.name if method is not None else "",
                lifetime_seconds=suite.lifetime_seconds if suite is not None else None,
            )
        )


def reading(message: Message, state: ISAKMPState, keys: PhaseOneKeys, iv: bytes | None) -> Reading | None:
    """The message under these keys and one of the IVs that it may have."""
    for found in readings(keys, message, phase1_ivs(state, keys, iv), doi=state.doi):
        if any(isinstance(payload, LEADING) for payload in found.message.payloads):
            return found
    return None


def phase1_ivs(state: ISAKMPState, keys: PhaseOneKeys, known: bytes | None) -> Iterator[bytes]:
    """The IVs that a message of phase 1 may have, the likeliest first."""
    if known is not None:
        yield known
    yield from state.run.ends()
    if state.initiator.public and state.responder.public:
        yield keys.first_iv(state.initiator.public, state.responder.public)


def iv_is_known(state: ISAKMPState, draft: Draft) -> bool:
    """Whether the message that its IV comes from is in the file."""
    if draft.step == LAST_STEP[ExchangeKind.MAIN]:
        return bool(state.run.ends())
    return bool(state.initiator.public and state.responder.public)


def place(draft: Draft, message: Message, state: ISAKMPState) -> tuple[int, Sender]:
    """Which message in the clear it is, and whose: by what it holds, and else by addresses."""
    kinds = {type(payload) for payload in message.payloads}
    if draft.kind is ExchangeKind.AGGRESSIVE:
        return (2, RESPONDER) if SA in kinds else (3, INITIATOR)
    if SA in kinds:
        return 2, RESPONDER
    sender = state.sender(draft.datagram)
    keys = [payload.key_exchange_data for payload in message.payloads if isinstance(payload, KeyExchange)]
    if sender is Sender.UNKNOWN and keys:
        sender = INITIATOR if state.initiator.public in (b"", keys[0]) else RESPONDER
    return ({INITIATOR: 3, RESPONDER: 4}.get(sender, 0) if keys else 0), sender


def learn(state: ISAKMPState, draft: Draft, message: Message, sender: Sender) -> None:
    """What a message in the clear says. The first of each counts: another is a lie or a mistake. What is
    longer than anything that serves is not kept, and proofs over it can't be checked then."""
    party = state.party(sender)
    for payload in message.payloads:
        if isinstance(payload, SA):
            state.doi = DOIS.get(int(payload.doi), state.doi)
            if sender is RESPONDER:
                state.suite = state.suite or Suite.of(payload)
            else:
                state.sa_body = state.sa_body or kept(body_of(PayloadType.SA, draft.octets))
        elif isinstance(payload, KeyExchange):
            party.public = party.public or kept(payload.key_exchange_data)
        elif isinstance(payload, Nonce):
            party.nonce = party.nonce or kept(payload.nonce_data)
        elif isinstance(payload, Identification) and not party.identity_body:
            party.identity = identity_text(payload)
            party.identity_body = kept(body_of(PayloadType.IDENTIFICATION, draft.octets))


def kept(octets: bytes) -> bytes:
    """The octets, or nothing if they are too many."""
    return octets if len(octets) <= LONGEST_PART else b""


def take_keys(state: ISAKMPState, candidate: Candidate) -> None:
    """These are the SA's keys."""
    state.keys, state.known = candidate.keys, candidate.known


def why_sealed(keyring: Keyring, state: ISAKMPState) -> str:
    """Why there are no keys for an SA."""
    if not len(keyring):
        return "there are no keys"
    own = (state.name, state.initiator_cookie.hex())
    given = [octets for name in own for octets in keyring.of(Kind.ENCRYPTION_KEY, name)]
    if given:
        cipher = None if state.suite is None else state.suite.cipher
        wanted = "which is no cipher's" if cipher is None else f"and {cipher.name} wants {cipher.key_size}"
        return f"the encryption_key of this SA has {len(given[0])} octets, {wanted}"
    if not any(True for _ in keyring.pre_shared_keys()):
        return "no secret of this SA"
    shared = (Kind.DH_SHARED, Kind.DH_PRIVATE)
    if any(keyring.of(kind, name) for kind in shared for name in (*own, *keyring.labels)):
        first = 1 if state.kind is ExchangeKind.AGGRESSIVE else 3
        sides = ((first, state.initiator), (first + 1, state.responder))
        lost = [str(step) for step, side in sides if not side.nonce]
        if lost:
            return f"message {' and '.join(lost)} of phase 1, with a nonce that the keys take, is not there"
    return "no secret of this SA; a pre-shared key opens it together with a dh_private or dh_shared"


def known_keys(state: ISAKMPState) -> Iterator[tuple[Kind, bytes]]:
    """The keys of an SA that are known."""
    keys = state.keys
    if keys is None:
        return
    values = {
        Kind.SKEYID: keys.skeyid,
        Kind.SKEYID_D: keys.skeyid_d,
        Kind.SKEYID_A: keys.skeyid_a,
        Kind.SKEYID_E: keys.skeyid_e,
        Kind.ENCRYPTION_KEY: keys.key,
    }
    yield from ((kind, octets) for kind, octets in values.items() if kind in state.known)
