"""Pictures of an element, from its members alone: the RFCs' ASCII diagram, and the table of its fields."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from textwrap import wrap
from typing import Any, Final

from gsakmp.wire import members as m
from gsakmp.wire.element import Payload
from gsakmp.wire.vocabulary import AUTO

__all__ = ["Cell", "FieldRow", "cells", "diagram", "field_rows", "table"]

ROW_BITS: Final = 32
TALLEST: Final = 8
"""Rows of a field that are drawn one by one; more are abbreviated with ``~``."""
RULER: Final = (
    " 0                   1                   2                   3\n"
    " 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1 2 3 4 5 6 7 8 9 0 1"
)
SMALL: Final = frozenset(["and", "by", "for", "in", "of", "or", "the", "to"])
"""Words that a label keeps small after the first."""
ORDINARY: Final = SMALL | frozenset(["bit", "end", "hop", "key", "new", "no", "old", "set"])
"""Words of up to three letters that are no abbreviation."""


# -- where each field stands -------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Cell:
    """Bits `first` to `last` of a row of 32, which hold `field` or a part of it.

    `rows` is how many whole rows it spans; `variable` tells that its size depends on the message: it then
    runs to the end of its row, and what follows it is drawn from bit 0 on.
    """

    field: str
    label: str
    row: int
    first: int
    last: int
    rows: int = 1
    variable: bool = False


@dataclass(frozen=True, slots=True)
class Span:
    """A field before it is put into rows. `bits` is None where its size depends on the message."""

    field: str
    label: str
    bits: int | None
    conditional: bool = False


GENERIC_HEADER: Final = (
    Span("next_payload", "Next Payload", 8),
    Span("reserved", "RESERVED", 8),
    Span("length", "Payload Length", 16),
)
"""RFC 2408, 3.2."""


def abbreviations(cls: Any) -> dict[str, str]:
    """Plurals that the class's own words write in capitals: ``{"spis": "SPIs"}``."""
    texts = [cls.layout.title, cls.__doc__ or "", *(member.doc for member in m.members_of(cls))]
    return {found.lower(): found for found in re.findall(r"\b[A-Z]{2,3}s\b", " ".join(texts))}


def label_of(name: str, known: dict[str, str]) -> str:
    """``source_id_type`` as ``Source ID Type``, ``reserved2`` as ``RESERVED2``: as the RFCs write it."""

    def word(text: str) -> str:
        if text in known or text in SMALL:
            return known.get(text, text)
        short = len(text) <= 3 and text not in ORDINARY
        return text.upper() if short or text.startswith("reserved") else text.capitalize()

    label = " ".join(word(text) for text in name.split("_") if text)
    return label[:1].upper() + label[1:]


def bits_of(member: m.Member, dialect: Any) -> int | None:
    """The bits that the field takes when it is there, None where that depends on the message."""
    match member.form:
        case m.BitsForm(width=width):
            return width
        case m.IntegerForm(octets=octets):
            return 8 * octets
        case m.OctetsForm(size=size) | m.ReservedForm(size=size) | m.ChoiceForm(size=size):
            if isinstance(size, m.DialectOption):
                size = getattr(dialect, size.name, None)
            return 8 * size if isinstance(size, int) else None
    return None


def spans(cls: Any, dialect: Any) -> Iterator[Span]:
    if issubclass(cls, Payload):
        yield from GENERIC_HEADER
    known = abbreviations(cls)
    for member in m.members_of(cls):
        label = label_of(member.name, known)
        if member.condition is not None:
            label += f" (if {bare(str(member.condition))})"
        yield Span(member.name, label, bits_of(member, dialect), member.condition is not None)


def cells(cls: Any, dialect: Any = None) -> tuple[Cell, ...]:
    """Where each field of the element class stands in rows of 32 bits, a payload's generic header first.

    `dialect` gives the sizes that depend on it (`gsakmp.doi.Dialect`); without, they count as variable.
    """
    out: list[Cell] = []
    row = at = 0
    for span in spans(cls, dialect):
        left = span.bits
        if left is None:
            out.append(Cell(span.field, span.label, row, at, ROW_BITS - 1, variable=True))
            row, at = row + 1, 0
            continue
        while left:
            whole = left // ROW_BITS if at == 0 and left % ROW_BITS == 0 else 1
            take = min(left, ROW_BITS * whole - at)
            last = ROW_BITS - 1 if whole > 1 else at + take - 1
            out.append(Cell(span.field, span.label, row, at, last, whole))
            left -= take
            at = (last + 1) % ROW_BITS
            row += whole if at == 0 else 0
        if span.conditional and at:  # nobody knows where the next one stands
            row, at = row + 1, 0
    return tuple(out)


