"""Numbers of ISAKMP itself (RFC 2408) and of what later documents added to its registries."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum, OpenFlag

__all__ = ["CertificateEncoding", "DOINumber", "ExchangeType", "HeaderFlag", "NotifyType", "PayloadType"]


class PayloadType(
    OpenEnum,
    width=8,
    source="RFC 2408, 3.1; IANA ipsec-registry",
    private=((128, 255),),
    iana=("ipsec-registry/ipsec-registry-21",),
    extra=(14, 130, 131, 132),
):
    """What the Next Payload field announces (RFC 2408, 3.1). 15 and 16 are also used otherwise: see
    `gsakmp.registries.drafts.DraftPayloadType`."""

    NONE = 0, "RFC 2408"
    SA = 1, "RFC 2408"
    PROPOSAL = 2, "RFC 2408"
    TRANSFORM = 3, "RFC 2408"
    KEY_EXCHANGE = 4, "RFC 2408"
    IDENTIFICATION = 5, "RFC 2408"
    CERTIFICATE = 6, "RFC 2408"
    CERTIFICATE_REQUEST = 7, "RFC 2408"
    HASH = 8, "RFC 2408"
    SIGNATURE = 9, "RFC 2408"
    NONCE = 10, "RFC 2408"
    NOTIFICATION = 11, "RFC 2408"
    DELETE = 12, "RFC 2408"
    VENDOR_ID = 13, "RFC 2408"
    SA_KEK = 15, "RFC 3547, RFC 6407"
    SA_TEK = 16, "RFC 3547, RFC 6407"
    KEY_DOWNLOAD = 17, "RFC 3547"
    SEQUENCE_NUMBER = 18, "RFC 3547"
    PROOF_OF_POSSESSION = 19, "RFC 3547"
    NAT_DISCOVERY = 20, "RFC 3947"
    NAT_ORIGINAL_ADDRESS = 21, "RFC 3947"
    GROUP_ASSOCIATED_POLICY = 22, "RFC 6407"

    # IANA lists 14 as "Reserved, not to be used" for this draft; remote-access peers do send it.
    ATTRIBUTES = 14, "draft-dukes-ike-mode-cfg-02, 3.2"
    # Private use that peers share.
    NAT_DISCOVERY_DRAFT = 130, "draft-ietf-ipsec-nat-t-ike-03, 3.2"
    NAT_ORIGINAL_ADDRESS_DRAFT = 131, "draft-ietf-ipsec-nat-t-ike-03, 5.2"
    FRAGMENT = 132, "[MS-IKEE], 2.2.3.1"


class ExchangeType(
    OpenEnum,
    width=8,
    source="RFC 2408, 3.1; IANA ipsec-registry",
    private=((240, 255),),
    iana=("ipsec-registry/ipsec-registry-17",),
    extra=(6,),
):
    """The exchanges that every DOI shares (RFC 2408, 3.1). 32 to 239 are each DOI's own: see
    `gsakmp.registries.ipsec.IPsecExchangeType` and `gsakmp.registries.gdoi.GDOIExchangeType`."""

    NONE = 0, "RFC 2408"
    BASE = 1, "RFC 2408"
    IDENTITY_PROTECTION = 2, "RFC 2408"
    AUTHENTICATION_ONLY = 3, "RFC 2408"
    AGGRESSIVE = 4, "RFC 2408"
    INFORMATIONAL = 5, "RFC 2408"

    # In the range that RFC 2408 keeps for ISAKMP's future; the mode-config draft took it.
    TRANSACTION = 6, "draft-dukes-ike-mode-cfg-02, 3.1"


class HeaderFlag(OpenFlag, width=8, source="RFC 2408, 3.1", reference="RFC 2408"):
    """The Flags octet of the ISAKMP header (RFC 2408, 3.1)."""

    ENCRYPTION = 1
    COMMIT = 2
    AUTHENTICATION_ONLY = 4


class DOINumber(
    OpenEnum,
    width=32,
    source="RFC 2408, 3.4; RFC 2407, 4.6.1; RFC 6407, 5.2; IANA ipsec-registry",
    iana=("ipsec-registry/ipsec-registry-19",),
):
    """Which domain of interpretation gives the numbers their meaning (RFC 2408, 2.1 and 3.4)."""

    ISAKMP = 0, "RFC 2408"
    IPSEC = 1, "RFC 2407"
    GDOI = 2, "RFC 3547"


class CertificateEncoding(OpenEnum, width=8, source="RFC 2408, 3.9", reserved=((11, 255),)):
    """How a certificate is encoded (RFC 2408, 3.9). The RFC's table stands; IANA keeps none."""

    NONE = 0, "RFC 2408"
    PKCS7_WRAPPED_X509 = 1, "RFC 2408"
    PGP = 2, "RFC 2408"
    DNS_SIGNED_KEY = 3, "RFC 2408"
    X509_SIGNATURE = 4, "RFC 2408"
    X509_KEY_EXCHANGE = 5, "RFC 2408"
    KERBEROS_TOKENS = 6, "RFC 2408"
    CERTIFICATE_REVOCATION_LIST = 7, "RFC 2408"
    AUTHORITY_REVOCATION_LIST = 8, "RFC 2408"
    SPKI = 9, "RFC 2408"
    X509_ATTRIBUTE = 10, "RFC 2408"


