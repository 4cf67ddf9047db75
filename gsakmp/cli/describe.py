"""``gsakmp describe``: every payload, element, attribute table and registry, drawn and listed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Sequence
from difflib import get_close_matches
from inspect import cleandoc
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from gsakmp.cli.screen import usual_width
from gsakmp.doi import DOIS, STANDARD
from gsakmp.doi.catalogue import (
    Catalogue,
    Entry,
    TableUse,
    attribute_rows,
    catalogue,
    plain_name,
    registry_rows,
)
from gsakmp.reports.tables import fields, fitting, folded, table
from gsakmp.reports.words import Row
from gsakmp.wire.pictures import diagram, field_rows

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["describe", "register"]

WRONG_USAGE: Final = 2
GAP: Final = 2
"""Blanks before each column."""
WHOLE_COLUMNS: Final = frozenset(["field", "class", "name", "number", "form", "registry", "numbers", "table"])
"""Columns that a narrow terminal does not fold."""

EXAMPLES: Final = """Examples:

  gsakmp describe                        what there is

  gsakmp describe SAKEK                  a class of gsakmp.payloads, in any case

  gsakmp describe sa kek                 a payload by its title

  gsakmp describe 15 --doi gdoi          a payload by its number

  gsakmp describe KEKAlgorithm           a registry

  gsakmp describe KeyPacket --json | jq .[0].fields
