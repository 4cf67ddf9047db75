"""From members to the source of a parser.

The parser of an element reads ``buf[at:end]`` and must come out exactly at ``end``. Neighbouring fields of
fixed size are read by one `struct` call after one check; every other field checks where it ends before it
is read. In the lenient variant a number that contradicts the octets is kept instead of refused.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m
from gsakmp.wire.generator.source import Source

__all__ = ["parser_source"]


@dataclass
class Run:
    """Neighbouring fixed fields that wait for their one `struct` call."""

    code: str = ""
    names: list[str] = field(default_factory=list)
    fields: list[tuple[str, int]] = field(default_factory=list)
    after: list[str] = field(default_factory=list)

    def add(self, name: str, code: str, octets: int) -> None:
        if name not in self.names:
            self.code += code
            self.names.append(name)
            self.fields.append((name, octets))


class ParserWriter:
    """Writes one parser; `open_end` makes it return where it stopped instead of insisting on ``end``."""

    def __init__(self, cls: Any, namespace: dict[str, Any], *, lenient: bool, open_end: bool = False) -> None:
        self.cls, self.lenient, self.open_end = cls, lenient, open_end
        self.members = m.members_of(cls)
        self.source = Source(namespace)
        self.run = Run()
        self.values: dict[str, str] = {}
        self.place: dict[str, int] = {}
        self.fixed_so_far: int | None = 0
        self.checks: list[m.Member] = []
        self.cut: set[str] = set()
        self.at_end = self.uses_dialect = False
        self.current = ""

    # -- the frame -----------------------------------------------------------------------------------

    def text(self) -> str:
        kind = "parse_open" if self.open_end else "parse_lenient" if self.lenient else "parse"
        layout = self.cls.layout
        if self.needs_start():
            self.source.emit("start = at")
        for member in self.members:
            self.note_place(member)
            self.current = member.name
            self.member(member)
        self.flush()
        self.emit_checks()
        if not (self.open_end or self.at_end):
            with self.source.block("if at != end:"):
                self.source.emit("raise left_over(at, end)")
        made = self.made()
        self.source.emit(f"return {made}, at" if self.open_end else f"return {made}")
        head = f'def {kind}(buf, at, end, rules):\n    """{layout.title} ({layout.spec})."""\n'
        if self.uses_dialect:
            head += "    dialect = rules.dialect\n"
        return head + "\n".join(self.source.lines) + "\n"

    def made(self) -> str:
        """What is made of the fields."""
        return f"{self.source.name(self.cls.__name__, self.cls)}({', '.join(self.arguments())})"

    def dialect(self) -> str:
        """The local name of the dialect, which is then looked up once, at the top."""
        self.uses_dialect = True
        return "dialect"

    def needs_start(self) -> bool:
        return any(member.checked for member in self.members)

    def note_place(self, member: m.Member) -> None:
        if self.fixed_so_far is not None:
            self.place[member.name] = self.fixed_so_far
        if isinstance(member.form, m.BitsForm):
            if member.form.shift == 0 and self.fixed_so_far is not None:
                self.fixed_so_far += member.form.octets
        elif member.octets is None or self.fixed_so_far is None:
            self.fixed_so_far = None
        else:
            self.fixed_so_far += member.octets

    def arguments(self) -> list[str]:
        """The class takes its fields by position as far as they go, the rest by name."""
        names = {member.name: member for member in self.members}
        out, positional = [], True
        for name in self.cls.__struct_fields__:
            if name not in names:
                positional = False
                continue
            value = self.argument(names[name])
            out.append(value if positional else f"{name}={value}")
        return out

    def argument(self, member: m.Member) -> str:
        value = self.values[member.name]
        if member.size_of is not None or self.agrees_anyway(member):
            return "None"
        if member.computed is None:
            return value
        found = self.computed(member)
        if member.checked and not self.lenient:
            return "None"
        return f"None if {self.local(member.name)} == {found} else {value}"

    def agrees_anyway(self, member: m.Member) -> bool:
        """Whether the field is itself what delimits the field that it counts."""
        return any(
            isinstance(other.form, m.OctetsForm)
            and other.condition is None
            and isinstance(other.form.size, m.Expression)
            and str(other.form.size) == member.name
            and member.computed is not None
            and str(member.computed) == f"len({other.name})"
            for other in self.members
        )

    def computed(self, member: m.Member) -> str:
        """The source of what a computed field must be."""
        assert member.computed is not None
        if member.computed is m.WHOLE:
            return "end - start"
        return member.computed.source(self.local)

    def local(self, name: str) -> str:
        """The local variable of a field, as it came off the wire; of bits, how they are cut out."""
        if name not in self.values:
            raise ConfigurationError(f"{self.cls.__name__}: {name} is used before it is read")
        return f"({self.values[name]})" if name in self.cut else name

    # -- the fields ----------------------------------------------------------------------------------

    def flush(self) -> None:
        """Read the fixed fields that have gathered."""
        run, self.run = self.run, Run()
        if not run.code:
            return
        size = struct.calcsize(">" + run.code)
        fields = self.source.name(f"{run.names[0].upper()}_FIELDS", tuple(run.fields))
        with self.source.block(f"if end - at < {size}:"):
            self.source.emit(f"raise short(at, end, {fields})")
        if run.code == "B":
            self.source.emit(f"{run.names[0]} = buf[at]")
        elif len(run.names) == 1 and run.code.endswith("s"):
            self.source.emit(f"{run.names[0]} = buf[at : at + {size}]")
        else:
            comma = "," if len(run.names) == 1 else ""
            unpack = self.source.struct(run.code, "unpack_from")
            self.source.emit(f"{', '.join(run.names)}{comma} = {unpack}(buf, at)")
        self.source.emit(f"at += {size}", *run.after)

    def member(self, member: m.Member) -> None:
        if member.condition is None:
            self.field(member)
            return
        self.flush()
        with self.source.block(f"if {member.condition.source(self.local)}:"):
            self.field(member)
            self.flush()
            if self.values[member.name] != member.name:
                self.source.emit(f"{member.name} = {self.values[member.name]}")
        with self.source.block("else:"):
            self.source.emit(f"{member.name} = None")
        self.values[member.name] = member.name

    def field(self, member: m.Member) -> None:
        form = member.form
        self.values[member.name] = member.name
        match form:
            case m.IntegerForm():
                self.integer(member, form)
            case m.BitsForm():
                self.run.add(form.word, form.code, form.octets)
                mask = (1 << form.width) - 1
                shift = f" >> {form.shift}" if form.shift else ""
                self.values[member.name] = f"{form.word}{shift} & {mask}"
                self.cut.add(member.name)
            case m.OctetsForm(size=int(octets), value_type=None):
                self.run.add(member.name, f"{octets}s", octets)
            case _:
                self.flush()
                self.variable(member, form)
        if member.checked and not self.lenient and not self.agrees_anyway(member):
            self.checks.append(member)  # compared at the end, when all that it speaks of is read

    def integer(self, member: m.Member, form: m.IntegerForm) -> None:
        self.run.add(member.name, form.code, form.octets)
        if form.swapped_by:
            swap = f"{member.name} = swapped({member.name}, {form.octets})"
            self.run.after.append(f"if {self.dialect()}.{form.swapped_by}:\n        {swap}")
        if form.registry is not None and not form.flags:
            lookup = self.source.name(f"{form.registry.__name__}_of", form.registry.lookup)
            self.values[member.name] = f"{lookup}[{member.name}]"

    def variable(self, member: m.Member, form: m.Form) -> None:
        name, emit = member.name, self.source.emit
        match form:
            case m.OctetsForm() | m.ChoiceForm() | m.ReservedForm():
                stop = self.stop(name, form.size)
                if isinstance(form, m.ReservedForm):
                    emit(f"{name} = buf[at:{stop}] if buf[at:{stop}].strip(ZERO) else None")
                elif isinstance(form, m.ChoiceForm):
                    self.choice(member, form, stop)
                elif form.value_type is None:
                    emit(f"{name} = buf[at:{stop}]")
                else:
                    value_type = self.source.name(f"{name.upper()}_TYPE", form.value_type)
                    emit(f'{name} = parse_value({value_type}, buf, at, {stop}, "{name}")')
                self.move_to(stop)
            case m.InlineForm():
                inner = self.source.name(f"parse_{form.of.__name__}", self.open_parser(form.of))
                emit(f"{name}, at = {inner}(buf, at, end, rules)")
            case m.ArrayForm():
                count, size = form.count.source(self.local), form.size.source(self.local)
                emit(
                    f'{name} = parse_array("{name}", {count}, {size}, buf, at, end)',
                    f"at += {count} * {size}",
                )
            case m.ElementsForm() | m.SharesForm():
                self.elements(name, form)
            case m.AttributesForm():
                emit(f'{name} = parse_attributes("{name}", {self.table(form)}, buf, at, end, rules)')
                self.move_to("end")
            case m.ChainForm():
                self.chain(name, form)
            case _:
                raise ConfigurationError(f"{self.cls.__name__}.{name}: no parser for {form}")

    def open_parser(self, cls: Any) -> Any:
        """What reads an element that says itself where it ends, to it and that place."""
        from gsakmp.wire.generator.compiled import codec  # the two call each other

        return codec(cls).open_lenient if self.lenient else codec(cls).open

    def move_to(self, stop: str) -> None:
        """Go on from `stop`; of the last field, only note that it took all that was left."""
        last = self.members[-1]
        self.at_end = stop == "end" and self.current == last.name and not (self.open_end or last.condition)
        if not self.at_end:
            self.source.emit(f"at = {stop}")

    def stop(self, name: str, size: m.Size) -> str:
        """Emit the check that `size` octets are there; the source of where they end."""
        if size is None:
            return "end"
        if isinstance(size, m.Expression):
            amount = size.source(self.local)
        else:
            amount = f"{self.dialect()}.{size.name}" if isinstance(size, m.DialectOption) else str(size)
        self.source.emit(f"stop = at + {amount}")
        backwards = isinstance(size, m.Expression) and "-" in size.template
        with self.source.block("if not at <= stop <= end:" if backwards else "if stop > end:"):
            self.source.emit(f'raise past("{name}", at, stop - at, end)')
        return "stop"

    def choice(self, member: m.Member, form: m.ChoiceForm, stop: str) -> None:
        name, key = member.name, form.key.source(self.local)
        tables = "rules.choices"
        if form.reversed_by:
            tables = "tables"
            choose = f"rules.reversed_choices if {self.dialect()}.{form.reversed_by} else rules.choices"
            self.source.emit(f"tables = {choose}")
        with self.source.block("try:"):
            self.source.emit(f'{name} = {tables}["{form.table}"][{key}](buf, at, {stop}, rules)')
        with self.source.block("except DecodeError as exc:"):
            self.source.emit(f'raise exc.within("{name}") from None')

    def elements(self, name: str, form: m.ElementsForm | m.SharesForm) -> None:
        of = self.source.name(form.of.__name__, form.of)
        if isinstance(form, m.ElementsForm):
            call = (
                f'parse_elements("{name}", rules.parser({of}), {length_place(form.of)}, buf, at, end, rules)'
            )
        else:
            count = form.count.source(self.local)
            call = f'parse_shares("{name}", rules.parser({of}), {count}, buf, at, end, rules)'
            self.source.emit(f"{name} = {call}")
            with self.source.block(f"if {name}:"):
                self.source.emit("at = end")
            return
        self.source.emit(f"{name} = {call}")
        self.move_to("end")

    def table(self, form: m.AttributesForm | m.ChainForm) -> str:
        which = "attribute_tables" if isinstance(form, m.AttributesForm) else "chains"
        key = "" if form.key is None else f", {form.key.source(self.local)}"
        return f'rules.{which}["{form.table}"{key}]'

    def chain(self, name: str, form: m.ChainForm) -> None:
        constant = isinstance(form.first, int)
        first = str(form.first) if isinstance(form.first, int) else form.first.source(self.local)
        first = f"{first} if at < end else 0" if constant else first
        parse = "parse_chain_lenient" if self.lenient else "parse_chain"
        self.source.emit(f'{name}, at = {parse}("{name}", {first}, {self.table(form)}, buf, at, end, rules)')
        if self.lenient:
            self.source.emit(f"{name} = unlinked({name}, buf, at, end)")
            self.move_to("end")

    def emit_checks(self) -> None:
        for member in self.checks:
            value, found = self.local(member.name), self.computed(member)
            with self.source.block(f"if {value} != {found}:"):
                at = f"start + {self.place.get(member.name, 0)}"
                self.source.emit(f'raise mismatch("{member.name}", {value}, {found}, {at})')


def length_place(cls: Any) -> tuple[int, int, str]:
    """Where the element's own length stands: octets before it, its octets, and its name."""
    place = 0
    for member in m.members_of(cls):
        if member.computed is m.WHOLE:
            return place, member.octets or 0, member.name
        place += member.octets or 0
    raise ConfigurationError(f"{cls.__name__} has no field that gives its length")


def parser_source(cls: Any, namespace: dict[str, Any], *, lenient: bool, open_end: bool = False) -> str:
    """The source of the parser of `cls`; what it names is put into `namespace`."""
    return ParserWriter(cls, namespace, lenient=lenient, open_end=open_end).text()
