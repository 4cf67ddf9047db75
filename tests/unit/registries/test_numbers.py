"""Numbers typed from the tables of the RFCs themselves, against the registries."""

from __future__ import annotations

import pytest

from gsakmp import registries
from gsakmp.registries import ModeConfigAttribute, OpenEnum, OpenFlag

TABLES: dict[str, tuple[str, str]] = {
    # class: (where the table stands, "number name form" of it)
    "PayloadType": (
        "RFC 2408, 3.1; RFC 6407, 5; RFC 3947, 3.2 and 5.2",
        "0 NONE, 1 SA, 2 PROPOSAL, 3 TRANSFORM, 4 KEY_EXCHANGE, 5 IDENTIFICATION, 6 CERTIFICATE,"
        "7 CERTIFICATE_REQUEST, 8 HASH, 9 SIGNATURE, 10 NONCE, 11 NOTIFICATION, 12 DELETE, 13 VENDOR_ID,"
        "15 SA_KEK, 16 SA_TEK, 17 KEY_DOWNLOAD, 18 SEQUENCE_NUMBER, 22 GROUP_ASSOCIATED_POLICY,"
        "20 NAT_DISCOVERY, 21 NAT_ORIGINAL_ADDRESS",
    ),
    "ExchangeType": (
        "RFC 2408, 3.1",
        "0 NONE, 1 BASE, 2 IDENTITY_PROTECTION, 3 AUTHENTICATION_ONLY, 4 AGGRESSIVE, 5 INFORMATIONAL",
    ),
    "HeaderFlag": ("RFC 2408, 3.1", "1 ENCRYPTION, 2 COMMIT, 4 AUTHENTICATION_ONLY"),
    "CertificateEncoding": (
        "RFC 2408, 3.9",
        "0 NONE, 1 PKCS7_WRAPPED_X509, 2 PGP, 3 DNS_SIGNED_KEY, 4 X509_SIGNATURE, 5 X509_KEY_EXCHANGE,"
        "6 KERBEROS_TOKENS, 7 CERTIFICATE_REVOCATION_LIST, 8 AUTHORITY_REVOCATION_LIST, 9 SPKI,"
        "10 X509_ATTRIBUTE",
    ),
    "NotifyType": (
        "RFC 2408, 3.14.1; RFC 2407, 4.6.3; RFC 3706, 5.2",
        "1 INVALID_PAYLOAD_TYPE, 14 NO_PROPOSAL_CHOSEN, 16 PAYLOAD_MALFORMED, 24 AUTHENTICATION_FAILED,"
        "30 UNEQUAL_PAYLOAD_LENGTHS, 16384 CONNECTED, 24576 RESPONDER_LIFETIME, 24577 REPLAY_STATUS,"
        "24578 INITIAL_CONTACT, 36136 R_U_THERE, 36137 R_U_THERE_ACK",
    ),
    "IKEAttribute": (
        "RFC 2409, appendix A",
        "1 ENCRYPTION_ALGORITHM B, 2 HASH_ALGORITHM B, 3 AUTHENTICATION_METHOD B, 4 GROUP_DESCRIPTION B,"
        "5 GROUP_TYPE B, 6 GROUP_PRIME_IRREDUCIBLE_POLYNOMIAL V, 7 GROUP_GENERATOR_ONE V,"
        "8 GROUP_GENERATOR_TWO V, 9 GROUP_CURVE_A V, 10 GROUP_CURVE_B V, 11 LIFE_TYPE B,"
        "12 LIFE_DURATION V, 13 PRF B, 14 KEY_LENGTH B, 15 FIELD_SIZE B, 16 GROUP_ORDER V",
    ),
    "EncryptionAlgorithm": (
        "RFC 2409, appendix A",
        "1 DES_CBC, 2 IDEA_CBC, 3 BLOWFISH_CBC, 4 RC5_R16_B64_CBC, 5 TRIPLE_DES_CBC, 6 CAST_CBC",
    ),
    "HashAlgorithm": ("RFC 2409, appendix A", "1 MD5, 2 SHA, 3 TIGER"),
    "AuthenticationMethod": (
        "RFC 2409, appendix A; RFC 4754, 8",
        "1 PRE_SHARED_KEY, 2 DSS_SIGNATURES, 3 RSA_SIGNATURES, 4 ENCRYPTION_WITH_RSA,"
        "5 REVISED_ENCRYPTION_WITH_RSA, 9 ECDSA_SHA256_P256, 10 ECDSA_SHA384_P384, 11 ECDSA_SHA512_P521",
    ),
    "GroupDescription": (
        "RFC 2409, appendix A; RFC 3526; RFC 5903, 8",
        "1 MODP_768, 2 MODP_1024, 3 EC2N_155, 4 EC2N_185, 5 MODP_1536, 14 MODP_2048, 15 MODP_3072,"
        "16 MODP_4096, 17 MODP_6144, 18 MODP_8192, 19 ECP_256, 20 ECP_384, 21 ECP_521",
    ),
    "GroupType": ("RFC 2409, appendix A", "1 MODP, 2 ECP, 3 EC2N"),
    "LifeType": ("RFC 2409, appendix A", "1 SECONDS, 2 KILOBYTES"),
    "IPsecExchangeType": ("RFC 2409, appendix A", "32 QUICK_MODE, 33 NEW_GROUP_MODE"),
    "IPsecSituation": ("RFC 2407, 4.2", "1 SIT_IDENTITY_ONLY, 2 SIT_SECRECY, 4 SIT_INTEGRITY"),
    "ProtocolID": ("RFC 2407, 4.4.1", "1 PROTO_ISAKMP, 2 PROTO_IPSEC_AH, 3 PROTO_IPSEC_ESP, 4 PROTO_IPCOMP"),
    "ISAKMPTransformID": ("RFC 2407, 4.4.2", "1 KEY_IKE"),
    "AHTransformID": ("RFC 2407, 4.4.3", "2 AH_MD5, 3 AH_SHA, 4 AH_DES"),
    "ESPTransformID": (
        "RFC 2407, 4.4.4",
        "1 ESP_DES_IV64, 2 ESP_DES, 3 ESP_3DES, 4 ESP_RC5, 5 ESP_IDEA, 6 ESP_CAST, 7 ESP_BLOWFISH,"
        "8 ESP_3IDEA, 9 ESP_DES_IV32, 10 ESP_RC4, 11 ESP_NULL",
    ),
    "IPCOMPTransformID": ("RFC 2407, 4.4.5", "1 IPCOMP_OUI, 2 IPCOMP_DEFLATE, 3 IPCOMP_LZS"),
    "IPsecAttribute": (
        "RFC 2407, 4.5",
        "1 SA_LIFE_TYPE B, 2 SA_LIFE_DURATION V, 3 GROUP_DESCRIPTION B, 4 ENCAPSULATION_MODE B,"
        "5 AUTHENTICATION_ALGORITHM B, 6 KEY_LENGTH B, 7 KEY_ROUNDS B, 8 COMPRESS_DICTIONARY_SIZE B,"
        "9 COMPRESS_PRIVATE_ALGORITHM V",
    ),
    "IPsecLifeType": ("RFC 2407, 4.5", "1 SECONDS, 2 KILOBYTES"),
    "EncapsulationMode": (
        "RFC 2407, 4.5; RFC 3947, 5.1",
        "1 TUNNEL, 2 TRANSPORT, 3 UDP_ENCAPSULATED_TUNNEL, 4 UDP_ENCAPSULATED_TRANSPORT",
    ),
    "AuthenticationAlgorithm": ("RFC 2407, 4.5", "1 HMAC_MD5, 2 HMAC_SHA, 3 DES_MAC, 4 KPDK"),
    "IDType": (
        "RFC 2407, 4.6.2.1",
        "1 ID_IPV4_ADDR, 2 ID_FQDN, 3 ID_USER_FQDN, 4 ID_IPV4_ADDR_SUBNET, 5 ID_IPV6_ADDR,"
        "6 ID_IPV6_ADDR_SUBNET, 7 ID_IPV4_ADDR_RANGE, 8 ID_IPV6_ADDR_RANGE, 9 ID_DER_ASN1_DN,"
        "10 ID_DER_ASN1_GN, 11 ID_KEY_ID",
    ),
    "ReplayStatus": ("RFC 2407, 4.6.3.2", "0 DISABLED, 1 ENABLED"),
    "AddressPreservation": (
        "RFC 6407, 5.5.1.1.1",
        "1 NONE, 2 SOURCE_ONLY, 3 DESTINATION_ONLY, 4 SOURCE_AND_DESTINATION",
    ),
    "SADirection": ("RFC 6407, 5.5.1.1.2", "1 SENDER_ONLY, 2 RECEIVER_ONLY, 3 SYMMETRIC"),
    "GDOIExchangeType": (
        "RFC 6407, 3.2.1 and 4.2; RFC 8263, 3 and 8",
        "32 GROUPKEY_PULL, 33 GROUPKEY_PUSH, 35 GROUPKEY_PUSH_ACK",
    ),
    "POPAlgorithm": ("RFC 3547, 5.3", "1 POP_ALG_RSA, 2 POP_ALG_DSS, 3 POP_ALG_ECDSS"),
    "KEKAttribute": (
        "RFC 6407, 5.3; RFC 3547, 5.3 for 8; RFC 8263, 2 for 9",
        "1 KEK_MANAGEMENT_ALGORITHM B, 2 KEK_ALGORITHM B, 3 KEK_KEY_LENGTH B, 4 KEK_KEY_LIFETIME V,"
        "5 SIG_HASH_ALGORITHM B, 6 SIG_ALGORITHM B, 7 SIG_KEY_LENGTH B, 8 KE_OAKLEY_GROUP B,"
        "9 KEK_ACK_REQUESTED B",
    ),
    "KEKManagementAlgorithm": ("RFC 6407, 5.3.1", "1 LKH"),
    "KEKAlgorithm": ("RFC 6407, 5.3.2", "1 KEK_ALG_DES, 2 KEK_ALG_3DES, 3 KEK_ALG_AES"),
    "SigHashAlgorithm": (
        "RFC 6407, 5.3.5",
        "1 SIG_HASH_MD5, 2 SIG_HASH_SHA1, 3 SIG_HASH_SHA256, 4 SIG_HASH_SHA384, 5 SIG_HASH_SHA512",
    ),
    "SigAlgorithm": (
        "RFC 6407, 5.3.6",
        "1 SIG_ALG_RSA, 2 SIG_ALG_DSS, 3 SIG_ALG_ECDSS, 4 SIG_ALG_ECDSA_256, 5 SIG_ALG_ECDSA_384,"
        "6 SIG_ALG_ECDSA_521",
    ),
    "GAPAttribute": (
        "RFC 6407, 5.4",
        "1 ACTIVATION_TIME_DELAY B, 2 DEACTIVATION_TIME_DELAY B, 3 SENDER_ID_REQUEST B",
    ),
    "TEKProtocolID": ("RFC 6407, 5.5", "1 GDOI_PROTO_IPSEC_ESP, 2 GDOI_PROTO_IPSEC_AH"),
    "KeyDownloadType": ("RFC 6407, 5.6", "1 TEK, 2 KEK, 3 LKH, 4 SID"),
    "TEKKeyAttribute": (
        "RFC 6407, 5.6.1",
        "1 TEK_ALGORITHM_KEY V, 2 TEK_INTEGRITY_KEY V, 3 TEK_SOURCE_AUTH_KEY V",
    ),
    "KEKKeyAttribute": ("RFC 6407, 5.6.2", "1 KEK_ALGORITHM_KEY V, 2 SIG_ALGORITHM_KEY V"),
    "LKHKeyAttribute": (
        "RFC 6407, 5.6.3",
        "1 LKH_DOWNLOAD_ARRAY V, 2 LKH_UPDATE_ARRAY V, 3 SIG_ALGORITHM_KEY V",
    ),
    "SIDAttribute": ("RFC 6407, 5.6.4", "1 NUMBER_OF_SID_BITS B, 2 SID_VALUE V"),
    "KEKAckRequested": (
        "RFC 8263, 2",
        "1 REKEY_ACK_KEK_SHA256, 2 REKEY_ACK_LKH_SHA256, 3 REKEY_ACK_KEK_SHA512, 4 REKEY_ACK_LKH_SHA512",
    ),
    "IEC62351Authentication": (
        "RFC 8052, 4",
        "1 NONE, 2 HMAC_SHA256_128, 3 HMAC_SHA256, 4 AES_GMAC_128, 5 AES_GMAC_256",
    ),
    "IEC62351Confidentiality": (
        "RFC 8052, 4",
        "1 NONE, 2 AES_CBC_128, 3 AES_CBC_256, 4 AES_GCM_128, 5 AES_GCM_256",
    ),
    "SATEKAttribute": ("RFC 8052, 4", "1 SA_ATD V, 2 SA_KDA B"),
    "GDOIIDType": ("RFC 8052, 4", "1 ID_IPV4_ADDR, 11 ID_KEY_ID, 12 ID_LIST, 13 ID_OID"),
}


