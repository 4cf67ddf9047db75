"""Numbers of the IPsec DOI (RFC 2407) and what later documents added to its registries."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum, OpenFlag

__all__ = [
    "AHTransformID",
    "ESPTransformID",
    "IDType",
    "IPCOMPTransformID",
    "IPProtocol",
    "IPsecExchangeType",
    "IPsecSituation",
    "ISAKMPTransformID",
    "LabeledDomain",
    "ProtocolID",
    "ReplayStatus",
]


class IPsecExchangeType(
    OpenEnum,
    width=8,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((240, 255),),
    iana=("ipsec-registry/ipsec-registry-18",),
):
    """The exchanges of the IPsec DOI alone. Below 32 see `gsakmp.registries.isakmp.ExchangeType`."""

    QUICK_MODE = 32, "RFC 2409"
    NEW_GROUP_MODE = 33, "RFC 2409"


class IPsecSituation(
    OpenFlag,
    width=32,
    source="RFC 2407, 4.2; IANA isakmp-registry",
    reference="RFC 2407",
    private=((1 << 30, 1 << 30), (1 << 31, 1 << 31)),
    iana=("isakmp-registry/isakmp-registry-1",),
):
    """The Situation of an SA payload (RFC 2407, 4.2), a bitmap."""

    SIT_IDENTITY_ONLY = 1
    SIT_SECRECY = 2
    SIT_INTEGRITY = 4


class LabeledDomain(
    OpenEnum,
    width=32,
    source="RFC 2407, 4.6.1.1; IANA isakmp-registry",
    private=((0x80000000, 0xFFFFFFFF),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-29",),
):
    """The namespace of secrecy and integrity labels (RFC 2407, 4.6.1.1). None was ever assigned."""

    RESERVED = 0, "RFC 2407"


class ProtocolID(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.4.1; IANA isakmp-registry",
    private=((249, 255),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-3",),
):
    """The security protocol that a proposal, notification or deletion is about (RFC 2407, 4.4.1)."""

    PROTO_ISAKMP = 1, "RFC 2407"
    PROTO_IPSEC_AH = 2, "RFC 2407"
    PROTO_IPSEC_ESP = 3, "RFC 2407"
    PROTO_IPCOMP = 4, "RFC 2407"
    PROTO_GIGABEAM_RADIO = 5, "RFC 4705"


class ISAKMPTransformID(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.4.2; IANA isakmp-registry",
    private=((249, 255),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-5",),
):
    """The key exchange that protocol PROTO_ISAKMP negotiates (RFC 2407, 4.4.2)."""

    KEY_IKE = 1, "RFC 2407"


class AHTransformID(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.4.3; IANA isakmp-registry",
    private=((249, 255),),
    reserved=((0, 1),),
    iana=("isakmp-registry/isakmp-registry-7",),
):
    """The algorithm of AH (RFC 2407, 4.4.3)."""

    AH_MD5 = 2, "RFC 2407"
    AH_SHA = 3, "RFC 2407"
    AH_DES = 4, "RFC 2407"
    AH_SHA2_256 = 5, "RFC 4868"
    AH_SHA2_384 = 6, "RFC 4868"
    AH_SHA2_512 = 7, "RFC 4868"
    AH_RIPEMD = 8, "RFC 2857"
    AH_AES_XCBC_MAC = 9, "RFC 3566"
    AH_RSA = 10, "RFC 4359"
    AH_AES_128_GMAC = 11, "RFC 4543, RFC Errata 1821"
    AH_AES_192_GMAC = 12, "RFC 4543, RFC Errata 1821"
    AH_AES_256_GMAC = 13, "RFC 4543, RFC Errata 1821"


class ESPTransformID(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.4.4; IANA isakmp-registry",
    private=((249, 255),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-9",),
):
    """The cipher of ESP (RFC 2407, 4.4.4)."""

    ESP_DES_IV64 = 1, "RFC 2407"
    ESP_DES = 2, "RFC 2407"
    ESP_3DES = 3, "RFC 2407"
    ESP_RC5 = 4, "RFC 2407"
    ESP_IDEA = 5, "RFC 2407"
    ESP_CAST = 6, "RFC 2407"
    ESP_BLOWFISH = 7, "RFC 2407"
    ESP_3IDEA = 8, "RFC 2407"
    ESP_DES_IV32 = 9, "RFC 2407"
    ESP_RC4 = 10, "RFC 2407"
    ESP_NULL = 11, "RFC 2407"
    ESP_AES_CBC = 12, "RFC 3602"
    ESP_AES_CTR = 13, "RFC 3686"
    ESP_AES_CCM_8 = 14, "RFC 4309"
    ESP_AES_CCM_12 = 15, "RFC 4309"
    ESP_AES_CCM_16 = 16, "RFC 4309"
    ESP_AES_GCM_8 = 18, "RFC 4106"
    ESP_AES_GCM_12 = 19, "RFC 4106"
    ESP_AES_GCM_16 = 20, "RFC 4106"
    ESP_SEED_CBC = 21, "RFC 4196"
    ESP_CAMELLIA = 22, "RFC 4312"
    ESP_NULL_AUTH_AES_GMAC = 23, "RFC 4543, RFC Errata 1821"


class IPCOMPTransformID(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.4.5; IANA isakmp-registry",
    private=((48, 63),),
    reserved=((0, 0), (5, 47)),
    iana=("isakmp-registry/isakmp-registry-11",),
):
    """The compression of IPCOMP (RFC 2407, 4.4.5)."""

    IPCOMP_OUI = 1, "RFC 2407"
    IPCOMP_DEFLATE = 2, "RFC 2407"
    IPCOMP_LZS = 3, "RFC 2407"
    IPCOMP_LZJH = 4, "RFC 3051"


class IDType(
    OpenEnum,
    width=8,
    source="RFC 2407, 4.6.2.1; IANA isakmp-registry",
    private=((249, 255),),
    reserved=((0, 0),),
    iana=("isakmp-registry/isakmp-registry-31",),
):
    """What an Identification payload holds in the IPsec DOI (RFC 2407, 4.6.2.1)."""

    ID_IPV4_ADDR = 1, "RFC 2407"
    ID_FQDN = 2, "RFC 2407"
    ID_USER_FQDN = 3, "RFC 2407"
    ID_IPV4_ADDR_SUBNET = 4, "RFC 2407"
    ID_IPV6_ADDR = 5, "RFC 2407"
    ID_IPV6_ADDR_SUBNET = 6, "RFC 2407"
    ID_IPV4_ADDR_RANGE = 7, "RFC 2407"
    ID_IPV6_ADDR_RANGE = 8, "RFC 2407"
    ID_DER_ASN1_DN = 9, "RFC 2407"
    ID_DER_ASN1_GN = 10, "RFC 2407"
    ID_KEY_ID = 11, "RFC 2407"
    ID_LIST = 12, "RFC 3554"


class ReplayStatus(OpenEnum, width=32, source="RFC 2407, 4.6.3.2"):
    """The data of a REPLAY_STATUS notification (RFC 2407, 4.6.3.2)."""

    DISABLED = 0, "RFC 2407"
    ENABLED = 1, "RFC 2407"


class IPProtocol(OpenEnum, width=8, source="RFC 2407, 4.6.2; RFC 6407, 5.5.1; IANA protocol-numbers"):
    """The few IP protocols that selectors name. Zero means that the field is to be ignored."""

    ANY = 0, "RFC 2407"
    ICMP = 1, "RFC 792"
    IGMP = 2, "RFC 1112"
    TCP = 6, "RFC 9293"
    UDP = 17, "RFC 768"
    ESP = 50, "RFC 4303"
    AH = 51, "RFC 4302"
    IPV6_ICMP = 58, "RFC 8200"
    IPCOMP = 108, "RFC 2393"
    SCTP = 132, "RFC 9260"
