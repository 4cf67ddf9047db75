"""SA, Proposal, Transform and their attributes, as octets typed from the RFCs' figures."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.doi import GDOI, IPSEC, ISAKMP
from gsakmp.errors import LengthMismatch, TrailingOctets, Truncated
from gsakmp.payloads import (
    SA,
    AHTransform,
    Attribute,
    ESPTransform,
    IKETransform,
    IPCOMPTransform,
    Proposal,
    SensitivityLabel,
    Transform,
    UnknownPayload,
    UnknownSA,
)
from gsakmp.registries import (
    EncryptionAlgorithm,
    ESPTransformID,
    GroupDescription,
    IKEAttribute,
    IPsecAttribute,
    ProtocolID,
)
from tests.vectors.check import check_element, check_message

IPSEC_RULES = IPSEC.rules(2)
H = bytes.fromhex

# RFC 2408, 3.3: AF 1 is type and value, AF 0 type, length and value. RFC 2409, appendix A, the types.
IKE_ATTRIBUTES = [
    ("80010007", Attribute(1, 7)),  # encryption algorithm AES-CBC
    ("80020002", Attribute(2, 2)),  # hash SHA
    ("80030001", Attribute(3, 1)),  # pre-shared key
    ("8004000e", Attribute(4, 14)),  # group 14
    ("800b0001", Attribute(11, 1)),  # life type: seconds
    ("800c0e10", Attribute(12, 3600, True)),  # life duration as TV, though it is variable
    ("000c000400015180", Attribute(12, 86400)),  # as TLV of 4 octets, the usual
    ("000c00020e10", Attribute(12, 3600, length=2)),  # and of 2
    ("000c00080000000100000000", Attribute(12, 1 << 32, length=8)),  # 64 bits
    ("000c0000", Attribute(12, 0, length=0)),  # and of none
    ("000100020007", Attribute(1, 7, False, 2)),  # a basic one as TLV
    ("00010004abcdef01", Attribute(1, 0xABCDEF01, False)),  # beyond any registry
    (
        "0006000903ffffffffffffff01",
        Attribute(6, 0x03FFFFFFFFFFFFFF01, length=None),
    ),  # a prime: as long as it is
    ("f00d1234", Attribute(0x700D, 0x1234, True)),  # unknown, TV
    ("700d0003010203", Attribute(0x700D, b"\1\2\3")),  # unknown, TLV
    ("700d0000", Attribute(0x700D, b"")),
]


@pytest.mark.parametrize(("octets", "attribute"), IKE_ATTRIBUTES, ids=[o for o, _ in IKE_ATTRIBUTES])
def test_one_attribute(octets: str, attribute: Attribute) -> None:
    """RFC 2408, 3.3."""
    expected = IKETransform(transform_number=1, transform_id=1, attributes=(attribute,))
    found = check_element(IKETransform, H("01010000" + octets), IPSEC_RULES, expected=expected)
    assert found.attributes[0].type is IKEAttribute(attribute.type) or not found.attributes[0].type.named


def test_values_are_typed_by_the_table() -> None:
    """RFC 2409, appendix A; RFC 2407, 4.5: the same number is another thing in phase 2."""
    octets = H("03030000" + "80010001" + "80040002")
    ike = check_element(IKETransform, octets, IPSEC_RULES)
    esp = check_element(ESPTransform, octets, IPSEC_RULES)
    assert [a.type for a in ike.attributes] == [
        IKEAttribute.ENCRYPTION_ALGORITHM,
        IKEAttribute.GROUP_DESCRIPTION,
    ]
    assert isinstance(ike.attributes[0].value, EncryptionAlgorithm)
    assert isinstance(ike.attributes[1].value, GroupDescription)
    assert [a.type for a in esp.attributes] == [
        IPsecAttribute.SA_LIFE_TYPE,
        IPsecAttribute.ENCAPSULATION_MODE,
    ]
    assert isinstance(esp.transform_id, ESPTransformID)
    assert esp.attributes[1].value.name == "TRANSPORT"


@pytest.mark.parametrize(
    ("octets", "error", "path", "offset"),
    [
        ("01010000800100", Truncated, "attributes[0]", 4),
        ("0101000080010007800c", Truncated, "attributes[1]", 8),
        ("01010000000c000400", Truncated, "attributes[0]", 6),
        ("010100", Truncated, "reserved2", 2),
        ("", Truncated, "transform_number", 0),
    ],
)
def test_broken_transforms(octets: str, error: Any, path: str, offset: int) -> None:
    with pytest.raises(error) as caught:
        check_element(IKETransform, H(octets), IPSEC_RULES)
    assert (caught.value.path, caught.value.offset) == (path, offset)


MAIN_MODE_1 = (
    "00112233445566770000000000000000"  # cookies
    "01100200" "00000000" "00000050"  # SA next, version 1.0, Identity Protection; length 80
    "00000034" "00000001" "00000001"  # SA: DOI 1, SIT_IDENTITY_ONLY
    "00000028" "01010001"  # proposal 1, PROTO_ISAKMP, no SPI, one transform
    "00000020" "01010000"  # transform 1, KEY_IKE
    "80010005" "80020002" "80030001" "80040002" "800b0001" "800c0e10"
)  # fmt: skip


def test_main_mode_1() -> None:
    """RFC 2408, 3.4 to 3.6 in one message."""
    message = check_message(H(MAIN_MODE_1), port=500)
    (sa,) = message.payloads
    assert isinstance(sa, SA)
    (proposal,) = sa.proposals
    assert (proposal.protocol_id, proposal.spi) == (ProtocolID.PROTO_ISAKMP, b"")
    assert isinstance(proposal.transforms[0], IKETransform)
    assert [a.value for a in proposal.transforms[0].attributes] == [5, 2, 1, 2, 1, 3600]
    assert message.exchange_name == "IDENTITY_PROTECTION"


PROPOSALS = (
    "00000001" "00000001"
    "02000018" "01030401" "a1b2c3d4" "0000000c" "010c0000" "80060080"  # ESP, SPI of 4, AES-CBC with 128 bits
    "02000014" "01020401" "01020304" "00000008" "01030000"  # AND AH, SHA
    "02000012" "02040201" "1234" "00000008" "01020000"  # OR IPCOMP, CPI of 2, DEFLATE
    "00000010" "02c80001" "00000008" "01070000"  # protocol 200
)  # fmt: skip


def test_every_protocol() -> None:
    """RFC 2408, 4.2: proposals with equal numbers are one; RFC 2407, 4.4, the protocols."""
    expected = SA(
        doi=1,
        situation=1,
        proposals=(
            Proposal(proposal_number=1, protocol_id=3, spi=H("a1b2c3d4"), transforms=(
                ESPTransform(transform_number=1, transform_id=12, attributes=(Attribute(6, 128),)),)),
            Proposal(proposal_number=1, protocol_id=2, spi=H("01020304"),
                     transforms=(AHTransform(transform_number=1, transform_id=3),)),
            Proposal(proposal_number=2, protocol_id=4, spi=H("1234"),
                     transforms=(IPCOMPTransform(transform_number=1, transform_id=2),)),
            Proposal(proposal_number=2, protocol_id=200,
                     transforms=(Transform(transform_number=1, transform_id=7),)),
        ),
    )  # fmt: skip
    check_element(SA, H(PROPOSALS), IPSEC_RULES, expected=expected)


@pytest.mark.parametrize(
    ("octets", "path"),
    [
        ("00000001" "00000001" "00000010" "01010002" "00000008" "01010000", "proposals[0].transform_count"),
        ("00000001" "00000001" "00000010" "01010000" "00000008" "01010000", "proposals[0].transform_count"),
        ("00000001" "00000001" "00000008" "01010001", "proposals[0].transform_count"),
        ("00000001" "00000001" "00000010" "01010001" "00000007" "01010000", "proposals[0].transforms[0].reserved2"),
        ("00000001" "00000001" "00000003", "proposals[0].length"),
    ],
)  # fmt: skip
def test_counts_and_lengths_that_contradict(octets: str, path: str) -> None:
    with pytest.raises((LengthMismatch, Truncated)) as caught:
        check_element(SA, H(octets), IPSEC_RULES)
    assert caught.value.path == path


def test_a_second_malformed_proposal_is_no_end() -> None:
    octets = H(PROPOSALS[:32] + "02000018")
    with pytest.raises(Truncated):
        check_element(SA, octets, IPSEC_RULES)


def test_a_payload_of_another_type_among_the_proposals() -> None:
    """It is kept; what it means is the exchange's matter."""
    octets = H("00000001" "00000001" "63000008" "01010000" "00000006" "abcd")  # fmt: skip
    sa = check_element(SA, octets, IPSEC_RULES)
    assert sa.proposals[1] == UnknownPayload(0x63, H("abcd"))


