"""Numbers of mode-config and XAUTH, which stayed drafts: IANA assigns none of them."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = ["ModeConfigAttribute", "ModeConfigType", "XAUTHType"]


class ModeConfigType(
    OpenEnum,
    width=8,
    source="draft-dukes-ike-mode-cfg-02, 3.3",
    private=((128, 255),),
    reserved=((0, 0),),
    extra=range(1, 5),
):
    """What a mode-config message does."""

    REQUEST = 1, "draft-dukes-ike-mode-cfg-02"
    REPLY = 2, "draft-dukes-ike-mode-cfg-02"
    SET = 3, "draft-dukes-ike-mode-cfg-02"
    ACK = 4, "draft-dukes-ike-mode-cfg-02"


class ModeConfigAttribute(
    OpenEnum,
    width=16,
    source="draft-dukes-ike-mode-cfg-02, 3.4; draft-beaulieu-ike-xauth-02, 6.2",
    private=((16384, 32767),),
    reserved=((0, 0),),
    extra=(*range(1, 16), *range(16520, 16530)),
):
    """The attributes of mode-config, and in its private range those of XAUTH."""

    INTERNAL_IP4_ADDRESS = 1, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP4_NETMASK = 2, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP4_DNS = 3, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP4_NBNS = 4, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_ADDRESS_EXPIRY = 5, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP4_DHCP = 6, "draft-dukes-ike-mode-cfg-02", "V"
    APPLICATION_VERSION = 7, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_ADDRESS = 8, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_NETMASK = 9, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_DNS = 10, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_NBNS = 11, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_DHCP = 12, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP4_SUBNET = 13, "draft-dukes-ike-mode-cfg-02", "V"
    SUPPORTED_ATTRIBUTES = 14, "draft-dukes-ike-mode-cfg-02", "V"
    INTERNAL_IP6_SUBNET = 15, "draft-dukes-ike-mode-cfg-02", "V"
    XAUTH_TYPE = 16520, "draft-beaulieu-ike-xauth-02", "B"
    XAUTH_USER_NAME = 16521, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_USER_PASSWORD = 16522, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_PASSCODE = 16523, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_MESSAGE = 16524, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_CHALLENGE = 16525, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_DOMAIN = 16526, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_STATUS = 16527, "draft-beaulieu-ike-xauth-02", "B"
    XAUTH_NEXT_PIN = 16528, "draft-beaulieu-ike-xauth-02", "V"
    XAUTH_ANSWER = 16529, "draft-beaulieu-ike-xauth-02", "V"


class XAUTHType(
    OpenEnum,
    width=16,
    source="draft-beaulieu-ike-xauth-02, 6.3",
    private=((32768, 65535),),
    extra=range(4),
):
    """What XAUTH asks the user for (attribute XAUTH_TYPE)."""

    GENERIC = 0, "draft-beaulieu-ike-xauth-02"
    RADIUS_CHAP = 1, "draft-beaulieu-ike-xauth-02"
    OTP = 2, "draft-beaulieu-ike-xauth-02"
    S_KEY = 3, "draft-beaulieu-ike-xauth-02"
