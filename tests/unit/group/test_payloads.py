"""A GSA to octets and back; octets typed from RFC 6407; every refusal; the recorded policies of a daemon."""

from __future__ import annotations

import json
from dataclasses import replace
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gsakmp
from gsakmp.crypto import KEK, kek_cipher, system_random
from gsakmp.doi import GDOID, GDOID_BIG_ENDIAN, STANDARD, Dialect
from gsakmp.errors import ConfigurationError, DecodeError, PolicyRefused, RemoteError
from gsakmp.group.payloads import (
    OfferedGSA,
    data_key_packet,
    delete_payloads,
    effective_direction,
    effective_preservation,
    group_sa,
    read_group_sa,
    read_key_download,
    rekey_key_packet,
    sa_kek,
    sa_tek,
    sender_id_packet,
    with_signature_key,
)
from gsakmp.group.rekey import FlatRekey
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHUpdateArray,
    Payload,
)
from gsakmp.registries import (
    AddressPreservation,
    AuthenticationAlgorithm,
    EncapsulationMode,
    KEKAlgorithm,
    KEKManagementAlgorithm,
    NotifyType,
    SADirection,
    TEKProtocolID,
)
from tests.conftest import PCAPS
from tests.unit.group.samples import DESTINATION, NOW, data_sa, gsas, public_key_of, rekey_sa

H = bytes.fromhex
LATER = NOW + 1000


def wired(*payloads: Payload, exchange_type: int = 32, dialect: Dialect = STANDARD) -> tuple[Any, ...]:
    """What is read of the octets of a message with these payloads."""
    message = Message(exchange_type=exchange_type, payloads=payloads, dialect=dialect)
    return gsakmp.parse(message.build(), dialect=dialect).payloads


def without_keys(gsa: GSA) -> GSA:
    """What an SA payload says of it."""
    return GSA(
        rekey=tuple(replace(sa, key=b"", signature_key=b"") for sa in gsa.rekey),
        data=tuple(replace(sa, algorithm_key=b"", integrity_key=b"") for sa in gsa.data),
    )


def downloads(gsa: GSA) -> tuple[KeyPacket, ...]:
    return (*map(rekey_key_packet, gsa.rekey), *map(data_key_packet, gsa.data))


def read_back(gsa: GSA, *more: KeyPacket, push: bool = False, **options: Any) -> Any:
    policy, keys = wired(
        group_sa(gsa, now=NOW, push=push),
        KeyDownload(key_packets=(*downloads(gsa), *more)),
        exchange_type=33 if push else 32,
    )
    offered = read_group_sa(policy, NOW, allow_weak=True, push=push)
    return read_key_download(keys, offered, **options)


# -- there and back ------------------------------------------------------------------------------------


@settings(max_examples=150, deadline=None)
@given(
    gsa=gsas(),
    activation=st.integers(0, 65_535),
    deactivation=st.integers(0, 65_535),
    ids=st.lists(st.integers(0, 255), unique=True, max_size=5),
    bits=st.sampled_from([8, 12, 16]),
)
def test_pull_and_back(gsa: GSA, activation: int, deactivation: int, ids: list[int], bits: int) -> None:
    packets = downloads(gsa) + ((sender_id_packet(bits, ids),) if ids else ())
    policy, keys = wired(
        group_sa(gsa, activation_delay=activation, deactivation_delay=deactivation, now=NOW),
        KeyDownload(key_packets=packets),
    )
    offered = read_group_sa(policy, NOW, allow_weak=True)
    assert offered.gsa == without_keys(gsa)
    assert (offered.activation_delay, offered.deactivation_delay) == (activation, deactivation)
    got = read_key_download(keys, offered)
    assert got.gsa == gsa
    assert (got.sender_ids, got.sender_id_bits) == (tuple(ids), bits if ids else 0)
    assert got.rekey_packets == ()


@settings(max_examples=60, deadline=None)
@given(gsa=gsas(push=True))
def test_push_and_back(gsa: GSA) -> None:
    """KEK_MANAGEMENT_ALGORITHM is in a push, and in no pull (RFC 6407, 5.3)."""
    assert read_back(gsa, push=True).gsa == gsa
    if gsa.rekey:
        told = read_back(gsa).gsa.rekey[0].suite
        assert told == replace(gsa.rekey[0].suite, management=None)


def test_lifetimes_are_what_is_left() -> None:
    gsa = GSA(rekey=(rekey_sa(),), data=(data_sa(), data_sa(spi=b"\0\1\2\4", lifetime_seconds=999)))
    offered = read_group_sa(group_sa(gsa, now=LATER), LATER)
    assert [sa.lifetime_seconds for sa in (*offered.gsa.rekey, *offered.gsa.data)] == [85_400, 2600, 1]
    assert offered.gsa.rekey[0].expires_at == gsa.rekey[0].expires_at


# -- octets --------------------------------------------------------------------------------------------


