"""Each class: the same octets from scapy, from the library and from the RFC's picture; and back."""

import inspect
from typing import Any

import pytest
from scapy.fields import ConditionalField

import gsakmp
from gsakmp import layers, payloads
from gsakmp.layers.base import CLASSES, ElementLayer, PayloadLayer
from gsakmp.wire import Element, codec, members_of
from tests.unit.layers.samples import OPAQUE, SAMPLES, TRANSFORMS, Sample, generic, without_numbers

RULES = gsakmp.GDOI.rules(0)
EACH = pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
NESTED_ONLY = ("Payload", "Unlinked")


def expected(sample: Sample) -> bytes:
    return generic(sample.octets) if isinstance(sample.element, payloads.Payload) else sample.octets


def library_octets(element: Any) -> bytes:
    out = bytearray()
    codec(type(element)).build(element, out, RULES)
    return generic(bytes(out)) if isinstance(element, payloads.Payload) else bytes(out)


def test_every_class_of_the_library_has_a_sample_and_a_packet_class() -> None:
    classes = {
        name
        for name in payloads.__all__
        if inspect.isclass(cls := getattr(payloads, name)) and issubclass(cls, Element)
    } - set(NESTED_ONLY)
    assert classes - {"Header", "Attribute"} == {sample.name for sample in SAMPLES}
    assert classes == {name for name in layers.__all__ if name[0].isupper()}


@EACH
def test_both_forms_give_the_octets_of_the_picture(sample: Sample) -> None:
    assert bytes(sample.packet) == expected(sample)
    if sample.name != "UnknownPayload":  # which has no layout of its own
        assert library_octets(sample.element) == expected(sample)


@EACH
def test_the_same_names_in_the_same_order(sample: Sample) -> None:
    names = [field.name for field in sample.packet.fields_desc]
    wanted = [member.name for member in members_of(type(sample.element))]
    if isinstance(sample.element, payloads.Payload):
        assert names[:3] == ["next_payload", "reserved", "length"]
        names = [name for name in names[3:] if name != "kind"]
    assert names == (wanted or ["octets"])
    assert type(sample.packet).__name__ == sample.name
    assert sample.packet.name == (type(sample.element).layout.title if wanted else "Unknown Payload")


@EACH
def test_dissected_and_rebuilt_from_the_fields(sample: Sample) -> None:
    cls = type(sample.packet)
    assert issubclass(cls, PayloadLayer if isinstance(sample.element, payloads.Payload) else ElementLayer)
    packet = cls(expected(sample))
    assert type(packet) is cls
    assert packet.raw_packet_cache is None
    assert bytes(packet) == expected(sample)
    assert bytes(packet.copy()) == expected(sample)


@EACH
def test_counts_and_lengths_come_back_when_they_are_taken_away(sample: Sample) -> None:
    packet = without_numbers(type(sample.packet)(expected(sample)))
    if sample.name == "SensitivityLabel":
        packet.level_length, packet.category_length = 3, 5  # not what the octets say, padded as they are
    if sample.name == "SA":
        packet.secrecy.level_length, packet.secrecy.category_length = 3, 5
    assert bytes(packet) == expected(sample)


@EACH
def test_every_shortening_is_raw_or_itself_and_never_an_error(sample: Sample) -> None:
    whole = expected(sample)
    for size in range(len(whole)):
        packet = type(sample.packet)(whole[:size])
        if size:
            assert bytes(packet) == whole[:size]


@EACH
def test_shown_under_the_names_of_the_fields(sample: Sample) -> None:
    text = sample.packet.show(dump=True)
    for field in sample.packet.fields_desc:
        if not isinstance(field, ConditionalField):
            assert field.name in text
    assert sample.name in repr(sample.packet)


def test_a_payload_of_ones_own() -> None:
    from typing import Annotated

    from gsakmp.wire import AUTO, Auto, Bytes, Int8ub, Payload, Rebuild, len_, this

    class Marker(Payload, kind=201, spec="mine"):
        """A private payload."""

        size: Annotated[Auto, Rebuild(Int8ub, len_(this.mark)), "octets"] = AUTO
        mark: Annotated[bytes, Bytes(this.size), "anything"] = b""

    packet = layers.packet_class(Marker)(mark=b"abc")
    assert bytes(packet) == generic(b"\x03abc")
    assert layers.packet_class(Marker) is type(packet)
    mine = gsakmp.GDOI.extended("mine", payloads=[Marker])
    message = layers.Header(exchange_type=32) / packet
    assert bytes(message)[16] == 201
    assert type(layers.Header(bytes(message), doi=mine).payload) is type(packet)
    assert isinstance(layers.Header(bytes(message)).payload, layers.UnknownPayload)


def test_a_field_whose_name_scapy_uses_is_refused() -> None:
    from typing import Annotated

    from gsakmp.wire import Int8ub, Payload

    class Bad(Payload, kind=202, spec="mine"):
        """A payload with a field that would hide a method."""

        summary: Annotated[int, Int8ub, "a name that Packet has"] = 0

    with pytest.raises(gsakmp.GsakmpError, match="summary"):
        layers.packet_class(Bad)


def test_handwritten_classes_are_registered() -> None:
    assert CLASSES[payloads.Header] is layers.Header
    assert CLASSES[payloads.Attribute] is layers.Attribute
    assert CLASSES[payloads.UnknownPayload] is layers.UnknownPayload
    assert {type(sample.packet) for sample in (*OPAQUE, *TRANSFORMS)} <= set(CLASSES.values())