@pytest.mark.parametrize("name", TABLES)
def test_numbers_of_the_rfc(name: str) -> None:
    cls: type[OpenEnum] | type[OpenFlag] = getattr(registries, name)
    for line in TABLES[name][1].split(","):
        value, word, *form = line.split()
        member = cls[word]
        assert member.value == int(value)
        if issubclass(cls, OpenEnum):
            assert [member.form] == (form or [None])


@pytest.mark.parametrize(
    ("name", "ranges"),
    [  # RFC 6407, 5.3 and 5.6.4; RFC 8263, 8; RFC 2409, appendix A; RFC 2407, 4.5; RFC 8052, 4
        ("KEKAttribute", ((128, 255),)),
        ("SIDAttribute", ((129, 255),)),
        ("KEKAckRequested", ((129, 255),)),
        ("EncryptionAlgorithm", ((65001, 65535),)),
        ("GroupDescription", ((32768, 65535),)),
        ("EncapsulationMode", ((61440, 65535),)),
        ("SATEKAttribute", ((28672, 32767),)),
    ],
)
def test_private_ranges_of_the_rfc(name: str, ranges: tuple[tuple[int, int], ...]) -> None:
    assert getattr(registries, name).private == ranges


def test_mode_config_attributes_of_the_drafts() -> None:
    """draft-dukes-ike-mode-cfg-02, 3.4, and draft-beaulieu-ike-xauth-02, 6.2: two forms are basic."""
    basic = {member.name for member in ModeConfigAttribute if member.form == "B"}
    assert basic == {"XAUTH_TYPE", "XAUTH_STATUS"}
    assert ModeConfigAttribute.INTERNAL_IP6_SUBNET == 15
    assert ModeConfigAttribute.XAUTH_ANSWER == 16529
