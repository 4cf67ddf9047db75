"""JSON: what it looks like, that nothing gets lost, and that nothing but an `EncodeError` comes of bad input."""

from __future__ import annotations

import copy
import json
from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.doi import GDOI, GDOID, IPSEC, Dialect
from gsakmp.errors import EncodeError, GsakmpError
from gsakmp.message import Message
from gsakmp.payloads import (
    SA,
    SAKEK,
    Attribute,
    GroupSA,
    Identification,
    IKETransform,
    KeyDownload,
    KeyPacket,
    Nonce,
    Notification,
    Proposal,
    UnknownPayload,
)
from tests.strategies import messages

TRANSFORM = IKETransform(
    transform_number=1, transform_id=1, attributes=(Attribute(1, 7), Attribute(12, 1 << 60, length=8))
)
MAIN_MODE = Message(
    initiator_cookie=bytes(range(8)),
    exchange_type=2,
    doi=IPSEC,
    payloads=(SA(doi=1, situation=1, proposals=(Proposal(proposal_number=1, protocol_id=1, transforms=(TRANSFORM,)),)),),
)  # fmt: skip


def test_names_and_hex() -> None:
    plain = MAIN_MODE.to_builtins()
    assert plain["doi"] == "IPsec"
    assert plain["exchange_type"] == "IDENTITY_PROTECTION"
    assert plain["initiator_cookie"] == "0001020304050607"
    (sa,) = plain["payloads"]
    assert sa["payload"] == "SA"
    assert sa["situation"] == "SIT_IDENTITY_ONLY"
    (proposal,) = sa["proposals"]
    assert proposal["protocol_id"] == "PROTO_ISAKMP"
    assert "transform_count" not in proposal
    first, second = proposal["transforms"][0]["attributes"]
    assert first == {"type": "ENCRYPTION_ALGORITHM", "value": "AES_CBC"}
    assert second == {"type": "LIFE_DURATION", "value": "0x1000000000000000", "length": 8}
    assert json.loads(MAIN_MODE.to_json()) == plain


def test_values_that_are_more_than_octets() -> None:
    kek = SAKEK(protocol=17, source_id_type=1, source_id_data=IPv4Address("192.0.2.1"), destination_id_type=11,
                destination_id_data=b"\1\2")  # fmt: skip
    message = Message(exchange_type=32, doi=GDOI, dialect=GDOID, payloads=(
        GroupSA(sa_attributes=(kek,)), UnknownPayload(99, b"\xca\xfe", reserved=1), Nonce(b"n", length=9)))  # fmt: skip
    plain = message.to_builtins()
    assert plain["dialect"] == "gdoid"
    inner = plain["payloads"][0]["sa_attributes"][0]
    assert (inner["source_id_data"], inner["destination_id_data"]) == ("192.0.2.1", "0102")
    assert plain["payloads"][1] == {"payload": "UnknownPayload", "kind": 99, "octets": "cafe", "reserved": 1}
    assert plain["payloads"][2]["length"] == 9
    assert Message.from_builtins(plain) == message


def test_octets_where_something_better_would_stand() -> None:
    message = Message(
        exchange_type=5, doi=IPSEC, payloads=(Identification(id_type=1, identification_data=b"\1\2"),)
    )
    plain = message.to_builtins()
    assert plain["payloads"][0]["identification_data"] == {"octets": "0102"}
    assert Message.from_builtins(plain) == message


def test_what_can_be_typed_by_hand() -> None:
    """Names in either case, numbers, and no more fields than needed."""
    text = """{"doi": "GDOI", "exchange_type": "groupkey-push", "payloads": [
        {"payload": "SequenceNumber", "sequence_number": 7},
        {"payload": "KeyDownload", "key_packets": [{"kd_type": 1, "spi": "01020304", "attributes": [
            {"type": "tek_algorithm_key", "value": "00112233"}, {"type": 40000, "value": "00"}]}]}]}"""
    with pytest.raises(EncodeError):
        Message.from_json(text).build()  # an attribute type has 15 bits
    message = Message.from_json(text.replace("40000", "200"))
    assert message.exchange_type == 33
    assert isinstance(message.payloads[1], KeyDownload)
    assert message.payloads[1].key_packets[0].attributes[1] == Attribute(200, b"\0")
    assert message.build()


