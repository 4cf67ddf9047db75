"""The SA payloads of phase 1: what is offered, which offer is taken, and whether the answer is one of ours
(RFC 2409, 5; RFC 2408, 4.2).

All offers are transforms of one proposal. The answer has the chosen one alone, unchanged.
"""

from __future__ import annotations

from dataclasses import dataclass
from operator import itemgetter
from typing import Final

from gsakmp.errors import PolicyRefused
from gsakmp.exchanges.grammar import refused
from gsakmp.exchanges.phase1.configuration import METHODS, PhaseOneConfiguration
from gsakmp.group.phase1_suites import PhaseOneSuite, known_suite
from gsakmp.payloads import SA, Attribute, IKETransform, Proposal, Transform
from gsakmp.registries import (
    AuthenticationMethod,
    DOINumber,
    GroupDescription,
    IKEAttribute,
    IPsecSituation,
    ISAKMPTransformID,
    LifeType,
    NotifyType,
    ProtocolID,
)

__all__ = ["Choice", "accepted", "choose", "offer"]

NAMED: Final = 8
"""How many refused offers an error names."""
LONGEST_NUMBER: Final = 1 << 32
"""A larger value of an attribute is not shown: it may have thousands of digits."""
SUITE: Final = (
    IKEAttribute.ENCRYPTION_ALGORITHM,
    IKEAttribute.KEY_LENGTH,
    IKEAttribute.HASH_ALGORITHM,
    IKEAttribute.GROUP_DESCRIPTION,
)
KNOWN: Final = frozenset({*SUITE, IKEAttribute.AUTHENTICATION_METHOD})
"""What may stand in a transform once, beside lifetimes. A PRF or a group of the peer's own is nothing that
could be passed over (RFC 2408, 4.2)."""


@dataclass(frozen=True, slots=True)
class Choice:
    """What both sides agree on."""

    suite: PhaseOneSuite
    method: AuthenticationMethod
    lifetime: int
    """Seconds, the shorter of both sides'."""


def offer(configuration: PhaseOneConfiguration, group: GroupDescription | None = None) -> SA:
    """The SA payload with a transform for each suite and authentication method, the preferred ones first.

    With `group`, only suites of that group: in Aggressive Mode it can't be negotiated, as the public value is
    sent along (RFC 2409, 5).
    """
    pairs = [
        (suite, method)
        for suite in configuration.suites
        for method in configuration.usable_methods
        if group in (None, suite.group)
    ]
    transforms = tuple(
        IKETransform(
            transform_number=number,
            transform_id=ISAKMPTransformID.KEY_IKE,
            attributes=_attributes(suite, method, configuration.lifetime_seconds),
        )
        for number, (suite, method) in enumerate(pairs, 1)
    )
    return SA(
        doi=configuration.sa_doi,
        situation=configuration.sa_situation,
        proposals=(Proposal(proposal_number=1, protocol_id=ProtocolID.PROTO_ISAKMP, transforms=transforms),),
    )


def choose(configuration: PhaseOneConfiguration, offered: SA) -> tuple[Choice, SA]:
    """What we take of the peer's offers, the one that `configuration` prefers, and the SA that says so.

    Raises `PolicyRefused` if there is none, naming what was offered, `UnexpectedMessage` for another domain
    of interpretation or situation, or for what is no phase 1 proposal.
    """
    _check_domain(configuration, offered)
    proposal = _one_proposal(offered)
    choices: dict[tuple[PhaseOneSuite, AuthenticationMethod], tuple[Choice, Transform]] = {}
    for transform in proposal.transforms:
        found = _read(transform, configuration.lifetime_seconds)
        if found is not None:
            choices.setdefault((found.suite, found.method), (found, transform))
    for suite in configuration.suites:
        for method in configuration.usable_methods:
            if (suite, method) in choices:
                choice, transform = choices[suite, method]
                return choice, _answer(offered, proposal, transform)
    raise PolicyRefused(f"no offer is acceptable: {_named(proposal)}")


def accepted(configuration: PhaseOneConfiguration, offered: SA, answer: SA) -> Choice:
    """What the responder took of our offers. Raises `PolicyRefused` unless its answer is one of them, with no
    attribute changed, added or missing (RFC 2409, 5)."""
    if answer.doi != offered.doi or answer.situation != offered.situation:
        raise PolicyRefused("the answer has another domain of interpretation or situation than the offer")
    proposal = _one_proposal(answer)
    if len(proposal.transforms) != 1:
        raise PolicyRefused(f"an answer with {len(proposal.transforms)} transforms, one is wanted")
    (chosen,) = proposal.transforms
    ours = next((t for t in offered.proposals[0].transforms if _content(t) == _content(chosen)), None)
    found = _read(ours, configuration.lifetime_seconds) if ours else None
    if found is None:
        raise PolicyRefused(f"the answer is none of our offers: {_named(proposal)}")
    return found


