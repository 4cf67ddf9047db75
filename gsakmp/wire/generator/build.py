"""From members to the source of a builder, which appends an element's octets to a bytearray.

Computed fields are worked out first, unless the element gives them. Fields of fixed size that stand together
are written by one `struct` call. What does not fit is found out by `misfit`, after the fact, so that the
good case pays nothing for it.
"""

from __future__ import annotations

import struct
from typing import Any

from gsakmp.errors import ConfigurationError, EncodeError
from gsakmp.wire import members as m
from gsakmp.wire.generator.source import Source

__all__ = ["builder_source", "misfit"]

BUILD_ERRORS = (struct.error, TypeError, AttributeError, ValueError, OverflowError, KeyError, IndexError)


class BuilderWriter:
    def __init__(self, cls: Any, namespace: dict[str, Any]) -> None:
        self.cls = cls
        self.members = m.members_of(cls)
        self.source = Source(namespace)
        self.values = {member.name: f"x.{member.name}" for member in self.members}
        self.code, self.items = "", list[str]()
        self.word: list[str] = []
        self.patches: dict[str, m.Member] = {}

    def text(self) -> str:
        layout = self.cls.layout
        head = f'def build(x, out, rules):\n    """{layout.title} ({layout.spec})."""\n'
        self.source.depth = 2
        if any(member.computed is m.WHOLE for member in self.members):
            self.source.emit("start = len(out)")
        for member in self.members:
            self.computed(member)
        for member in self.members:
            self.member(member)
        self.flush()
        self.whole()
        body = "\n".join(self.source.lines)
        tail = "    except BUILD_ERRORS as exc:\n        raise misfit(x, exc) from None\n"
        return f"{head}    try:\n{body or '        pass'}\n{tail}"

    def computed(self, member: m.Member) -> None:
        if member.computed is None and member.size_of is None:
            return
        name, emit = member.name, self.source.emit
        emit(f"{name} = x.{name}")
        with self.source.block(f"if {name} is None:"):
            if member.computed is None or member.computed is m.WHOLE:
                emit(f"{name} = 0")
            else:
                emit(f"{name} = {member.computed.source(self.values.__getitem__)}")
        self.values[name] = name
        if member.size_of is not None:
            self.patches[member.size_of] = member

    def flush(self) -> None:
        if self.code:
            pack = self.source.struct(self.code, "pack")
            self.source.emit(f"out += {pack}({', '.join(self.items)})")
        self.code, self.items = "", []

    def add(self, code: str, value: str) -> None:
        self.code += code
        self.items.append(value)

    def member(self, member: m.Member) -> None:
        if member.condition is None:
            self.field(member)
            return
        self.flush()
        with self.source.block(f"if {member.condition.source(self.values.__getitem__)}:"):
            self.field(member)
            self.flush()

    def field(self, member: m.Member) -> None:
        form, value = member.form, self.values[member.name]
        match form:
            case m.IntegerForm(swapped_by=None):
                self.add(form.code, value)
            case m.IntegerForm():
                self.add(
                    form.code,
                    f"swapped({value}, {form.octets}) if rules.dialect.{form.swapped_by} else {value}",
                )
            case m.BitsForm():
                self.bits(member, form)
            case m.OctetsForm(size=int(octets), value_type=None):
                with self.source.block(f"if len({value}) != {octets}:"):
                    self.source.emit(f"raise ValueError({member.name!r})")
                self.add(f"{octets}s", value)
            case _:
                self.flush()
                self.variable(member, form)
                self.patch(member)

    def bits(self, member: m.Member, form: m.BitsForm) -> None:
        value = self.values[member.name]
        with self.source.block(f"if {value} >> {form.width}:"):
            self.source.emit(f"raise ValueError({member.name!r})")
        self.word.append(f"{value} << {form.shift}" if form.shift else value)
        if form.shift == 0:
            self.add(form.code, " | ".join(self.word))
            self.word = []

    def variable(self, member: m.Member, form: m.Form) -> None:
        name, value, emit = member.name, self.values[member.name], self.source.emit
        if name in self.patches:
            emit(f"at_{name} = len(out)")
        match form:
            case m.OctetsForm(value_type=None):
                emit(f"out += {value}")
            case m.ReservedForm():
                size = (
                    f"rules.dialect.{form.size.name}" if isinstance(form.size, m.DialectOption) else form.size
                )
                emit(f"out += bytes({size}) if {value} is None else {value}")
            case m.OctetsForm():
                value_type = self.source.name(f"{name.upper()}_TYPE", form.value_type)
                emit(f"out += {value_type}.octets_of({value})")
            case m.ChoiceForm():
                key = form.key.source(self.values.__getitem__)
                swap = f", swap=rules.dialect.{form.reversed_by}" if form.reversed_by else ""
                emit(f'build_choice("{name}", "{form.table}", {key}, {value}, out, rules{swap})')
            case m.InlineForm():
                of = self.source.name(form.of.__name__, form.of)
                emit(f"rules.builders[{of}]({value}, out, rules)")
            case m.ArrayForm():
                emit(f'build_array("{name}", {form.size.source(self.values.__getitem__)}, {value}, out)')
            case m.ElementsForm() | m.SharesForm():
                of = self.source.name(form.of.__name__, form.of)
                build = "build_elements" if isinstance(form, m.ElementsForm) else "build_shares"
                emit(f'{build}("{name}", {of}, {value}, out, rules)')
            case m.AttributesForm():
                key = "" if form.key is None else f", {form.key.source(self.values.__getitem__)}"
                table = f'rules.attribute_tables["{form.table}"{key}]'
                emit(f'build_attributes("{name}", {table}, {value}, out, rules)')
            case m.ChainForm():
                emit(f'build_chain("{name}", {value}, out, rules)')
            case _:
                raise ConfigurationError(f"{self.cls.__name__}.{name}: no builder for {form}")

    def patch(self, member: m.Member) -> None:
        """Fill in the size of a field that could only be known after building it."""
        if member.name not in self.patches:
            return
        length = self.patches[member.name]
        form = length.form
        assert isinstance(form, m.IntegerForm)
        between = self.octets_between(length.name, member.name)
        with self.source.block(f"if x.{length.name} is None:"):
            pack = self.source.struct(form.code, "pack_into")
            self.source.emit(f"{pack}(out, at_{member.name} - {between}, len(out) - at_{member.name})")

    def octets_between(self, length: str, content: str) -> int:
        """From the start of the length field to that of its content: fixed, by the layout."""
        names = [member.name for member in self.members]
        between = self.members[names.index(length) : names.index(content)]
        if any(member.octets is None for member in between):
            raise ConfigurationError(f"{self.cls.__name__}: {length} is not at a fixed distance of {content}")
        return sum(member.octets or 0 for member in between)

    def whole(self) -> None:
        place = 0
        for member in self.members:
            if member.computed is m.WHOLE and isinstance(member.form, m.IntegerForm):
                with self.source.block(f"if x.{member.name} is None:"):
                    pack = self.source.struct(member.form.code, "pack_into")
                    self.source.emit(f"{pack}(out, start + {place}, len(out) - start)")
                return
            place += member.octets or 0


