"""Payloads of one field: octets that the exchange makes and checks."""

from typing import Annotated

from gsakmp.registries import PayloadType
from gsakmp.wire import GreedyBytes, Payload

__all__ = ["Hash", "KeyExchange", "Nonce", "Signature"]


class KeyExchange(Payload, kind=PayloadType.KEY_EXCHANGE, spec="RFC 2408, 3.7"):
    """A public value of the Diffie-Hellman group that was agreed."""

    key_exchange_data: Annotated[bytes, GreedyBytes, "the public value, as long as the group's prime"]


class Hash(Payload, kind=PayloadType.HASH, spec="RFC 2408, 3.11"):
    """The keyed hash that authenticates a message or an identity."""

    hash_data: Annotated[bytes, GreedyBytes, "output of the negotiated prf or hash"]


class Signature(Payload, kind=PayloadType.SIGNATURE, spec="RFC 2408, 3.12"):
    """A digital signature."""

    signature_data: Annotated[bytes, GreedyBytes, "as the signature algorithm encodes it"]


class Nonce(Payload, kind=PayloadType.NONCE, spec="RFC 2408, 3.13"):
    """Random octets, against replay."""

    nonce_data: Annotated[bytes, GreedyBytes, "8 to 256 octets (RFC 2409, 5); in GDOI to 128 (RFC 6407, 5.8)"]
