"""The proofs of phase 1: HASH_I, HASH_R and the signatures over them (RFC 2409, 5), checked by a witness."""

from __future__ import annotations

from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import Check, Sender
from gsakmp.captures.opening.state import INITIATOR, ISAKMPState
from gsakmp.crypto import PhaseOneKeys, PublicKey, accepted_public_key, check_hash, phase1_signature
from gsakmp.errors import GsakmpError, InvalidHash, InvalidSignature
from gsakmp.message import Message
from gsakmp.payloads import Certificate, Hash, Signature
from gsakmp.registries import AuthenticationMethod, CertificateEncoding

__all__ = ["fits_hash", "proofs"]


def proofs(message: Message, state: ISAKMPState, sender: Sender) -> list[Check]:
    """A check for each HASH or SIG payload."""
    side = "I" if sender is INITIATOR else "R"
    found = []
    for payload in message.payloads:
        if isinstance(payload, Hash):
            found.append(_hash_check(f"HASH_{side}", payload.hash_data, state, sender))
        elif isinstance(payload, Signature):
            found.append(_signature_check(f"SIG_{side}", payload, message, state, sender))
    return found


def fits_hash(message: Message, state: ISAKMPState, sender: Sender, keys: PhaseOneKeys) -> bool:
    """Whether a HASH payload of the message is the one that these keys make."""
    if _missing(state, sender):
        return False
    value = _value(state, keys, sender)
    return any(isinstance(payload, Hash) and payload.hash_data == value for payload in message.payloads)


def _missing(state: ISAKMPState, sender: Sender) -> str:
    """What HASH_I or HASH_R needs and is not there, in words; empty if nothing."""
    wanted = (
        (state.sa_body, "the initiator's SA payload"),
        (state.initiator.public and state.responder.public, "a public value"),
        (state.party(sender).identity_body, "the identity"),
    )
    return next((f"{what} is not in the capture" for there, what in wanted if not there), "")


def _value(state: ISAKMPState, keys: PhaseOneKeys, sender: Sender) -> bytes:
    """HASH_I or HASH_R, with the HMAC of the signature's own hash where it has one (RFC 2409, 5.1)."""
    own = None
    method = state.suite.method if state.suite is not None else None
    if method not in (None, AuthenticationMethod.PRE_SHARED_KEY):
        try:
            own = phase1_signature(AuthenticationMethod(method)).hash_function
        except GsakmpError:
            own = None
    function = keys.hash_i if sender is INITIATOR else keys.hash_r
    identity = state.party(sender).identity_body
    return function(state.initiator.public, state.responder.public, state.sa_body, identity, own)


def _unknown(state: ISAKMPState, sender: Sender) -> str:
    if state.keys is None:
        return "no key for this SA is known"
    return _missing(state, sender) or ("" if Kind.SKEYID in state.known else "SKEYID is not known")


def _hash_check(name: str, received: bytes, state: ISAKMPState, sender: Sender) -> Check:
    missing = _unknown(state, sender)
    if missing or state.keys is None:
        return Check(name, None, missing)
    try:
        check_hash(_value(state, state.keys, sender), received)
    except InvalidHash:
        return Check(name, False, "it does not fit the message and the key")
    return Check(name, True)


def _signature_check(
    name: str, payload: Signature, message: Message, state: ISAKMPState, sender: Sender
) -> Check:
    """By the key of the certificate beside it, if there is one; whom that certifies is another question."""
    missing = _unknown(state, sender)
    if missing or state.keys is None or state.suite is None or state.suite.method is None:
        return Check(name, None, missing or "the authentication method is not in the capture")
    key = _certified(message)
    if key is None:
        return Check(name, None, "there is no certificate beside it")
    try:
        scheme = phase1_signature(state.suite.method)
        scheme.verify(key, payload.signature_data, _value(state, state.keys, sender))
    except InvalidSignature:
        return Check(name, False, "it is not that of the certificate's key")
    except GsakmpError as error:
        return Check(name, None, str(error))
    return Check(name, True, "by the certificate beside it, which was not checked")


def _certified(message: Message) -> PublicKey | None:
    """The key of the first certificate."""
    from cryptography import x509  # slow to import

    from gsakmp.exchanges.certificate_contents import ODD

    for payload in message.payloads:
        if not isinstance(payload, Certificate):
            continue
        if payload.certificate_encoding != CertificateEncoding.X509_SIGNATURE:
            continue
        try:
            certificate = x509.load_der_x509_certificate(payload.certificate_data)
            return accepted_public_key(certificate.public_key(), allow_weak=True)
        except (*ODD, GsakmpError):
            return None
    return None