def test_octets_of_an_sa_tek() -> None:
    """RFC 6407, figure 8: a common SA of all senders."""
    sa = data_sa(
        encryption="aes-cbc-256",
        integrity="hmac-sha256",
        address_preservation=AddressPreservation.SOURCE_AND_DESTINATION,
        direction=SADirection.SYMMETRIC,
    )
    expected = (
        "01"  # GDOI_PROTO_IPSEC_ESP
        "00" "01" "0000" "00"  # any protocol; IPv4 source, any port, no data
        "01" "0000" "04" "ef010101"  # destination
        "0c" "00010203"  # ESP_AES_CBC, SPI
        "80010001" "0002000400000e10"  # seconds, 3,600
        "80040001" "80050005" "80060100"  # tunnel, HMAC-SHA2-256, 256 bits
        "800e0004" "800f0003"  # source and destination preserved, symmetric
    )  # fmt: skip
    octets = Message(exchange_type=32, payloads=(GroupSA(sa_attributes=(sa_tek(sa),)),)).build()
    assert octets[28:].hex() == (
        f"0000{20 + len(H(expected)):04x}" "00000002" "00000000" "00100000"  # GDOI, situation, SA TEK next
        f"0000{4 + len(H(expected)):04x}" + expected
    )  # fmt: skip


def test_octets_of_an_sa_kek() -> None:
    """RFC 6407, figure 5; KEK_KEY_LIFETIME variable, KEK_ACK_REQUESTED (RFC 8263, 2)."""
    sa = rekey_sa(acknowledgement="sha512", management=KEKManagementAlgorithm.LKH)
    expected = (
        "11" "01" "0350" "04" "c0000201" "01" "0350" "04" "efc00101"
        "0102030405060708090a0b0c0d0e0f10" "00000000" "{}"
        "80020003" "80030080" "0004000400015180" "80050003" "80060004" "80070100" "80090004"
    )  # fmt: skip
    for push, management in ((False, ""), (True, "80010001")):
        payload = sa_kek(sa, push=push)
        octets = Message(exchange_type=32, payloads=(GroupSA(sa_attributes=(payload,)),)).build()
        assert octets[28 + 16 + 4 :].hex() == expected.format(management)


def test_octets_of_key_packets() -> None:
    sa = data_sa(encryption="aes-cbc-128", integrity="hmac-sha256")
    keys = KeyDownload(key_packets=(data_key_packet(sa), sender_id_packet(12, [5, 0xABC])))
    octets = Message(exchange_type=32, payloads=(keys,)).build()
    assert octets[28:].hex() == (
        f"000000{4 + 4 + 65 + 21:02x}" "00020000"
        "01000041" "04" "00010203" "00010010" + "00" * 16 + "00020020" + "00" * 32  # TEK
        + "04000015" "00" "8001000c" "00020002" "0005" "00020002" "0abc"  # SID: no SPI
    )  # fmt: skip


def test_octets_of_deletes() -> None:
    """RFC 6407, 5.9: protocol 0 for the KEK, each protocol a Delete of its own."""
    esp = [data_sa(spi=bytes([0, 0, 9, n])) for n in (1, 2)]
    ah = data_sa(protocol="ah", integrity="hmac-sha256")
    found = delete_payloads(rekey=[bytes(range(16))], data=[ah, *esp])
    assert [(p.doi, int(p.protocol_id), p.spis) for p in found] == [
        (2, 1, (b"\0\0\x09\1", b"\0\0\x09\2")),
        (2, 2, (b"\0\1\2\3",)),
        (2, 0, (bytes(range(16)),)),
    ]
    whole = delete_payloads(everything=True)
    assert [(int(p.protocol_id), p.spis) for p in whole] == [
        (1, (bytes(4),)),
        (2, (bytes(4),)),
        (0, (bytes(16),)),
    ]
    assert wired(*found, *whole, exchange_type=33) == (*found, *whole)
    assert delete_payloads() == ()


# -- what is not built ---------------------------------------------------------------------------------


def test_what_is_not_built() -> None:
    two = GSA(rekey=(rekey_sa(), rekey_sa()))
    cases = [
        (lambda: group_sa(two, now=NOW), "one SA KEK at most"),
        (lambda: group_sa(GSA(), now=NOW), "an SA KEK or an SA TEK"),
        (lambda: group_sa(GSA(data=(data_sa(),)), now=NOW, activation_delay=65_536), "16 bits"),
        (lambda: group_sa(GSA(data=(data_sa(),)), now=NOW, deactivation_delay=-1), "16 bits"),
        (lambda: sa_tek(replace(data_sa(), protocol=TEKProtocolID(3))), "ESP or AH"),
        (lambda: sender_id_packet(8, []), "at least one"),
        (lambda: sender_id_packet(8, [1, 1]), "none twice"),
        (lambda: sender_id_packet(8, [256]), "8 bits"),
        (lambda: sender_id_packet(8, [-1]), "8 bits"),
    ]
    for call, text in cases:
        with pytest.raises(ConfigurationError, match=text):
            call()