# -- the diagram -------------------------------------------------------------------------------------


def diagram(cls: Any, dialect: Any = None) -> str:
    """The RFCs' picture of an element class: a ruler of 32 bits, a row for each four octets.

    ``~`` marks what varies in size; the field after it is drawn from bit 0 on, wherever it then stands.
    What is there only under a condition says so. A name too long for its bits becomes a letter, which is
    explained below. Lines end without spaces. `dialect` is as for `cells`.
    """
    placed = cells(cls, dialect)
    if not placed:
        return RULER
    legend: list[str] = []
    rows: dict[int, list[Cell]] = {}
    for cell in placed:
        rows.setdefault(cell.row, []).append(cell)
    lines = [RULER]
    above = 0
    for row in rows.values():
        width = row[-1].last + 1
        lines.append(rule(max(above, width)))
        lines += drawn(row, legend)
        above = width
    return "\n".join([*lines, rule(above), *legend])


def rule(bits: int) -> str:
    return "+" + "-+" * bits


def drawn(row: Sequence[Cell], legend: list[str]) -> Iterator[str]:
    """The lines of one row; of a field that fills several rows, of all of them."""
    first = row[0]
    if len(row) == 1 and first.last == ROW_BITS - 1 and (first.variable or first.rows > 1):
        yield from tall(first, legend)
        return
    texts = [label_lines(cell, legend) for cell in row]
    height = max(map(len, texts))
    for number in range(height):
        line = "|"
        for cell, text in zip(row, texts, strict=True):
            above = (height - len(text)) // 2
            part = text[number - above] if 0 <= number - above < len(text) else ""
            line += part.center(room(cell)) + ("~" if cell.variable else "|")
        yield line


def tall(cell: Cell, legend: list[str]) -> Iterator[str]:
    text, blank = label_lines(cell, legend), "|" + " " * room(cell) + "|"
    if cell.variable or cell.rows > TALLEST:
        yield from (blank, *(f"~{line.center(room(cell))}~" for line in text), blank)
        return
    height = 2 * cell.rows - 1
    above = (height - len(text)) // 2
    for number in range(height):
        edge = "+" if number % 2 else "|"  # where a rule between two rows would be
        part = text[number - above] if 0 <= number - above < len(text) else ""
        yield edge + part.center(room(cell)) + edge


def room(cell: Cell) -> int:
    """Characters between the edges."""
    return 2 * (cell.last - cell.first + 1) - 1


def label_lines(cell: Cell, legend: list[str]) -> list[str]:
    lines = wrap(cell.label, room(cell), break_long_words=False)
    if all(len(line) <= room(cell) for line in lines):
        return lines
    taken = next((line[0] for line in legend if line[4:] == cell.label), None)
    mark = taken or chr(ord("a") + len(legend) % 26)
    if taken is None:
        legend.append(f"{mark} = {cell.label}")
    return [mark]


# -- the table of fields -----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class FieldRow:
    """One field in words. Names of fields, and code, stand between backquotes.

    `default` is what it is when left out: ``required``, ``computed: ...`` or a value. `refers_to` is the
    registry or the element class that its type names, if any.
    """

    field: str
    size: str
    type: str
    default: str
    meaning: str
    refers_to: Any = None


def bare(text: str) -> str:
    """A construct expression without the parentheses around the whole of it."""
    if not text.startswith("("):
        return text
    depth = 0
    for place, letter in enumerate(text):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if not depth:
            return bare(text[1:-1]) if place == len(text) - 1 else text
    return text


def code(text: object) -> str:
    return f"`{text}`"


def plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def size_in_words(member: m.Member, dialect: Any = None) -> str:
    """Octets or bits, or the expression that gives them."""
    out = unconditional_size(member.form, dialect)
    return out if member.condition is None else f"{out}, if {code(bare(str(member.condition)))}"


def unconditional_size(form: m.Form, dialect: Any) -> str:
    match form:
        case m.BitsForm(width=width):
            return plural(width, "bit")
        case m.IntegerForm(octets=octets):
            return plural(octets, "octet")
        case m.OctetsForm(size=size) | m.ReservedForm(size=size) | m.ChoiceForm(size=size):
            if isinstance(size, m.DialectOption):
                value = getattr(dialect, size.name, None)
                return (f"{value} octets; " if value is not None else "") + f"the dialect's {code(size.name)}"
            if size is None:
                return "what is left"
            return plural(size, "octet") if isinstance(size, int) else f"{code(bare(str(size)))} octets"
        case m.InlineForm():
            return "as its own fields say"
        case m.ArrayForm(count=count, size=each):
            return f"{code(count)} times {code(each)} octets"
        case m.SharesForm(count=count):
            return f"what is left, in {code(count)} equal shares"
    return "what is left"


