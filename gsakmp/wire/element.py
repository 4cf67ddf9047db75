"""Classes that carry their layout: declare the fields once, with their constructs, and the rest follows.

::

    class SequenceNumber(Payload, kind=PayloadType.SEQUENCE_NUMBER, spec="RFC 6407, 5.7"):
        \"""The number of a GROUPKEY-PUSH message, against replay.\"""

        sequence_number: Annotated[int, Int32ub, "grows with every push of a rekey SA"]

An element is frozen, hashable and typed, with `replace`; its `layout` is a `construct.Struct`, and the
code that parses and builds it is made from that (`gsakmp.wire.generator`) when first needed.
"""

import inspect
import re
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, ClassVar, Final, Self, get_args, get_origin

import msgspec
from construct import Default, Rebuild

from gsakmp.errors import ConfigurationError, EncodeError
from gsakmp.wire.vocabulary import (
    AUTO,
    SECRET,
    Bits,
    Construct,
    GreedyBytes,
    If,
    Layout,
    WholeLength,
    bit_word,
    plain,
)

__all__ = ["Auto", "Element", "ElementMeta", "Payload", "UnknownPayload", "Unlinked"]

Auto = int | None
"""The type of a computed field: a number, or `AUTO` (None) for what follows from the other fields."""

WORDS: Final = (8, 16, 32)
"""Bits of the words that bit fields can share."""

RESERVED_NAMES: Final = frozenset(
    # dict's methods would hide a field of a construct Container, and scapy's Packet slots one of a layer;
    # the last four are the parameters of generated code.
    [
        "items",
        "keys",
        "values",
        "get",
        "pop",
        "copy",
        "update",
        "clear",
        "setdefault",
        "popitem",
        "fromkeys",
        "search",
        "search_all",
        "name",
        "time",
        "original",
        "fields",
        "direction",
        "parent",
        "underlayer",
        "comments",
        "explicit",
        "payload",
        "post_transforms",
        "buf",
        "at",
        "end",
        "rules",
        "dialect",
    ]
)


