"""The Vendor ID payload (RFC 2408, 3.16)."""

from hashlib import md5
from typing import Annotated, Final

from gsakmp.registries import PayloadType
from gsakmp.wire import GreedyBytes, Payload

__all__ = ["VendorID", "vendor_name"]

HASHED: Final = (
    # What is hashed with MD5 to make the id, by the document's own word.
    "RFC 3947",
    *(f"draft-ietf-ipsec-nat-t-ike-{n:02}" for n in range(9)),
    "draft-ietf-ipsec-nat-t-ike-02\n",
    "FRAGMENTATION",
    *(f"draft-stenberg-ipsec-nat-traversal-{n:02}" for n in (1, 2)),
    "draft-huttunen-ipsec-esp-in-udp-00.txt",
    # Implementations, and extensions of one of them ([MS-IKEE], 1.7).
    "strongSwan",
    "KAME/racoon",
    "MS NT5 ISAKMPOAKLEY",
    "MS-Negotiation Discovery Capable",
    "MS-MamieExists",
    "Vid-Initial-Contact",
    "IKE CGA version 1",
    "GSSAPI",
    "ESPThruNAT",
)
FIXED: Final = {
    "afcad71368a1f1c96b8696fc7757": "Dead peer detection (RFC 3706)",
    "09002689dfd6b712": "XAUTH (draft-beaulieu-ike-xauth-02)",
    "12f5f28c457168a9702d9fe274cc": "Cisco Unity",
}
"""Ids that are not the hash of a name: what they start with, in hex. The octets after may be a version."""


def digest(text: str) -> bytes:
    return md5(text.encode("ascii"), usedforsecurity=False).digest()


FIXED_OCTETS: Final = [(bytes.fromhex(start), name) for start, name in FIXED.items()]
BY_DIGEST: Final = {digest(text): text.rstrip("\n") for text in HASHED}


def vendor_name(vendor_id: bytes) -> str:
    """What the id stands for, or nothing. Some append octets of their own to a known id."""
    if (name := BY_DIGEST.get(vendor_id[:16])) is not None:
        return name
    for start, name in FIXED_OCTETS:
        if vendor_id.startswith(start):
            return name
    if vendor_id.isascii() and (text := vendor_id.decode("ascii")).isprintable():
        return text
    return ""


class VendorID(Payload, kind=PayloadType.VENDOR_ID, spec="RFC 2408, 3.16", title="Vendor ID"):
    """An extension that the sender speaks, named by a constant that its inventor chose."""

    vendor_id: Annotated[bytes, GreedyBytes, "usually the hash of a text"]

    def readings(self) -> dict[str, str]:
        """The extension's name, where the id is a known one."""
        name = vendor_name(self.vendor_id)
        return {"vendor_id": name} if name else {}
