"""HASH(1) to HASH(4) of what follows phase 1, and the key material of Quick Mode.

Quick Mode and Informational: RFC 2409, 5.5 and 5.7. GROUPKEY-PULL: RFC 6407, 3.2. `payloads` are the
octets of the message that follow its HASH payload, generic headers and all, without the padding of the
encryption; nonces are bodies. Compare with `gsakmp.crypto.hashes.check_hash`.
"""

from __future__ import annotations

from gsakmp.crypto.derivation import PhaseOneKeys, message_id_octets
from gsakmp.errors import ConfigurationError
from gsakmp.registries import ProtocolID

__all__ = [
    "hash_1",
    "hash_2",
    "pull_hash_3",
    "pull_hash_4",
    "quick_mode_hash_3",
    "quick_mode_keymat",
]


def hash_1(keys: PhaseOneKeys, message_id: int, payloads: bytes) -> bytes:
    """``HASH(1) = prf(SKEYID_a, M-ID | payloads)`` of Quick Mode (payloads SA, Ni and more), Informational
    (N or D) and GROUPKEY-PULL (Ni, ID)."""
    return keys.hash_function.prf(keys.skeyid_a, message_id_octets(message_id), payloads)


def hash_2(keys: PhaseOneKeys, message_id: int, initiator_nonce: bytes, payloads: bytes) -> bytes:
    """``HASH(2) = prf(SKEYID_a, M-ID | Ni_b | payloads)`` of Quick Mode (payloads SA, Nr and more) and
    GROUPKEY-PULL (Nr, SA)."""
    octets = message_id_octets(message_id)
    return keys.hash_function.prf(keys.skeyid_a, octets, initiator_nonce, payloads)


def quick_mode_hash_3(
    keys: PhaseOneKeys, message_id: int, initiator_nonce: bytes, responder_nonce: bytes
) -> bytes:
    """``HASH(3) = prf(SKEYID_a, 0 | M-ID | Ni_b | Nr_b)`` of Quick Mode; the zero is one octet."""
    octets = b"\0" + message_id_octets(message_id)
    return keys.hash_function.prf(keys.skeyid_a, octets, initiator_nonce, responder_nonce)


def pull_hash_3(
    keys: PhaseOneKeys, message_id: int, initiator_nonce: bytes, responder_nonce: bytes, payloads: bytes = b""
) -> bytes:
    """``HASH(3) = prf(SKEYID_a, M-ID | Ni_b | Nr_b [ | GAP ])`` of GROUPKEY-PULL. Unlike Quick Mode's it
    starts with no zero."""
    octets = message_id_octets(message_id)
    return keys.hash_function.prf(keys.skeyid_a, octets, initiator_nonce, responder_nonce, payloads)


def pull_hash_4(
    keys: PhaseOneKeys, message_id: int, initiator_nonce: bytes, responder_nonce: bytes, payloads: bytes
) -> bytes:
    """``HASH(4) = prf(SKEYID_a, M-ID | Ni_b | Nr_b [ | SEQ ] | KD)`` of GROUPKEY-PULL.

    `pull_hash_3` in all but the payloads; the two messages differ in who sends them and in KD.
    """
    return pull_hash_3(keys, message_id, initiator_nonce, responder_nonce, payloads)


def quick_mode_keymat(
    keys: PhaseOneKeys,
    protocol: ProtocolID,
    spi: bytes,
    initiator_nonce: bytes,
    responder_nonce: bytes,
    size: int,
    shared_secret: bytes = b"",
) -> bytes:
    """KEYMAT of one IPsec SA, `size` octets (RFC 2409, 5.5): ``K1 | K2 | ...`` where
    ``K1 = prf(SKEYID_d, [g(qm)^xy |] protocol | SPI | Ni_b | Nr_b)`` and each further one has the one before
    it in front. `spi` is the SA's destination's; `shared_secret` is for perfect forward secrecy.

    Raises `ConfigurationError` for a size below one octet.
    """
    if size < 1:
        raise ConfigurationError(f"key material of {size} octets")
    seed = shared_secret + bytes([protocol]) + spi + initiator_nonce + responder_nonce
    prf = keys.hash_function.prf
    out = block = prf(keys.skeyid_d, seed)
    while len(out) < size:
        block = prf(keys.skeyid_d, block, seed)
        out += block
    return out[:size]
