"""The attribute tables of IKE and the IPsec DOI: what each type's value is.

The forms (TV or TLV) are the registries' own; see `gsakmp.registries`.
"""

from __future__ import annotations

from typing import Final

from gsakmp.registries import (
    AddressPreservation,
    AuthenticationAlgorithm,
    AuthenticationMethod,
    ECNTunnel,
    EncapsulationMode,
    EncryptionAlgorithm,
    ExtSeqNumber,
    GroupDescription,
    GroupType,
    HashAlgorithm,
    IKEAttribute,
    IPsecAttribute,
    IPsecLifeType,
    LifeType,
    ModeConfigAttribute,
    SADirection,
    SignatureEncoding,
    XAUTHType,
)
from gsakmp.wire import INTEGER, AttributeTable, basic, optional, variable
from gsakmp.wire.values import IPV4_ADDRESS, IPV4_SUBNET, IPV6_ADDRESS, TEXT

__all__ = ["IKE_ATTRIBUTES", "IPSEC_ATTRIBUTES", "LIFETIME_ATTRIBUTES", "MODE_CONFIG_ATTRIBUTES"]

IKE: Final = IKEAttribute
IKE_ATTRIBUTES: Final = AttributeTable(
    "IKE",
    IKEAttribute,
    {
        IKE.ENCRYPTION_ALGORITHM: basic(EncryptionAlgorithm),
        IKE.HASH_ALGORITHM: basic(HashAlgorithm),
        IKE.AUTHENTICATION_METHOD: basic(AuthenticationMethod),
        IKE.GROUP_DESCRIPTION: basic(GroupDescription),
        IKE.GROUP_TYPE: basic(GroupType),
        IKE.GROUP_PRIME_IRREDUCIBLE_POLYNOMIAL: variable(INTEGER),
        IKE.GROUP_GENERATOR_ONE: variable(INTEGER),
        IKE.GROUP_GENERATOR_TWO: variable(INTEGER),
        IKE.GROUP_CURVE_A: variable(INTEGER),
        IKE.GROUP_CURVE_B: variable(INTEGER),
        IKE.LIFE_TYPE: basic(LifeType),
        IKE.LIFE_DURATION: variable(INTEGER, "in the unit of the life type before it"),
        IKE.PRF: basic(),
        IKE.KEY_LENGTH: basic(doc="bits"),
        IKE.FIELD_SIZE: basic(doc="bits"),
        IKE.GROUP_ORDER: variable(INTEGER),
    },
    "RFC 2409, appendix A",
)

IPSEC: Final = IPsecAttribute
IPSEC_ATTRIBUTES: Final = AttributeTable(
    "IPsec",
    IPsecAttribute,
    {
        IPSEC.SA_LIFE_TYPE: basic(IPsecLifeType),
        IPSEC.SA_LIFE_DURATION: variable(INTEGER, "in the unit of the life type before it"),
        IPSEC.GROUP_DESCRIPTION: basic(GroupDescription),
        IPSEC.ENCAPSULATION_MODE: basic(EncapsulationMode),
        IPSEC.AUTHENTICATION_ALGORITHM: basic(AuthenticationAlgorithm),
        IPSEC.KEY_LENGTH: basic(doc="bits"),
        IPSEC.KEY_ROUNDS: basic(),
        IPSEC.COMPRESS_DICTIONARY_SIZE: basic(doc="log2 of the octets"),
        IPSEC.COMPRESS_PRIVATE_ALGORITHM: variable(),
        IPSEC.ECN_TUNNEL: basic(ECNTunnel),
        IPSEC.EXTENDED_SEQUENCE_NUMBER: basic(ExtSeqNumber),
        IPSEC.AUTHENTICATION_KEY_LENGTH: variable(INTEGER, "bits"),
        IPSEC.SIGNATURE_ENCODING_ALGORITHM: basic(SignatureEncoding),
        IPSEC.ADDRESS_PRESERVATION: basic(AddressPreservation),
        IPSEC.SA_DIRECTION: basic(SADirection),
    },
    "RFC 2407, 4.5; RFC 6407, 5.5.1.1",
)

LIFETIME_ATTRIBUTES: Final = IPSEC_ATTRIBUTES
"""RESPONDER-LIFETIME's own (RFC 2407, 4.6.3.1). A peer that speaks of its ISAKMP SA uses the same numbers
for other things; they are then read as IPsec's."""

MODE: Final = ModeConfigAttribute
MODE_CONFIG_ATTRIBUTES: Final = AttributeTable(
    "mode-config",
    ModeConfigAttribute,
    {
        **dict.fromkeys(
            (
                MODE.INTERNAL_IP4_ADDRESS,
                MODE.INTERNAL_IP4_NETMASK,
                MODE.INTERNAL_IP4_DNS,
                MODE.INTERNAL_IP4_NBNS,
                MODE.INTERNAL_IP4_DHCP,
            ),
            variable(optional(IPV4_ADDRESS)),
        ),
        **dict.fromkeys(
            (
                MODE.INTERNAL_IP6_ADDRESS,
                MODE.INTERNAL_IP6_NETMASK,
                MODE.INTERNAL_IP6_DNS,
                MODE.INTERNAL_IP6_NBNS,
                MODE.INTERNAL_IP6_DHCP,
            ),
            variable(optional(IPV6_ADDRESS)),
        ),
        MODE.INTERNAL_ADDRESS_EXPIRY: variable(INTEGER, "seconds"),
        MODE.APPLICATION_VERSION: variable(TEXT),
        MODE.INTERNAL_IP4_SUBNET: variable(optional(IPV4_SUBNET)),
        MODE.SUPPORTED_ATTRIBUTES: variable(),
        MODE.INTERNAL_IP6_SUBNET: variable(),
        MODE.XAUTH_TYPE: basic(XAUTHType),
        MODE.XAUTH_USER_NAME: variable(TEXT),
        MODE.XAUTH_USER_PASSWORD: variable(secret=True),
        MODE.XAUTH_PASSCODE: variable(secret=True),
        MODE.XAUTH_MESSAGE: variable(TEXT),
        MODE.XAUTH_CHALLENGE: variable(),
        MODE.XAUTH_DOMAIN: variable(TEXT),
        MODE.XAUTH_STATUS: basic(doc="1 for OK, 0 for FAIL"),
        MODE.XAUTH_NEXT_PIN: variable(secret=True),
        MODE.XAUTH_ANSWER: variable(secret=True),
    },
    "draft-dukes-ike-mode-cfg-02, 3.3; draft-beaulieu-ike-xauth-02, 6",
)