# -- what is not read: the SA payload ------------------------------------------------------------------


def altered(payload: Any, *, add: Any = (), drop: Any = (), **fields: Any) -> Any:
    """An SA KEK with attributes put in, others left out."""
    kept = [a for a in payload.attributes if a.type not in drop]
    return payload.replace(attributes=(*kept, *(Attribute(*parts) for parts in add)), **fields)


def altered_tek(payload: SATEK, *, add: Any = (), drop: Any = (), **fields: Any) -> SATEK:
    assert not isinstance(payload.tek, bytes)
    return payload.replace(tek=altered(payload.tek, add=add, drop=drop, **fields))


SAK = sa_kek(rekey_sa())
RSA = sa_kek(rekey_sa(signature="rsa-2048-sha256"))
SAT = sa_tek(data_sa(encryption="aes-cbc-128", integrity="hmac-sha256"))
GCM = sa_tek(data_sa())
AH = sa_tek(data_sa(protocol="ah", integrity="hmac-sha256"))
TRIPLE = sa_tek(data_sa(encryption="3des-cbc", integrity="hmac-sha256"))
GAP = GroupAssociatedPolicy(attributes=(Attribute(1, 60), Attribute(2, 90)))

REFUSED: list[Any] = [
    # 5.2.1: which payloads, in which order
    ([], "neither SAK nor SAT"),
    ([GAP], "neither SAK nor SAT"),
    ([SAK, SAK], r"sa_attributes\[1\].*one SAK"),
    ([SAT, SAK], r"sa_attributes\[1\]"),
    ([SAT, GAP], r"sa_attributes\[1\]"),
    ([GAP, SAK, SAT], r"sa_attributes\[1\]"),
    ([SAK, GAP, GAP], r"sa_attributes\[2\]"),
    ([SAT, SAT], "one SPI"),
    ([SAT, AH], "one SPI"),
    # 5.3: the SA KEK
    ([SAK.replace(protocol=6)], r"sa_attributes\[0\]\.protocol: a push comes by UDP"),
    ([SAK.replace(spi=bytes(16))], r"sa_attributes\[0\]\.spi.*zero"),
    ([altered(SAK, drop=[2])], "no KEK_ALGORITHM"),
    ([altered(SAK, drop=[6])], "no SIG_ALGORITHM"),
    ([altered(SAK, drop=[3])], "key length"),
    ([altered(SAK, drop=[3], add=[(3, 100)])], "128, 192 or 256"),
    ([altered(SAK, drop=[2], add=[(2, 9)])], "KEKAlgorithm .*not supported"),
    ([altered(SAK, drop=[2, 3], add=[(2, 2)])], "weak"),
    ([altered(SAK, drop=[4], add=[(4, 0)])], "KEK_KEY_LIFETIME.*no seconds"),
    ([altered(SAK, drop=[4], add=[(4, 2**32, None, 5)])], "KEK_KEY_LIFETIME.*from 0 to 4294967295"),
    ([altered(SAK, drop=[5], add=[(5, 5)])], "hash of its own"),
    ([altered(SAK, drop=[6], add=[(6, 2)])], "SigAlgorithm .*not supported"),
    ([altered(SAK, drop=[7], add=[(7, 384)])], "SIG_KEY_LENGTH 384"),
    ([altered(RSA, drop=[5])], "SIG_HASH_ALGORITHM"),
    ([altered(RSA, drop=[5], add=[(5, 2)])], "weak"),
    ([altered(RSA, drop=[7], add=[(7, 1024)])], "RSA with 1024 bits"),
    ([altered(RSA, drop=[7], add=[(7, 9000)])], "RSA with 9000 bits"),
    ([altered(SAK, add=[(8, 14)])], "KE_OAKLEY_GROUP: the attribute is not supported"),
    ([altered(SAK, add=[(77, 1)])], "77.*not supported"),
    ([altered(SAK, add=[(200, b"private", False)])], "200.*not supported"),
    ([altered(SAK, add=[(2, 3)])], "KEK_ALGORITHM.*twice"),
    # 5.4: the GAP
    ([SAK, GAP.replace(attributes=(Attribute(3, 1),))], r"sa_attributes\[1\].*SENDER_ID_REQUEST.*not supported"),
    ([SAK, GAP.replace(attributes=(Attribute(1, 1), Attribute(1, 2)))], "ACTIVATION_TIME_DELAY.*twice"),
    ([SAK, GAP.replace(attributes=(Attribute(9, 1),))], "not supported"),
    # 5.5: the SA TEK
    ([altered_tek(SAT, spi=bytes(4))], "reserved SPI"),
    ([altered_tek(SAT, spi=b"\0\0\0\xff")], "reserved SPI"),
    ([altered_tek(SAT, transform_id=22)], "not supported"),
    ([altered_tek(SAT, transform_id=3, drop=[6])], "weak"),
    ([altered_tek(SAT, drop=[5], add=[(5, 1)])], "weak"),
    ([altered_tek(SAT, drop=[5], add=[(5, 8)])], "not supported"),
    ([altered_tek(SAT, drop=[6])], "needs a key length"),
    ([altered_tek(SAT, drop=[6], add=[(6, 0)])], "KEY_LENGTH 0"),
    ([altered_tek(SAT, drop=[6], add=[(6, 129)])], "needs a key length"),
    ([altered_tek(GCM, add=[(5, 5)])], "checks integrity itself"),
    ([altered_tek(AH, drop=[5])], "AH without AUTHENTICATION_ALGORITHM"),
    ([altered_tek(AH, drop=[5], add=[(5, 6)])], "no pair"),
    ([altered_tek(AH, add=[(6, 128)])], "KEY_LENGTH 128 for transform"),
    ([altered_tek(TRIPLE, add=[(6, 192)])], "KEY_LENGTH 192 for transform 3"),
    ([altered_tek(sa_tek(data_sa(encryption="null", integrity="hmac-sha256")), drop=[5])], "protects nothing"),
    ([altered_tek(SAT, drop=[4], add=[(4, 3)])], "ENCAPSULATION_MODE"),
    ([altered_tek(SAT, drop=[4], add=[(4, 99)])], "ENCAPSULATION_MODE"),
    ([altered_tek(SAT, add=[(14, 5)])], "ADDRESS_PRESERVATION 5"),
    ([altered_tek(SAT, add=[(14, 0)])], "ADDRESS_PRESERVATION 0"),
    ([altered_tek(SAT, add=[(15, 4)])], "SA_DIRECTION 4"),
    ([altered_tek(SAT, add=[(15, 3), (15, 3)])], "SA_DIRECTION.*twice"),
    ([altered_tek(SAT, add=[(7, 16)])], "KEY_ROUNDS.*not supported"),
    ([altered_tek(SAT, add=[(10, 1)])], "ECN_TUNNEL.*not supported"),
    ([altered_tek(SAT, add=[(11, 1)])], "EXTENDED_SEQUENCE_NUMBER.*not supported"),
    ([altered_tek(SAT, add=[(32_001, 1)])], "32001.*not supported"),
    # lifetimes (RFC 2407, 4.5)
    ([altered_tek(SAT, drop=[1])], "without a type"),
    ([altered_tek(SAT, drop=[2])], "without a duration"),
    ([altered_tek(SAT, drop=[1], add=[(1, 1), (2, 9)])], "without a type"),
    ([altered_tek(SAT, add=[(1, 1), (1, 1), (2, 3600)])], "out of place"),
    ([altered_tek(SAT, add=[(1, 3), (2, 3600)])], "not defined"),
    ([altered_tek(SAT, add=[(1, 1), (2, 3601)])], "second one"),
    ([altered_tek(SAT, drop=[1, 2], add=[(1, 1), (2, 0)])], "of nothing"),
    ([altered_tek(SAT, drop=[1, 2], add=[(1, 1), (2, 2**40, None, 6)])], "from 0 to"),
]  # fmt: skip


