"""What the first messages of phase 1 lead to, and how each side then proves who it is (RFC 2409, 5)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from hmac import compare_digest
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from gsakmp.crypto import (
    KeyPair,
    PhaseOneKeys,
    check_hash,
    hash_function,
    phase1_cipher,
    phase1_signature,
    skeyid_pre_shared_key,
    skeyid_signatures,
)
from gsakmp.errors import AuthenticationFailed, CryptoError, RemoteError
from gsakmp.exchanges.grammar import Payloads, refused
from gsakmp.exchanges.isakmp_sa import Peer, Role
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.proposals import Choice
from gsakmp.group.phase1_suites import key_strength
from gsakmp.identities import Identity
from gsakmp.payloads import Certificate, Hash, Identification, Signature
from gsakmp.registries import AuthenticationMethod, CertificateEncoding, IPProtocol, NotifyType
from gsakmp.wire import Payload

__all__ = ["Agreement", "Part", "Proven", "authenticating", "identified", "is_shared_key"]

PORTS: Final = frozenset({(0, 0), (IPProtocol.UDP, 0), (IPProtocol.UDP, 500), (IPProtocol.UDP, 848)})
"""Protocol and port that an ID payload may have in phase 1 (RFC 2407, 4.6.2); 848 is GDOI's for 500. Some
name UDP and leave the port at zero, as RFC 3947, 4 wants it."""


@dataclass(frozen=True, slots=True)
class Proven:
    """The peer, and how strong the proof is that it is that."""

    peer: Peer
    strength: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Part:
    """Our part in an exchange of keys that the peer's part is still missing from."""

    choice: Choice
    pair: KeyPair
    nonce: bytes
    sa_body: bytes
    """SAi_b: the body of the SA payload that the initiator sent, all offers."""
    initiator_cookie: bytes
    responder_cookie: bytes

    @property
    def cookies(self) -> bytes:
        """CKY-I | CKY-R."""
        return self.initiator_cookie + self.responder_cookie


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """Keys that both sides have, and that nobody has authenticated yet. Its text shows no secret."""

    choice: Choice
    keys: PhaseOneKeys
    initiator_public: bytes
    responder_public: bytes
    sa_body: bytes
    shared_key: bytes = field(repr=False)
    """The pre-shared key; empty with signatures."""
    host: IPv4Address | IPv6Address
    """The peer's address: a pre-shared key is an address's, and an identity that is one must be this one
    where a certificate vouches for it (RFC 4945, 3.1.1)."""

    @classmethod
    def make(
        cls,
        configuration: PhaseOneConfiguration,
        part: Part,
        role: Role,
        *,
        public: bytes,
        nonce: bytes,
        host: IPv4Address | IPv6Address,
        identity: Identity | None,
    ) -> Agreement:
        """From our `part`, which is that of `role`, and the peer's public value and nonce; `identity` is the
        peer's, as far as it is known.

        Raises `RemoteError` for a public value that is none or our own, sent back to us, and where no
        pre-shared key is to be found.
        """
        if public == part.pair.public:
            raise refused("our own public value, sent back", NotifyType.INVALID_KEY_INFORMATION)
        first = role is Role.INITIATOR
        nonces = (part.nonce, nonce) if first else (nonce, part.nonce)
        publics = (part.pair.public, public) if first else (public, part.pair.public)
        suite, weak = part.choice.suite, configuration.allow_weak
        prf = hash_function(suite.hash, allow_weak=weak)
        shared_key = b""
        if is_shared_key(part.choice.method):
            shared_key = configuration.credentials.pre_shared_key(identity, host)
            skeyid = skeyid_pre_shared_key(prf, shared_key, *nonces)
            secret = part.pair.shared(public)
        else:
            secret = part.pair.shared(public)
            skeyid = skeyid_signatures(prf, *nonces, secret)
        keys = PhaseOneKeys.derive(
            hash_function=prf,
            cipher=phase1_cipher(suite.encryption, suite.key_length, allow_weak=weak),
            skeyid=skeyid,
            shared_secret=secret,
            initiator_cookie=part.initiator_cookie,
            responder_cookie=part.responder_cookie,
        )
        return cls(
            choice=part.choice,
            keys=keys,
            initiator_public=publics[0],
            responder_public=publics[1],
            sa_body=part.sa_body,
            shared_key=shared_key,
            host=host,
        )

    @property
    def cookies(self) -> bytes:
        """CKY-I | CKY-R."""
        return self.keys.initiator_cookie + self.keys.responder_cookie

    @property
    def first_iv(self) -> bytes:
        """The IV of the first encrypted message of phase 1."""
        return self.keys.first_iv(self.initiator_public, self.responder_public)

    def hash(self, role: Role, identity_body: bytes) -> bytes:
        """HASH_I or HASH_R over the octets of that side's ID payload, with the HMAC of the signature's own
        hash where it has one (RFC 2409, 5.1)."""
        own = None
        if not is_shared_key(self.choice.method):
            own = phase1_signature(self.choice.method).hash_function
        function = self.keys.hash_i if role is Role.INITIATOR else self.keys.hash_r
        return function(self.initiator_public, self.responder_public, self.sa_body, identity_body, own)

    def proof(
        self, configuration: PhaseOneConfiguration, role: Role, identity_body: bytes
    ) -> tuple[Payload, ...]:
        """What shows that we are who we say: HASH, or our certificates and SIG."""
        method, value = self.choice.method, self.hash(role, identity_body)
        if is_shared_key(method):
            return (Hash(value),)
        credentials = configuration.credentials
        signature = phase1_signature(method).sign(credentials.signing_key(method), value)
        return (*credentials.certificate_payloads(), Signature(signature))

    def verify(
        self,
        configuration: PhaseOneConfiguration,
        role: Role,
        identification: Identification,
        identity_body: bytes,
        payloads: Payloads,
        now: float,
    ) -> Proven:
        """That the peer, whose part is `role`, is who it says. Raises `AuthenticationFailed`."""
        identity = identified(configuration, identification)
        value = self.hash(role, identity_body)
        if is_shared_key(self.choice.method):
            check_hash(value, payloads.one(Hash).hash_data)
            return self._of_shared_key(configuration, identity)
        return self._of_signature(configuration, identity, value, payloads, now)

    def _of_shared_key(self, configuration: PhaseOneConfiguration, identity: Identity) -> Proven:
        """In Main Mode the key was chosen by address alone (RFC 2409, 5.4): that identity's key must be it,
        or one peer could go by another's name."""
        key = configuration.credentials.pre_shared_key(identity, self.host)
        if not compare_digest(key, self.shared_key):
            raise AuthenticationFailed(f"the pre-shared key is not that of {identity}")
        return Proven(Peer(identity=identity, method=self.choice.method), 8 * len(key))

    def _of_signature(
        self,
        configuration: PhaseOneConfiguration,
        identity: Identity,
        value: bytes,
        payloads: Payloads,
        now: float,
    ) -> Proven:
        method, credentials = self.choice.method, configuration.credentials
        received = [
            payload.certificate_data
            for payload in payloads.all(Certificate)
            if payload.certificate_encoding == CertificateEncoding.X509_SIGNATURE
        ]
        key, certificate = credentials.verify(identity, received, method, now, self.host)
        phase1_signature(method).verify(key, payloads.one(Signature).signature_data, value)
        peer = Peer(identity=identity, method=method, certificate=certificate)
        return Proven(peer, min(key_strength(key), key_strength(credentials.signing_key(method))))


