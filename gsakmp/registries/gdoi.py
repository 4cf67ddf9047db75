"""Numbers of GDOI (RFC 6407, RFC 8263, RFC 8052 and, where they still stand, RFC 3547)."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = [
    "GAPAttribute",
    "GDOIExchangeType",
    "GDOIIDType",
    "KEKAckRequested",
    "KEKAlgorithm",
    "KEKAttribute",
    "KEKKeyAttribute",
    "KEKManagementAlgorithm",
    "KeyDownloadType",
    "LKHKeyAttribute",
    "POPAlgorithm",
    "SIDAttribute",
    "SigAlgorithm",
    "SigHashAlgorithm",
    "TEKKeyAttribute",
    "TEKProtocolID",
]


class GDOIExchangeType(
    OpenEnum,
    width=8,
    source="RFC 6407, 3.2.1 and 4.2; RFC 8263, 3 and 8; IANA gdoi-payloads",
    private=((240, 255),),
    iana=("gdoi-payloads/gdoi-doi-exchange-types",),
):
    """The exchanges of GDOI alone. Below 32 see `gsakmp.registries.isakmp.ExchangeType`."""

    GROUPKEY_PULL = 32, "RFC 6407"
    GROUPKEY_PUSH = 33, "RFC 6407"
    KNOWN_UNREGISTERED_USE = 34
    GROUPKEY_PUSH_ACK = 35, "RFC 8263"


class GDOIIDType(
    OpenEnum,
    width=8,
    source="RFC 6407, 5.1; RFC 8052, 4; IANA gdoi-payloads",
    # IANA's newer registry goes on to 65535, more than the octet holds; this range is the older one's.
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/id-types",),
):
    """What an Identification payload holds in GDOI (RFC 8052, 4): the IPsec DOI's types and ID_OID."""

    ID_IPV4_ADDR = 1, "RFC 8052"
    ID_FQDN = 2, "RFC 8052"
    ID_USER_FQDN = 3, "RFC 8052"
    ID_IPV4_ADDR_SUBNET = 4, "RFC 8052"
    ID_IPV6_ADDR = 5, "RFC 8052"
    ID_IPV6_ADDR_SUBNET = 6, "RFC 8052"
    ID_IPV4_ADDR_RANGE = 7, "RFC 8052"
    ID_IPV6_ADDR_RANGE = 8, "RFC 8052"
    ID_DER_ASN1_DN = 9, "RFC 8052"
    ID_DER_ASN1_GN = 10, "RFC 8052"
    ID_KEY_ID = 11, "RFC 8052"
    ID_LIST = 12, "RFC 8052"
    ID_OID = 13, "RFC 8052"


class POPAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 3547, 5.3; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-3",),
):
    """The signature of a POP payload (RFC 3547, 5.3). RFC 6407 dropped it and reserves the field."""

    POP_ALG_RSA = 1, "RFC 3547"
    POP_ALG_DSS = 2, "RFC 3547"
    POP_ALG_ECDSS = 3, "RFC 3547"


class KEKAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.3; RFC 8263, 2; RFC 3547, 5.3.9; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-4",),
):
    """The attributes of an SA KEK payload (RFC 6407, 5.3). RFC 6407 dropped KE_OAKLEY_GROUP."""

    KEK_MANAGEMENT_ALGORITHM = 1, "RFC 3547", "B"
    KEK_ALGORITHM = 2, "RFC 3547", "B"
    KEK_KEY_LENGTH = 3, "RFC 3547", "B"
    KEK_KEY_LIFETIME = 4, "RFC 3547", "V"
    SIG_HASH_ALGORITHM = 5, "RFC 3547", "B"
    SIG_ALGORITHM = 6, "RFC 3547", "B"
    SIG_KEY_LENGTH = 7, "RFC 3547", "B"
    KE_OAKLEY_GROUP = 8, "RFC 3547", "B"
    KEK_ACK_REQUESTED = 9, "RFC 8263", "B"


class KEKManagementAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.3.1; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-5",),
    extra=(240,),
):
    """How the GCKS manages the KEKs of its members (RFC 6407, 5.3.1)."""

    LKH = 1, "RFC 3547"
    OFT = 240, "gsakmp, private use"


class KEKAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.3.2; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-6",),
):
    """The cipher that the KEK is for, in CBC mode (RFC 6407, 5.3.2)."""

    KEK_ALG_DES = 1, "RFC 3547"
    KEK_ALG_3DES = 2, "RFC 3547"
    KEK_ALG_AES = 3, "RFC 3547"


class SigHashAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.3.5; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-9",),
):
    """The hash under a PUSH's signature (RFC 6407, 5.3.5)."""

    SIG_HASH_MD5 = 1, "RFC 3547"
    SIG_HASH_SHA1 = 2, "RFC 3547"
    SIG_HASH_SHA256 = 3, "RFC 6407"
    SIG_HASH_SHA384 = 4, "RFC 6407"
    SIG_HASH_SHA512 = 5, "RFC 6407"


class SigAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.3.6; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-10",),
):
    """The signature of a PUSH (RFC 6407, 5.3.6)."""

    SIG_ALG_RSA = 1, "RFC 3547"
    SIG_ALG_DSS = 2, "RFC 3547"
    SIG_ALG_ECDSS = 3, "RFC 3547"
    SIG_ALG_ECDSA_256 = 4, "RFC 6407"
    SIG_ALG_ECDSA_384 = 5, "RFC 6407"
    SIG_ALG_ECDSA_521 = 6, "RFC 6407"


class KEKAckRequested(
    OpenEnum,
    width=16,
    source="RFC 8263, 2; IANA gdoi-payloads",
    private=((129, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-kek-ack-requested",),
):
    """How members are to acknowledge a PUSH (RFC 8263, 2)."""

    REKEY_ACK_KEK_SHA256 = 1, "RFC 8263"
    REKEY_ACK_LKH_SHA256 = 2, "RFC 8263"
    REKEY_ACK_KEK_SHA512 = 3, "RFC 8263"
    REKEY_ACK_LKH_SHA512 = 4, "RFC 8263"


class TEKProtocolID(
    OpenEnum,
    width=8,
    source="RFC 6407, 5.5; RFC 8052, 4; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-14",),
):
    """The security protocol that an SA TEK payload sets up (RFC 6407, 5.5)."""

    GDOI_PROTO_IPSEC_ESP = 1, "RFC 3547"
    GDOI_PROTO_IPSEC_AH = 2, "RFC 6407"
    GDOI_PROTO_IEC_61850 = 3, "RFC 8052"


class KeyDownloadType(
    OpenEnum,
    width=8,
    source="RFC 6407, 5.6; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-15",),
    extra=(240, 241, 242),
):
    """What a key packet of a Key Download payload holds (RFC 6407, 5.6)."""

    TEK = 1, "RFC 3547"
    KEK = 2, "RFC 3547"
    LKH = 3, "RFC 3547"
    SID = 4, "RFC 6407"
    OFT = 240, "gsakmp, private use"
    MARKS = 241, "gsakmp, private use"
    NARK = 242, "gsakmp, private use"


class TEKKeyAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.6.1; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-16",),
):
    """The attributes of a TEK key packet (RFC 6407, 5.6.1)."""

    TEK_ALGORITHM_KEY = 1, "RFC 3547", "V"
    TEK_INTEGRITY_KEY = 2, "RFC 3547", "V"
    TEK_SOURCE_AUTH_KEY = 3, "RFC 3547", "V"


class KEKKeyAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.6.2; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-17",),
):
    """The attributes of a KEK key packet (RFC 6407, 5.6.2)."""

    KEK_ALGORITHM_KEY = 1, "RFC 3547", "V"
    SIG_ALGORITHM_KEY = 2, "RFC 3547", "V"


class LKHKeyAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.6.3; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-18",),
):
    """The attributes of an LKH key packet (RFC 6407, 5.6.3)."""

    LKH_DOWNLOAD_ARRAY = 1, "RFC 3547", "V"
    LKH_UPDATE_ARRAY = 2, "RFC 3547", "V"
    SIG_ALGORITHM_KEY = 3, "RFC 3547", "V"


class SIDAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.6.4; IANA gdoi-payloads",
    private=((129, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-19",),
):
    """The attributes of a SID key packet (RFC 6407, 5.6.4)."""

    NUMBER_OF_SID_BITS = 1, "RFC 6407", "B"
    SID_VALUE = 2, "RFC 6407", "V"


class GAPAttribute(
    OpenEnum,
    width=16,
    source="RFC 6407, 5.4; IANA gdoi-payloads",
    private=((128, 255),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-payloads-20",),
):
    """The attributes of a Group Associated Policy payload (RFC 6407, 5.4)."""

    ACTIVATION_TIME_DELAY = 1, "RFC 6407", "B"
    DEACTIVATION_TIME_DELAY = 2, "RFC 6407", "B"
    SENDER_ID_REQUEST = 3, "RFC 6407", "B"
