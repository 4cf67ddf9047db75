"""From members to the source of what writes JSON text: of an element, or of octets without making one.

What comes out is what `gsakmp.wire.plain` says in dicts and lists, octet for octet as msgspec encodes it, but
without the dicts and lists: one f-string for each class. It is for elements as a parser gives them; values of
other types are for `plain`, which checks.

The code that goes from octets straight to text is that of the parser, with the same checks, but for its last
line. It does the usual cases; see `gsakmp.wire.quick`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any, Final

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m
from gsakmp.wire.element import Element, Payload, defaults_of
from gsakmp.wire.generator.parse import ParserWriter
from gsakmp.wire.generator.source import Source
from gsakmp.wire.plain import PAYLOAD_FIELDS

__all__ = ["can_be_quick", "quick_source", "writer_source"]

EXACT_OCTETS: Final = 4
"""Integers of so many octets stay numbers in JSON, whatever they are."""


class TextWriter:
    """Writes the function of one class. A field is a piece of the f-string, one that may be missing a local
    variable with its comma."""

    def __init__(self, cls: Any, namespace: dict[str, Any]) -> None:
        self.cls = cls
        self.source = Source(namespace)
        self.reads = cls.readings is not Element.readings
        self.pieces: list[tuple[str, str, str]] = []  # name, text, condition

    def text(self) -> str:
        layout = self.cls.layout
        if self.reads:
            self.source.emit("said = x.readings()")
        self.begin()
        if issubclass(self.cls, Payload):
            self.header()
        for member in m.members_of(self.cls):
            said = f'{{reading(said, "{member.name}")}}' if self.reads else ""
            value = f"x.{member.name}"
            self.add(member.name, self.value(member, value) + said, condition(member, value))
        self.source.emit(f"return {self.joined()}")
        body = "\n".join(self.source.lines)
        return f'def text(x, rules):\n    """{layout.title} ({layout.spec})."""\n{body}\n'

    def begin(self) -> None:
        """What every payload has first."""
        if issubclass(self.cls, Payload):
            self.pieces.append(("payload", f'"payload":"{self.cls.__name__}"', ""))

    def add(self, name: str, value: str, condition: str) -> None:
        self.pieces.append((name, f'"{name}":{value}', condition))

    def header(self) -> None:
        """What a payload has of its generic header, where it is not as usual."""
        defaults = defaults_of(self.cls)
        texts, conditions = [], []
        for name in self.cls.__struct_fields__:
            if name not in PAYLOAD_FIELDS:
                continue
            if name not in defaults:
                self.add(name, f"{{x.{name}:d}}", "")
                continue
            default = defaults[name]
            condition = f"x.{name} is not None" if default is None else f"x.{name} != {default:d}"
            conditions.append(condition)
            texts.append(f"(f',\"{name}\":{{x.{name}:d}}' if {condition} else '')")
        with self.source.block(f"if {' or '.join(conditions)}:"):
            self.source.emit(f"header = {' + '.join(texts)}")
        with self.source.block("else:"):
            self.source.emit("header = ''")
        self.pieces[-1] = self.pieces[-1][0], self.pieces[-1][1] + "{header}", self.pieces[-1][2]

    def joined(self) -> str:
        """All pieces as one expression. Those before the first that is always there end with the comma, those
        after it begin with it."""
        always = next((i for i, piece in enumerate(self.pieces) if not piece[2]), None)
        parts = []
        for index, (name, text, condition) in enumerate(self.pieces):
            if always is not None and index < always:
                text = f"{text},"  # noqa: PLW2901
            elif index != always:
                text = f",{text}"  # noqa: PLW2901
            if condition:
                self.source.emit(f"s_{name} = f'{text}' if {condition} else ''")
                text = f"{{s_{name}}}"  # noqa: PLW2901
            parts.append(text)
        whole = "".join(parts)
        return f"f'{{{{{whole}}}}}'" if always is not None else f"'{{' + f'{whole}'[1:] + '}}'"

    def value(self, member: m.Member, value: str) -> str:
        """The field, for the f-string. `value` is the source of what it holds."""
        name = member.name
        match member.form:
            case m.IntegerForm(registry=None) as form:
                return f"{{{value}}}" if form.octets <= EXACT_OCTETS else f"{{number({value})}}"
            case m.IntegerForm() as form:
                sort = "flags" if form.flags else "names"
                table = self.source.name(f"{form.registry.__name__}_{sort}", self.numbers(form))
                return f"{{{table}[{value}]}}"
            case m.BitsForm():
                return f"{{{value}}}"
            case m.OctetsForm(value_type=None) | m.ReservedForm():
                return f'"{{{value}.hex()}}"'
            case m.OctetsForm(value_type=value_type):
                return f"{{value_text({self.source.name(f'{name.upper()}_TYPE', value_type)}, {value})}}"
            case m.ChoiceForm(table=table, key=key):
                return f'{{choice_text("{table}", x.{key}, {value}, rules)}}'
            case m.InlineForm() | m.ElementsForm() | m.SharesForm() | m.ChainForm() | m.ArrayForm():
                function = "element_text" if isinstance(member.form, m.InlineForm) else "elements_text"
                if isinstance(member.form, m.ArrayForm):
                    return f"{{octets_texts({value})}}"
                return f"{{{function}({value}, rules)}}"
            case m.AttributesForm(table=table, key=key):
                place = f'"{table}"' if key is None else f'("{table}", int(x.{key}))'
                return f"{{attributes_text(rules.attribute_tables[{place}], {value}, rules)}}"
        raise ConfigurationError(f"{self.cls.__name__}.{name}: no text for {member.form}")

    def numbers(self, form: m.IntegerForm) -> Any:
        return self.source.namespace["numbers"](form.registry, form.flags)


def condition(member: m.Member, value: str) -> str:
    """When the field is there at all; empty for always."""
    there = f"{value} is not None" if member.default is None else ""
    if not member.name.startswith("reserved"):
        return there
    return f"{there} and {value} != 0" if there else f"{value} != 0"


class QuickWriter(ParserWriter):
    """Writes a parser that gives text. Fields that hold others hold their texts already."""

    def __init__(self, cls: Any, namespace: dict[str, Any]) -> None:
        super().__init__(cls, namespace, lenient=False)
        self.writer = TextWriter(cls, namespace)
        self.writer.source = self.source

    def integer(self, member: m.Member, form: m.IntegerForm) -> None:
        """As a number: its name is found when the text is made."""
        super().integer(member, form)
        self.values[member.name] = member.name

    def open_parser(self, cls: Any) -> Any:
        """An element that says itself where it ends is rare enough to be made first."""
        parse, write = super().open_parser(cls), self.source.namespace["element_text"]

        def open_text(buf: bytes, at: int, end: int, rules: Any) -> tuple[str, int]:
            element, stop = parse(buf, at, end, rules.real)
            return write(element, rules.real), stop

        return open_text

    def emit_checks(self) -> None:
        """Without those on the type of a chain's first payload that the chain was read by."""
        self.checks = [member for member in self.checks if not is_first_link(member, self.members)]
        super().emit_checks()

    def made(self) -> str:
        """The text."""
        writer = self.writer
        writer.begin()
        for member in self.members:
            there = self.there(member)
            if there is not None:
                writer.add(member.name, self.piece(member), there)
        return writer.joined()

    def there(self, member: m.Member) -> str | None:
        """When the field is there; None for never, since the octets agree with it."""
        if member.size_of is not None or member.checked or self.agrees_anyway(member):
            return None
        if member.computed is not None:
            return f"{self.local(member.name)} != {self.computed(member)}"
        return condition(member, self.local(member.name))

    def piece(self, member: m.Member) -> str:
        value = self.local(member.name)
        match member.form:
            case m.ChoiceForm() | m.InlineForm():
                return f"{{{value}}}"
            case m.ElementsForm() | m.SharesForm() | m.ChainForm() | m.AttributesForm():
                return f'[{{",".join({value})}}]'
        return self.writer.value(member, value)


