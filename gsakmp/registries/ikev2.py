"""The numbers of IKEv2 (RFC 7296) and G-IKEv2 (RFC 9838) that tell a message and its payloads."""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = ["IKEv2ExchangeType", "IKEv2PayloadType"]


class IKEv2ExchangeType(
    OpenEnum,
    width=8,
    source="RFC 7296, 3.1; RFC 9838; IANA ikev2-parameters",
    private=((240, 255),),
    reserved=((0, 33),),
    iana=("ikev2-parameters/ikev2-parameters-1",),
):
    """The Exchange Type of an IKEv2 header (RFC 7296, 3.1)."""

    IKE_SA_INIT = 34, "RFC 7296"
    IKE_AUTH = 35, "RFC 7296"
    CREATE_CHILD_SA = 36, "RFC 7296"
    INFORMATIONAL = 37, "RFC 7296"
    IKE_SESSION_RESUME = 38, "RFC 5723"
    GSA_AUTH = 39, "RFC 9838"
    GSA_REGISTRATION = 40, "RFC 9838"
    GSA_REKEY = 41, "RFC 9838"
    GSA_INBAND_REKEY = 42, "RFC 9838"
    IKE_INTERMEDIATE = 43, "RFC 9242"
    IKE_FOLLOWUP_KE = 44, "RFC 9370"


class IKEv2PayloadType(
    OpenEnum,
    width=8,
    source="RFC 7296, 3.2; RFC 9838; IANA ikev2-parameters",
    private=((128, 255),),
    reserved=((1, 32),),
    iana=("ikev2-parameters/ikev2-parameters-2",),
):
    """The Next Payload field of IKEv2 (RFC 7296, 3.2)."""

    NO_NEXT_PAYLOAD = 0, "RFC 7296"
    SECURITY_ASSOCIATION = 33, "RFC 7296, RFC 9838"
    KEY_EXCHANGE = 34, "RFC 7296"
    IDENTIFICATION_INITIATOR = 35, "RFC 7296"
    IDENTIFICATION_RESPONDER = 36, "RFC 7296"
    CERTIFICATE = 37, "RFC 7296"
    CERTIFICATE_REQUEST = 38, "RFC 7296"
    AUTHENTICATION = 39, "RFC 7296"
    NONCE = 40, "RFC 7296"
    NOTIFY = 41, "RFC 7296"
    DELETE = 42, "RFC 7296"
    VENDOR_ID = 43, "RFC 7296"
    TRAFFIC_SELECTOR_INITIATOR = 44, "RFC 7296"
    TRAFFIC_SELECTOR_RESPONDER = 45, "RFC 7296"
    ENCRYPTED_AND_AUTHENTICATED = 46, "RFC 7296"
    CONFIGURATION = 47, "RFC 7296"
    EXTENSIBLE_AUTHENTICATION = 48, "RFC 7296"
    GENERIC_SECURE_PASSWORD_METHOD = 49, "RFC 6467"
    GROUP_IDENTIFICATION = 50, "RFC 9838"
    GROUP_SECURITY_ASSOCIATION = 51, "RFC 9838"
    KEY_DOWNLOAD = 52, "RFC 9838"
    ENCRYPTED_AND_AUTHENTICATED_FRAGMENT = 53, "RFC 7383"
    PUZZLE_SOLUTION = 54, "RFC 8019"
