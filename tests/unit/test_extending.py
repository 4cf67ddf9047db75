"""The file that docs/extending.md shows: it runs as it stands there, and makes the octets that it should."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

import gsakmp
from gsakmp.crypto import kek_cipher, system_random
from gsakmp.errors import StateError
from gsakmp.group import rekey
from gsakmp.group.policy import RekeyPolicy
from gsakmp.identities import Identity
from gsakmp.payloads import SA, Delete, GroupDelete, UnknownPayload, UnknownSA
from gsakmp.peers import Member
from gsakmp.registries import DOINumber, KEKAlgorithm
from tests.conftest import ROOT
from tests.world import PUSHES, World, group_policy

PAGE = ROOT / "docs" / "extending.md"

# By hand, from RFC 6407, 5.2 (SA), 5.5 (SA TEK), 5.6 (KD), RFC 2408, 3.1 to 3.3, and the page's own layout.
TEK = (
    "02"  # waveform: wide
    "a2"  # priority 5 in three bits, relays 2 in five: 101 00010
    "05 616c706861"  # net
    "01020304"  # SPI
    "8001 0028"  # TV: hop interval, 40
    "0002 0003 4f4531"  # TLV: call sign, OE1
)
SA_TEK = "00 00 001c" + "c8" + TEK  # nothing follows, 28 octets; protocol 200
GROUP_SA = "11 00 002c" + "00000002 00000000 0010 0000" + SA_TEK  # KD follows, 44 octets; SA TEK first
KEY_PACKET = "c8 00 0015 04 01020304" + "0001 0008 1111111111111111"  # type 200, 21 octets
KEY_DOWNLOAD = "c9 00 001d 0001 0000" + KEY_PACKET  # 201 follows, 29 octets; one packet
BEACON = "00 00 0008" + "1a9583ea"  # 446,006,250
HEADER = b"initiate".hex() + b"response".hex() + "01 10 21 00 00000000" + "0000006d"  # SA, push, 109 octets
OCTETS = bytes.fromhex(HEADER + GROUP_SA + KEY_DOWNLOAD + BEACON)


def code(chapter: int) -> str:
    """The page has two files: one under each of its titles."""
    text = re.split(r"^# ", PAGE.read_text(encoding="utf-8"), flags=re.MULTILINE)[chapter]
    return "\n".join(re.findall(r"^```python\n(.*?)^```$", text, re.DOTALL | re.MULTILINE))


@pytest.fixture(scope="module")
def page() -> dict[str, Any]:
    """What the page's code leaves behind."""
    namespace: dict[str, Any] = {"__name__": "radio"}
    # Without this file's own future import, which definitions can't have.
    exec(compile(code(1), str(PAGE), "exec", dont_inherit=True), namespace)
    return namespace


def test_the_hand_made_octets_are_consistent() -> None:
    assert len(OCTETS) == 28 + 44 + 29 + 8 == 0x6D


def test_it_builds_the_octets_that_the_layout_wants(page: dict[str, Any]) -> None:
    assert page["octets"].hex() == OCTETS.hex()


def test_it_parses_them_field_by_field(page: dict[str, Any]) -> None:
    message = gsakmp.parse(OCTETS, doi=page["RADIO"])
    sa, kd, beacon = message.payloads
    tek = sa.sa_attributes[0].tek
    assert type(tek) is page["RadioTEK"]
    assert tek.waveform is page["Waveform"].WIDE
    assert (tek.priority, tek.relays, tek.net, tek.spi) == (5, 2, b"alpha", b"\1\2\3\4")
    assert [(item.type.name, item.value) for item in tek.attributes] == [
        ("HOP_INTERVAL", 40),
        ("CALL_SIGN", "OE1"),
    ]
    packet = kd.key_packets[0]
    assert [(item.type.name, item.value) for item in packet.attributes] == [("HOP_SEED", b"\x11" * 8)]
    assert type(beacon) is page["Beacon"]
    assert beacon.frequency == 446_006_250
    assert gsakmp.build(message) == OCTETS
    assert page["parsed"] == page["message"]


