"""Keys, IVs and authenticators of phase 1 (RFC 2409, 5 and appendix B; RFC 3947, 3.2).

Names as the RFC has them: ``X_b`` is the body of payload X, without the generic header, and ``|`` puts
octets one after another. Arguments are such octets; a message id is a number.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from gsakmp.crypto.ciphers import DES_CBC, CBCCipher, pad
from gsakmp.crypto.hashes import HashFunction
from gsakmp.errors import ConfigurationError

__all__ = [
    "PhaseOneKeys",
    "encryption_key",
    "expanded",
    "message_id_octets",
    "nat_discovery_hash",
    "skeyid_pre_shared_key",
    "skeyid_public_key_encryption",
    "skeyid_signatures",
]

COOKIE: Final = 8
"""Octets of a cookie (RFC 2408, 3.1)."""


def skeyid_pre_shared_key(
    prf: HashFunction, key: bytes, initiator_nonce: bytes, responder_nonce: bytes
) -> bytes:
    """``SKEYID = prf(pre-shared-key, Ni_b | Nr_b)`` (RFC 2409, 5). Raises `ConfigurationError` for an empty
    key."""
    if not key:
        raise ConfigurationError("an empty pre-shared key")
    return prf.prf(key, initiator_nonce, responder_nonce)


def skeyid_signatures(
    prf: HashFunction, initiator_nonce: bytes, responder_nonce: bytes, shared_secret: bytes
) -> bytes:
    """``SKEYID = prf(Ni_b | Nr_b, g^xy)`` (RFC 2409, 5)."""
    return prf.prf(initiator_nonce + responder_nonce, shared_secret)


def skeyid_public_key_encryption(
    prf: HashFunction,
    initiator_nonce: bytes,
    responder_nonce: bytes,
    initiator_cookie: bytes,
    responder_cookie: bytes,
) -> bytes:
    """``SKEYID = prf(hash(Ni_b | Nr_b), CKY-I | CKY-R)``, in the revised mode too (RFC 2409, 5)."""
    return prf.prf(prf.digest(initiator_nonce, responder_nonce), initiator_cookie, responder_cookie)


@dataclass(frozen=True, slots=True, kw_only=True)
class PhaseOneKeys:
    """What phase 1 leaves behind: the ISAKMP SA's keys, and what is done with them.

    Made by `derive`. Its text shows no key.
    """

    hash_function: HashFunction
    cipher: CBCCipher
    initiator_cookie: bytes
    responder_cookie: bytes
    skeyid: bytes = field(repr=False)
    skeyid_d: bytes = field(repr=False)
    skeyid_a: bytes = field(repr=False)
    skeyid_e: bytes = field(repr=False)
    key: bytes = field(repr=False)
    """The key of `cipher`, made of SKEYID_e."""

    @classmethod
    def derive(
        cls,
        *,
        hash_function: HashFunction,
        cipher: CBCCipher,
        skeyid: bytes,
        shared_secret: bytes,
        initiator_cookie: bytes,
        responder_cookie: bytes,
    ) -> PhaseOneKeys:
        """From SKEYID and g^xy (`shared_secret`), RFC 2409, 5. Raises `ConfigurationError` for a cookie
        that has not eight octets."""
        if len(initiator_cookie) != COOKIE or len(responder_cookie) != COOKIE:
            raise ConfigurationError(f"a cookie has {COOKIE} octets")
        prf, context = hash_function.prf, shared_secret + initiator_cookie + responder_cookie
        skeyid_d = prf(skeyid, context, b"\0")
        skeyid_a = prf(skeyid, skeyid_d, context, b"\1")
        skeyid_e = prf(skeyid, skeyid_a, context, b"\2")
        return cls(
            hash_function=hash_function,
            cipher=cipher,
            initiator_cookie=initiator_cookie,
            responder_cookie=responder_cookie,
            skeyid=skeyid,
            skeyid_d=skeyid_d,
            skeyid_a=skeyid_a,
            skeyid_e=skeyid_e,
            key=encryption_key(hash_function, cipher, skeyid_e),
        )

    def hash_i(
        self,
        initiator_public: bytes,
        responder_public: bytes,
        sa: bytes,
        identity: bytes,
        hash_function: HashFunction | None = None,
    ) -> bytes:
        """``HASH_I = prf(SKEYID, g^xi | g^xr | CKY-I | CKY-R | SAi_b | IDii_b)`` (RFC 2409, 5).

        `sa` is the body of the initiator's SA payload with all its offers. `hash_function` stands in for
        the negotiated one where the signature has its own (RFC 2409, 5.1).
        """
        cookies = self.initiator_cookie + self.responder_cookie
        prf = (hash_function or self.hash_function).prf
        return prf(self.skeyid, initiator_public, responder_public, cookies, sa, identity)

    def hash_r(
        self,
        initiator_public: bytes,
        responder_public: bytes,
        sa: bytes,
        identity: bytes,
        hash_function: HashFunction | None = None,
    ) -> bytes:
        """``HASH_R = prf(SKEYID, g^xr | g^xi | CKY-R | CKY-I | SAi_b | IDir_b)`` (RFC 2409, 5).

        The arguments are `hash_i`'s, in the same order, but for `identity`, which is the responder's.
        """
        cookies = self.responder_cookie + self.initiator_cookie
        prf = (hash_function or self.hash_function).prf
        return prf(self.skeyid, responder_public, initiator_public, cookies, sa, identity)

    def first_iv(self, initiator_public: bytes, responder_public: bytes) -> bytes:
        """The IV of phase 1's first encrypted message: the start of ``hash(g^xi | g^xr)`` (appendix B)."""
        return self.hash_function.digest(initiator_public, responder_public)[: self.cipher.block_size]

    def message_iv(self, last_block: bytes, message_id: int) -> bytes:
        """The first IV of a phase 2 or Informational exchange: the start of ``hash(last block | M-ID)``,
        the block being the last one of phase 1's ciphertext (appendix B)."""
        octets = self.hash_function.digest(last_block, message_id_octets(message_id))
        return octets[: self.cipher.block_size]

    def encrypt(self, iv: bytes, payloads: bytes) -> bytes:
        """The message's ciphertext: the payloads padded and encrypted. Its last block, `cipher.next_iv`,
        is the IV of the exchange's next message. Raises `ConfigurationError` for a wrong IV."""
        return self.cipher.encrypt(self.key, iv, pad(payloads, self.cipher.block_size))

    def decrypt(self, iv: bytes, ciphertext: bytes) -> bytes:
        """The payloads and their padding. Raises `LengthMismatch` for a ciphertext that does not fill its
        blocks; a wrong key or IV shows only in what comes out."""
        return self.cipher.decrypt(self.key, iv, ciphertext)