LABELS = (
    "00000001" "00000007" "00000001"  # all three situations, labeled domain 1
    "0003" "0000" "0a0b0c00"  # a level of 3 octets, padded
    "000a" "0000" "ffc00000"  # a bitmap of 10 bits, padded
    "0005" "0000" "0102030405000000"  # integrity: 5 octets
    "0000" "0000"  # no category
    "00000010" "01010001" "00000008" "01010000"
)  # fmt: skip


def test_labels() -> None:
    """RFC 2407, 4.6.1, figure 1: secrecy and integrity, padded to 32 bits."""
    sa = check_element(SA, H(LABELS), IPSEC_RULES)
    assert sa.labeled_domain == 1
    assert sa.secrecy == SensitivityLabel(
        level=H("0a0b0c00"), level_length=3, categories=H("ffc00000"), category_length=10
    )
    assert sa.integrity.level == H("0102030405000000")
    assert sa.integrity.level_length == 5
    assert len(sa.proposals) == 1


@pytest.mark.parametrize(("situation", "present"), [(1, "--"), (2, "s-"), (3, "s-"), (4, "-i"), (6, "si")])
def test_labels_are_there_by_the_situation(situation: int, present: str) -> None:
    """RFC 2407, 4.2: SIT_SECRECY is 2, SIT_INTEGRITY 4."""
    label = "00000000" "00000000"  # fmt: skip
    octets = (
        f"00000001{situation:08x}" + ("00000000" if situation & 6 else "") + label * (len(present.strip("-")))
    )
    sa = check_element(SA, H(octets), IPSEC_RULES)
    assert (sa.secrecy is not None, sa.integrity is not None) == (present[0] == "s", present[1] == "i")


