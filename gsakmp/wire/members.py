"""The one place that looks inside construct objects.

`members` reads a layout and yields a flat, typed `Member` for each field. Every back-end (the generated
code, the scapy classes, the pictures, the JSON, the strategies of the tests) reads those and nothing
else, so a construct that is new to the vocabulary is taught here once.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Final

from construct import Bytes, Default, FormatField, GreedyBytes, IfThenElse, Pass, Rebuild, Renamed

from gsakmp.errors import ConfigurationError
from gsakmp.wire import vocabulary as v

__all__ = [
    "NO_DEFAULT",
    "WHOLE",
    "ArrayForm",
    "AttributesForm",
    "BitsForm",
    "ChainForm",
    "ChoiceForm",
    "ElementsForm",
    "Expression",
    "Form",
    "InlineForm",
    "IntegerForm",
    "Member",
    "OctetsForm",
    "ReservedForm",
    "SharesForm",
    "Size",
    "members",
    "members_of",
]

NO_DEFAULT: Final = object()
"""The default of a field that must be given."""


@dataclass(frozen=True, slots=True)
class Expression:
    """A construct expression over an element's own fields, as Python source with the fields in braces."""

    template: str
    names: tuple[str, ...] = ()

    def source(self, place: Callable[[str], str]) -> str:
        """The source, with `place(name)` for each field."""
        return self.template.format(**{name: place(name) for name in self.names})

    def __str__(self) -> str:
        return self.source(lambda name: name)


@dataclass(frozen=True, slots=True)
class DialectOption:
    """A number that the dialect in force gives."""

    name: str

    def __str__(self) -> str:
        return f"dialect.{self.name}"


Size = int | Expression | DialectOption | None
"""Octets: known, computed from other fields, given by the dialect, or all that is left."""

WHOLE: Final = Expression("whole")
"""The `computed` of a field that counts the octets of the whole element."""


@dataclass(frozen=True, slots=True)
class IntegerForm:
    """An unsigned big-endian integer. `code` is its letter for `struct`."""

    octets: int
    code: str
    registry: Any = None
    flags: bool = False
    swapped_by: str | None = None


@dataclass(frozen=True, slots=True)
class BitsForm:
    """`width` bits, `shift` above the lowest of the word `word`, which has `octets` octets."""

    word: str
    octets: int
    code: str
    shift: int
    width: int


@dataclass(frozen=True, slots=True)
class OctetsForm:
    """An octet string, or the value of a `ValueType` made from one."""

    size: Size
    value_type: Any = None


@dataclass(frozen=True, slots=True)
class ReservedForm:
    """Octets that are zero unless given."""

    size: Size


@dataclass(frozen=True, slots=True)
class ChoiceForm:
    """A field that a table of the rules gives its layout, by another field's value."""

    table: str
    key: Expression
    size: Size
    reversed_by: str | None = None


@dataclass(frozen=True, slots=True)
class InlineForm:
    """A nested element that says itself where it ends."""

    of: Any


@dataclass(frozen=True, slots=True)
class ArrayForm:
    """`count` octet strings of `size` octets."""

    count: Expression
    size: Expression


@dataclass(frozen=True, slots=True)
class ElementsForm:
    """Elements that start with their own length, to the end."""

    of: Any


@dataclass(frozen=True, slots=True)
class SharesForm:
    """`count` elements that share what is left equally."""

    of: Any
    count: Expression


@dataclass(frozen=True, slots=True)
class AttributesForm:
    """Data attributes to the end, typed by a table of the rules."""

    table: str
    key: Expression | None = None


@dataclass(frozen=True, slots=True)
class ChainForm:
    """Payloads linked by their generic headers, to the end."""

    first: int | Expression
    table: str
    key: Expression | None = None


Form = (
    IntegerForm
    | BitsForm
    | OctetsForm
    | ReservedForm
    | ChoiceForm
    | InlineForm
    | ArrayForm
    | ElementsForm
    | SharesForm
    | AttributesForm
    | ChainForm
)


@dataclass(frozen=True, slots=True)
class Member:
    """One field of an element.

    `computed` says what the field is when left `AUTO`, or `size_of` names the field, further on, whose
    octets it counts; `checked` tells whether parsing compares it;
    `condition` when it is there at all; `secret` whether its value may show in a repr.
    """

    name: str
    form: Form
    doc: str = ""
    default: Any = NO_DEFAULT
    computed: Expression | None = None
    size_of: str | None = None
    checked: bool = False
    condition: Expression | None = None
    secret: bool = False

    @property
    def octets(self) -> int | None:
        """The field's size where it is always the same; a bit field's is that of its word's share."""
        match self.form:
            case IntegerForm(octets=n) | OctetsForm(size=int(n)) if self.condition is None:
                return n
        return None

    @property
    def bits(self) -> int | None:
        """The field's size in bits where it is always the same."""
        if isinstance(self.form, BitsForm):
            return self.form.width
        return None if self.octets is None else 8 * self.octets