@pytest.mark.parametrize(("parts", "text"), REFUSED, ids=range(len(REFUSED)))
def test_refused_policies(parts: list[Payload], text: str) -> None:
    (policy,) = wired(GroupSA(sa_attributes=tuple(parts)))
    with pytest.raises((PolicyRefused, DecodeError), match=text):
        read_group_sa(policy, NOW)


def test_refusals_of_the_payload_itself() -> None:
    good = GroupSA(sa_attributes=(SAT,))
    assert len(read_group_sa(good, NOW).gsa.data) == 1
    for bad in (good.replace(situation=1), good.replace(doi=1)):
        with pytest.raises(PolicyRefused, match="DOI"):
            read_group_sa(bad, NOW)
    tek = SATEK(protocol_id=TEKProtocolID(3), tek=b"x")
    with pytest.raises(PolicyRefused, match=r"sa_attributes\[0\]\.protocol_id.*not supported"):
        read_group_sa(GroupSA(sa_attributes=(tek,)), NOW)
    with pytest.raises(PolicyRefused, match="no SA attribute"):
        read_group_sa(GroupSA(sa_attributes=(KeyDownload(),)), NOW)
    with pytest.raises(PolicyRefused, match="KEK_MANAGEMENT_ALGORITHM"):
        read_group_sa(GroupSA(sa_attributes=(altered(SAK, add=[(1, 7)]),)), NOW, push=True)
    assert read_group_sa(GroupSA(sa_attributes=(altered(SAK, add=[(1, 7)]),)), NOW).gsa.rekey


