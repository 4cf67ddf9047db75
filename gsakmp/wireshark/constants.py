"""Numbers that the Lua code needs: constants of the hashes, which follow from their definitions, and numbers
of registries by name."""

from __future__ import annotations

from math import isqrt
from typing import Any, Final

from gsakmp import limits
from gsakmp.doi import DIALECTS, DOIS, GDOI, GDOID, STANDARD
from gsakmp.exchanges.grammar import Grammar, Slot
from gsakmp.exchanges.pull import MESSAGES as PULL_MESSAGES
from gsakmp.registries import (
    DOINumber,
    EncryptionAlgorithm,
    ExchangeType,
    GDOIExchangeType,
    GDOIIDType,
    HashAlgorithm,
    HeaderFlag,
    IKEAttribute,
    IPsecAttribute,
    IPsecExchangeType,
    KEKAlgorithm,
    KEKAttribute,
    KEKKeyAttribute,
    KeyDownloadType,
    LKHKeyAttribute,
    PayloadType,
)
from gsakmp.wireshark.notes import NOTES

__all__ = ["constants"]

KEY_FILE_OCTETS: Final = 16 * 1024 * 1024
"""Of a key file: limits.SECRETS lines with a KEK, its SPI and an IV are fewer."""

SEEN: Final = (
    "name", "sa_kek_reserved_octets", "tek_addresses_reversed", "tek_ports_reversed",
    "tek_may_lack_algorithm_key",
)  # fmt: skip
"""What of a dialect the octets of a message show, and its name."""

AFTER_HASH: Final = (
    PayloadType.NONCE, PayloadType.SA, PayloadType.SEQUENCE_NUMBER, PayloadType.KEY_DOWNLOAD,
    PayloadType.GROUP_ASSOCIATED_POLICY, PayloadType.DELETE, PayloadType.NOTIFICATION, PayloadType.ATTRIBUTES,
    PayloadType.NONE,
)  # fmt: skip
"""What may follow a HASH payload, the likeliest first (RFC 2408, 3.1; RFC 6407, 3.2)."""

PRIMES: Final = 80
"""SHA-512 has 80 rounds, and a constant for each (RFC 6234, 5.2)."""


def primes(count: int) -> list[int]:
    out: list[int] = []
    number = 2
    while len(out) < count:
        if all(number % prime for prime in out):
            out.append(number)
        number += 1
    return out