def is_shared_key(method: AuthenticationMethod) -> bool:
    """Whether HASH itself is the proof, and not a signature over it."""
    return method == AuthenticationMethod.PRE_SHARED_KEY


def identified(configuration: PhaseOneConfiguration, payload: Identification) -> Identity:
    """Whom an ID payload of phase 1 names. Raises `AuthenticationFailed` for another than the peer has to be,
    or for another port than IKE's, for which the SA must not be made (RFC 2407, 4.6.2)."""
    if (payload.protocol_id, payload.port) not in PORTS:
        raise AuthenticationFailed(
            f"an ID payload for protocol {int(payload.protocol_id)}, port {payload.port}"
        )
    identity = Identity.from_payload(payload)
    if configuration.peer_identity not in (None, identity):
        raise AuthenticationFailed(f"the peer is {identity}, it must be {configuration.peer_identity}")
    return identity


@contextmanager
def authenticating() -> Iterator[None]:
    """Whatever is wrong with a message that is to prove who the peer is, it fails in one way for the peer:
    under a wrong key, say, it decrypts to anything. Raises `AuthenticationFailed`."""
    try:
        yield
    except AuthenticationFailed as error:
        error.notify_type = AuthenticationFailed.notify_type
        raise
    except (RemoteError, CryptoError) as error:
        raise AuthenticationFailed(f"not authenticated, perhaps for another key: {error}") from error