def misfit(x: Any, exc: Exception) -> EncodeError:
    """The error for an element that could not be built: which field, and why."""
    for member in m.members_of(type(x)):
        value = getattr(x, member.name)
        if value is None and (
            isinstance(member.form, m.ReservedForm) or member.computed or member.size_of or member.condition
        ):
            continue
        if problem := field_problem(member, value):
            return EncodeError(problem, member.name)
    for member in m.members_of(type(x)):
        if getattr(x, member.name) is None and (counted := overflow(x, member)):
            return EncodeError(f"too many for {member.name}", counted)
    return EncodeError(f"{type(exc).__name__} in building {type(x).__name__}")


def overflow(x: Any, member: m.Member) -> str:
    """The field whose number of octets or elements is too much for the field that counts them, or nothing."""
    if member.computed is None or member.octets is None or len(member.computed.names) != 1:
        return ""
    (name,) = member.computed.names
    plain_count = member.computed.template == f"len({{{name}}})"
    return name if plain_count and len(getattr(x, name)) >= 1 << 8 * member.octets else ""


def field_problem(member: m.Member, value: Any) -> str:
    """What is wrong with `value` for the field, or nothing."""
    match member.form:
        case m.IntegerForm() | m.BitsForm():
            bits = member.form.width if isinstance(member.form, m.BitsForm) else 8 * member.form.octets
            if not isinstance(value, int):
                return f"{type(value).__name__} where an integer of {bits} bits belongs"
            return "" if 0 <= value < 1 << bits else f"{value} does not fit in {bits} bits"
        case m.OctetsForm(value_type=None):
            if not isinstance(value, bytes):
                return f"{type(value).__name__} where octets belong"
            size = member.form.size
            wrong = isinstance(size, int) and len(value) != size
            return f"{len(value)} octets where {size} belong" if wrong else ""
        case m.OctetsForm() | m.ChoiceForm():
            return ""
        case m.InlineForm(of=of):
            return "" if isinstance(value, of) else f"{type(value).__name__} where {of.__name__} belongs"
    return "" if isinstance(value, tuple | list) else f"{type(value).__name__} where a tuple belongs"


def builder_source(cls: Any, namespace: dict[str, Any]) -> str:
    """The source of the builder of `cls`; what it names is put into `namespace`."""
    return BuilderWriter(cls, namespace).text()
