"""Offers, choices and answers of phase 1."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsakmp.errors import PolicyRefused, RemoteError, UnexpectedMessage
from gsakmp.exchanges.proposals import accepted, choose, offer
from gsakmp.message import Message, parse
from gsakmp.payloads import SA, Attribute, IKETransform, Proposal
from gsakmp.registries import (
    AuthenticationMethod,
    DOINumber,
    ExchangeType,
    IKEAttribute,
    LifeType,
    NotifyType,
    ProtocolID,
)
from tests.unit.exchanges.phase1 import GCKS, MEMBER, METHODS, RSA, SHARED, configuration

GOOD = {1: 7, 14: 128, 2: 4, 4: 19, 3: 1, 11: 1, 12: 86400}
"""AES, 128 bits, SHA-256, group 19, pre-shared key, seconds, a day (RFC 2409, appendix A)."""


def transform(
    attributes: dict[int, int] | list[tuple[int, Any]], number: int = 1, kind: int = 1
) -> IKETransform:
    pairs = attributes.items() if isinstance(attributes, dict) else attributes
    return IKETransform(
        transform_number=number,
        transform_id=kind,
        attributes=tuple(Attribute(IKEAttribute(kind), value) for kind, value in pairs),
    )


def sa(*transforms: IKETransform, **changes: Any) -> SA:
    proposal = Proposal(
        proposal_number=1, protocol_id=ProtocolID.PROTO_ISAKMP, spi=b"12345678", transforms=transforms
    )
    return SA(**{"doi": DOINumber.GDOI, "situation": 0, "proposals": (proposal,), **changes})


def over_the_wire(payload: SA) -> SA:
    """As the other side reads it."""
    octets = Message(
        initiator_cookie=b"initiato", exchange_type=ExchangeType.IDENTITY_PROTECTION, payloads=(payload,)
    ).build()
    (found,) = parse(octets).payloads
    assert isinstance(found, SA)
    return found


def test_the_octets_of_an_offer() -> None:
    """Laid out by hand from RFC 2408, 3.4 to 3.6 and RFC 2409, appendix A."""
    octets = Message(
        initiator_cookie=b"initiato",
        exchange_type=ExchangeType.IDENTITY_PROTECTION,
        payloads=(offer(configuration(MEMBER, lifetime_seconds=3600)),),
    ).build()
    assert octets[28:].hex() == (
        "0000003c" "00000002" "00000000"
        "00000030" "01" "01" "00" "01"
        "00000028" "01" "01" "0000"
        "80010007" "800e0080" "80020004" "80040013" "80030001" "800b0001" "000c000400000e10"
    )  # fmt: skip


def test_every_suite_with_every_method_that_has_a_key() -> None:
    ours = configuration(
        MEMBER, RSA, ("aes-256-sha384-group20", "3des-sha1-group2"), allow_weak=True, methods=METHODS
    )
    transforms = offer(ours).proposals[0].transforms
    assert [t.transform_number for t in transforms] == [1, 2]
    values = [{int(a.type): a.value for a in t.attributes} for t in transforms]
    assert values[0] == {1: 7, 14: 256, 2: 5, 4: 20, 3: 3, 11: 1, 12: 86400}
    assert values[1] == {1: 5, 2: 2, 4: 2, 3: 3, 11: 1, 12: 86400}  # no key length: it is fixed


def test_the_answer_is_the_offer_unchanged() -> None:
    other = transform({**GOOD, 14: 256}, 7)
    offered = over_the_wire(sa(transform({1: 5, 2: 2, 3: 1, 4: 2}, 3), other, transform(GOOD, 9)))
    choice, answer = choose(configuration(GCKS, lifetime_seconds=600), offered)
    assert (choice.suite.name, choice.method, choice.lifetime) == ("aes-128-sha256-group19", SHARED, 600)
    (proposal,) = answer.proposals
    assert proposal.transforms == offered.proposals[0].transforms[2:]
    assert (answer.doi, answer.situation, proposal.proposal_number) == (DOINumber.GDOI, 0, 1)


def test_lifetimes() -> None:
    def lifetime(*attributes: tuple[int, Any]) -> int | None:
        pairs = [(kind, value) for kind, value in GOOD.items() if kind not in (11, 12)]
        try:
            return choose(configuration(GCKS), sa(transform([*pairs, *attributes])))[0].lifetime
        except PolicyRefused:
            return None

    assert lifetime() == 86400
    assert lifetime((11, 1), (12, 60)) == 60
    assert lifetime((11, 1), (12, 10**9)) == 86400
    assert lifetime((11, LifeType.KILOBYTES), (12, 1000)) == 86400
    assert lifetime((11, 2), (12, 1000), (11, 1), (12, 60)) == 60
    assert lifetime((11, 1), (12, 0)) is None
    assert lifetime((11, 1)) is None
    assert lifetime((12, 60)) is None
    assert lifetime((11, 1), (11, 1), (12, 60)) is None
    assert lifetime((11, 1), (12, 60), (11, 1), (12, 90)) is None
    assert lifetime((11, 3), (12, 60)) is None


@pytest.mark.parametrize(
    "attributes",
    [
        {**GOOD, 13: 1},  # a PRF, of which none is assigned
        {**GOOD, 5: 1},  # a group of the peer's own
        {**GOOD, 16384: 1},
        {**GOOD, 14: 129},
        {**GOOD, 1: 5},  # 3DES with a key length
        {k: v for k, v in GOOD.items() if k != 14},
        {k: v for k, v in GOOD.items() if k != 4},
        {k: v for k, v in GOOD.items() if k != 3},
        {**GOOD, 3: 65001},
        [*GOOD.items(), (14, 128)],
        [*GOOD.items(), (1, 7)],
        {},
    ],
)
def test_offers_that_are_not_understood_in_full(attributes: Any) -> None:
    with pytest.raises(PolicyRefused, match="no offer is acceptable") as caught:
        choose(configuration(GCKS), sa(transform(attributes)))
    assert caught.value.notify_type == NotifyType.NO_PROPOSAL_CHOSEN
    # And do not spoil the one beside them.
    choose(configuration(GCKS), sa(transform(attributes), transform(GOOD, 2)))


def test_another_transform_id() -> None:
    with pytest.raises(PolicyRefused):
        choose(configuration(GCKS), sa(transform(GOOD, kind=2)))


def test_huge_numbers_are_neither_taken_nor_shown() -> None:
    huge = Attribute(IKEAttribute.HASH_ALGORITHM, 1 << 40000, basic=False)
    wrong = transform({})
    offered = over_the_wire(sa(wrong.replace(attributes=(huge, huge))))
    with pytest.raises(PolicyRefused) as caught:
        choose(configuration(GCKS), offered)
    assert len(str(caught.value)) < 200
    ours = offer(configuration(GCKS))
    with pytest.raises(PolicyRefused):
        accepted(configuration(GCKS), ours, offered)


def test_errors_name_what_was_offered() -> None:
    weak = [transform({1: 5, 2: 2, 3: 1, 4: 2}, number) for number in range(1, 12)]
    with pytest.raises(PolicyRefused, match=r"3des-sha1-group2 with PRE_SHARED_KEY, .* and 3 more"):
        choose(configuration(GCKS), sa(*weak))
    with pytest.raises(PolicyRefused, match=r"\(1=1 2=1\)"):
        choose(configuration(GCKS), sa(transform({1: 1, 2: 1})))


@pytest.mark.parametrize(
    ("changes", "notify_type"),
    [
        ({"doi": DOINumber.IPSEC}, NotifyType.DOI_NOT_SUPPORTED),
        ({"situation": 2}, NotifyType.SITUATION_NOT_SUPPORTED),
        ({"situation": 8}, NotifyType.SITUATION_NOT_SUPPORTED),
        ({"proposals": ()}, NotifyType.BAD_PROPOSAL_SYNTAX),
        (
            {"proposals": (Proposal(proposal_number=1, protocol_id=ProtocolID.PROTO_IPSEC_ESP),)},
            NotifyType.INVALID_PROTOCOL_ID,
        ),
    ],
)
def test_sas_that_are_none_of_phase_1(changes: dict[str, Any], notify_type: int) -> None:
    with pytest.raises(UnexpectedMessage) as caught:
        choose(configuration(GCKS), sa(transform(GOOD), **changes))
    assert caught.value.notify_type == notify_type


def test_phase_1_has_one_proposal() -> None:
    two = sa(transform(GOOD)).proposals * 2
    with pytest.raises(UnexpectedMessage, match="2 proposals"):
        choose(configuration(GCKS), sa(proposals=two))


def test_situations() -> None:
    for situation in (0, 1):  # GDOI's daemon sends 0, another implementation 1
        choose(configuration(GCKS), sa(transform(GOOD), situation=situation))
    ipsec = configuration(GCKS, sa_doi=DOINumber.IPSEC)
    choose(ipsec, sa(transform(GOOD), doi=DOINumber.IPSEC, situation=1))
    with pytest.raises(UnexpectedMessage):  # RFC 2407, 4.2.1: identity at least
        choose(ipsec, sa(transform(GOOD), doi=DOINumber.IPSEC, situation=0))
    assert offer(ipsec).situation == 1
    assert offer(configuration(GCKS)).situation == 0
    assert offer(configuration(GCKS, situation=1)).situation == 1


def test_answers() -> None:
    ours = configuration(MEMBER, suites=("aes-256-sha384-group20", "aes-128-sha256-group19"))
    offered = offer(ours)
    right = offered.proposals[0].transforms[1]
    assert accepted(ours, offered, sa(right)).suite.name == "aes-128-sha256-group19"
    # Encodings and numbers are the responder's (RFC 2409, 5; RFC 2408, 4.2).
    short = [a.replace(basic=True, value=86400 % 65536) if a.type == 12 else a for a in right.attributes]
    assert accepted(ours, offered, over_the_wire(sa(right.replace(transform_number=0))))
    for wrong in (
        sa(right, right),
        sa(),
        sa(right, situation=1),
        sa(right, doi=DOINumber.IPSEC),
        sa(right.replace(attributes=right.attributes[:-1])),
        sa(right.replace(attributes=(*right.attributes, right.attributes[0]))),
        sa(right.replace(attributes=tuple(short))),
        sa(right.replace(transform_id=2)),
    ):
        with pytest.raises(RemoteError):
            accepted(ours, offered, wrong)


def test_an_answer_with_another_encoding() -> None:
    ours = configuration(MEMBER, lifetime_seconds=3600)
    right = offer(ours).proposals[0].transforms[0]
    short = tuple(a.replace(basic=True) if a.type == 12 else a for a in right.attributes)
    assert accepted(ours, offer(ours), over_the_wire(sa(right.replace(attributes=short)))).lifetime == 3600


@given(
    st.lists(
        st.lists(st.tuples(st.integers(1, 20), st.integers(0, 65535) | st.binary(max_size=9)), max_size=8),
        max_size=5,
    )
)
def test_anything_is_refused_or_chosen(offers: list[list[tuple[int, Any]]]) -> None:
    transforms = [
        IKETransform(
            transform_number=1,
            transform_id=1,
            attributes=tuple(Attribute(IKEAttribute(kind), value) for kind, value in pairs),
        )
        for pairs in offers
    ]
    try:
        choice, _ = choose(configuration(GCKS), sa(*transforms))
    except RemoteError:
        return
    assert choice.method == AuthenticationMethod.PRE_SHARED_KEY
