"""Numbers of IKEv1's phase 1 (RFC 2409, appendix A) and what later documents added."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = [
    "AuthenticationMethod",
    "EncryptionAlgorithm",
    "GroupDescription",
    "GroupType",
    "HashAlgorithm",
    "IKEAttribute",
    "LifeType",
]


class IKEAttribute(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((16384, 32767),),
    iana=("ipsec-registry/ipsec-registry-2",),
):
    """The attribute classes of a phase 1 transform (RFC 2409, appendix A)."""

    ENCRYPTION_ALGORITHM = 1, "RFC 2409", "B"
    HASH_ALGORITHM = 2, "RFC 2409", "B"
    AUTHENTICATION_METHOD = 3, "RFC 2409", "B"
    GROUP_DESCRIPTION = 4, "RFC 2409", "B"
    GROUP_TYPE = 5, "RFC 2409", "B"
    GROUP_PRIME_IRREDUCIBLE_POLYNOMIAL = 6, "RFC 2409", "V"
    GROUP_GENERATOR_ONE = 7, "RFC 2409", "V"
    GROUP_GENERATOR_TWO = 8, "RFC 2409", "V"
    GROUP_CURVE_A = 9, "RFC 2409", "V"
    GROUP_CURVE_B = 10, "RFC 2409", "V"
    LIFE_TYPE = 11, "RFC 2409", "B"
    LIFE_DURATION = 12, "RFC 2409", "V"
    PRF = 13, "RFC 2409", "B"
    KEY_LENGTH = 14, "RFC 2409", "B"
    FIELD_SIZE = 15, "RFC 2409", "B"
    GROUP_ORDER = 16, "RFC 2409", "V"


class EncryptionAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((65001, 65535),),
    reserved=((0, 0),),
    iana=("ipsec-registry/ipsec-registry-4",),
):
    """The cipher of an ISAKMP SA (attribute ENCRYPTION_ALGORITHM)."""

    DES_CBC = 1, "RFC 2405"
    IDEA_CBC = 2, "RFC 2409"
    BLOWFISH_CBC = 3, "RFC 2409"
    RC5_R16_B64_CBC = 4, "RFC 2409"
    TRIPLE_DES_CBC = 5, "RFC 2409"
    CAST_CBC = 6, "RFC 2409"
    AES_CBC = 7, "RFC 3602"
    CAMELLIA_CBC = 8, "RFC 4312"


class HashAlgorithm(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((65001, 65535),),
    reserved=((0, 0),),
    iana=("ipsec-registry/ipsec-registry-6",),
):
    """The hash of an ISAKMP SA, and with HMAC its PRF (attribute HASH_ALGORITHM)."""

    MD5 = 1, "RFC 1321"
    SHA = 2, "NIST, FIPS PUB 180-1: Secure Hash Standard, April 1995."
    TIGER = (
        3,
        'Anderson, R., and Biham, E., "Fast Software Encryption", Springer LNCS v. 1039, 1996.',
    )
    SHA2_256 = 4, "RFC 4868"
    SHA2_384 = 5, "RFC 4868"
    SHA2_512 = 6, "RFC 4868"


class AuthenticationMethod(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; RFC 4754, 8; IANA ipsec-registry",
    private=((65001, 65535),),
    reserved=((0, 0), (6, 8)),
    iana=("ipsec-registry/ipsec-registry-8",),
    extra=(*range(64221, 64225), *range(65001, 65011)),
):
    """How the peers of phase 1 prove who they are (attribute AUTHENTICATION_METHOD)."""

    PRE_SHARED_KEY = 1, "RFC 2409"
    DSS_SIGNATURES = 2, "RFC 2409"
    RSA_SIGNATURES = 3, "RFC 2409"
    ENCRYPTION_WITH_RSA = 4, "RFC 2409"
    REVISED_ENCRYPTION_WITH_RSA = 5, "RFC 2409"
    ECDSA_SHA256_P256 = 9, "RFC 4754"
    ECDSA_SHA384_P384 = 10, "RFC 4754"
    ECDSA_SHA512_P521 = 11, "RFC 4754"

    # Remote access: a user name and password follow phase 1. No RFC assigns these.
    HYBRID_INIT_RSA = 64221, "draft-ietf-ipsec-isakmp-hybrid-auth-05, 3.2.1"
    HYBRID_RESP_RSA = 64222, "draft-ietf-ipsec-isakmp-hybrid-auth-05, 3.2.1"
    HYBRID_INIT_DSS = 64223, "draft-ietf-ipsec-isakmp-hybrid-auth-05, 3.2.1"
    HYBRID_RESP_DSS = 64224, "draft-ietf-ipsec-isakmp-hybrid-auth-05, 3.2.1"
    XAUTH_INIT_PRE_SHARED = 65001, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_RESP_PRE_SHARED = 65002, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_INIT_DSS = 65003, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_RESP_DSS = 65004, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_INIT_RSA = 65005, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_RESP_RSA = 65006, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_INIT_RSA_ENCRYPTION = 65007, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_RESP_RSA_ENCRYPTION = 65008, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_INIT_RSA_REVISED_ENCRYPTION = 65009, "draft-beaulieu-ike-xauth-02, 7.2"
    XAUTH_RESP_RSA_REVISED_ENCRYPTION = 65010, "draft-beaulieu-ike-xauth-02, 7.2"


class GroupDescription(
    OpenEnum,
    width=16,
    source="RFC 2409, 6 and appendix A; RFC 3526; RFC 5114; RFC 5903; IANA ipsec-registry",
    private=((32768, 65535),),
    reserved=((0, 0),),
    iana=("ipsec-registry/ipsec-registry-10",),
):
    """The Diffie-Hellman group: attribute GROUP_DESCRIPTION in phase 1 and in Quick Mode. Sizes are in
    bits, of the modulus, the field or the curve. 27 to 30 are assigned, but not for IKEv1 (RFC 6932)."""

    MODP_768 = 1, "RFC 2409"
    MODP_1024 = 2, "RFC 2409"
    EC2N_155 = 3, "RFC 2409"
    EC2N_185 = 4, "RFC 2409"
    MODP_1536 = 5, "RFC 3526"
    EC2N_163_GROUP_6 = 6, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_163_GROUP_7 = 7, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_283_GROUP_8 = 8, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_283_GROUP_9 = 9, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_409_GROUP_10 = 10, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_409_GROUP_11 = 11, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_571_GROUP_12 = 12, "draft-ietf-ipsec-ike-ecc-groups-10"
    EC2N_571_GROUP_13 = 13, "draft-ietf-ipsec-ike-ecc-groups-10"
    MODP_2048 = 14, "RFC 3526"
    MODP_3072 = 15, "RFC 3526"
    MODP_4096 = 16, "RFC 3526"
    MODP_6144 = 17, "RFC 3526"
    MODP_8192 = 18, "RFC 3526"
    ECP_256 = 19, "RFC 5903"
    ECP_384 = 20, "RFC 5903"
    ECP_521 = 21, "RFC 5903"
    MODP_1024_SUBGROUP_160 = 22, "RFC 5114"
    MODP_2048_SUBGROUP_224 = 23, "RFC 5114"
    MODP_2048_SUBGROUP_256 = 24, "RFC 5114"
    ECP_192 = 25, "RFC 5114"
    ECP_224 = 26, "RFC 5114"
    BRAINPOOL_224 = 27, "RFC 6932"
    BRAINPOOL_256 = 28, "RFC 6932"
    BRAINPOOL_384 = 29, "RFC 6932"
    BRAINPOOL_512 = 30, "RFC 6932"


class GroupType(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((65001, 65535),),
    reserved=((0, 0),),
    iana=("ipsec-registry/ipsec-registry-12",),
):
    """The kind of a group that New Group Mode negotiates (attribute GROUP_TYPE)."""

    MODP = 1, "RFC 2409"
    ECP = 2, "RFC 2409"
    EC2N = 3, "RFC 2409"


class LifeType(
    OpenEnum,
    width=16,
    source="RFC 2409, appendix A; IANA ipsec-registry",
    private=((65001, 65535),),
    reserved=((0, 0),),
    iana=("ipsec-registry/ipsec-registry-14",),
):
    """The unit of LIFE_DURATION in phase 1."""

    SECONDS = 1, "RFC 2409"
    KILOBYTES = 2, "RFC 2409"