def is_first_link(link: m.Member, members: Iterable[m.Member]) -> bool:
    """Whether the field is what a chain after it is read by, so that the two agree."""
    chains = [(member.name, member.form) for member in members if isinstance(member.form, m.ChainForm)]
    firsts = {str(form.first): name for name, form in chains}
    return link.name in firsts and str(link.computed) == f"first_kind({firsts[link.name]})"


def can_be_quick(cls: Any, taken: Container[str]) -> bool:
    """Whether `QuickWriter` can do a class. It can't where words for people are made of an object's octets,
    or where a field depends on the payloads in another; payloads of several types need to know theirs.
    `taken` are the names that the code uses beside those of the parser."""
    members = m.members_of(cls)
    if any(member.name in taken or member.name.startswith("s_") for member in members):
        return False
    for member in members:
        computed = "" if member.computed is None else member.computed.template
        if "first_kind" in computed and not is_first_link(member, members):
            return False
    return len(getattr(cls, "kinds", ())) <= 1 and cls.readings is Element.readings


def quick_source(cls: Any, namespace: dict[str, Any]) -> str:
    """The source of what makes text of the octets of `cls`; what it names is put into `namespace`."""
    return QuickWriter(cls, namespace).text()


def writer_source(cls: Any, namespace: dict[str, Any]) -> str:
    """The source of the writer of `cls`; what it names is put into `namespace`."""
    return TextWriter(cls, namespace).text()