def message_id_octets(message_id: int) -> bytes:
    """M-ID as the header has it, four octets. Raises `ConfigurationError` for a number that does not fit."""
    if not 0 <= message_id < 1 << 32:
        raise ConfigurationError(f"{message_id} is no message id of 32 bits")
    return message_id.to_bytes(4, "big")


def expanded(prf: HashFunction, key: bytes, size: int, seed: bytes = b"\0") -> bytes:
    """``K1 | K2 | ...``, `size` octets: ``K1 = prf(key, seed)``, ``K2 = prf(key, K1)`` (appendix B)."""
    out = block = prf.prf(key, seed)
    while len(out) < size:
        block = prf.prf(key, block)
        out += block
    return out[:size]


def encryption_key(prf: HashFunction, cipher: CBCCipher, skeyid_e: bytes) -> bytes:
    """The cipher's key: the start of SKEYID_e, or of its expansion where it is too short (appendix B).

    DES takes the first eight octets that make neither a weak nor a semi-weak key.
    """
    if cipher == DES_CBC:
        return _des_key(prf, skeyid_e)
    if len(skeyid_e) >= cipher.key_size:
        return skeyid_e[: cipher.key_size]
    return expanded(prf, skeyid_e, cipher.key_size)


def nat_discovery_hash(
    hash_function: HashFunction,
    initiator_cookie: bytes,
    responder_cookie: bytes,
    address: IPv4Address | IPv6Address,
    port: int,
) -> bytes:
    """``HASH(CKY-I | CKY-R | IP | Port)``, the body of a NAT-D payload (RFC 3947, 3.2).

    Raises `ConfigurationError` for a port that does not fit its 16 bits.
    """
    if not 0 <= port < 1 << 16:
        raise ConfigurationError(f"{port} is no UDP port")
    place = address.packed + port.to_bytes(2, "big")
    return hash_function.digest(initiator_cookie, responder_cookie, place)


# RFC 2409, appendix A: four weak keys, then the semi-weak ones, as printed there.
_DES_WEAK: Final = (
    *("0101010101010101", "1F1F1F1FE0E0E0E0", "E0E0E0E01F1F1F1F", "FEFEFEFEFEFEFEFE"),
    *("01FE01FE01FE01FE", "1FE01FE00EF10EF1", "01E001E001F101F1", "1FFE1FFE0EFE0EFE"),
    *("011F011F010E010E", "E0FEE0FEF1FEF1FE", "FE01FE01FE01FE01", "E01FE01FF10EF10E"),
    *("E001E001F101F101", "FE1FFE1FFE0EFE0E", "1F011F010E010E01", "FEE0FEE0FEF1FEF1"),
)


def _without_parity(key: bytes) -> bytes:
    """The 56 bits of a DES key; the lowest bit of each octet is parity."""
    return bytes(octet & 0xFE for octet in key)


_REFUSED: Final = frozenset(_without_parity(bytes.fromhex(key)) for key in _DES_WEAK)


def _des_key(prf: HashFunction, skeyid_e: bytes) -> bytes:
    size = DES_CBC.key_size
    # One window more than there are keys to refuse.
    material = skeyid_e + expanded(prf, skeyid_e, size * (len(_REFUSED) + 1))
    keys = (material[at : at + size] for at in range(0, len(material) - size + 1, size))
    return next(key for key in keys if _without_parity(key) not in _REFUSED)