FIELD = re.compile(r"this\['(\w+)'\]")
INTEGERS: Final = ("B", "H", "I", "Q")
"""Their letters for `struct`."""
FUNCTIONS: Final = {"len_": "len", "first_kind_": "first_kind", "first_size_": "first_size"}


def expression(value: Any) -> Expression:
    """A construct expression as source. Only an element's own fields may be named."""
    text = repr(value)
    names = tuple(dict.fromkeys(FIELD.findall(text)))
    template = FIELD.sub(lambda found: "{" + found[1] + "}", text)
    for theirs, ours in FUNCTIONS.items():
        template = template.replace(theirs + "(", ours + "(")
    if "this" in template or "<" in template:
        raise ConfigurationError(f"{text} is no expression over the element's own fields")
    return Expression(template, names)


def size(value: Any) -> Size:
    if value is None or isinstance(value, int):
        return value
    if isinstance(value, v.Option):
        return DialectOption(value.name)
    return expression(value)


def integer(con: Any) -> IntegerForm:
    match con:
        case v.Code():
            return replace(integer(con.subcon), registry=con.registry)
        case v.Flags():
            return replace(integer(con.subcon), registry=con.registry, flags=True)
        case v.Swapped():
            return replace(integer(con.subcon), swapped_by=con.switch)
        case v.WholeLength():
            return integer(con.word)
    order, code = con.fmtstr[0], con.fmtstr[1:].replace("L", "I")
    if (order != ">" and con.length > 1) or code not in INTEGERS:
        raise ConfigurationError(
            f"{con.fmtstr}: integers are unsigned, in network order, of 1, 2, 4 or 8 octets"
        )
    return IntegerForm(con.length, code)


def form_of(con: Any, words: dict[str, Any]) -> Form:
    """The form of a construct that wraps nothing but, possibly, its word."""
    match con:
        case FormatField() | v.Code() | v.Flags() | v.Swapped() | v.WholeLength():
            return integer(con)
        case v.BitSlice():
            word = integer(words[con.word])
            return BitsForm(con.word, word.octets, word.code, con.shift, con.width)
        case v.Octets():
            inner = form_of(con.subcon, words)
            if isinstance(inner, OctetsForm):
                return replace(inner, value_type=con.value_type)
        case Bytes():
            return OctetsForm(size(con.length))
        case v.Reserved():
            return ReservedForm(size(con.size))
        case v.Choice():
            return ChoiceForm(con.table, expression(con.key), size(con.size), con.reversed_by)
        case v.Inline():
            return InlineForm(con.of)
        case v.Array():
            return ArrayForm(expression(con.count), expression(con.size))
        case v.Elements():
            return ElementsForm(con.of)
        case v.Shares():
            return SharesForm(con.of, expression(con.count))
        case v.Attributes():
            return AttributesForm(con.table, None if con.key is None else expression(con.key))
        case v.Chain():
            first = int(con.first) if isinstance(con.first, int) else expression(con.first)
            return ChainForm(first, con.table, None if con.key is None else expression(con.key))
    if con is GreedyBytes:
        return OctetsForm(None)
    raise ConfigurationError(f"{con!r} is not in the vocabulary of gsakmp.wire")


def member(con: Any, words: dict[str, Any]) -> Member:
    """Unwrap one named construct of a layout."""
    out = Member(con.name, IntegerForm(0, "x"), con.docs or "")
    while True:
        match con:
            case Renamed():
                con = con.subcon
            case Default():
                out, con = replace(out, default=con.value), con.subcon
            case v.SizeOf():
                out, con = replace(out, size_of=con.of, default=None), con.subcon
            case Rebuild():
                checked = not isinstance(con, v.Suggested)
                out = replace(out, computed=expression(con.func), checked=checked, default=None)
                con = con.subcon
            case IfThenElse() if con.elsesubcon is Pass:
                out, con = replace(out, condition=expression(con.condfunc), default=None), con.thensubcon
            case v.WholeLength():
                return replace(out, form=integer(con.word), computed=WHOLE, checked=True, default=None)
            case _:
                return replace(out, form=form_of(con, words))


def walk(layout: v.Layout) -> Iterator[Member]:
    words: dict[str, Any] = {}
    for con in layout.subcons:
        if con.name in layout.words:
            words[con.name] = v.plain(con).subcon
        else:
            yield replace(member(con, words), secret=con.name in layout.secrets)


@cache
def members(layout: v.Layout) -> tuple[Member, ...]:
    """The fields of `layout`, in the order in which they stand in the octets.

    Raises `ConfigurationError` for a construct that the vocabulary does not hold.
    """
    return tuple(walk(layout))


def members_of(cls: Any) -> tuple[Member, ...]:
    """The fields of the element class `cls`."""
    return members(cls.layout)