def test_what_the_wire_is_told() -> None:
    """RFC 2407, 4.5.3: ATTRIBUTES-NOT-SUPPORTED for an attribute or a value that is not known."""
    for part in (
        altered(SAK, add=[(77, 1)]),
        altered_tek(SAT, add=[(15, 9)]),
        altered_tek(SAT, add=[(10, 1)]),
    ):
        with pytest.raises(RemoteError) as caught:
            read_group_sa(GroupSA(sa_attributes=(part,)), NOW)
        assert caught.value.notify_type == NotifyType.ATTRIBUTES_NOT_SUPPORTED


@settings(max_examples=200, deadline=None)
@given(gsa=gsas(), data=st.data())
def test_damaged_octets_raise_nothing_else(gsa: GSA, data: st.DataObject) -> None:
    octets = bytearray(
        Message(
            exchange_type=32,
            payloads=(group_sa(gsa, now=NOW, activation_delay=1), KeyDownload(key_packets=downloads(gsa))),
        ).build()
    )
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(28, len(octets) - 1))] = data.draw(st.integers(0, 255))
    try:
        message = gsakmp.parse(bytes(octets))
        policy, keys = of_kind(message, GroupSA), of_kind(message, KeyDownload)
        if policy is None or keys is None:
            return
        offered = read_group_sa(policy, NOW, allow_weak=True, dialect=GDOID)
        read_key_download(keys, offered, partial=True)
    except RemoteError:
        pass


# -- defaults ------------------------------------------------------------------------------------------


def test_defaults_of_what_is_not_said() -> None:
    """A tunnel of another sender: both addresses preserved and symmetric where nothing is said (RFC 6407,
    5.5.1.1); 28,800 seconds (RFC 2407, 4.5); GROUP_DESCRIPTION ignored (RFC 6407, 5.5.1)."""
    bare = altered_tek(SAT, drop=[1, 2, 4], add=[(3, 2)], source_id_data=IPv4Address("192.0.2.7"))
    (sa,) = read_group_sa(wired(GroupSA(sa_attributes=(bare,)))[0], NOW).gsa.data
    assert sa.selector.source == Identity.from_text("ipv4:192.0.2.7")
    assert (sa.mode, sa.address_preservation, sa.direction) == (EncapsulationMode.TUNNEL, None, None)
    assert effective_preservation(sa) is AddressPreservation.SOURCE_AND_DESTINATION
    assert effective_direction(sa) is SADirection.SYMMETRIC
    assert (sa.lifetime_seconds, sa.lifetime_kilobytes) == (28_800, None)
    assert effective_preservation(replace(sa, address_preservation=3)) is AddressPreservation.DESTINATION_ONLY
    assert effective_preservation(replace(sa, mode=EncapsulationMode.TRANSPORT)) is None
    assert effective_direction(replace(sa, direction=2)) is SADirection.RECEIVER_ONLY


def test_common_source_of_three_octets() -> None:
    """RFC 6407, 5.5.1: "3 octets or zero"."""
    three = altered_tek(SAT, source_id_data=bytes(3))
    (sa,) = read_group_sa(wired(GroupSA(sa_attributes=(three,)))[0], NOW).gsa.data
    assert sa.selector.source is None
    assert sa.selector.destination == DESTINATION


def test_optional_kek_attributes() -> None:
    """Beside KEK_ALGORITHM and SIG_ALGORITHM all are optional (RFC 6407, 5.3)."""
    triple = sa_kek(rekey_sa(encryption="3des-cbc"))
    (sa,) = read_group_sa(
        GroupSA(sa_attributes=(altered(triple, drop=[3, 4, 5, 7]),)), NOW, allow_weak=True
    ).gsa.rekey
    assert (sa.suite.key_length, sa.lifetime_seconds) == (192, 2**32 - 1)
    assert (int(sa.suite.signature_hash), sa.suite.signature_key_length) == (3, 256)
    # An acknowledgement of a kind that is not known is no reason to stay out (RFC 8263, 4).
    unknown = GroupSA(sa_attributes=(altered(SAK, add=[(9, 77)]),))
    assert read_group_sa(unknown, NOW).gsa.rekey[0].suite.acknowledgement is None


def test_lifetime_in_both_units() -> None:
    """RFC 2407, 4.5.2, the example there: 24 hours or 100 MB."""
    both = altered_tek(SAT, drop=[1, 2], add=[(1, 1), (2, 86_400), (1, 2), (2, 100_000)])
    (sa,) = read_group_sa(GroupSA(sa_attributes=(both,)), NOW).gsa.data
    assert (sa.lifetime_seconds, sa.lifetime_kilobytes) == (86_400, 100_000)
    same = altered_tek(SAT, add=[(1, 1), (2, 3600)])
    assert read_group_sa(GroupSA(sa_attributes=(same,)), NOW).gsa.data[0].lifetime_seconds == 3600


# -- what is not read: the KD payload ------------------------------------------------------------------

