"""Secrets in the forms that other programs read: Wireshark's tables, and Python for scapy."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Final

from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.registries import AuthenticationAlgorithm, ESPTransformID

__all__ = ["esp_table_lines", "scapy_lines", "wireshark_lines"]

GCM_SALT: Final = 4
TRANSFORMS: Final = {  # name: Wireshark's, scapy's
    "ESP_AES_GCM_8": ("AES-GCM with 8 octet ICV [RFC4106]", "AES-GCM"),
    "ESP_AES_GCM_12": ("AES-GCM with 12 octet ICV [RFC4106]", "AES-GCM"),
    "ESP_AES_GCM_16": ("AES-GCM with 16 octet ICV [RFC4106]", "AES-GCM"),
    "ESP_AES_CBC": ("AES-CBC [RFC3602]", "AES-CBC"),
    "ESP_AES_CTR": ("AES-CTR [RFC3686]", "AES-CTR"),
    "ESP_3DES": ("TripleDES-CBC [RFC2451]", "3DES"),
    "ESP_DES": ("DES-CBC [RFC2405]", "DES"),
    "ESP_NULL": ("NULL", "NULL"),
}
INTEGRITY: Final = {
    "HMAC_MD5": ("HMAC-MD5-96 [RFC2403]", "HMAC-MD5-96"),
    "HMAC_SHA": ("HMAC-SHA-1-96 [RFC2404]", "HMAC-SHA1-96"),
    "HMAC_SHA2_256": ("HMAC-SHA-256-128 [RFC4868]", "SHA2-256-128"),
    "HMAC_SHA2_384": ("HMAC-SHA-384-192 [RFC4868]", "SHA2-384-192"),
    "HMAC_SHA2_512": ("HMAC-SHA-512-256 [RFC4868]", "SHA2-512-256"),
}
BY_INTEGRITY_SIZE: Final = {
    16: AuthenticationAlgorithm.HMAC_MD5,
    20: AuthenticationAlgorithm.HMAC_SHA,
    32: AuthenticationAlgorithm.HMAC_SHA2_256,
    48: AuthenticationAlgorithm.HMAC_SHA2_384,
    64: AuthenticationAlgorithm.HMAC_SHA2_512,
}
"""RFC 6407, 5.6.1.2 and RFC 4868, 2.6."""


def wireshark_lines(keyring: Keyring) -> Iterator[str]:
    """``ikev1_decryption_table``: a line for each encryption key whose initiator's cookie is known."""
    done: set[str] = set()
    for secret in keyring:
        cookie = secret.name.partition(":")[0]
        if secret.kind is Kind.ENCRYPTION_KEY and not cookie.startswith("*") and cookie not in done:
            done.add(cookie)
            yield f"{cookie},{secret.octets.hex()}\n"


def esp_table_lines(keyring: Keyring) -> Iterator[str]:
    """``esp_sa``: a line for each TEK whose algorithms are known, or can be told from the keys' lengths; for
    packets of any addresses, for a data SA's are not in a key file."""
    for spi, transform, key, integrity, integrity_key in _data_sas(keyring):
        cipher, check = TRANSFORMS[transform][0], INTEGRITY[integrity][0] if integrity else "NULL"
        keys = f'"{cipher}","{hexed(key)}","{check}","{hexed(integrity_key)}"'
        yield from (f'"{family}","*","*","0x{spi}",{keys}\n' for family in ("IPv4", "IPv6"))


def hexed(key: bytes) -> str:
    """A key as Wireshark takes it: empty for none."""
    return f"0x{key.hex()}" if key else ""


def scapy_lines(keyring: Keyring) -> Iterator[str]:
    """Python that makes a ``scapy.layers.ipsec.SecurityAssociation`` of each TEK, in a dict by SPI."""
    yield "from scapy.layers.ipsec import ESP, SecurityAssociation\n\n"
    yield "security_associations = {\n"
    for spi, transform, key, integrity, integrity_key in _data_sas(keyring):
        more = ""
        if integrity:
            more = f', auth_algo="{INTEGRITY[integrity][1]}", auth_key=bytes.fromhex("{integrity_key.hex()}")'
        yield (
            f'    0x{spi}: SecurityAssociation(ESP, spi=0x{spi}, crypt_algo="{TRANSFORMS[transform][1]}", '
            f'crypt_key=bytes.fromhex("{key.hex()}"){more}),\n'
        )
    yield "}\n"


def _data_sas(keyring: Iterable[Secret]) -> Iterator[tuple[str, str, bytes, str, bytes]]:
    """SPI, transform, key, integrity algorithm and its key of each ESP SA that both programs know."""
    keys: dict[str, tuple[str, bytes]] = {}
    integrity_keys: dict[str, tuple[str, bytes]] = {}
    for secret in keyring:
        spi, _, algorithm = secret.name.partition("/")
        if secret.kind is Kind.TEK:
            keys[spi] = algorithm, secret.octets
        elif secret.kind is Kind.TEK_INTEGRITY:
            integrity_keys[spi] = algorithm, secret.octets
    for spi in dict.fromkeys((*keys, *integrity_keys)):
        transform, key = keys.get(spi, ("", b""))
        integrity, integrity_key = integrity_keys.get(spi, ("", b""))
        integrity = integrity or _integrity_told(integrity_key)
        transform = transform or _transform_told(key, integrity_key)
        if transform in TRANSFORMS and (not integrity_key or integrity in INTEGRITY):
            yield spi, transform, key, integrity if integrity_key else "", integrity_key


def _integrity_told(key: bytes) -> str:
    found = BY_INTEGRITY_SIZE.get(len(key))
    return found.name if found else ""


def _transform_told(key: bytes, integrity_key: bytes) -> str:
    """The transform that a key of this length is most likely for."""
    if not key:
        return ESPTransformID.ESP_NULL.name if integrity_key else ""
    if not integrity_key:
        return ESPTransformID.ESP_AES_GCM_16.name if len(key) - GCM_SALT in (16, 24, 32) else ""
    return ESPTransformID.ESP_AES_CBC.name if len(key) in (16, 24, 32) else ""
