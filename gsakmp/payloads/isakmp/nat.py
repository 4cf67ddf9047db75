"""NAT traversal (RFC 3947): NAT-D and NAT-OA, under the RFC's numbers and those of the drafts before it."""

from typing import Annotated

from gsakmp.payloads.isakmp.identification import Identity
from gsakmp.registries import DraftPayloadType, GDOIIDType, PayloadType
from gsakmp.wire import Choice, Code, GreedyBytes, Int8ub, Payload, Reserved, this

__all__ = ["NATDiscovery", "NATOriginalAddress"]


class NATDiscovery(
    Payload,
    kind=(PayloadType.NAT_DISCOVERY, PayloadType.NAT_DISCOVERY_DRAFT, DraftPayloadType.NAT_DISCOVERY),
    spec="RFC 3947, 3.2",
    title="NAT Discovery (NAT-D)",
):
    """The hash of the cookies with an address and a port: where they differ on the way, a NAT is there."""

    kind: int = PayloadType.NAT_DISCOVERY
    address_and_port_hash: Annotated[bytes, GreedyBytes, "HASH(CKY-I | CKY-R | IP | Port)"] = b""


class NATOriginalAddress(
    Payload,
    kind=(
        PayloadType.NAT_ORIGINAL_ADDRESS,
        PayloadType.NAT_ORIGINAL_ADDRESS_DRAFT,
        DraftPayloadType.NAT_ORIGINAL_ADDRESS,
    ),
    spec="RFC 3947, 5.2",
    title="NAT Original Address (NAT-OA)",
):
    """An address as it was before translation, for the checksums of transport mode."""

    kind: int = PayloadType.NAT_ORIGINAL_ADDRESS
    id_type: Annotated[GDOIIDType, Code(Int8ub, GDOIIDType), "ID_IPV4_ADDR or ID_IPV6_ADDR"] = (
        GDOIIDType.ID_IPV4_ADDR
    )
    reserved2: Annotated[bytes | None, Reserved(3), "zero"] = None
    address: Annotated[Identity, Choice("identification", this.id_type), "the address, by the type"] = b""