def test_an_unknown_doi() -> None:
    """RFC 2408, 3.4: situation and proposals are by the DOI, so nothing can be said of them."""
    octets = H(MAIN_MODE_1.replace("0000003400000001", "0000003400000063"))
    message = check_message(octets, port=500)
    (sa,) = message.payloads
    assert isinstance(sa, UnknownSA)
    assert sa.doi == 0x63
    assert len(sa.body) == 44
    assert message.doi is IPSEC


@pytest.mark.parametrize("doi", [ISAKMP, IPSEC, GDOI])
def test_the_sa_names_the_doi(doi: Any) -> None:
    octets = H(MAIN_MODE_1.replace("0000003400000001", f"00000034{doi.number:08x}"))
    assert gsakmp.parse(octets, port=500).doi is doi
    assert gsakmp.parse(octets, port=848).doi is doi
    assert gsakmp.parse(octets, port=848, doi=IPSEC).doi is IPSEC


def test_octets_after_the_last_payload() -> None:
    octets = H(MAIN_MODE_1.replace("00000050", "00000051") + "00")
    with pytest.raises(TrailingOctets) as caught:
        gsakmp.parse(octets, port=500)
    assert (caught.value.path, caught.value.offset) == ("payloads", 80)


def test_reserved_bits_survive() -> None:
    """RFC 2408, 3.2 and 3.6: RESERVED octets must be zero; where they are not, they are kept."""
    octets = H(MAIN_MODE_1.replace("00000034", "00ff0034").replace("01010000", "0101beef"))
    (sa,) = check_message(octets, port=500).payloads
    assert sa.reserved == 0xFF
    assert isinstance(sa, SA)
    transform = sa.proposals[0].transforms[0]
    assert isinstance(transform, Transform)
    assert transform.reserved2 == 0xBEEF
