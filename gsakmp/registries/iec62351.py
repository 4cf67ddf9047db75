"""Numbers of GDOI for power utilities: IEC 61850 under IEC 62351-9 (RFC 8052)."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = ["IEC62351Authentication", "IEC62351Confidentiality", "SATEKAttribute"]


class IEC62351Authentication(
    OpenEnum,
    width=16,
    source="RFC 8052, 2.2.2 and 4; IANA gdoi-payloads",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/iec62351-9-authentication-values",),
):
    """The Auth Alg field of an IEC 61850 SA TEK (RFC 8052, 2.2.2)."""

    NONE = 1, "RFC 8052"
    HMAC_SHA256_128 = 2, "RFC 8052"
    HMAC_SHA256 = 3, "RFC 8052"
    AES_GMAC_128 = 4, "RFC 8052"
    AES_GMAC_256 = 5, "RFC 8052"
    HMAC_SHA_384 = 6, "Steffen Fries"
    HMAC_SHA_512 = 7, "Steffen Fries"


class IEC62351Confidentiality(
    OpenEnum,
    width=16,
    source="RFC 8052, 2.2.3 and 4; IANA gdoi-payloads",
    private=((61440, 65535),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/iec62351-9-confidentiality-values",),
):
    """The Enc Alg field of an IEC 61850 SA TEK (RFC 8052, 2.2.3). The GCM ones authenticate too."""

    NONE = 1, "RFC 8052"
    AES_CBC_128 = 2, "RFC 8052"
    AES_CBC_256 = 3, "RFC 8052"
    AES_GCM_128 = 4, "RFC 8052"
    AES_GCM_256 = 5, "RFC 8052"


class SATEKAttribute(
    OpenEnum,
    width=16,
    source="RFC 8052, 2.2.4 and 4; IANA gdoi-payloads",
    private=((28672, 32767),),
    reserved=((0, 0),),
    iana=("gdoi-payloads/gdoi-sa-tek-attributes",),
):
    """The attributes of an IEC 61850 SA TEK (RFC 8052, 2.2.4)."""

    SA_ATD = 1, "RFC 8052", "V"
    SA_KDA = 2, "RFC 8052", "B"
