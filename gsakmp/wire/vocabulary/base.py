"""What all the constructs of the vocabulary share: marks, expressions, and how they reach the rules."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from io import BytesIO
from typing import TYPE_CHECKING, Any, Final, Protocol

from construct import Construct, ExplicitError
from construct.expr import FuncPath

if TYPE_CHECKING:
    from gsakmp.wire.vocabulary.layout import Layout

__all__ = [
    "AUTO",
    "SECRET",
    "LayoutClass",
    "Option",
    "ReferenceRules",
    "TableKey",
    "build_octets",
    "first_kind_",
    "first_size_",
    "option",
    "parse_exactly",
    "plain",
    "remaining",
    "rules_of",
]

AUTO: Final = None
"""Stands in an object for a count, length or link that follows from the other fields. A parsed object
holds it wherever the octets said what would be computed, so that `replace` never leaves a stale
number behind; a number instead is what to send, right or wrong."""


class Secret(Enum):
    """The type of `SECRET`."""

    SECRET = "secret"


SECRET: Final = Secret.SECRET
"""Marks, in an annotation, a field whose octets must not show in a `repr` (keys)."""

TableKey = str | tuple[str, int]
"""A table of the rules: its name, or its name and the number that picks the variant of it."""


class LayoutClass(Protocol):
    """What the constructs ask of a class with a layout (`gsakmp.wire.element.Element`)."""

    layout: Layout


class ReferenceRules(Protocol):
    """What the constructs ask of the rules in force (`gsakmp.wire.rules.Rules`)."""

    def reference_chain(self, table: TableKey, kind: int) -> Construct:
        """The layout of a payload type's body."""

    def reference_choice(self, table: str, key: int) -> Construct:
        """The layout of a governed field."""

    def reference_attributes(self, table: TableKey) -> Construct:
        """The layout of one attribute."""

    def option(self, name: str) -> int:
        """A number of the dialect's."""


def rules_of(context: Any) -> ReferenceRules:
    """The rules that the caller gave: ``layout.parse(octets, rules=rules)``."""
    rules: ReferenceRules = context._params.rules
    return rules


def parse_exactly(con: Construct, octets: bytes, context: Any, path: str) -> Any:
    """Parse all of `octets` with `con`: what is left over is an error, which construct alone lets pass."""
    stream = BytesIO(octets)
    value = con._parse(stream, context, path)
    if stream.tell() != len(octets):
        raise ExplicitError(f"{len(octets) - stream.tell()} octets left over", path=path)
    return value


def build_octets(con: Construct, value: Any, context: Any, path: str) -> bytes:
    """The octets of `value` by themselves, in the context of where they will stand."""
    stream = BytesIO()
    con._build(value, stream, context, path)
    return stream.getvalue()


def remaining(stream: Any) -> int:
    """Octets between the stream's place and the end of what encloses it."""
    return len(stream.getbuffer()) - int(stream.tell())


class Option:
    """A number that the dialect in force gives, usable where construct takes an expression."""

    def __init__(self, name: str) -> None:
        self.name = name

    def __call__(self, context: Any) -> int:
        """The number, for construct."""
        return rules_of(context).option(self.name)

    def __repr__(self) -> str:
        return f"dialect.{self.name}"


def option(name: str) -> Option:
    """The dialect's `name`: an octet count or a switch (`gsakmp.doi.Dialect`)."""
    return Option(name)


def first_kind(items: Sequence[Any]) -> int:
    """The payload type of the first of `items`, 0 where there is none."""
    if not items:
        return 0
    first = items[0]
    return int(first["kind"] if isinstance(first, Mapping) else first.kind)


first_kind_ = FuncPath(first_kind)


def first_size(items: Sequence[Any]) -> int:
    """The octets of the first of `items`, 0 where there is none."""
    return len(items[0]) if items else 0


first_size_ = FuncPath(first_size)


def plain(con: Construct) -> Construct:
    """`con` without the wrappers that give it a name."""
    while type(con).__name__ == "Renamed":
        con = con.subcon
    return con
