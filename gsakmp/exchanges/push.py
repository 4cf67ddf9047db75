"""GROUPKEY-PUSH, by which a GCKS rekeys its group (RFC 6407, 4)::

    HDR*, SEQ, [D,] SA, KD, SIG
    HDR*, SEQ, D, SIG              nothing but deletions (5.9)

One message to all members, under the KEK of the Rekey SA that its cookies name, and signed.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Sequence
from typing import Final

from gsakmp.crypto import (
    KEK,
    PrivateKey,
    PublicKey,
    kek_cipher,
    pad,
    public_key,
    public_octets,
    push_signature,
    push_signed_octets,
)
from gsakmp.doi import DOI, GDOI, STANDARD, Dialect
from gsakmp.errors import ConfigurationError, EncodeError, ReplayDetected, UnexpectedMessage
from gsakmp.exchanges.grammar import Grammar, Payloads, Slot, check_header, refused
from gsakmp.exchanges.group_grammar import check_delete, check_group_sa, check_key_download
from gsakmp.exchanges.isakmp_sa import GENERIC_HEADER, LONGEST_DATAGRAM
from gsakmp.exchanges.recent import RecentMessages
from gsakmp.exchanges.verified import PROOF, VerifiedPush
from gsakmp.group.sa import RekeySA
from gsakmp.message import HEADER_OCTETS, Message
from gsakmp.payloads import (
    GroupDelete,
    GroupSA,
    KeyDownload,
    Payload,
    SequenceNumber,
    Signature,
    UnknownPayload,
)
from gsakmp.registries import GDOIExchangeType, HeaderFlag

__all__ = ["DELETION", "PUSH", "PushBuilder", "PushReceiver", "VerifiedPush", "build_push"]

COOKIE: Final = 8
KEYS: Final = 64
"""Public keys that are kept ready; a member has one for each of its groups."""
DELETES: Final = 64
"""Delete payloads in one push: one for each protocol would do (RFC 6407, 5.9)."""

PUSH: Final = Grammar(
    "GROUPKEY-PUSH",
    "RFC 6407, 4",
    (Slot(SequenceNumber), Slot(GroupDelete, 0, DELETES), Slot(GroupSA), Slot(KeyDownload)),
    last=(Slot(Signature),),
    encrypted=True,
)
DELETION: Final = Grammar(
    "GROUPKEY-PUSH that deletes",
    "RFC 6407, 5.9",
    (Slot(SequenceNumber), Slot(GroupDelete, 1, DELETES)),
    last=(Slot(Signature),),
    encrypted=True,
)


class PushReceiver:
    """A member's side, for all its Rekey SAs. It keeps hashes of what it accepted and parsed public keys; the
    sequence number to beat is the Rekey SA's, which the owner advances."""

    def __init__(self) -> None:
        self._recent = RecentMessages()
        self._keys: OrderedDict[tuple[bytes, bool], PublicKey] = OrderedDict()

    def open(
        self,
        message: Message,
        sa: RekeySA,
        *,
        doi: DOI = GDOI,
        dialect: Dialect = STANDARD,
        allow_weak: bool = False,
    ) -> VerifiedPush:
        """What a push under `sa` carries, checked in the order of RFC 6407, 7.3.5, the cheapest first:
        header, duplicate, decryption, form, sequence number, signature.

        Raises `UnexpectedMessage` or `DecodeError` for a message of another SA or form, `ReplayDetected` for
        one accepted before or a sequence number not above `sa.sequence_number`, `InvalidSignature`,
        `PolicyRefused` for algorithms of `sa` that are weak and not allowed; nothing has changed then.
        """
        check_header(
            message,
            cookies=sa.spi,
            exchange_type=GDOIExchangeType.GROUPKEY_PUSH,
            message_id=0,
            flags=HeaderFlag.ENCRYPTION,
        )
        digest = self._recent.check(message)
        kek = _kek(sa, allow_weak)
        plaintext = kek.decrypt(message.ciphertext)
        opened = message.replace(doi=doi, dialect=dialect, non_esp_marker=False).with_plaintext(plaintext)
        if len(opened.padding) > kek.cipher.block_size:
            raise refused(f"{len(opened.padding)} octets of padding")
        found = _formed(opened)
        number = found.one(SequenceNumber).sequence_number
        if number <= sa.sequence_number:
            raise ReplayDetected(f"sequence number {number}, {sa.sequence_number} was there before")
        signature = found.one(Signature).signature_data
        length = len(plaintext) - len(opened.padding)
        covered = plaintext[: length - GENERIC_HEADER - len(signature)]
        octets = push_signed_octets(opened.build()[:HEADER_OCTETS], covered, HEADER_OCTETS + length)
        self._verify(sa, signature, octets, dialect, allow_weak)
        self._recent.remember(digest)
        return VerifiedPush(
            proof=PROOF,
            spi=sa.spi,
            sequence_number=number,
            deletes=found.all(GroupDelete),
            policy=found.maybe(GroupSA),
            key_download=found.maybe(KeyDownload),
        )

    def _verify(
        self, sa: RekeySA, signature: bytes, octets: bytes, dialect: Dialect, allow_weak: bool
    ) -> None:
        scheme = push_signature(
            sa.suite.signature,
            sa.suite.signature_hash,
            digest_info=dialect.push_signature_digest_info,
            allow_weak=allow_weak,
        )
        scheme.verify(self._key(sa.signature_key, allow_weak), signature, octets)

    def _key(self, octets: bytes, allow_weak: bool) -> PublicKey:
        name = octets, allow_weak
        if name not in self._keys:
            self._keys[name] = public_key(octets, allow_weak=allow_weak)
            if len(self._keys) > KEYS:
                self._keys.popitem(last=False)
        return self._keys[name]


