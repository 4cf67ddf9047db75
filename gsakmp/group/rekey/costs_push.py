"""How many octets a push has, measured on payloads that are really built: no number stands here twice.

Octets are those of the ISAKMP message, header and encryption padding included (RFC 6407, 4; RFC 2408, 3.1),
without UDP and IP.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec, rsa

from gsakmp.crypto import KEK, CBCCipher, kek_cipher, public_octets
from gsakmp.group.making import new_rekey_sa
from gsakmp.group.payloads import delete_payloads, group_sa, with_signature_key
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey.packets import kek_packet
from gsakmp.group.sa import GSA
from gsakmp.group.suites import rekey_suite
from gsakmp.message import HEADER_OCTETS, Message
from gsakmp.payloads import KeyDownload, KeyPacket, Payload, SequenceNumber, Signature
from gsakmp.registries import (
    GDOIExchangeType,
    KEKManagementAlgorithm,
    KeyDownloadType,
    SigAlgorithm,
)

__all__ = ["PushSizes", "Pushed", "packed"]

SPI: Final = bytes(16)
_CURVES: Final[dict[SigAlgorithm, ec.EllipticCurve]] = {
    SigAlgorithm.SIG_ALG_ECDSA_256: ec.SECP256R1(),
    SigAlgorithm.SIG_ALG_ECDSA_384: ec.SECP384R1(),
    SigAlgorithm.SIG_ALG_ECDSA_521: ec.SECP521R1(),
}


@dataclass(frozen=True, slots=True)
class Pushed:
    """Pushes of one plan: how many, their octets in all, the octets of the largest."""

    pushes: int = 0
    octets: int = 0
    largest: int = 0


@dataclass(frozen=True, slots=True)
class PushSizes:
    """Sizes of pushes under a Rekey SA, in octets."""

    cipher: CBCCipher
    bare: int
    """A push whose KD has one key packet without attributes, before encryption padding and without header."""
    plain_kek: int
    """A whole push whose KD has the new KEK itself, with the public key that belongs to it (5.6.2)."""
    deletion: int
    """A whole push that deletes everything and carries no key (RFC 6407, 5.9)."""

    @classmethod
    def of(
        cls,
        policy: RekeyPolicy,
        management: KEKManagementAlgorithm | None,
        kd_type: KeyDownloadType = KeyDownloadType.LKH,
        *,
        allow_weak: bool = False,
    ) -> PushSizes:
        """Those under an SA2 of the policy. Raises `ConfigurationError` for algorithms that it can't have."""
        suite = rekey_suite(policy, management, allow_weak=allow_weak)
        cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=allow_weak)
        public = _public(suite.signature, suite.signature_key_length)
        signature = Signature(bytes(_signature(suite.signature, suite.signature_key_length)))
        zeros = bytes(cipher.block_size + cipher.key_size)
        sa = new_rekey_sa(policy, 0, suite, spi=b"\1" * 16, key=zeros, public=public, now=0.0)
        leading = group_sa(GSA(rekey=(sa,)), now=0.0, push=True)
        kek = with_signature_key(kek_packet(SPI, KEK.parse(cipher, zeros)), public)
        empty = KeyPacket(kd_type=kd_type, spi=SPI)
        bodies: list[Sequence[Payload]] = [
            (leading, KeyDownload(key_packets=(empty,))),
            (leading, KeyDownload(key_packets=(kek,))),
            delete_payloads(everything=True),
        ]
        bare, plain, deletion = (_plaintext((*body, signature)) for body in bodies)
        return cls(cipher, bare, _whole(plain, cipher), _whole(deletion, cipher))

    def carrying(self, octets: int) -> int:
        """Of a push with so many octets of key packet attributes."""
        return _whole(self.bare + octets, self.cipher)


def packed(arrays: Iterable[tuple[int, int]], room: int, sizes: PushSizes) -> Pushed:
    """Pushes for arrays as `gsakmp.group.rekey.lkh_arrays.pushes` fills them: the longest array first, then
    what still fits, the longest first again.

    `arrays`: how many, and octets of each. `room`: octets of arrays in a push; a longer one goes alone.
    """
    waiting: dict[int, int] = {}
    for number, each in arrays:
        waiting[each] = waiting.get(each, 0) + number
    pushes = octets = largest = 0
    while waiting := {each: number for each, number in waiting.items() if number}:
        chosen, alike = _chosen(waiting, room)
        for each, number in chosen.items():
            waiting[each] -= alike * number
        whole = sizes.carrying(sum(each * number for each, number in chosen.items()))
        pushes, octets, largest = pushes + alike, octets + alike * whole, max(largest, whole)
    return Pushed(pushes, octets, largest)


def _chosen(waiting: dict[int, int], room: int) -> tuple[dict[int, int], int]:
    """The arrays of the next push, by their octets, and how many pushes in a row are filled like it."""
    chosen: dict[int, int] = {}
    alike = sum(waiting.values())
    for each in sorted(waiting, reverse=True):
        fitting = max(room // each, 0 if chosen else 1)
        number = min(waiting[each], fitting)
        if number:
            chosen[each] = number
            room -= number * each
            alike = min(alike, waiting[each] // number if number == fitting else 1)
    return chosen, alike


def _plaintext(payloads: Sequence[Payload]) -> int:
    message = Message(exchange_type=GDOIExchangeType.GROUPKEY_PUSH, payloads=(SequenceNumber(1), *payloads))
    return len(message.plaintext())


def _whole(plaintext: int, cipher: CBCCipher) -> int:
    return HEADER_OCTETS + plaintext + -plaintext % cipher.block_size


def _signature(algorithm: SigAlgorithm, bits: int) -> int:
    """Octets of a signature: the modulus, or r and s (RFC 4754, 7)."""
    octets = -(-bits // 8)
    return octets if algorithm == SigAlgorithm.SIG_ALG_RSA else 2 * octets


def _public(algorithm: SigAlgorithm, bits: int) -> bytes:
    """A public key as long as any of its kind. No private key is made, which takes seconds for RSA."""
    if algorithm == SigAlgorithm.SIG_ALG_RSA:
        return public_octets(rsa.RSAPublicNumbers(65537, (1 << bits) - 1).public_key())
    return public_octets(ec.derive_private_key(1, _CURVES[algorithm]))
