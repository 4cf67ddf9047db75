"""The Proof of Possession payload (RFC 3547, 5.7). RFC 6407 dropped it; captures still have it."""

from typing import Annotated

from gsakmp.registries import PayloadType
from gsakmp.wire import GreedyBytes, Payload

__all__ = ["ProofOfPossession"]


class ProofOfPossession(
    Payload,
    kind=PayloadType.PROOF_OF_POSSESSION,
    spec="RFC 3547, 5.7",
    title="Proof of Possession (POP)",
):
    """A signature over both nonces with the key of a certificate that authorizes."""

    pop_data: Annotated[bytes, GreedyBytes, "the signature of POP_HASH"]