def test_it_goes_through_json(page: dict[str, Any]) -> None:
    plain = json.loads(page["text"])
    assert plain["doi"] == "radio"
    assert plain["payloads"][2] == {"payload": "Beacon", "frequency": 446_006_250}
    tek = plain["payloads"][0]["sa_attributes"][0]["tek"]
    assert tek["waveform"] == "WIDE"
    assert tek["attributes"][1] == {"type": "CALL_SIGN", "value": "OE1"}
    assert gsakmp.build(page["again"]) == OCTETS
    assert page["again"] == gsakmp.parse(OCTETS, doi=page["RADIO"])


def test_json_of_a_domain_that_nobody_gave_is_refused(page: dict[str, Any]) -> None:
    with pytest.raises(gsakmp.EncodeError, match="radio"):
        gsakmp.Message.from_json(page["text"])


def test_without_the_domain_the_octets_are_kept(page: dict[str, Any]) -> None:
    message = gsakmp.parse(OCTETS, port=848)
    sa, kd, beacon = message.payloads
    assert sa.sa_attributes[0].tek == bytes.fromhex(TEK)
    assert kd.key_packets[0].attributes[0].value == b"\x11" * 8
    assert beacon == UnknownPayload(201, bytes.fromhex("1a9583ea"))
    assert gsakmp.build(message) == OCTETS


def test_bad_octets_name_the_fields_of_the_page(page: dict[str, Any]) -> None:
    bad = bytearray(OCTETS)
    bad[OCTETS.index(b"\5alpha")] = 200
    with pytest.raises(gsakmp.Truncated) as caught:
        gsakmp.parse(bytes(bad), doi=page["RADIO"])
    assert caught.value.path == "payloads[0].sa_attributes[0].tek.net"
    assert caught.value.offset == OCTETS.index(b"alpha")
    assert "tek.net at octet 52: 200 octets said, 20 left" in str(caught.value)


def test_the_secret_stays_out_of_the_repr(page: dict[str, Any]) -> None:
    for shown in (repr(gsakmp.parse(OCTETS, doi=page["RADIO"])), repr(page["key"])):
        assert "<8 octets>" in shown
        assert "1111" not in shown.replace("\\x", "")


def test_the_domains_here_stay_as_they_were(page: dict[str, Any]) -> None:
    assert gsakmp.GDOI is not page["RADIO"]
    assert 201 not in gsakmp.GDOI.tables.chains["payloads"]
    assert 200 not in gsakmp.GDOI.tables.choices["TEK protocol"]


def test_a_domain_with_a_number_of_its_own_reads_its_own_sa_and_delete() -> None:
    mine = gsakmp.GDOI.extended("mine", number=77)
    phase_1 = bytes(16) + bytes.fromhex("01 10 02 00 00000000 00000028" + "00 00 000c 0000004d 00000000")
    delete = bytes(16) + bytes.fromhex(
        "0c 10 05 00 00000000 0000002c" + "00 00 0010 0000004d 01 04 0001 01020304"
    )
    assert type(gsakmp.parse(phase_1, doi=mine).payloads[0]) is SA
    assert type(gsakmp.parse(phase_1, doi=gsakmp.GDOI).payloads[0]) is UnknownSA
    assert type(gsakmp.parse(delete, doi=mine).payloads[0]) is GroupDelete
    assert type(gsakmp.parse(delete, doi=gsakmp.GDOI).payloads[0]) is Delete
    assert gsakmp.parse(phase_1, doi=mine).payloads[0].doi == DOINumber(77)


@pytest.mark.parametrize("where", ["payloads", "sa_attributes"])
def test_a_class_without_a_type_is_refused(where: str, page: dict[str, Any]) -> None:
    with pytest.raises(gsakmp.LocalError, match="RadioTEK has no kind"):
        gsakmp.GDOI.extended("bad", **{where: iter([page["RadioTEK"]])})


# -- the rekey algorithm -------------------------------------------------------------------------------