@pytest.mark.parametrize(
    ("change", "path"),
    [
        ({"doi": "nowhere"}, "doi"),
        ({"dialect": "none"}, "dialect"),
        ({"version": "1"}, "version"),
        ({"version": "a.b"}, "version"),
        ({"exchange_type": "NO_SUCH"}, "exchange_type"),
        ({"exchange_type": 256}, "exchange_type"),
        ({"exchange_type": -1}, "exchange_type"),
        ({"exchange_type": None}, "exchange_type"),
        ({"flags": "NO_FLAG"}, "flags"),
        ({"flags": []}, "flags"),
        ({"message_id": "xyz"}, "message_id"),
        ({"message_id": 5}, "message_id"),
        ({"initiator_cookie": "0g"}, "initiator_cookie"),
        ({"payloads": {}}, "payloads"),
        ({"payloads": [1]}, "payloads[0]"),
        ({"payloads": [{"payload": "Nothing"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Nonce"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Nonce", "nonce_data": 5}]}, "payloads[0].nonce_data"),
        ({"payloads": [{"payload": "Nonce", "nonce_data": "00", "more": 1}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Nonce", "nonce_data": "00", "reserved": "x"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Identification", "identification_data": "00"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Identification", "id_type": 1, "identification_data": "1.2.3"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "Identification", "id_type": 4, "identification_data": "1.2.3.4/99"}]}, "payloads[0]"),
        ({"payloads": [{"payload": "SA", "doi": 1, "situation": 1, "proposals": 1}]}, "payloads[0].proposals"),
        ({"payloads": [{"payload": "UnknownPayload", "octets": "00"}]}, "payloads[0]"),
        ({"unknown": 1}, ""),
    ],
)  # fmt: skip
def test_bad_plain_data(change: dict[str, Any], path: str) -> None:
    with pytest.raises(EncodeError) as caught:
        Message.from_builtins({**MAIN_MODE.to_builtins(), **change})
    assert caught.value.path.startswith(path)


@pytest.mark.parametrize(
    "text", ["", "{", "null", "[]", '"x"', "1e999", b"\xff\xfe", '{"doi": 1}', None, 7, object()]
)
def test_bad_json(text: Any) -> None:
    with pytest.raises(EncodeError):
        Message.from_json(text)


JUNK: list[Any] = [None, True, -1, 2**70, 1.5, "", "zz", "0x", "NONE", "IDENTITY_PROTECTION", "1" * 5000, [], {},
                   {"octets": 1}, {"octets": "00"}, [[]], [{}], "é", 300, 70000, 2**32]  # fmt: skip


def places(plain: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    pairs = plain.items() if isinstance(plain, dict) else enumerate(plain) if isinstance(plain, list) else ()
    return [path, *(place for key, value in pairs for place in places(value, (*path, key)))]


@settings(max_examples=300)
@given(messages(), st.data())
def test_damaged_plain_data(message: Message, data: st.DataObject) -> None:
    """Any value replaced or taken away: another message, or an `EncodeError`; nothing else, however built."""
    plain = copy.deepcopy(message.to_builtins())
    place = data.draw(st.sampled_from(places(plain)[1:]))
    parent: Any = plain
    for key in place[:-1]:
        parent = parent[key]
    if data.draw(st.booleans()):
        parent[place[-1]] = data.draw(st.sampled_from(JUNK))
    else:
        del parent[place[-1]]
    try:
        found = Message.from_builtins(plain)
        octets = found.build()
        found.to_json()
        repr(found)
        found.problems()
    except GsakmpError:
        return
    assert isinstance(octets, bytes)


FIELDS = st.sampled_from(["payload", "payloads", "octets", "doi", "kind", "version", "flags", "attributes"])
SHAPES: st.SearchStrategy[Any] = st.deferred(
    lambda: st.none() | st.booleans() | st.integers() | st.text(max_size=8)
    | st.lists(SHAPES, max_size=3) | st.dictionaries(FIELDS, SHAPES, max_size=4)
)  # fmt: skip


@settings(max_examples=100)
@given(SHAPES)
def test_plain_data_of_any_shape(plain: Any) -> None:
    try:
        Message.from_builtins(plain).build()
    except GsakmpError:
        pass


def test_your_own_dialect_and_domain() -> None:
    mine, like = GDOI.extended("mine"), Dialect(name="like", sa_kek_reserved_octets=9)
    message = Message(
        exchange_type=33, doi=mine, dialect=like, payloads=(KeyDownload(key_packets=(KeyPacket(4),)),)
    )
    with pytest.raises(EncodeError, match="mine"):
        Message.from_json(message.to_json())
    with pytest.raises(EncodeError, match="dialect"):
        Message.from_json(message.to_json(), dois=[mine])
    assert Message.from_json(message.to_json(), dois=[mine], dialects=[like]) == message


def made(of: Any, *values: Any, **fields: Any) -> Any:
    """An object with values that its types forbid."""
    return of(*values, **fields)


WRONG_VALUES: list[Any] = [
    made(Nonce, "text"),
    made(Nonce, 5),
    Identification(id_type=1, identification_data=object()),
    made(Identification, id_type="x", identification_data=b""),
    made(Identification, id_type=1, identification_data=IPv4Address(1), port="x"),
    Notification(doi=1, protocol_id=1, notify_message_type=24576, notification_data=7),
    made(Proposal, proposal_number=1, protocol_id=1, transforms=5),
    made(Proposal, proposal_number=1, protocol_id=1, transforms=(1, None)),
    made(IKETransform, transform_number=1, transform_id=1, attributes=(None,)),
    made(IKETransform, transform_number=1, transform_id=1, attributes=(made(Attribute, None, b""),)),
    IKETransform(transform_number=1, transform_id=1, attributes=(Attribute(1, object()),)),
    made(UnknownPayload, "x", b""),
    made(UnknownPayload, 5, "x"),
    "no payload",
    None,
    Attribute(1, 2),
]


@pytest.mark.parametrize("payload", WRONG_VALUES, ids=range(len(WRONG_VALUES)))
def test_wrong_types_end_in_our_errors(payload: Any) -> None:
    """No public call raises anything outside `GsakmpError` (DESIGN.md, 5)."""
    message = Message(exchange_type=2, doi=IPSEC, payloads=(payload,))
    with pytest.raises(EncodeError):
        message.build()
    for call in (
        message.to_json,
        message.to_builtins,
        message.problems,
        message.plaintext,
        lambda: repr(message),
    ):
        try:
            call()
        except GsakmpError:
            pass
