"""Whole messages, made from the definitions: there and back by every form."""

from __future__ import annotations

import copy
import pickle
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import gsakmp
from gsakmp import limits
from gsakmp.doi import GDOI
from gsakmp.errors import GsakmpError, LimitExceeded
from gsakmp.message import Message
from gsakmp.payloads import Delete
from gsakmp.registries import DOINumber, ProtocolID
from tests.strategies import messages
from tests.vectors.check import check_construct


def parsed(octets: bytes, like: Message, *, lenient: bool = False) -> Message:
    return gsakmp.parse(octets, doi=like.doi, dialect=like.dialect, lenient=lenient)


@settings(max_examples=300)
@given(messages())
def test_built_and_parsed_is_the_same_message(message: Message) -> None:
    octets = message.build()
    assert parsed(octets, message) == message
    assert parsed(octets, message, lenient=True) == message
    assert parsed(octets, message).build() == octets


@settings(max_examples=200)
@given(messages())
def test_construct_agrees_field_by_field(message: Message) -> None:
    check_construct(message, message.build())


@settings(max_examples=200)
@given(messages())
def test_json_gives_the_message_back(message: Message) -> None:
    text = message.to_json()
    again = Message.from_json(text)
    assert again == message
    assert again.to_json() == text
    assert repr(again) == repr(parsed(message.build(), message))
    assert Message.from_builtins(message.to_builtins()) == message


@settings(max_examples=100)
@given(messages(), st.data())
def test_a_message_cut_short_says_so_and_is_kept(message: Message, data: st.DataObject) -> None:
    octets = message.build()
    size = data.draw(st.integers(0, len(octets) - 1))
    with pytest.raises(gsakmp.Truncated) as caught:
        parsed(octets[:size], message)
    assert 0 <= caught.value.offset <= size
    if size >= 28:
        assert parsed(octets[:size], message, lenient=True).build() == octets[:size]


@settings(max_examples=200)
@given(messages(), st.data())
def test_a_damaged_message_is_refused_or_exact_and_always_kept(message: Message, data: st.DataObject) -> None:
    octets = bytearray(message.build())
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    check_damaged(bytes(octets), message)


def check_damaged(damaged: bytes, message: Message) -> None:
    try:
        strict = parsed(damaged, message)
    except GsakmpError:
        pass
    else:
        assert strict.build() == damaged
    try:
        check_kept(damaged, message)
    except LimitExceeded as error:
        # damage makes a count as high as it likes, and but for that the message would have been kept
        assert f"limits.ELEMENTS_PER_PAYLOAD ({limits.ELEMENTS_PER_PAYLOAD})" in error.problem
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(limits, "ELEMENTS_PER_PAYLOAD", 0xFFFF)
            check_kept(damaged, message)


def check_kept(damaged: bytes, message: Message) -> None:
    kept = parsed(damaged, message, lenient=True)
    assert kept.build() == damaged
    assert Message.from_json(kept.to_json()) == kept


@pytest.mark.parametrize("size", [0, 4])
def test_a_damaged_count_may_pass_a_limit(size: int) -> None:
    delete = Delete(doi=DOINumber.IPSEC, protocol_id=ProtocolID.PROTO_IPSEC_ESP, spis=(bytes(size),))
    message = Message(exchange_type=33, doi=GDOI, payloads=(delete,))
    octets = message.build()
    at = len(octets) - size - 2
    check_damaged(octets[:at] + b"\x20\x01" + octets[at + 2 :], message)


@settings(max_examples=100)
@given(messages())
def test_messages_are_values(message: Message) -> None:
    same = parsed(message.build(), message)
    assert hash(same) == hash(message)
    assert len({same, message}) == 1
    assert message.replace() == message
    other = message.replace(message_id=message.message_id ^ 1)
    assert other != message
    assert other.build() != message.build()
    frozen: Any = message
    with pytest.raises(AttributeError):
        frozen.message_id = 1
    for payload in message.payloads:
        assert payload.replace(reserved=payload.reserved) == payload
        assert pickle.loads(pickle.dumps(payload)) == payload
        assert copy.deepcopy(payload) == payload
        frozen = payload
        with pytest.raises(AttributeError):
            frozen.reserved = 1
        assert isinstance(repr(payload), str)


@settings(max_examples=200)
@given(st.binary(max_size=200), st.sampled_from([500, 848, 4500]))
def test_octets_of_no_protocol_at_all(octets: bytes, port: int) -> None:
    for lenient in (False, True):
        try:
            message = gsakmp.parse(octets, port=port, lenient=lenient)
        except GsakmpError:
            continue
        assert message.build() == octets
