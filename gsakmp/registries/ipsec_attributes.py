"""The IPsec DOI's SA attributes and their values (RFC 2407, 4.5, and later documents)."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = [
    "AddressPreservation",
    "AuthenticationAlgorithm",
    "ECNTunnel",
    "EncapsulationMode",
    "ExtSeqNumber",
    "IPsecAttribute",
    "IPsecLifeType",
    "SADirection",
    "SignatureEncoding",
]


class IPsecAttribute(
    OpenEnum,
    width=16,
    source="RFC 2407, 4.5; RFC 6407, 5.5.1.1; IANA isakmp-registry",
    private=((32001, 32767),),
    iana=("isakmp-registry/isakmp-registry-13",),
):
    """The attributes of an IPsec SA (RFC 2407, 4.5), in a Quick Mode transform or a GDOI SA TEK."""

    SA_LIFE_TYPE = 1, "RFC 2407", "B"
    SA_LIFE_DURATION = 2, "RFC 2407", "V"
    GROUP_DESCRIPTION = 3, "RFC 2407", "B"
    ENCAPSULATION_MODE = 4, "RFC 2407", "B"
    AUTHENTICATION_ALGORITHM = 5, "RFC 2407", "B"
    KEY_LENGTH = 6, "RFC 2407", "B"
    KEY_ROUNDS = 7, "RFC 2407", "B"
    COMPRESS_DICTIONARY_SIZE = 8, "RFC 2407", "B"
    COMPRESS_PRIVATE_ALGORITHM = 9, "RFC 2407", "V"
    ECN_TUNNEL = 10, "RFC 3168", "B"
    EXTENDED_SEQUENCE_NUMBER = 11, "RFC 4304", "B"
    AUTHENTICATION_KEY_LENGTH = 12, "RFC 4359", "V"
    SIGNATURE_ENCODING_ALGORITHM = 13, "RFC 4359", "B"
    ADDRESS_PRESERVATION = 14, "RFC 6407", "B"
    SA_DIRECTION = 15, "RFC 6407", "B"


class IPsecLifeType(
    OpenEnum,
    width=16,
    source="RFC 2407, 4.5; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-15",),
):
    """The unit of SA_LIFE_DURATION (attribute SA_LIFE_TYPE)."""

    SECONDS = 1, "RFC 2407"
    KILOBYTES = 2, "RFC 2407"


class EncapsulationMode(
    OpenEnum,
    width=16,
    source="RFC 2407, 4.5; RFC 3947, 5.1; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-18",),
    extra=(61443, 61444),
):
    """What ESP or AH wraps (attribute ENCAPSULATION_MODE)."""

    TUNNEL = 1, "RFC 2407"
    TRANSPORT = 2, "RFC 2407"
    UDP_ENCAPSULATED_TUNNEL = 3, "RFC 3947"
    UDP_ENCAPSULATED_TRANSPORT = 4, "RFC 3947"

    # Private use that peers of the drafts share.
    UDP_ENCAPSULATED_TUNNEL_DRAFT = 61443, "draft-ietf-ipsec-nat-t-ike-03, 5.1"
    UDP_ENCAPSULATED_TRANSPORT_DRAFT = 61444, "draft-ietf-ipsec-nat-t-ike-03, 5.1"


class AuthenticationAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 2407, 4.5; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-20",),
):
    """The integrity algorithm of ESP or AH (attribute AUTHENTICATION_ALGORITHM)."""

    HMAC_MD5 = 1, "RFC 2407"
    HMAC_SHA = 2, "RFC 2407"
    DES_MAC = 3, "RFC 2407"
    KPDK = 4, "RFC 2407"
    HMAC_SHA2_256 = 5, "Marcus Leech, IPSEC"
    HMAC_SHA2_384 = 6, "Marcus Leech, IPSEC"
    HMAC_SHA2_512 = 7, "Marcus Leech, IPSEC"
    HMAC_RIPEMD = 8, "RFC 2857"
    AES_XCBC_MAC = 9, "RFC 3566"
    SIG_RSA = 10, "RFC 4359"
    AES_128_GMAC = 11, "RFC 4543, RFC Errata 1821"
    AES_192_GMAC = 12, "RFC 4543, RFC Errata 1821"
    AES_256_GMAC = 13, "RFC 4543, RFC Errata 1821"


class ECNTunnel(
    OpenEnum,
    width=16,
    source="RFC 3168; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-23",),
):
    """Whether a tunnel carries congestion marks (attribute ECN_TUNNEL)."""

    ALLOWED = 1, "RFC 3168"
    FORBIDDEN = 2, "RFC 3168"


class ExtSeqNumber(
    OpenEnum,
    width=16,
    source="RFC 4304; IANA isakmp-registry",
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-24",),
):
    """Extended sequence numbers are used (attribute EXTENDED_SEQUENCE_NUMBER)."""

    SEQUENCE_NUMBER_64_BIT = 1, "RFC 4304"


class SignatureEncoding(
    OpenEnum,
    width=16,
    source="RFC 4359; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-26",),
):
    """How an RSA signature in ESP or AH is padded (attribute SIGNATURE_ENCODING_ALGORITHM)."""

    RSASSA_PKCS1_V1_5 = 1, "RFC 4359"
    RSASSA_PSS = 2, "RFC 4359"


class AddressPreservation(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.5.1.1.1; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-27",),
):
    """Which addresses the outer header of a tunnel takes over (attribute ADDRESS_PRESERVATION)."""

    NONE = 1, "RFC 6407"
    SOURCE_ONLY = 2, "RFC 6407"
    DESTINATION_ONLY = 3, "RFC 6407"
    SOURCE_AND_DESTINATION = 4, "RFC 6407"


class SADirection(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.5.1.1.2; IANA isakmp-registry",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-28",),
):
    """Whether a member sends, receives or does both with an SA (attribute SA_DIRECTION)."""

    SENDER_ONLY = 1, "RFC 6407"
    RECEIVER_ONLY = 2, "RFC 6407"
    SYMMETRIC = 3, "RFC 6407"