def _attributes(suite: PhaseOneSuite, method: AuthenticationMethod, lifetime: int) -> tuple[Attribute, ...]:
    values: list[tuple[IKEAttribute, int | None]] = [
        (IKEAttribute.ENCRYPTION_ALGORITHM, suite.encryption),
        (IKEAttribute.KEY_LENGTH, suite.key_length),
        (IKEAttribute.HASH_ALGORITHM, suite.hash),
        (IKEAttribute.GROUP_DESCRIPTION, suite.group),
        (IKEAttribute.AUTHENTICATION_METHOD, method),
        (IKEAttribute.LIFE_TYPE, LifeType.SECONDS),
        (IKEAttribute.LIFE_DURATION, lifetime),
    ]
    return tuple(Attribute(kind, value) for kind, value in values if value is not None)


def _check_domain(configuration: PhaseOneConfiguration, offered: SA) -> None:
    if offered.doi != configuration.sa_doi:
        raise refused(
            f"the SA payload's domain of interpretation is {offered.doi!r}", NotifyType.DOI_NOT_SUPPORTED
        )
    labelled = offered.situation & ~IPsecSituation.SIT_IDENTITY_ONLY
    needed = offered.doi == DOINumber.IPSEC and not offered.situation
    if labelled or needed:
        raise refused(
            f"situation {offered.situation:#x} is not supported", NotifyType.SITUATION_NOT_SUPPORTED
        )


def _one_proposal(sa: SA) -> Proposal:
    """The one proposal that phase 1 has (RFC 2409, 5). Its SPI means nothing (RFC 2408, 3.5)."""
    if len(sa.proposals) != 1:
        raise refused(
            f"{len(sa.proposals)} proposals, phase 1 has one (RFC 2409, 5)", NotifyType.BAD_PROPOSAL_SYNTAX
        )
    (proposal,) = sa.proposals
    if proposal.protocol_id != ProtocolID.PROTO_ISAKMP:
        raise refused(f"a proposal for {proposal.protocol_id!r} in phase 1", NotifyType.INVALID_PROTOCOL_ID)
    return proposal


def _answer(offered: SA, proposal: Proposal, transform: Transform) -> SA:
    chosen = Proposal(
        proposal_number=proposal.proposal_number,
        protocol_id=proposal.protocol_id,
        transforms=(transform,),
    )
    return offered.replace(proposals=(chosen,))


def _read(transform: Transform, lifetime: int) -> Choice | None:
    """The suite, method and lifetime of an offer; None for one that is not understood in full."""
    if transform.transform_id != ISAKMPTransformID.KEY_IKE:
        return None
    values: dict[int, int] = {}
    durations: dict[int, int] = {}
    life_type: int | None = None
    for attribute in transform.attributes:
        kind, value = attribute.type, attribute.value
        if not isinstance(value, int):
            return None
        if kind == IKEAttribute.LIFE_TYPE and life_type is None:
            life_type = value
        elif kind == IKEAttribute.LIFE_DURATION and life_type is not None and life_type not in durations:
            durations[life_type], life_type = value, None
        elif kind in KNOWN and kind not in values:
            values[kind] = value
        else:
            return None
    # A limit in kilobytes is the peer's to watch: it begins anew when it likes.
    if life_type is not None or durations.keys() - set(LifeType) or 0 in durations.values():
        return None
    suite = known_suite(*(values.get(kind) for kind in SUITE))
    method = values.get(IKEAttribute.AUTHENTICATION_METHOD)
    if suite is None or method not in METHODS:
        return None
    seconds = durations.get(LifeType.SECONDS, lifetime)
    return Choice(suite, METHODS[METHODS.index(method)], min(seconds, lifetime))


def _content(transform: Transform) -> tuple[int, tuple[tuple[int, object], ...]]:
    """What may not change: everything but numbers and encodings (RFC 2409, 5 and appendix A)."""
    pairs = sorted(((int(a.type), a.value) for a in transform.attributes), key=itemgetter(0))
    return int(transform.transform_id), tuple(pairs)


def _named(proposal: Proposal) -> str:
    texts = [_text(transform) for transform in proposal.transforms]
    more = f" and {len(texts) - NAMED} more" if len(texts) > NAMED else ""
    return f"{', '.join(texts[:NAMED]) or 'nothing'}{more}"


def _text(transform: Transform) -> str:
    """An offer by its suite's and method's name, or by its numbers."""
    found = _read(transform, 1)
    if found is not None:
        return f"{found.suite.name} with {found.method.name}"
    numbers = [
        f"{int(a.type)}={int(a.value)}"
        for a in transform.attributes
        if isinstance(a.value, int) and a.value < LONGEST_NUMBER
    ]
    return f"({' '.join(numbers[:NAMED])})"
