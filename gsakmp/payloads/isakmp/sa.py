"""The Security Association payload (RFC 2408, 3.4; RFC 2407, 4.6.1)."""

from typing import Annotated

from gsakmp.payloads.isakmp.proposal import Proposal
from gsakmp.registries import DOINumber, IPsecSituation, LabeledDomain, PayloadType
from gsakmp.wire import (
    AUTO,
    Auto,
    Bytes,
    Chain,
    Code,
    Element,
    Flags,
    GreedyBytes,
    If,
    Inline,
    Int16ub,
    Int32ub,
    Payload,
    Suggested,
    len_,
    this,
)

__all__ = ["SA", "SensitivityLabel", "UnknownSA"]


class SensitivityLabel(Element, spec="RFC 2407, 4.6.1"):
    """A level and a set of categories, for secrecy or for integrity."""

    level_length: Annotated[Auto, Suggested(Int16ub, len_(this.level)), "octets, padding not counted"] = AUTO
    reserved: Annotated[int, Int16ub, "zero"] = 0
    level: Annotated[bytes, Bytes((this.level_length + 3) // 4 * 4), "padded to 4 octets"] = b""
    category_length: Annotated[
        Auto, Suggested(Int16ub, len_(this.categories) * 8), "bits, padding not counted"
    ] = AUTO
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    categories: Annotated[bytes, Bytes((this.category_length + 31) // 32 * 4), "padded to 4 octets"] = b""


class SA(Payload, kind=PayloadType.SA, spec="RFC 2408, 3.4", title="Security Association"):
    """What is negotiated: the domain of interpretation, the situation and the proposals.

    The situation is the bit mask of the IPsec DOI; GDOI's phase 1 sends 0 or 1. With secrecy or integrity
    in it, the labels are there (RFC 2407, 4.2).
    """

    doi: Annotated[DOINumber, Code(Int32ub, DOINumber), "domain of interpretation"]
    situation: Annotated[int, Flags(Int32ub, IPsecSituation), "why protection is wanted"]
    labeled_domain: Annotated[
        LabeledDomain | None,
        If(this.situation & 6, Code(Int32ub, LabeledDomain)),
        "whose labels they are; with secrecy or integrity",
    ] = None
    secrecy: Annotated[
        SensitivityLabel | None, If(this.situation & 2, Inline(SensitivityLabel)), "with secrecy"
    ] = None
    integrity: Annotated[
        SensitivityLabel | None, If(this.situation & 4, Inline(SensitivityLabel)), "with integrity"
    ] = None
    proposals: Annotated[
        tuple[Proposal, ...], Chain(PayloadType.PROPOSAL, "proposals"), "one or more, in order of preference"
    ] = ()


class UnknownSA(
    Payload, kind=PayloadType.SA, spec="RFC 2408, 3.4", title="Security Association, unknown DOI"
):
    """An SA of a domain of interpretation that nothing here defines."""

    doi: Annotated[DOINumber, Code(Int32ub, DOINumber), "domain of interpretation"]
    body: Annotated[bytes, GreedyBytes, "situation and proposals, unread"] = b""