GROUP = GSA(rekey=(rekey_sa(),), data=(data_sa(encryption="aes-cbc-128", integrity="hmac-sha256"),))
OFFERED = read_group_sa(group_sa(GROUP, now=NOW), NOW)
KEK_PACKET, TEK_PACKET = downloads(GROUP)
SID_PACKET = sender_id_packet(16, [1, 2])


def member_download() -> KeyPacket:
    cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
    algorithm = FlatRekey(cipher, own_keys=True)
    algorithm.start([DESTINATION], system_random)
    return algorithm.download(DESTINATION)[0].replace(spi=GROUP.rekey[0].spi)


LKH_PACKET = member_download()
UPDATE = LKH_PACKET.replace(
    attributes=(Attribute(2, LKHUpdateArray(lkh_keys=LKH_PACKET.attributes[0].value.lkh_keys)),)
)

REFUSED_KEYS: list[Any] = [
    ([TEK_PACKET], "no key for the Rekey SA"),
    ([KEK_PACKET], "no keys for the data SA 00010203"),
    ([KEK_PACKET, TEK_PACKET, TEK_PACKET], r"key_packets\[2\]\.spi.*a second time"),
    ([KEK_PACKET, KEK_PACKET, TEK_PACKET], r"key_packets\[1\].*second key packet of type KEK"),
    ([KEK_PACKET, TEK_PACKET, TEK_PACKET.replace(spi=b"\0\0\0\1")], "no SA TEK offers"),
    ([KEK_PACKET.replace(spi=bytes(16)), TEK_PACKET], "no SA KEK offers"),
    ([KEK_PACKET, altered(TEK_PACKET, drop=[2])], "TEK_INTEGRITY_KEY.*0 octets of key"),
    ([KEK_PACKET, altered(TEK_PACKET, drop=[1])], "TEK_ALGORITHM_KEY.*0 octets of key"),
    ([KEK_PACKET, altered(TEK_PACKET, drop=[1], add=[(1, bytes(17))])], r"key_packets\[1\]\.attributes.*17 octets"),
    ([KEK_PACKET, altered(TEK_PACKET, add=[(1, bytes(16))])], "TEK_ALGORITHM_KEY.*twice"),
    ([KEK_PACKET, altered(TEK_PACKET, add=[(3, bytes(16))])], "TEK_SOURCE_AUTH_KEY.*not supported"),
    ([KEK_PACKET, altered(TEK_PACKET, drop=[1], add=[(1, 7, True)])], "octets are needed"),
    ([KEK_PACKET, TEK_PACKET, KeyPacket(kd_type=9)], "not supported"),
    ([altered(KEK_PACKET, drop=[1]), TEK_PACKET], "no KEK_ALGORITHM_KEY"),
    ([altered(KEK_PACKET, drop=[2]), TEK_PACKET], "no SIG_ALGORITHM_KEY"),
    ([altered(KEK_PACKET, drop=[1], add=[(1, bytes(31))]), TEK_PACKET], "31 octets"),
    ([altered(KEK_PACKET, drop=[2], add=[(2, bytes(31))]), TEK_PACKET], "SubjectPublicKeyInfo"),
    ([altered(KEK_PACKET, drop=[2], add=[(2, public_key_of("ecdsa-384-sha384"))]), TEK_PACKET], "384 bits"),
    ([altered(KEK_PACKET, drop=[2], add=[(2, public_key_of("rsa-2048-sha256"))]), TEK_PACKET], "SIG_ALGORITHM_KEY"),
    ([altered(KEK_PACKET, add=[(9, b"")]), TEK_PACKET], "not supported"),
    # LKH
    ([LKH_PACKET, KEK_PACKET, TEK_PACKET], "not the last key of the LKH array"),
    ([LKH_PACKET, LKH_PACKET, TEK_PACKET], "second key packet of type LKH"),
    ([LKH_PACKET, TEK_PACKET], "no SIG_ALGORITHM_KEY"),
    ([LKH_PACKET.replace(spi=b"x"), TEK_PACKET], "no SA KEK offers"),
    ([LKH_PACKET.replace(attributes=()), TEK_PACKET], "download array or update arrays"),
    ([LKH_PACKET.replace(attributes=(*LKH_PACKET.attributes, *UPDATE.attributes)), TEK_PACKET], "download array or"),
    ([LKH_PACKET.replace(attributes=LKH_PACKET.attributes * 2), TEK_PACKET], "LKH_DOWNLOAD_ARRAY.*twice"),
    ([LKH_PACKET.replace(attributes=(Attribute(1, LKHDownloadArray()),)), TEK_PACKET], "without keys"),
    # sender ids
    ([KEK_PACKET, TEK_PACKET, SID_PACKET, SID_PACKET], "second key packet of type SID"),
    ([KEK_PACKET, TEK_PACKET, SID_PACKET.replace(spi=b"\0\1\2\3")], "no SPI"),
    ([KEK_PACKET, TEK_PACKET, altered(SID_PACKET, drop=[1])], "None bits"),
    ([KEK_PACKET, TEK_PACKET, altered(SID_PACKET, drop=[1], add=[(1, 9)])], "9 bits"),
    ([KEK_PACKET, TEK_PACKET, altered(SID_PACKET, drop=[2])], "no SID_VALUE"),
    ([KEK_PACKET, TEK_PACKET, altered(SID_PACKET, add=[(2, 2)])], "one twice"),
    ([KEK_PACKET, TEK_PACKET, altered(SID_PACKET, drop=[1], add=[(1, 8), (2, 256)])], "from 0 to 255"),
]  # fmt: skip