"""


def complete(incomplete: str) -> list[str]:
    """Names that go on as `incomplete` does, for the shell."""
    found = catalogue()
    names = [entry.name for entry in found.entries.values()]
    names += [registry.__name__ for registry in found.all_registries()]
    return sorted(name for name in names if name.lower().startswith(incomplete.lower()))


def describe(
    payload: Annotated[
        list[str] | None,
        typer.Argument(
            help="A payload, element, attribute table or registry, by name or number. Without: a list.",
            autocompletion=complete,
            show_default=False,
        ),
    ] = None,
    doi: Annotated[
        str | None,
        typer.Option("--doi", help="Only of this domain: ISAKMP, IPsec or GDOI.", show_default=False),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="The same as JSON, one array.")] = False,
) -> None:
    """Show how payloads are laid out: diagram, fields, attributes, and the numbers that they use."""
    found = chosen_catalogue(doi)
    name = " ".join(payload or ())
    if not name.strip():
        if as_json:
            emit(as_list(found))
        else:
            print_list(screen(), found)
        return
    subjects = named(found, name)
    if as_json:
        emit([as_plain(found, subject) for subject in subjects])
        return
    console = screen()
    for subject in subjects:
        print_subject(console, found, subject)


def register(app: typer.Typer) -> None:
    """Add the command to `app`."""
    app.command("describe", epilog=EXAMPLES)(describe)


# -- what is meant -----------------------------------------------------------------------------------


def stop(problem: str) -> typer.Exit:
    typer.echo(problem, err=True)
    return typer.Exit(WRONG_USAGE)


def chosen_catalogue(doi: str | None) -> Catalogue:
    """The catalogue of one domain of interpretation, by name or number, or of all."""
    if doi is None:
        return catalogue()
    known = {plain_name(each.name): each for each in DOIS.values()}
    known |= {str(int(each.number)): each for each in DOIS.values()}
    if plain_name(doi) not in known:
        names = ", ".join(each.name for each in DOIS.values())
        raise stop(f"no domain of interpretation {doi[:40]!r}; there are {names}")
    return catalogue([known[plain_name(doi)]])


def named(found: Catalogue, name: str) -> list[Any]:
    """What `name` means: entries, a registry, or the use of an attribute table. Ends the command if
    nothing."""
    text = name.strip()
    if text.isascii() and text.isdigit():
        entries = found.of_number(int(text)) if len(text) <= 3 else []
        if not entries:
            raise stop(f"no payload type {text[:40]} in {', '.join(doi.name for doi in found.dois)}")
        return list(entries)
    names = found.names()
    subject = names.get(plain_name(text))
    if subject is not None:
        return [subject]
    elsewhere = catalogue().names().get(plain_name(text))
    if isinstance(elsewhere, Entry | TableUse):
        here = ", ".join(doi.name for doi in found.dois)
        raise stop(f"{title_of(elsewhere)} is no part of {here}, but of {', '.join(elsewhere.domains)}")
    close = get_close_matches(plain_name(text)[:60], names, n=3, cutoff=0.6)
    proposals = list(dict.fromkeys(title_of(names[match]) for match in close))
    hint = f"; did you mean {' or '.join(proposals)}?" if proposals else "; `gsakmp describe` lists them all"
    raise stop(f"nothing is called {text[:60]!r} here{hint}")


def title_of(subject: Any) -> str:
    if isinstance(subject, TableUse):
        return subject.table.name
    return subject.name if isinstance(subject, Entry) else str(subject.__name__)


# -- plain data --------------------------------------------------------------------------------------


def emit(plain: Any) -> None:
    typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))


def as_list(found: Catalogue) -> list[dict[str, Any]]:
    out: list[dict[str, Any]] = [entry_head(entry) for entry in found.entries.values()]
    for name, use in found.tables().items():
        out.append({"table": name, "spec": use.table.spec, "domains": use.domains})
    for registry in found.all_registries():
        out.append({"registry": registry.__name__, "source": registry.source})
    return out


def entry_head(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": entry.title,
        "spec": entry.spec,
        "domains": entry.domains,
        "numbers": entry.numbers,
        "places": entry.places,
    }


def as_plain(found: Catalogue, subject: Any) -> dict[str, Any]:
    if isinstance(subject, TableUse):
        return table_plain(subject)
    if not isinstance(subject, Entry):
        return registry_plain(found, subject)
    rows = field_rows(subject.cls, STANDARD)
    return {
        **entry_head(subject),
        "meaning": cleandoc(subject.cls.__doc__ or ""),
        "diagram": diagram(subject.cls, STANDARD).splitlines(),
        "fields": [
            {
                "name": row.field,
                "size": plain_text(row.size),
                "type": plain_text(row.type),
                "default": plain_text(row.default),
                "meaning": row.meaning,
                "registry": row.refers_to.__name__ if hasattr(row.refers_to, "lookup") else None,
            }
            for row in rows
        ],
        "attributes": [table_plain(use) for use in found.uses(subject.cls)],
        "registries": [registry_plain(found, registry) for registry in found.registries(subject.cls)],
    }


def table_plain(use: TableUse) -> dict[str, Any]:
    rows = attribute_rows(use.table)
    return {
        "table": use.table.name,
        "for": use.key,
        "spec": use.table.spec,
        "domains": use.domains,
        "types": [
            {
                "number": row.number,
                "name": row.name,
                "form": row.form,
                "value": row.value,
                "meaning": row.meaning,
                "reference": row.reference,
            }
            for row in rows
        ],
    }


def registry_plain(found: Catalogue, registry: Any) -> dict[str, Any]:
    return {
        "registry": registry.__name__,
        "meaning": cleandoc(registry.__doc__ or ""),
        "bits": registry.width,
        "source": registry.source,
        "private": [list(pair) for pair in registry.private],
        "used_by": found.users(registry),
        "numbers": [
            {"number": row.number, "name": row.name, "reference": row.reference, "form": row.form}
            for row in registry_rows(registry)
        ],
    }


EMPHASIS = re.compile(r"\*(\w[^*`]*)\*")
"""Emphasis in Markdown; a multiplication has blanks around its asterisk."""


def plain_text(text: str) -> str:
    """Markdown of one field as plain text."""
    return EMPHASIS.sub(r"\1", text).replace("`", "")


# -- on the terminal ---------------------------------------------------------------------------------


def screen() -> Console:
    """Where to print: in colour on a terminal, else plain. ``COLUMNS=1000`` gives whole lines, for grep."""
    from rich.console import Console

    console = Console(highlight=False, markup=False, emoji=False)
    if not console.is_terminal:
        console = Console(highlight=False, markup=False, emoji=False, width=usual_width())
    return console


def heading(console: Console, text: str) -> None:
    say(console, f"\n{text}", "bold")


def grid(console: Console, head: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Rows in columns. A column that is empty in all of them is left out."""
    from rich import box
    from rich.table import Table
    from rich.text import Text

    listed = [list(row) for row in rows]
    used = [index for index in range(len(head)) if any(row[index] for row in listed)]
    if not console.is_terminal:
        for row in piped([head[index] for index in used], [[row[index] for index in used] for row in listed]):
            console.print("".join(text for text, _ in row).rstrip())
        return
    out = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 2, 0, 0))
    for index in used:
        style = "cyan" if index == 0 else ""
        out.add_column(head[index], style=style, overflow="fold", no_wrap=head[index] in WHOLE_COLUMNS)
    for cells in listed:
        out.add_row(*(Text(cells[index]) for index in used))
    console.print(out)