def type_in_words(form: m.Form, link: Callable[[Any], str]) -> str:
    """What the field holds; `link` names a registry or an element class."""
    match form:
        case m.IntegerForm(registry=registry, flags=flags, swapped_by=switch):
            text = "integer" if registry is None else link(registry)
            text = f"flags of {text}" if flags else text
            return text if switch is None else f"{text}; reversed under {code('dialect.' + switch)}"
        case m.BitsForm():
            return "integer"
        case m.OctetsForm(value_type=value_type):
            return "octets" if value_type is None else str(value_type.name)
        case m.ReservedForm():
            return "octets, zero"
        case m.ChoiceForm(table=named, key=key, reversed_by=switch):
            text = f"by {code(key)}, from the table *{named}*"
            return text if switch is None else f"{text}; IPv4 reversed under {code('dialect.' + switch)}"
        case m.InlineForm(of=of):
            return link(of)
        case m.ArrayForm():
            return "octet strings"
        case m.ElementsForm(of=of) | m.SharesForm(of=of):
            return f"list of {link(of)}"
        case m.AttributesForm(table=named, key=key):
            return f"attributes of the table *{named}*" + (f" for {code(key)}" if key else "")
        case m.ChainForm(table=named, key=key):
            return f"payloads of the chain *{named}*" + (f" for {code(key)}" if key else "")


COUNTS: Final = {
    "first_kind": "payload type of the first of",
    "first_size": "octets of the first of",
}


def computed_in_words(member: m.Member, forms: dict[str, m.Form]) -> str:
    """What an automatic field is computed from, empty for one that is not."""
    if member.size_of is not None:
        return f"octets of {code(member.size_of)}"
    if member.computed is None:
        return ""
    if member.computed is m.WHOLE:
        return "octets of the whole element"

    def words(found: re.Match[str]) -> str:
        function, name = found[1], found[2]
        counted = "octets of" if isinstance(forms.get(name), m.OctetsForm) else "number of"
        return f"{COUNTS.get(function, counted)} {code(name)}"

    return re.sub(r"(\w+)\((\w+)\)", words, bare(str(member.computed)))


def default_in_words(member: m.Member, forms: dict[str, m.Form]) -> str:
    computed = computed_in_words(member, forms)
    if computed:
        return f"computed: {computed}" + ("" if member.checked or member.size_of else "; not checked")
    value = member.default
    if value is m.NO_DEFAULT:
        return "required"
    if value is AUTO:
        return "zero" if isinstance(member.form, m.ReservedForm) else "absent"
    if isinstance(value, bytes):
        return "empty" if not value else f"{len(value)} zero octets" if not any(value) else code(value.hex())
    if isinstance(value, tuple):
        return "none" if not value else code(value)
    if getattr(value, "named", False):
        return code(value.name)
    return str(int(value)) if isinstance(value, int) else code(value)


def refers_to(form: m.Form) -> Any:
    match form:
        case m.IntegerForm(registry=registry):
            return registry
        case m.InlineForm(of=of) | m.ElementsForm(of=of) | m.SharesForm(of=of):
            return of
    return None


def code_name(cls: Any) -> str:
    return code(cls.__name__)


def field_rows(cls: Any, dialect: Any = None, link: Callable[[Any], str] = code_name) -> tuple[FieldRow, ...]:
    """The fields of an element class in words; a payload's generic header is not among them.

    `link` writes the name of a registry or an element class. `dialect` is as for `cells`.
    """
    fields = m.members_of(cls)
    forms = {member.name: member.form for member in fields}
    return tuple(
        FieldRow(
            member.name,
            size_in_words(member, dialect),
            type_in_words(member.form, link),
            default_in_words(member, forms),
            member.doc,
            refers_to(member.form),
        )
        for member in fields
    )


def markdown_row(parts: Sequence[str]) -> str:
    return f"| {' | '.join(part.replace('|', '&#124;') for part in parts)} |"


def table(cls: Any, dialect: Any = None, link: Callable[[Any], str] = code_name) -> str:
    """`field_rows` as a table in Markdown: field, size, type, default, meaning."""
    head = ("field", "size", "type", "default", "meaning")
    rows = [
        (code(row.field), row.size, row.type, row.default, row.meaning)
        for row in field_rows(cls, dialect, link)
    ]
    return "\n".join([markdown_row(head), markdown_row(["---"] * len(head)), *map(markdown_row, rows)])