@pytest.mark.parametrize(("packets", "text"), REFUSED_KEYS, ids=range(len(REFUSED_KEYS)))
def test_refused_keys(packets: list[KeyPacket], text: str) -> None:
    (payload,) = wired(KeyDownload(key_packets=tuple(packets)))
    with pytest.raises((PolicyRefused, DecodeError), match=text):
        read_key_download(payload, OFFERED)


def test_keys_for_sas_that_nobody_offers() -> None:
    only_data = replace(OFFERED, gsa=GSA(data=OFFERED.gsa.data))
    with pytest.raises(DecodeError, match="no SA KEK offers"):
        read_key_download(KeyDownload(key_packets=(KEK_PACKET, TEK_PACKET)), only_data)
    weak = rekey_sa(signature="rsa-1024-sha256")
    unsaid = replace(weak, suite=replace(weak.suite, signature_key_length=0))
    with pytest.raises(PolicyRefused, match=r"key_packets\[0\].*weak"):
        read_key_download(
            KeyDownload(key_packets=(rekey_key_packet(weak),)), OfferedGSA(gsa=GSA(rekey=(unsaid,)))
        )


def test_sender_ids_never_by_push() -> None:
    packets = (KEK_PACKET, TEK_PACKET, SID_PACKET)
    assert read_key_download(KeyDownload(key_packets=packets), OFFERED).sender_ids == (1, 2)
    with pytest.raises(DecodeError, match="MUST NOT come by push"):
        read_key_download(KeyDownload(key_packets=packets), OFFERED, partial=True, push=True)


def test_partial_downloads() -> None:
    def read(*packets: KeyPacket) -> GSA:
        return read_key_download(KeyDownload(key_packets=packets), OFFERED, partial=True).gsa

    assert read() == GSA()
    assert read(TEK_PACKET) == GSA(data=GROUP.data)
    assert read(KEK_PACKET) == GSA(rekey=GROUP.rekey)
    (sa,) = read(altered(KEK_PACKET, drop=[2])).rekey
    assert (sa.key, sa.signature_key) == (GROUP.rekey[0].key, b"")


def test_keys_by_lkh() -> None:
    """A download array alone brings the KEK, which is its last key (RFC 6407, 3.3); update arrays bring none
    that this could know."""
    signed = altered(LKH_PACKET, add=[(3, GROUP.rekey[0].signature_key)])
    (payload,) = wired(KeyDownload(key_packets=(signed, TEK_PACKET)))
    got = read_key_download(payload, OFFERED)
    assert got.gsa.rekey[0].key == LKH_PACKET.attributes[0].value.lkh_keys[-1].key_data
    assert got.gsa.rekey[0].signature_key == GROUP.rekey[0].signature_key
    assert got.rekey_packets == (signed,)
    (payload,) = wired(KeyDownload(key_packets=(UPDATE,)), exchange_type=33)
    updated = read_key_download(payload, OFFERED, partial=True, push=True)
    assert updated.gsa == GSA(rekey=(replace(GROUP.rekey[0], key=b"", signature_key=b""),))
    assert updated.rekey_packets == (UPDATE,)


def test_public_key_of_an_algorithms_packet() -> None:
    sa = GROUP.rekey[0]
    bare = altered(KEK_PACKET, drop=[2])
    assert with_signature_key(bare, sa.signature_key) == KEK_PACKET
    assert with_signature_key(KEK_PACKET, b"other") == KEK_PACKET
    assert with_signature_key(UPDATE, sa.signature_key) == UPDATE
    cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
    assert bare.attributes[0].value == KEK.parse(cipher, sa.key).build()


def test_no_text_shows_a_key() -> None:
    shown = repr(read_back(GROUP)) + repr(OFFERED)
    assert all(repr(key)[2:-1] not in shown for key in (GROUP.rekey[0].key, GROUP.data[0].integrity_key))


# -- the daemon's recorded policies --------------------------------------------------------------------


def recorded(name: str, dialect: Dialect) -> list[Message]:
    """The messages of a session after phase 1 that carry keys or policy, decrypted."""
    found = []
    for entry in json.loads((PCAPS / "gdoi" / f"{name}.json").read_text())["messages"]:
        message = gsakmp.parse(bytes.fromhex(entry["wire"]), dialect=dialect)
        if message.exchange_type in (32, 33):
            found.append(message.with_plaintext(bytes.fromhex(entry["plaintext_after_header"])))
    return found