def build_push(
    sa: RekeySA,
    signing_key: PrivateKey,
    sequence_number: int,
    payloads: Sequence[Payload],
    *,
    doi: DOI = GDOI,
    dialect: Dialect = STANDARD,
    allow_weak: bool = False,
) -> bytes:
    """One push under `sa`, as `PushBuilder` makes it. Raises what making one and its `build` raise."""
    builder = PushBuilder(sa, signing_key, doi=doi, dialect=dialect, allow_weak=allow_weak)
    return builder.build(sequence_number, payloads)


class PushBuilder:
    """A GCKS's side of one Rekey SA. What its pushes have in common is worked out once: a rekey of a large
    group takes many, and all of them tell the same new Rekey SA.

    Raises `ConfigurationError` for a key that is not that of `sa`; `PolicyRefused` for algorithms that are
    weak and not allowed.
    """

    def __init__(
        self,
        sa: RekeySA,
        signing_key: PrivateKey,
        *,
        doi: DOI = GDOI,
        dialect: Dialect = STANDARD,
        allow_weak: bool = False,
    ) -> None:
        if public_octets(signing_key) != sa.signature_key:
            raise ConfigurationError("the key is not the one that the members of this Rekey SA were given")
        self._key = signing_key
        self._scheme = push_signature(
            sa.suite.signature,
            sa.suite.signature_hash,
            digest_info=dialect.push_signature_digest_info,
            allow_weak=allow_weak,
        )
        self._size = self._scheme.size(signing_key)
        self._kek = _kek(sa, allow_weak)
        self._shell = Message(
            initiator_cookie=sa.spi[:COOKIE],
            responder_cookie=sa.spi[COOKIE:],
            exchange_type=GDOIExchangeType.GROUPKEY_PUSH,
            flags=HeaderFlag.ENCRYPTION,
            next_payload=SequenceNumber.kinds[0],
            doi=doi,
            dialect=dialect,
        )
        self._header = self._shell.build()
        self._policy: tuple[GroupSA, Payload] | None = None  # the last one, and with its octets

    def build(self, sequence_number: int, payloads: Sequence[Payload]) -> bytes:
        """The octets of a push. `payloads` are those between SEQ and SIG: Deletes, then SA and KD, or Deletes
        alone (RFC 6407, 4.3).

        Raises `EncodeError` for payloads that are no push, for a sequence number that is 0 (the first is 1,
        5.7) or beyond 32 bits, and for more than a datagram holds.
        """
        if not 0 < sequence_number < 1 << 32:
            raise EncodeError(f"{sequence_number} is no sequence number of a push", "sequence_number")
        shell, size = self._shell, self._size
        whole = (SequenceNumber(sequence_number), *payloads, Signature(bytes(size)))
        try:
            _formed(shell.replace(payloads=whole))
        except UnexpectedMessage as error:
            raise EncodeError(str(error), "payloads") from None
        plaintext = shell.replace(payloads=tuple(map(self._with_octets, whole))).plaintext()
        if (total := HEADER_OCTETS + len(pad(plaintext, self._kek.cipher.block_size))) > LONGEST_DATAGRAM:
            raise EncodeError(f"a push of {total} octets, a datagram holds {LONGEST_DATAGRAM}", "payloads")
        covered = push_signed_octets(
            self._header, plaintext[: -GENERIC_HEADER - size], HEADER_OCTETS + len(plaintext)
        )
        signature = self._scheme.sign(self._key, covered)
        return shell.replace(ciphertext=self._kek.encrypt(plaintext[:-size] + signature)).build()

    def _with_octets(self, payload: Payload) -> Payload:
        """An SA payload with its body's octets, built once for all pushes that carry it; any other as it
        is."""
        if not isinstance(payload, GroupSA):
            return payload
        if self._policy is None or self._policy[0] is not payload:
            alone = self._shell.replace(payloads=(payload,), flags=0, next_payload=payload.kind).build()
            built = UnknownPayload(
                kind=payload.kind,
                octets=alone[HEADER_OCTETS + GENERIC_HEADER :],
                next_payload=payload.next_payload,
                reserved=payload.reserved,
                length=payload.length,
            )
            self._policy = payload, built
        return self._policy[1]


def _kek(sa: RekeySA, allow_weak: bool) -> KEK:
    """The key of a Rekey SA. Each push starts with its IV anew."""
    cipher = kek_cipher(sa.suite.encryption, sa.suite.key_length, allow_weak=allow_weak)
    return KEK.parse(cipher, sa.key)


def _formed(message: Message) -> Payloads:
    """The payloads of a push, with all that RFC 6407 says about each. Raises `UnexpectedMessage`."""
    carries = any(isinstance(payload, GroupSA | KeyDownload) for payload in message.payloads)
    found = (PUSH if carries else DELETION).check(message)
    for payload in message.payloads:
        if isinstance(payload, GroupDelete):
            check_delete(payload, message.doi)
        elif isinstance(payload, GroupSA):
            check_group_sa(payload, message.doi)
        elif isinstance(payload, KeyDownload):
            check_key_download(payload, push=True)
    return found
