"""The Security Association payload of GDOI's own exchanges (RFC 6407, 5.2)."""

from typing import Annotated

from gsakmp.registries import DOINumber, PayloadType
from gsakmp.wire import AUTO, Auto, Chain, Code, Int16ub, Int32ub, Payload, Rebuild, first_kind_, this

__all__ = ["GroupSA"]


class GroupSA(Payload, kind=PayloadType.SA, spec="RFC 6407, 5.2", title="Group Security Association"):
    """The policy of a group: how it is rekeyed (SA KEK), what holds for all (GAP), how its traffic is
    protected (SA TEK), in that order (RFC 6407, 5.2.1)."""

    doi: Annotated[DOINumber, Code(Int32ub, DOINumber), "GDOI"] = DOINumber.GDOI
    situation: Annotated[int, Int32ub, "zero"] = 0
    sa_attribute_next_payload: Annotated[
        Auto, Rebuild(Int16ub, first_kind_(this.sa_attributes)), "type of the first SA attribute payload"
    ] = AUTO
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    sa_attributes: Annotated[
        tuple[Payload, ...], Chain(this.sa_attribute_next_payload, "SA attributes"), "SA KEK, GAP, SA TEKs"
    ] = ()
