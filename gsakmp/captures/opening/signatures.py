"""The signature of a push, checked with all that may be its algorithm (RFC 6407, 4 and 5.3.6)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

from gsakmp.captures.opened import Check
from gsakmp.captures.opening.ciphertexts import GENERIC_HEADER
from gsakmp.captures.opening.known import RekeyState
from gsakmp.crypto import SignatureScheme, public_key, push_signature, push_signed_octets
from gsakmp.doi import Dialect
from gsakmp.errors import GsakmpError, InvalidSignature
from gsakmp.message import HEADER_OCTETS, Message
from gsakmp.payloads import Signature
from gsakmp.registries import SigAlgorithm, SigHashAlgorithm

__all__ = ["signature_check"]

NAME: Final = "signature"


class Way(NamedTuple):
    """How it may be signed."""

    scheme: SignatureScheme
    text: str


def signature_check(
    message: Message, plaintext: bytes, header: bytes, state: RekeyState, dialect: Dialect | None
) -> Check:
    """Whether the signature of a push is right. `header` is the message's, from the wire; `dialect` the one
    that the peer is said to speak, None to take the standard's RSA signature and the bare one of gdoid."""
    last = message.payloads[-1]
    if not isinstance(last, Signature):
        return Check(NAME, False, "there is none at the end")
    if not state.signature_keys:
        return Check(NAME, None, "the public key (SIG_ALGORITHM_KEY) is not known")
    length = len(plaintext) - len(message.padding)
    covered = plaintext[: length - GENERIC_HEADER - len(last.signature_data)]
    octets = push_signed_octets(header, covered, HEADER_OCTETS + length)
    reason = "it is not that of the group's key over this message"
    for octets_of_key in state.signature_keys:
        try:
            key = public_key(octets_of_key, allow_weak=True)
        except GsakmpError as error:
            return Check(NAME, None, f"the public key: {error}")
        for way in _ways(state, dialect):
            try:
                way.scheme.verify(key, last.signature_data, octets)
            except InvalidSignature:
                continue
            except GsakmpError as error:
                reason = str(error)
                continue
            return Check(NAME, True, way.text)
    return Check(NAME, False, reason)


def _ways(state: RekeyState, dialect: Dialect | None) -> Iterator[Way]:
    """The ways in which it may be signed: one where the policy is known and the dialect given."""
    infos = (True, False) if dialect is None else (dialect.push_signature_digest_info,)
    if state.sa is not None:
        pairs = [(state.sa.suite.signature, state.sa.suite.signature_hash)]
    else:
        pairs = [(SigAlgorithm.SIG_ALG_RSA, each) for each in SigHashAlgorithm]
        pairs += [(each, own) for each, own in _ECDSA.items()]
    for algorithm, hash_ in pairs:
        for info in infos if algorithm == SigAlgorithm.SIG_ALG_RSA else (True,):
            try:
                scheme = push_signature(algorithm, hash_, digest_info=info, allow_weak=True)
            except GsakmpError:
                continue
            text = f"{algorithm.name} with {hash_.name}{'' if info else ', the hash without DigestInfo'}"
            yield Way(scheme, text)


_ECDSA: Final = {
    SigAlgorithm.SIG_ALG_ECDSA_256: SigHashAlgorithm.SIG_HASH_SHA256,
    SigAlgorithm.SIG_ALG_ECDSA_384: SigHashAlgorithm.SIG_HASH_SHA384,
    SigAlgorithm.SIG_ALG_ECDSA_521: SigHashAlgorithm.SIG_HASH_SHA512,
}