def cube_root(number: int) -> int:
    """The largest integer whose cube is at most `number`."""
    low, high = 0, 1 << (number.bit_length() // 3 + 1)
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if middle**3 <= number else (low, middle - 1)
    return low


def words(numbers: list[int]) -> list[list[int]]:
    """64-bit numbers as pairs of 32 bits: Lua 5.1 and 5.2 have no larger integers."""
    return [[number >> 32, number & 0xFFFFFFFF] for number in numbers]


def roots(of: list[int]) -> list[int]:
    """The first 64 bits of the fractional parts of square roots."""
    return [isqrt(prime << 128) & (1 << 64) - 1 for prime in of]


def hashes() -> dict[str, Any]:
    """RFC 6234, 5.1, 5.2, 6.1 and 6.3: fractional parts of roots of primes. A SHA-256 constant is the first
    half of the SHA-512 one."""
    first = primes(PRIMES)
    cubes = [cube_root(prime << 192) & (1 << 64) - 1 for prime in first]
    return {
        "sha2_k": words(cubes),
        "sha512_h": words(roots(first[:8])),
        "sha384_h": words(roots(first[8:16])),
    }


def constants() -> dict[str, Any]:
    """Everything, by the names that the Lua code uses."""
    return {
        "hashes": hashes(),
        "limits": {
            "nesting": limits.NESTING,
            "payloads": limits.PAYLOADS_PER_CHAIN,
            "attributes": limits.ATTRIBUTES_PER_PAYLOAD,
            "elements": limits.ELEMENTS_PER_PAYLOAD,
            "message": limits.MESSAGE_OCTETS,
            "key_line": limits.KEY_LINE_OCTETS,
            "key_file": KEY_FILE_OCTETS,
        },
        "notes": [list(note[:4]) for note in NOTES],
        "after_hash": [int(kind) for kind in AFTER_HASH],
        "pull_shapes": [shape(grammar) for grammar in PULL_MESSAGES],
        "dialects": [dialect_data(dialect) for dialect in DIALECTS.values()],
        "tried_dialects": [STANDARD.name, GDOID.name],
        "domains_by_number": {int(number): doi.name for number, doi in DOIS.items()},
        "domains_by_port": {port: doi.name for doi in DOIS.values() for port in sorted(doi.ports)},
        "first_own_exchange": GDOI.first_own_exchange,
        "numbers": numbers(),
    }


def dialect_data(dialect: Any) -> dict[str, Any]:
    """A dialect's differences that are seen in the octets."""
    return {name: getattr(dialect, name) for name in SEEN}


def shape(grammar: Grammar) -> bytes:
    """The payload types of a message as a pattern of Lua's, an octet a type."""
    slots = (*grammar.first, *grammar.others, *grammar.last)
    return b"".join(bytes(slot.payload.kinds[:1]) + how_often(slot) for slot in slots)


def how_often(slot: Slot) -> bytes:
    if slot.maximum > 1:
        return b"+" if slot.minimum else b"*"
    return b"" if slot.minimum else b"?"


def numbers() -> dict[str, Any]:
    """Numbers of registries that decryption goes by."""
    return {
        "doi_gdoi": DOINumber.GDOI,
        "flag_encryption": HeaderFlag.ENCRYPTION,
        "exchange_base": ExchangeType.BASE,
        "exchange_main": ExchangeType.IDENTITY_PROTECTION,
        "exchange_aggressive": ExchangeType.AGGRESSIVE,
        "exchange_pull": GDOIExchangeType.GROUPKEY_PULL,
        "exchange_push": GDOIExchangeType.GROUPKEY_PUSH,
        "exchange_quick": IPsecExchangeType.QUICK_MODE,
        "payload_sa": PayloadType.SA,
        "payload_hash": PayloadType.HASH,
        "payload_delete": PayloadType.DELETE,
        "ike_encryption": IKEAttribute.ENCRYPTION_ALGORITHM,
        "ike_hash": IKEAttribute.HASH_ALGORITHM,
        "ike_key_length": IKEAttribute.KEY_LENGTH,
        "ike_ciphers": {
            int(EncryptionAlgorithm.DES_CBC): "des",
            int(EncryptionAlgorithm.TRIPLE_DES_CBC): "3des",
            int(EncryptionAlgorithm.AES_CBC): "aes",
        },
        "ike_hashes": {
            int(HashAlgorithm.MD5): "md5",
            int(HashAlgorithm.SHA): "sha1",
            int(HashAlgorithm.SHA2_256): "sha256",
            int(HashAlgorithm.SHA2_384): "sha384",
            int(HashAlgorithm.SHA2_512): "sha512",
        },
        "kek_algorithm": KEKAttribute.KEK_ALGORITHM,
        "sig_algorithm": KEKAttribute.SIG_ALGORITHM,
        "ipsec_key_length": IPsecAttribute.KEY_LENGTH,
        "id_ipv4": GDOIIDType.ID_IPV4_ADDR,
        "kek_ciphers": {
            int(KEKAlgorithm.KEK_ALG_DES): "des",
            int(KEKAlgorithm.KEK_ALG_3DES): "3des",
            int(KEKAlgorithm.KEK_ALG_AES): "aes",
        },
        "kek_algorithm_key": KEKKeyAttribute.KEK_ALGORITHM_KEY,
        "kd_kek": KeyDownloadType.KEK,
        "kd_lkh": KeyDownloadType.LKH,
        "lkh_download_array": LKHKeyAttribute.LKH_DOWNLOAD_ARRAY,
    }