def title_from(name: str) -> str:
    """``KeyExchange`` as ``Key Exchange``, ``ESPTransform`` as ``ESP Transform``, ``SAKEK`` as it is."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", name)


def own_constructs(annotations: dict[str, Any]) -> Iterator[tuple[str, tuple[Any, ...]]]:
    for name, annotation in annotations.items():
        if isinstance(annotation, str) and "Annotated[" in annotation:
            raise ConfigurationError(f"{name}: a definition needs real annotations, not strings")
        if get_origin(annotation) is Annotated:
            metadata = get_args(annotation)[1:]
            if any(isinstance(part, Construct) for part in metadata):
                yield name, metadata


class ElementMeta(msgspec.StructMeta):
    """Reads the constructs out of the annotations and makes the layout.

    Class keywords beside msgspec's own: `spec` (document and section), `title` (for people; from the
    class name where it is not given) and `kind` (the payload type or types, for payloads).
    """

    layout: Layout

    def __new__(  # noqa: D102  # the class says it
        mcls,
        name: str,
        bases: tuple[type, ...],
        namespace: dict[str, Any],
        *,
        spec: str = "",
        title: str = "",
        kind: int | tuple[int, ...] | None = None,
        **options: Any,
    ) -> Any:
        options = {"frozen": True, "gc": False, "weakref": False, **options}
        kinds = (kind,) if isinstance(kind, int) else tuple(kind or ())
        if any(not 0 < number <= 0xFF for number in kinds):
            raise ConfigurationError(f"{name}: a payload type is a number from 1 to 255")
        if len(kinds) == 1:
            namespace["kind"] = kinds[0]
        if kinds:
            namespace["kinds"] = kinds
        cls = super().__new__(mcls, name, bases, namespace, **options)
        declared: dict[str, tuple[Any, ...]] = {}
        for base in reversed(cls.__mro__):
            declared.update(own_constructs(inspect.get_annotations(base)))
        for field in declared:
            if field in RESERVED_NAMES:
                raise ConfigurationError(f"{name}.{field}: the name means something else to a back-end")
        cls.layout = layout_of(cls, title or title_from(name), spec, declared)
        return cls


@cache
def defaults_of(cls: Any) -> dict[str, Any]:
    """The defaults of the fields that have one."""
    fields, defaults = cls.__struct_fields__, cls.__struct_defaults__
    pairs = zip(fields[len(fields) - len(defaults) :], defaults, strict=True)
    return {name: value for name, value in pairs if value is not msgspec.NODEFAULT}


def layout_of(cls: Any, title: str, spec: str, declared: dict[str, tuple[Any, ...]]) -> Layout:
    subcons: list[Construct] = []
    bits: list[tuple[str, Bits]] = []
    words: set[str] = set()
    secrets: set[str] = set()
    defaults = defaults_of(cls)
    for name, metadata in declared.items():
        con = next(part for part in metadata if isinstance(part, Construct))
        doc = next((part for part in metadata if isinstance(part, str)), "")
        if SECRET in metadata:
            secrets.add(name)
        if isinstance(plain(con), Bits):
            bits.append((name, plain(con) * doc))
            if sum(plain(part).width for _, part in bits) in WORDS:
                word = "_".join(["word", *(part for part, _ in bits)])
                words.add(word)
                subcons += bit_word(word, [(part, plain(width)) for part, width in bits])
                subcons[-len(bits) :] = [
                    slice_ * declared_doc(declared[slice_.name]) for slice_ in subcons[-len(bits) :]
                ]
                bits = []
            continue
        if bits:
            raise ConfigurationError(f"{cls.__name__}.{name} stands between bits of one octet")
        con = with_default(con, defaults.get(name, AUTO)) if name in defaults else con
        subcons.append(name / con * doc)
    if bits:
        raise ConfigurationError(f"{cls.__name__}: bits that fill no octet: {', '.join(n for n, _ in bits)}")
    return Layout(title, spec, *subcons, words=frozenset(words), secrets=frozenset(secrets))


def declared_doc(metadata: tuple[Any, ...]) -> str:
    return next((part for part in metadata if isinstance(part, str)), "")


def with_default(con: Construct, value: Any) -> Construct:
    """`con`, which construct may then build without being given a value."""
    if isinstance(con, Rebuild | WholeLength) or (value is AUTO and isinstance(con, type(If(True, con)))):
        return con
    return Default(con, value)


class Element(msgspec.Struct, metaclass=ElementMeta):
    """Octets with a layout: subclasses declare fields as ``Annotated[type, construct, "meaning"]``."""

    layout: ClassVar[Layout]

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; computed ones stay computed.

        Raises `EncodeError` for a field that the class lacks.
        """
        try:
            return msgspec.structs.replace(self, **changes)
        except TypeError as exc:
            raise EncodeError(str(exc), type(self).__name__) from None

    def readings(self) -> dict[str, str]:
        """What some of its octets say in plain words (a certificate's subject), by field."""
        return {}

    def __repr__(self) -> str:
        return f"{type(self).__name__}({', '.join(self._shown())})"

    def _shown(self) -> Iterator[str]:
        """``field=value`` for each field that is not at its default; keys by their size alone."""
        cls = type(self)
        defaults = defaults_of(cls)
        for name in cls.__struct_fields__:
            value = getattr(self, name)
            if name in defaults and value == defaults[name] and type(value) is type(defaults[name]):
                continue
            if name in cls.layout.secrets:
                yield (
                    f"{name}=<{len(value)} secret octets>" if isinstance(value, bytes) else f"{name}=<secret>"
                )
            else:
                yield f"{name}={value!r}"


class Payload(Element, kw_only=True):
    """What follows a generic payload header (RFC 2408, 3.2).

    `reserved` is the header's reserved octet. `next_payload` and `length` are links that follow from
    the chain; a lenient parse keeps them where they contradict the octets.
    """

    kinds: ClassVar[tuple[int, ...]] = ()

    reserved: int = 0
    next_payload: Auto = AUTO
    length: Auto = AUTO

    @property
    def kind(self) -> int:
        """The payload type that announces it. A class that has several keeps the one that it came with."""
        return type(self).kinds[0]


class UnknownPayload(Payload):
    """A payload of a type that the domain of interpretation does not define, or that can't be read.

    `problem` is empty for the former. For the latter, which only a lenient parse gives, it says what is
    wrong, with path and offset.
    """

    kind: int
    octets: Annotated[bytes, GreedyBytes, "the body, unread"] = b""
    problem: str = ""

    def __repr__(self) -> str:
        problem = f", problem={self.problem!r}" if self.problem else ""
        return f"UnknownPayload(kind={self.kind}, octets=<{len(self.octets)} octets>{problem})"


class Unlinked(Payload):
    """Octets that no Next Payload announces, kept by a lenient parse at the end of a chain."""

    octets: bytes

    @property
    def kind(self) -> int:
        """No payload type: the chain ended before."""
        return 0
