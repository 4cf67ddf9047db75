"""The exchanges under an ISAKMP SA: Quick Mode, Informational, GROUPKEY-PULL, and others led by a HASH."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

from gsakmp import limits
from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import Check, ExchangeKind, ISAKMPSAEnded, Lost, Sender, Status, sa_name
from gsakmp.captures.opening.ciphertexts import (
    GENERIC_HEADER,
    LONGEST_BLOCK,
    Reading,
    blocks,
    first_block,
    readings,
)
from gsakmp.captures.opening.draft import Draft, Recent, told
from gsakmp.captures.opening.phase1 import PhaseOneOpening, take_keys, why_sealed
from gsakmp.captures.opening.pull import best_dialect, pull_step
from gsakmp.captures.opening.state import INITIATOR, RESPONDER, ISAKMPState, Run
from gsakmp.crypto import (
    PhaseOneKeys,
    check_hash,
    hash_1,
    hash_2,
    pull_hash_3,
    quick_mode_hash_3,
)
from gsakmp.doi import GDOID, STANDARD, Dialect
from gsakmp.errors import GsakmpError, InvalidHash
from gsakmp.exchanges.pull import MESSAGES as PULL_MESSAGES
from gsakmp.message import Message
from gsakmp.payloads import SA, Delete, Hash, Nonce
from gsakmp.registries import ProtocolID

__all__ = ["ProtectedOpening"]

MEMBERS_STEPS: Final = frozenset({1, 3})
"""Messages of a PULL that the member sends (RFC 6407, 3.2)."""
MESSAGES: Final = {ExchangeKind.PULL: 4, ExchangeKind.QUICK: 3}
ALTERED: Final = "its first block is altered: the message that has its IV is there"
LONGEST_NONCE: Final = 1024
"""Octets of a nonce that are kept; 256 are allowed (RFC 2409, 5)."""

Learn = Callable[[Draft, ISAKMPState, Run, Message], None]
"""Takes an authentic message of a PULL."""
Withhold = Callable[[Draft, Message], None]
"""Notes one whose HASH is wrong."""


class ProtectedOpening:
    """Opens them. `dialect` is given, or None to find it out; `learn` takes what a PULL brings,
    `withhold` what is not to be taken."""

    def __init__(
        self, phase1: PhaseOneOpening, dialect: Dialect | None, learn: Learn, withhold: Withhold
    ) -> None:
        self._phase1 = phase1
        self._dialect = dialect
        self._learn = learn
        self._withhold = withhold
        self._runs: Recent[tuple[bytes, int], Run] = Recent(limits.OPENED_EXCHANGES)

    def take(self, draft: Draft, message: Message) -> None:
        """An encrypted message."""
        cookies = message.initiator_cookie + message.responder_cookie
        state = self._phase1.state(cookies) or self._phase1.made(message, ExchangeKind.OTHER)
        draft.sa = state.name
        draft.exchange = f"{state.name} {message.message_id:08x}"
        run = self._runs.get((cookies, message.message_id))
        if run is None:
            run = self._runs.put((cookies, message.message_id), Run(draft.exchange))
            run.dialect = self._dialect
        seen = run.seen(draft.digest)
        if seen is not None:
            draft.repeats(seen)
        found = self._reading(draft, message, state, run, seen.iv if seen else None)
        if found is None:
            self._unopened(draft, message, state)
        else:
            self._check(draft, state, run, found)
        if draft.again:
            return
        sound = found is not None and draft.sound
        iv, end = found.iv if found is not None else None, message.ciphertext[-LONGEST_BLOCK:]
        run.passed(draft, iv, end, sound=sound)
        if found is None:
            return
        if sound:
            self._follow(draft, state, run, found)
        elif draft.kind is ExchangeKind.PULL:
            self._withhold(draft, found.message)

    # -- decrypting --------------------------------------------------------------------------------------

    def _dialects(self, run: Run) -> tuple[Dialect, ...]:
        return (run.dialect,) if run.dialect is not None else (STANDARD, GDOID)

    def _reading(
        self, draft: Draft, message: Message, state: ISAKMPState, run: Run, iv: bytes | None
    ) -> Reading | None:
        """The message, with keys that are found on the way."""
        if state.keys is not None:
            return self._under(draft, message, state, run, state.keys, iv)
        for candidate in self._phase1.candidates.of(state):
            take_keys(state, candidate)
            found = self._under(draft, message, state, run, candidate.keys, iv)
            if found is not None:
                return found
            state.keys, state.known = None, frozenset()
        return None

    def _under(
        self,
        draft: Draft,
        message: Message,
        state: ISAKMPState,
        run: Run,
        keys: PhaseOneKeys,
        iv: bytes | None,
    ) -> Reading | None:
        ivs, dialects = ivs_of(message, state, run, keys, iv), self._dialects(run)
        every = readings(keys, message, ivs, doi=state.doi, dialects=dialects)
        found = best_dialect(each for each in every if isinstance(each.message.payloads[0], Hash))
        if found is not None:
            return found
        return self._rebuilt(draft, message, state, run, keys)

    def _rebuilt(
        self, draft: Draft, message: Message, state: ISAKMPState, run: Run, keys: PhaseOneKeys
    ) -> Reading | None:
        """The message whose IV is lost: its first block is made up, and with SKEYID_a proven right.

        What can't be proven is taken only where the keys are known to be right from elsewhere.
        """
        block = keys.cipher.block_size
        plausible: Reading | None = None
        for found in first_block(keys, message, state, self._dialects(run)):
            step, sender = self._place(draft, state, run, found.message)
            if not in_its_place(draft.kind, step, found.message):
                continue
            _, expected, _ = expected_hash(draft.kind, step, state, run, found, message.message_id, sender)
            tail = block - GENERIC_HEADER
            if expected is not None and expected[tail:] == found.hash_data[tail:]:
                return filled(found, expected)
            plausible = plausible or found
        return plausible if state.established or state.announced else None

    def _unopened(self, draft: Draft, message: Message, state: ISAKMPState) -> None:
        if state.keys is None:
            named = any(each.named for each in self._phase1.candidates.of(state))
            sealed = why_sealed(self._phase1.keyring, state)
            reason = "the keys that are there for this SA do not fit" if named else sealed
            draft.fail(Status.WRONG_KEY if named else Status.SEALED, reason)
        elif not blocks(state.keys, message):
            size = state.keys.cipher.block_size
            draft.fail(Status.WRONG_KEY, f"it does not fill blocks of {size}: altered, or under another key")
        else:
            draft.fail(Status.WRONG_KEY, "it does not decrypt to HASH and payloads: altered, or another key")

    # -- understanding -----------------------------------------------------------------------------------

    def _check(self, draft: Draft, state: ISAKMPState, run: Run, found: Reading) -> None:
        """Which message it is, and whether its HASH is right. Nothing is learnt from it yet."""
        message = found.message
        draft.status, draft.plaintext, draft.plaintext_octets = found.status, message, found.plaintext
        draft.step, draft.sender = self._place(draft, state, run, message)
        name, expected, missing = expected_hash(
            draft.kind, draft.step, state, run, found, message.message_id, draft.sender
        )
        draft.checks.append(hash_check(name, expected, missing, found, state))
        if found.status is Status.PARTLY:
            there = draft.step - 1 in run.steps if draft.step > 1 else state.established
            draft.reason = ALTERED if there else "the IV of its first block was in a frame that is not there"
        if draft.kind is ExchangeKind.PULL:
            draft.member = state.initiator.name

    def _follow(self, draft: Draft, state: ISAKMPState, run: Run, found: Reading) -> None:
        """What a message says that is new, and not wrong."""
        message = found.message
        self._missed(draft, state, run, found)
        if draft.kind is ExchangeKind.PULL:
            draft.member = state.initiator.name  # which may be known only now
        if draft.kind is ExchangeKind.QUICK and draft.step == 1:
            run.initiator = draft.datagram.source_address, draft.datagram.source_port
        note_nonces(message, run, draft)
        told(draft, message, protected=True)
        run.steps.add(draft.step)
        deleted(draft, message, state)
        if draft.kind is ExchangeKind.PULL:
            self._learn(draft, state, run, message)

    def _place(self, draft: Draft, state: ISAKMPState, run: Run, message: Message) -> tuple[int, Sender]:
        """Which message of its exchange, and whose."""
        sender = state.sender(draft.datagram)
        if draft.kind is ExchangeKind.PULL:
            step = pull_step(message)
            return step, Sender.MEMBER if step in MEMBERS_STEPS else Sender.GCKS
        if draft.kind is not ExchangeKind.QUICK:
            return 1, sender
        source = draft.datagram.source_address, draft.datagram.source_port
        if not any(isinstance(payload, SA) for payload in message.payloads):
            return 3, sender
        first = run.initiator in (None, source) and (1 not in run.steps or bool(source[0]))
        return (1 if first else 2), sender

    def _missed(self, draft: Draft, state: ISAKMPState, run: Run, found: Reading) -> None:
        """What must have come before it and is not in the file."""
        if not state.announced:
            if not state.established:
                draft.events.append(Lost(what="phase 1, or its end"))
            if state.initiator.host == "" and draft.sender in (Sender.MEMBER, Sender.GCKS):
                own = INITIATOR if draft.sender is Sender.MEMBER else RESPONDER
                state.seen_from(draft.datagram, own)
            self._phase1.announce(draft, state)
        count = MESSAGES.get(draft.kind, 1)
        missing = [step for step in range(1, min(draft.step, count + 1)) if step not in run.steps]
        if missing and found.status is Status.PARTLY:
            names = ", ".join(map(str, missing))
            draft.events.append(Lost(what=f"message {names} of this exchange", count=len(missing)))


def ivs_of(
    message: Message, state: ISAKMPState, run: Run, keys: PhaseOneKeys, known: bytes | None
) -> Iterator[bytes]:
    """The IVs that a message may have, the likeliest first: the last blocks of those before it in the
    exchange, or what phase 1 and the message id make (RFC 2409, appendix B)."""
    if known is not None:
        yield known
    size = keys.cipher.block_size
    yield from run.ends()
    for end in state.run.ends():
        if len(end) >= size:
            yield keys.message_iv(end[-size:], message.message_id)
    if state.initiator.public and state.responder.public:
        first = keys.first_iv(state.initiator.public, state.responder.public)
        yield keys.message_iv(first, message.message_id)


def note_nonces(message: Message, run: Run, draft: Draft) -> None:
    """The nonces of an exchange: the first message's and the second's. One whose message is proven by its
    HASH takes the place of one that could not be checked."""
    side = {1: INITIATOR, 2: RESPONDER}.get(draft.step)
    if side is None or draft.kind not in MESSAGES:
        return
    proven = any(check.passed for check in draft.checks)
    for payload in message.payloads:
        if not isinstance(payload, Nonce) or len(payload.nonce_data) > LONGEST_NONCE:
            continue
        if proven or side not in run.nonces:
            run.nonces[side] = payload.nonce_data


def expected_hash(
    kind: ExchangeKind,
    step: int,
    state: ISAKMPState,
    run: Run,
    found: Reading,
    message_id: int,
    sender: Sender,
) -> tuple[str, bytes | None, str]:
    """The name of a message's HASH, what it must be, or what is missing to tell (RFC 2409, 5.5 and 5.7;
    RFC 6407, 3.2)."""
    name = f"HASH({step})" if kind in MESSAGES else "HASH(1)"
    keys = state.keys
    if keys is None or Kind.SKEYID_A not in state.known:
        return name, None, "SKEYID_a is not known"
    if kind not in MESSAGES or step == 1:
        return name, hash_1(keys, message_id, found.covered), ""
    nonces = [run.nonces.get(INITIATOR), run.nonces.get(RESPONDER)]
    if step == 2:
        nonces[1] = next((p.nonce_data for p in found.message.payloads if isinstance(p, Nonce)), None)
    one, other = nonces
    if one is None or other is None:
        return name, None, f"message {1 if one is None else 2} with its nonce is not there"
    if step == 2:
        return name, hash_2(keys, message_id, one, found.covered), ""
    if kind is ExchangeKind.QUICK:
        return name, quick_mode_hash_3(keys, message_id, one, other), ""
    return name, pull_hash_3(keys, message_id, one, other, found.covered), ""  # HASH(4) is made alike


def hash_check(name: str, expected: bytes | None, missing: str, found: Reading, state: ISAKMPState) -> Check:
    """Whether a message's HASH is right."""
    if expected is None:
        return Check(name, None, missing)
    try:
        check_hash(expected, found.hash_data)
    except InvalidHash:
        return Check(name, False, "it does not fit the message and the key")
    if found.status is Status.PARTLY and state.keys is not None:
        lost = state.keys.cipher.block_size - GENERIC_HEADER
        return Check(name, True, f"but for its first {lost} octets, which could not be decrypted")
    return Check(name, True)


