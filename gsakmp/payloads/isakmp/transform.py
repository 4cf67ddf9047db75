"""The Transform payload (RFC 2408, 3.6), and what the protocols of the IPsec DOI make of it."""

from typing import Annotated

from gsakmp.registries import AHTransformID, ESPTransformID, IPCOMPTransformID, ISAKMPTransformID, PayloadType
from gsakmp.wire import Attribute, Attributes, Code, Int8ub, Int16ub, Payload

__all__ = ["AHTransform", "ESPTransform", "IKETransform", "IPCOMPTransform", "Transform"]


class Transform(Payload, kind=PayloadType.TRANSFORM, spec="RFC 2408, 3.6"):
    """One set of algorithms for the proposal's protocol. A protocol that the domain of interpretation knows
    has a class of its own, with its own transform ids and attributes."""

    transform_number: Annotated[int, Int8ub, "rank among the transforms, ascending"]
    transform_id: Annotated[int, Int8ub, "from the protocol's registry"]
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    attributes: Annotated[tuple[Attribute, ...], Attributes("transform"), "SA attributes"] = ()


class IKETransform(Transform, kind=PayloadType.TRANSFORM, spec="RFC 2407, 4.4.2; RFC 2409, appendix A"):
    """A phase-1 transform: protocol ISAKMP, with the attributes of IKE."""

    transform_id: Annotated[ISAKMPTransformID, Code(Int8ub, ISAKMPTransformID), "KEY_IKE"]
    attributes: Annotated[tuple[Attribute, ...], Attributes("IKE"), "phase-1 attributes"] = ()


class AHTransform(Transform, kind=PayloadType.TRANSFORM, spec="RFC 2407, 4.4.3"):
    """An AH transform."""

    transform_id: Annotated[AHTransformID, Code(Int8ub, AHTransformID), "the integrity algorithm"]
    attributes: Annotated[tuple[Attribute, ...], Attributes("IPsec"), "IPsec SA attributes"] = ()


class ESPTransform(Transform, kind=PayloadType.TRANSFORM, spec="RFC 2407, 4.4.4"):
    """An ESP transform."""

    transform_id: Annotated[ESPTransformID, Code(Int8ub, ESPTransformID), "the cipher"]
    attributes: Annotated[tuple[Attribute, ...], Attributes("IPsec"), "IPsec SA attributes"] = ()


class IPCOMPTransform(Transform, kind=PayloadType.TRANSFORM, spec="RFC 2407, 4.4.5"):
    """An IPCOMP transform."""

    transform_id: Annotated[IPCOMPTransformID, Code(Int8ub, IPCOMPTransformID), "the compression"]
    attributes: Annotated[tuple[Attribute, ...], Attributes("IPsec"), "IPsec SA attributes"] = ()
