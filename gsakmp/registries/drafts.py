"""Payload numbers of drafts that RFCs later gave another meaning.

What does not collide stands, marked as extra, in the registry that it extends.
"""

from __future__ import annotations

from gsakmp.registries._open import OpenEnum

__all__ = ["DraftPayloadType"]


class DraftPayloadType(
    OpenEnum, width=8, source="draft-ietf-ipsec-nat-t-ike-04, 3.2 and 5.2", extra=(15, 16)
):
    """NAT traversal payloads of IPsec-DOI peers that follow this draft, or a later one before RFC 3947.
    In GDOI the same numbers are SA_KEK and SA_TEK, so only the DOI tells which is meant."""

    NAT_DISCOVERY = 15, "draft-ietf-ipsec-nat-t-ike-04, 3.2"
    NAT_ORIGINAL_ADDRESS = 16, "draft-ietf-ipsec-nat-t-ike-04, 5.2"