def piped(head: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[Row]:
    """A table that fits the width; where a name would have to be broken for that, each row as a list."""
    width = usual_width()
    widths = fitting([head, *rows], width - GAP * len(head))
    whole = [place for place, title in enumerate(head) if title in WHOLE_COLUMNS]
    if all(len(word) <= widths[place] for row in rows for place in whole for word in row[place].split()):
        yield from table(head, rows, width)
        return
    for row in rows:
        yield from fields(head, row, width)


def say(console: Console, text: str, style: str = "") -> None:
    """Paragraphs; in a pipe they end without blanks."""
    if not console.is_terminal:
        parts = text.split("\n")
        text = "\n".join("\n".join(folded(part, console.width)) for part in parts)
    console.print(text, style=style)


def print_list(console: Console, found: Catalogue) -> None:
    for group, entries in found.groups().items():
        heading(console, group)
        rows = [
            (entry.number_text, entry.name, entry.title, entry.spec, "; ".join(entry.places))
            for entry in entries
        ]
        grid(console, ("type", "class", "title", "defined in", "where"), rows)
    heading(console, "Attribute tables")
    tables = [(name, ", ".join(use.domains), use.table.spec) for name, use in found.tables().items()]
    grid(console, ("table", "domains", "defined in"), tables)
    heading(console, "Registries")
    grid(
        console,
        ("registry", "numbers", "source"),
        [(each.__name__, str(len(each)), each.source) for each in found.all_registries()],
    )


def print_subject(console: Console, found: Catalogue, subject: Any) -> None:
    if isinstance(subject, TableUse):
        print_table(console, subject)
    elif isinstance(subject, Entry):
        print_entry(console, found, subject)
    else:
        print_registry(console, found, subject)


def print_entry(console: Console, found: Catalogue, entry: Entry) -> None:
    cls = entry.cls
    heading(console, f"{entry.name}: {entry.title}")
    facts = [f"defined in {entry.spec}"] if entry.spec else []
    if entry.numbers:
        facts.append(f"payload type {entry.number_text}")
    facts += entry.places
    say(console, "; ".join([*facts, f"domains: {', '.join(entry.domains)}"]), "dim")
    say(console, f"\n{cleandoc(cls.__doc__ or '')}\n")
    console.print(diagram(cls, STANDARD), no_wrap=True, overflow="ignore", crop=False)
    console.print()
    rows = field_rows(cls, STANDARD)
    texts = [(row.field, *map(plain_text, (row.size, row.type, row.default, row.meaning))) for row in rows]
    grid(console, ("field", "size", "type", "default", "meaning"), texts)
    for use in found.uses(cls):
        print_table(console, use)
    for registry in found.registries(cls):
        print_registry(console, found, registry)


def print_table(console: Console, use: TableUse) -> None:
    where = f", for {use.key}" if use.key else ""
    heading(console, f"Attributes of the table {use.table.name}{where} ({use.table.spec})")
    rows = attribute_rows(use.table)
    grid(
        console,
        ("type", "name", "form", "value", "meaning", "reference"),
        [(str(row.number), row.name, row.form, row.value, row.meaning, row.reference) for row in rows],
    )


def print_registry(console: Console, found: Catalogue, registry: Any) -> None:
    heading(console, f"{registry.__name__} ({registry.source})")
    rows = registry_rows(registry)
    grid(
        console,
        ("number", "name", "reference", "form"),
        [(str(row.number), row.name, row.reference, row.form) for row in rows],
    )
    if registry.private:
        ranges = ", ".join(str(low) if low == high else f"{low} to {high}" for low, high in registry.private)
        say(console, f"  private use: {ranges}", "dim")
    users = found.users(registry)
    if users:
        say(console, f"  used by: {', '.join(users)}", "dim")