@pytest.fixture
def star(monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    """What the second file leaves behind; what it registers is gone afterwards."""
    monkeypatch.setattr(rekey, "_ALGORITHMS", dict(rekey._ALGORITHMS))
    monkeypatch.setattr(rekey, "_MEMBER_SIDES", dict(rekey._MEMBER_SIDES))
    namespace: dict[str, Any] = {"__name__": "star"}
    exec(compile(code(2), str(PAGE), "exec", dont_inherit=True), namespace)
    return namespace


def in_force(network: World) -> set[bytes]:
    """The KEK and the TEK."""
    state = network.journal.groups["video"]
    (kek,) = (r.sa.key for r in state.rekey_sas.values() if r.retired_at is None)
    (tek,) = (r.sa.algorithm_key for r in state.data_sas.values() if r.retired_at is None)
    return {kek, tek}


def keys_of(member: Member) -> set[bytes]:
    gsa = member.group.gsa
    return {sa.key for sa in gsa.rekey} | {sa.algorithm_key for sa in gsa.data}


def test_the_star_runs_from_the_policy_to_members_on_a_network(star: dict[str, Any]) -> None:
    sa2 = RekeyPolicy(source="192.0.2.1", destination=PUSHES, management="star")
    network = World(policy=group_policy(rekey=(sa2,), backward_rekey="new-kek"))
    members = [network.member(number) for number in range(20)]
    assert network.run(60, lambda: all(member.state == "registered" for member in members))
    network.run(30)
    assert all(in_force(network) <= keys_of(member) for member in members)
    gone = members.pop(5)
    network.gcks.evict("video", Identity.from_text("fqdn:member5.example"), network.network.now)
    network.run(30)  # 19 that stay: two pushes
    assert all(in_force(network) <= keys_of(member) for member in members)
    assert not in_force(network) & keys_of(gone)
    network.run(90)
    network.start_gcks()
    before = in_force(network)
    network.gcks.rekey("video", network.network.now)
    network.run(30)
    assert not before & in_force(network)
    assert all(in_force(network) <= keys_of(member) for member in members)
    assert not [n for n in range(20) if n != 5 and "RegistrationScheduled" in network.kinds(f"member{n}")]
    assert len(network.gcks.group("video")._core.algorithms[0]) == 19


def test_a_stars_keys_of_no_whole_blocks_come_through(star: dict[str, Any]) -> None:
    """AES-192: an IV and a key are two blocks and a half, and are padded when they are wrapped."""
    cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 192)
    algorithm = rekey.rekey_algorithm("star", cipher)
    who = [Identity.from_text(f"fqdn:m{number}.example") for number in range(3)]
    algorithm.start(who, system_random)
    members = {each: rekey.member_keys(cipher, algorithm.download(each)) for each in who}
    for each, held in members.items():
        held.install(algorithm.download(each))
    plan = algorithm.remove(who[:1], bytes(16), system_random)
    found = [held.follow(plan.key_packets[0], cipher) for held in members.values()]
    assert found == [None, plan.group_key, plan.group_key]


def test_the_star_refuses_what_is_none_and_changes_nothing(star: dict[str, Any]) -> None:
    cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
    algorithm = rekey.rekey_algorithm("star", cipher)
    who = [Identity.from_text(f"fqdn:m{number}.example") for number in range(3)]
    algorithm.start(who[:2], system_random)
    algorithm.capacity = 2
    with pytest.raises(StateError, match="has 2 rays"):
        algorithm.add(who, bytes(16), True, system_random)
    with pytest.raises(StateError, match="no member"):
        algorithm.download(who[2])
    for state, parts in ((b"", {}), (bytes(32), {b"name": b"\xff"})):
        with pytest.raises(StateError, match="no state of a star"):
            algorithm.restore(state, parts)
    assert len(algorithm) == 2
    member = star["StarKeys"](cipher)
    for packets in ((), (star["packet"](1, [(b"a", bytes(3))]),), (star["packet"](1, [(b"a",)]),)):
        with pytest.raises(gsakmp.DecodeError):
            member.install(packets)