def in_its_place(kind: ExchangeKind, step: int, message: Message) -> bool:
    """Whether a message whose first link was guessed holds what its exchange wants."""
    following = message.payloads[1:]
    if kind is ExchangeKind.PULL:
        try:
            PULL_MESSAGES[step - 1].check(message)
        except GsakmpError:
            return False
        return True
    if kind is ExchangeKind.QUICK:
        return not following or isinstance(following[0], SA)
    # Without SPIs, a Delete could not be told from a Notification.
    return not any(isinstance(payload, Delete) and not any(payload.spis) for payload in following)


def filled(found: Reading, expected: bytes) -> Reading:
    """A message whose lost first block is put in, the hash being proven by its rest."""
    head, rest = found.plaintext[:GENERIC_HEADER], found.plaintext[GENERIC_HEADER + len(expected) :]
    plaintext = head + expected + rest
    try:
        return found._replace(message=found.message.with_plaintext(plaintext), plaintext=plaintext)
    except GsakmpError:
        return found


def deleted(draft: Draft, message: Message, state: ISAKMPState) -> None:
    """A protected Delete that names the ISAKMP SA (RFC 2408, 3.15)."""
    for payload in message.payloads:
        if isinstance(payload, Delete) and int(payload.protocol_id) == ProtocolID.PROTO_ISAKMP:
            for spi in payload.spis:
                if sa_name(spi) == state.name:
                    draft.events.append(ISAKMPSAEnded(sa=state.name))