def of_kind(message: Message, cls: Any) -> Any:
    return next((payload for payload in message.payloads if isinstance(payload, cls)), None)


def pulled(name: str, dialect: Dialect) -> tuple[Any, Any, list[Message]]:
    _, second, _, fourth, *pushes = recorded(name, dialect)
    offered = read_group_sa(of_kind(second, GroupSA), NOW, allow_weak=True, dialect=dialect)
    return offered, read_key_download(of_kind(fourth, KeyDownload), offered), pushes


def test_recorded_pull_of_3des() -> None:
    offered, got, pushes = pulled("gdoi-pull-push-3des-sha1-rsa1024", GDOID)
    assert (offered.activation_delay, offered.deactivation_delay) == (60, 90)
    (rekey,) = got.gsa.rekey
    assert rekey.spi.hex() == "2d3036e0c98cc9a79878c31c76f1adad"
    assert rekey.destination == Identity.from_text("ipv4:239.10.1.1")
    assert (rekey.lifetime_seconds, len(rekey.key), len(rekey.signature_key)) == (7, 32, 162)
    assert [sa.spi.hex() for sa in got.gsa.data] == ["fa49ac47", "2b202903"]
    assert [str(sa.selector.source) for sa in got.gsa.data] == [
        "ipv4:10.0.224.37",
        "ipv4-subnet:10.0.224.0/24",
    ]
    for sa in got.gsa.data:
        assert (len(sa.algorithm_key), len(sa.integrity_key)) == (24, 20)
        assert effective_preservation(sa) is AddressPreservation.DESTINATION_ONLY
        assert effective_direction(sa) is SADirection.RECEIVER_ONLY
    check_pushes(pushes, 10)


def test_recorded_pull_of_aes() -> None:
    """KEY_LENGTH 0, and no key for the cipher: as it came, in this dialect alone."""
    name = "gdoi-pull-push-aes-cbc-sha256-rsa2048"
    _, got, pushes = pulled(name, GDOID)
    for sa in got.gsa.data:
        assert (sa.key_length, sa.algorithm_key, len(sa.integrity_key)) == (0, b"", 32)
        assert sa.integrity is AuthenticationAlgorithm.HMAC_SHA2_256
    check_pushes(pushes, 5)
    _, second, *_ = recorded(name, GDOID)
    with pytest.raises(PolicyRefused, match="KEY_LENGTH 0"):
        read_group_sa(of_kind(second, GroupSA), NOW, allow_weak=True)


def check_pushes(pushes: list[Message], with_policy: int) -> None:
    """Each push of the session is read; a new Rekey SA's key packet names the old SPI."""
    read = 0
    for push in pushes:
        policy = of_kind(push, GroupSA)
        if policy is None:
            continue
        offered = read_group_sa(policy, NOW, allow_weak=True, dialect=GDOID, push=True)
        got = read_key_download(of_kind(push, KeyDownload), offered, push=True)
        assert without_keys(got.gsa) == offered.gsa
        read += 1
        replaced = got.gsa.rekey and got.gsa.rekey[0].spi != push.initiator_cookie + push.responder_cookie
        if replaced:
            with pytest.raises(DecodeError, match="no SA KEK offers"):
                read_key_download(of_kind(push, KeyDownload), replace(offered, dialect=STANDARD), push=True)
    assert read == with_policy


def test_recorded_pull_with_gap() -> None:
    offered, got, _ = pulled("gdoi-pull-gap", GDOID)
    assert (offered.activation_delay, offered.deactivation_delay, got.gsa.rekey) == (60, 90, ())
    assert len(got.gsa.data) == 1


def test_recorded_pull_of_the_log() -> None:
    _, got, _ = pulled("gdoi-loopback-ks", GDOID_BIG_ENDIAN)
    assert len(got.gsa.data) == 2
    assert all(isinstance(sa, DataSA) and sa.integrity_key for sa in got.gsa.data)


def test_recorded_policy_that_nobody_knows() -> None:
    """TEK protocol 161, of before RFC 8052."""
    _, second, *_ = recorded("gdoi-pull-iec90-5-predraft", GDOID)
    with pytest.raises(PolicyRefused, match=r"sa_attributes\[\d\]\.protocol_id: .*161.*not supported"):
        read_group_sa(of_kind(second, GroupSA), NOW, allow_weak=True, dialect=GDOID)


def test_weak_policies_are_refused() -> None:
    for name in ("gdoi-pull-push-3des-sha1-rsa1024", "gdoi-pull-gap"):
        _, second, *_ = recorded(name, GDOID)
        with pytest.raises(PolicyRefused, match="weak"):
            read_group_sa(of_kind(second, GroupSA), NOW, dialect=GDOID)


def test_types() -> None:
    """What the tests above build is what the types say."""
    assert isinstance(SAK, SAKEK)
    assert isinstance(GROUP.rekey[0], RekeySA)