class NotifyType(
    OpenEnum,
    width=16,
    source="RFC 2408, 3.14.1; RFC 2407, 4.6.3; RFC 3706, 5.2; IANA ipsec-registry and isakmp-registry",
    private=((16001, 16383), (32001, 32767), (32768, 40959)),
    reserved=((31, 8191), (8192, 8192), (16385, 24575), (40960, 65535)),
    iana=(
        "ipsec-registry/ipsec-registry-24",
        "ipsec-registry/ipsec-registry-25",
        "isakmp-registry/isakmp-registry-34",
        "isakmp-registry/isakmp-registry-36",
    ),
    extra=(36136, 36137),
):
    """What a Notification says (RFC 2408, 3.14.1): errors below 16384, status from there on. From 24576
    the DOI decides; those here are the IPsec DOI's (RFC 2407, 4.6.3)."""

    INVALID_PAYLOAD_TYPE = 1, "RFC 2408"
    DOI_NOT_SUPPORTED = 2, "RFC 2408"
    SITUATION_NOT_SUPPORTED = 3, "RFC 2408"
    INVALID_COOKIE = 4, "RFC 2408"
    INVALID_MAJOR_VERSION = 5, "RFC 2408"
    INVALID_MINOR_VERSION = 6, "RFC 2408"
    INVALID_EXCHANGE_TYPE = 7, "RFC 2408"
    INVALID_FLAGS = 8, "RFC 2408"
    INVALID_MESSAGE_ID = 9, "RFC 2408"
    INVALID_PROTOCOL_ID = 10, "RFC 2408"
    INVALID_SPI = 11, "RFC 2408"
    INVALID_TRANSFORM_ID = 12, "RFC 2408"
    ATTRIBUTES_NOT_SUPPORTED = 13, "RFC 2408"
    NO_PROPOSAL_CHOSEN = 14, "RFC 2408"
    BAD_PROPOSAL_SYNTAX = 15, "RFC 2408"
    PAYLOAD_MALFORMED = 16, "RFC 2408"
    INVALID_KEY_INFORMATION = 17, "RFC 2408"
    INVALID_ID_INFORMATION = 18, "RFC 2408"
    INVALID_CERT_ENCODING = 19, "RFC 2408"
    INVALID_CERTIFICATE = 20, "RFC 2408"
    CERT_TYPE_UNSUPPORTED = 21, "RFC 2408"
    INVALID_CERT_AUTHORITY = 22, "RFC 2408"
    INVALID_HASH_INFORMATION = 23, "RFC 2408"
    AUTHENTICATION_FAILED = 24, "RFC 2408"
    INVALID_SIGNATURE = 25, "RFC 2408"
    ADDRESS_NOTIFICATION = 26, "RFC 2408"
    NOTIFY_SA_LIFETIME = 27, "RFC 2408"
    CERTIFICATE_UNAVAILABLE = 28, "RFC 2408"
    UNSUPPORTED_EXCHANGE_TYPE = 29, "RFC 2408"
    UNEQUAL_PAYLOAD_LENGTHS = 30, "RFC 2408"
    CONNECTED = 16384, "RFC 2408"
    RESPONDER_LIFETIME = 24576, "RFC 2407"
    REPLAY_STATUS = 24577, "RFC 2407"
    INITIAL_CONTACT = 24578, "RFC 2407"

    # Dead peer detection took two numbers of the range for private use.
    R_U_THERE = 36136, "RFC 3706"
    R_U_THERE_ACK = 36137, "RFC 3706"
