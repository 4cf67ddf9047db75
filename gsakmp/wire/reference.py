"""The parts of the reference that depend on the rules: attributes, and payloads with variants, in construct.

Nothing here is shared with the generated code: the two must come to the same result by different ways.
"""

from __future__ import annotations

from typing import Any

from construct import (
    Bytes,
    Construct,
    Container,
    ExplicitError,
    GreedyBytes,
    IfThenElse,
    Int16ub,
    Peek,
    Prefixed,
    Struct,
    this,
)

from gsakmp.wire.element import Element
from gsakmp.wire.values import ValueType
from gsakmp.wire.vocabulary import build_octets, parse_exactly

__all__ = ["AttributeReference", "VariantsReference", "container"]

ATTRIBUTE = Struct(
    "word" / Int16ub,
    "content" / IfThenElse(this.word & 0x8000, Bytes(2), Prefixed(Int16ub, GreedyBytes)),
)


class AttributeReference(Construct):
    """One data attribute (RFC 2408, 3.3), typed by `table`: type, value, basic and length."""

    def __init__(self, table: Any) -> None:
        super().__init__()
        self.table = table

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        raw = ATTRIBUTE._parse(stream, context, path)
        number, tv = raw.word & 0x7FFF, bool(raw.word & 0x8000)
        kind = self.table.kinds.get(number)
        value: Any = int.from_bytes(raw.content, "big") if tv or number_valued(kind) else raw.content
        if not tv and kind is not None:
            value = self._content(kind.content, raw.content, value, context, path)
        return Container(type=number, value=value, basic=tv, length=len(raw.content))

    def _content(self, content: Any, octets: bytes, value: Any, context: Any, path: str) -> Any:
        if isinstance(content, ValueType):
            try:
                return content.decode(octets)
            except ValueError as exc:
                raise ExplicitError(str(exc), path=path) from None
        if isinstance(content, type) and issubclass(content, Element):
            return parse_exactly(content.layout, octets, context, path)
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        number, value, tv = int(obj["type"]), obj["value"], obj["basic"]
        kind = self.table.kinds.get(number)
        if tv:
            content = int(value).to_bytes(2, "big")
        elif isinstance(value, bytes):
            content = value
        elif isinstance(value, int):
            content = value.to_bytes(obj["length"], "big")
        elif isinstance(kind.content, ValueType):
            content = kind.content.encode(value)
        else:
            content = build_octets(kind.content.layout, value, context, path)
        ATTRIBUTE._build({"word": number | (0x8000 if tv else 0), "content": content}, stream, context, path)
        return obj


def number_valued(kind: Any) -> bool:
    """Whether the attribute's value is a number whatever its form."""
    if kind is None or isinstance(kind.content, ValueType):
        return False
    return not (isinstance(kind.content, type) and issubclass(kind.content, Element))


class VariantsReference(Construct):
    """A payload body whose first field picks its layout."""

    def __init__(self, variants: Any) -> None:
        super().__init__()
        self.variants = variants

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        first = Peek(Bytes(self.variants.octets))._parse(stream, context, path)
        if first is None:
            raise ExplicitError("the first field is short", path=path)
        cls = self.variants.cases.get(int.from_bytes(first, "big"), self.variants.other)
        return cls.layout._parse(stream, context, path)

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        cls = self.variants.cases.get(int(obj["doi"]), self.variants.other)
        return cls.layout._build(obj, stream, context, path)


def container(value: Any) -> Any:
    """An element as the nested dicts and lists that construct builds from."""
    if isinstance(value, Element):
        fields = {name: container(getattr(value, name)) for name in value.__struct_fields__}
        if hasattr(value, "kind"):
            fields["kind"] = int(value.kind)
        return Container(fields)
    return [container(item) for item in value] if isinstance(value, tuple) else value
