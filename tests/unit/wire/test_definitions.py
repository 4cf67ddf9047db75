"""Definitions that generated code and construct could not mean the same by are refused, with the reason."""

from enum import IntEnum
from typing import Annotated, Any

import pytest
from construct import Int16sb, Int16ul

from gsakmp.errors import ConfigurationError
from gsakmp.registries import ProtocolID
from gsakmp.wire import (
    AUTO,
    Auto,
    Bits,
    Bytes,
    Choice,
    Code,
    Element,
    GreedyBytes,
    If,
    Inline,
    Int8ub,
    Int16ub,
    Payload,
    Rebuild,
    Reserved,
    SizeOf,
    Swapped,
    WholeLength,
    codec,
    len_,
    this,
)


class Closed(IntEnum):
    """Not open: a number that it lacks would be an error."""

    ONE = 1


class Whole(Element):
    """Gives its own length."""

    size: Annotated[Auto, WholeLength(Int8ub), "octets"] = AUTO
    rest: Annotated[bytes, GreedyBytes, "the rest"] = b""


FIELDS: dict[str, tuple[dict[str, Any], str]] = {
    "a local of generated code": ({"stop": Annotated[int, Int8ub]}, "stop"),
    "a function of generated code": ({"len": Annotated[int, Int8ub]}, "len"),
    "fields after the rest": ({"a": Annotated[bytes, GreedyBytes], "b": Annotated[int, Int8ub]}, "b follows"),
    "whole length after what varies": (
        {"n": Annotated[int, Int8ub], "a": Annotated[bytes, Bytes(this.n)], "w": Annotated[Auto, WholeLength(Int8ub)]},
        "fixed size",
    ),
    "whole length after bits": (
        {"a": Annotated[int, Bits(4)], "b": Annotated[int, Bits(4)], "w": Annotated[Auto, WholeLength(Int8ub)]},
        "fixed size",
    ),
    "a size that delimits nothing": (
        {"n": Annotated[Auto, SizeOf(Int8ub, "a", GreedyBytes)], "a": Annotated[bytes, GreedyBytes]},
        "have it as its size",
    ),
    "an inline element with its own length": (
        {"f": Annotated[int, Int8ub], "a": Annotated[Whole | None, If(this.f, Inline(Whole))]},
        "in line",
    ),
    "a table picked by arithmetic": (
        {"f": Annotated[int, Int8ub], "a": Annotated[bytes, Choice("identification", this.f & 3)]},
        "picks its table",
    ),
    "a swapped field that may be absent": (
        {"f": Annotated[int, Int8ub], "a": Annotated[int, If(this.f, Swapped(Int16ub, "tek_ports_reversed"))]},
        "swapped",
    ),
    "a computed field that may be absent": (
        {"f": Annotated[int, Int8ub], "n": Annotated[Auto, If(this.f, Rebuild(Int8ub, len_(this.f)))]},
        "computed",
    ),
    "a closed registry": ({"a": Annotated[int, Code(Int8ub, Closed)]}, "open one"),
    "a narrow registry": ({"a": Annotated[int, Code(Int16ub, ProtocolID)]}, "16 bits"),
    "reserved octets of a given number": (
        {"n": Annotated[int, Int8ub], "a": Annotated[bytes, Reserved(this.n)]},
        "size that is known",
    ),
    "little-endian": ({"a": Annotated[int, Int16ul]}, "network order"),
    "signed": ({"a": Annotated[int, Int16sb]}, "unsigned"),
}  # fmt: skip


@pytest.mark.parametrize(("annotations", "reason"), FIELDS.values(), ids=FIELDS)
def test_what_can_not_be_kept_is_refused(annotations: dict[str, Any], reason: str) -> None:
    cls = type(Element)("Refused", (Element,), {"__annotations__": annotations, "__module__": __name__})
    with pytest.raises(ConfigurationError, match=reason):
        codec(cls)


@pytest.mark.parametrize("name", ["reserved", "length", "next_payload", "octets"])
def test_a_payload_has_its_generic_header_already(name: str) -> None:
    annotations = {name: Annotated[int, Int8ub]}
    namespace = {"__annotations__": annotations, "__module__": __name__}
    cls = type(Payload)("Refused", (Payload,), namespace, kind=200)
    with pytest.raises(ConfigurationError, match="generic header"):
        codec(cls)


@pytest.mark.parametrize("kind", [0, 256, -1])
def test_a_payload_type_fits_its_octet(kind: int) -> None:
    with pytest.raises(ConfigurationError, match="1 to 255"):
        type(Payload)("Refused", (Payload,), {"__module__": __name__}, kind=kind)


@pytest.mark.parametrize(
    "annotations",
    [
        {"a": Annotated[int, Bits(4)], "x": Annotated[int, Int8ub], "b": Annotated[int, Bits(4)]},
        {"a": Annotated[int, Bits(3)]},
    ],
)
def test_bits_stand_together_and_fill_octets(annotations: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError, match="bits"):
        type(Element)("Refused", (Element,), {"__annotations__": annotations, "__module__": __name__})
