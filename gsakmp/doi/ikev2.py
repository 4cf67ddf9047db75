"""IKE version 2 as far as it shares the header and the chain with ISAKMP: payloads stay octets.

It is no domain of interpretation, but plays the part of one for messages of major version 2."""

from __future__ import annotations

from typing import Final

from gsakmp.doi.domain import DOI
from gsakmp.registries import IKEv2ExchangeType, IKEv2PayloadType
from gsakmp.wire import Tables

__all__ = ["IKEV2"]

IKEV2: Final = DOI(
    number=0,
    name="IKEv2",
    title="IKE version 2, header and payload chain",
    exchanges=IKEv2ExchangeType,
    tables=Tables(
        chains={"payloads": {}},
        last=frozenset(
            {
                int(IKEv2PayloadType.ENCRYPTED_AND_AUTHENTICATED),
                int(IKEv2PayloadType.ENCRYPTED_AND_AUTHENTICATED_FRAGMENT),
            }
        ),
    ),
    spec="RFC 7296",
    first_own_exchange=0,
)
"""IKEv2's framing."""
