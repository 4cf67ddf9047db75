"""The answers of daemons for people: tables and lines of names and values."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console

__all__ = [
    "duration",
    "show_audit",
    "show_eviction",
    "show_group",
    "show_groups",
    "show_members",
    "show_status",
    "show_values",
]

PIPED_WIDTH: Final = 10_000
"""Columns where nobody looks: no line is folded."""
GAP: Final = 2
"""Between columns."""
INDENT: Final = "    "
UNITS: Final = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def console() -> Console:
    from rich.console import Console

    terminal = sys.stdout.isatty()
    colour = terminal or bool(os.environ.get("FORCE_COLOR"))
    return Console(highlight=False, width=None if terminal else PIPED_WIDTH, no_color=not colour)


def duration(seconds: float | None) -> str:
    """Two units at most: ``23 h 59 min``."""
    if seconds is None:
        return "-"
    left = round(seconds)
    parts: list[str] = []
    sign = "-" if left < 0 else ""
    left = abs(left)
    for size, unit in UNITS:
        if left >= size and len(parts) < 2:
            parts.append(f"{left // size} {unit}")
            left %= size
        elif parts:
            break
    return sign + (" ".join(parts) or "0 s")


def moment(seconds: float | None) -> str:
    """A time, UTC."""
    return "-" if not seconds else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%d %H:%M:%S} UTC"


def text(value: Any) -> str:
    if value is None or (isinstance(value, str | list | dict) and not value):
        return "-"
    match value:
        case True | False:
            return "yes" if value else "no"
        case dict():
            return ", ".join(f"{name} {count}" for name, count in value.items())
        case list():
            return ", ".join(map(str, value))
    return str(value)


def show_values(values: dict[str, Any], *, title: str = "", leave: frozenset[str] = frozenset()) -> None:
    """Names and values, one pair a line. Times are recognised by their names."""
    from rich.text import Text

    out = console()
    if title:
        out.print(Text(title, style="bold"))
    shown = {
        name.removesuffix("_seconds").removesuffix("_at").replace("_", " "): shown_as(name, value)
        for name, value in values.items()
        if name not in leave
    }
    width = max(map(len, shown), default=0)
    for name, value in shown.items():
        out.print(Text.assemble((f"  {name:<{width}}  ", "green"), value), soft_wrap=True)


def shown_as(name: str, value: Any) -> str:
    if isinstance(value, int | float) and not isinstance(value, bool):
        if name.endswith("_at"):
            return moment(value)
        if name.endswith(("_seconds", "_in")):
            return duration(value)
    return text(value)


def table(title: str, head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Rows under a title; where the screen is too narrow for them, each as a line of its own with what it has
    below."""
    from rich.table import Table
    from rich.text import Text

    out = console()
    out.print(Text(title if rows else f"{title}: none", style="bold"), soft_wrap=True)
    if not rows:
        return
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    if sum(widths) + GAP * len(widths) > out.width:
        for row in rows:
            below(out, head, row)
        return
    drawn = Table(box=None, padding=(0, GAP, 0, 0))
    for name in head:
        drawn.add_column(name, header_style="dim", no_wrap=True)
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    out.print(drawn)


def below(out: Console, head: Sequence[str], row: Sequence[str]) -> None:
    """The first cell, then the others that say anything, each after its name, as many on a line as fit."""
    from rich.text import Text

    out.print(Text.assemble((f"  {head[0]}  ", "dim"), row[0]), soft_wrap=True)
    line = Text(INDENT)
    for name, cell in zip(head[1:], row[1:], strict=True):
        if cell == "-":
            continue
        part = Text.assemble((f"{name} ", "dim"), cell)
        if len(line) > len(INDENT) and len(line) + len(part) > out.width:
            out.print(line, soft_wrap=True)
            line = Text(INDENT)
        line.append(part).append(" " * GAP)
    if len(line) > len(INDENT):
        out.print(line, soft_wrap=True)


def show_status(status: dict[str, Any]) -> None:
    """A daemon as a whole."""
    refused = {"refused messages": status.get("refused") or "none"}
    show_values({**status, **refused}, leave=frozenset(["gsa", "refused"]))
    if "gsa" in status:
        show_membership(status["gsa"])


def show_groups(groups: list[dict[str, Any]]) -> None:
    """Every group in a line, then each with its SAs."""
    if not groups:
        print("no groups")
    for group in groups:
        show_group(group)


def show_group(group: dict[str, Any]) -> None:
    """A group with its SAs."""
    show_values(
        group,
        title=f"group {group['name']}",
        leave=frozenset(["name", "rekey", "data", "structures", "next_timeout"]),
    )
    structures = [
        [
            str(structure["policy_index"]),
            structure["algorithm"],
            *(f"{structure[name]:,}" for name in ("members", "capacity")),
            *(str(structure[name] or "-") for name in ("depth", "degree")),
        ]
        for structure in group["structures"]
    ]
    head = ["SA2", "rekey algorithm", "members in it", "room for", "depth", "degree"]
    if structures:
        table("key structures", head, structures)
    rekey_rows = [
        [
            sa["spi"],
            f"{sa['encryption']} {sa['key_length']}",
            f"{sa['signature']} {sa['signature_hash']}",
            f"{sa['destination']}:{sa['destination_port']}",
            str(sa["sequence_number"]),
            duration(sa["lifetime_seconds"]),
            duration(sa["remaining_seconds"]),
            "replaced" if sa["retired"] else duration(sa["rekey_in_seconds"]),
        ]
        for sa in group["rekey"]
    ]
    head = ["KEK SPI", "encryption", "signature", "to", "sequence", "lifetime", "remaining", "rekey in"]
    table("SA2, rekey", head, rekey_rows)
    data_rows = [
        [
            sa["spi"],
            " ".join(text(sa[name]) for name in ("protocol", "transform")),
            text(sa["integrity"]),
            sa["source"] or "all senders",
            sa["destination"],
            duration(sa["lifetime_seconds"]),
            duration(sa["remaining_seconds"]),
            "replaced" if sa["retired"] else duration(sa["rekey_in_seconds"]),
        ]
        for sa in group["data"]
    ]
    head = ["TEK SPI", "encryption", "integrity", "from", "to", "lifetime", "remaining", "rekey in"]
    table("SA3, data", head, data_rows)
    if rows := [[sa["spi"], sa["periods"]] for sa in group["data"] if sa["periods"]]:
        table("keys by periods", ["first SPI", "sequence"], rows)


def show_eviction(group: dict[str, Any]) -> None:
    """A group after an eviction; a name with a typing error must not look like success."""
    known = group.get("was_member", True)
    show_group({name: value for name, value in group.items() if name != "was_member"})
    if not known:
        print("nobody of that name was a member; the name is kept out from now on")


def show_membership(gsa: dict[str, Any]) -> None:
    """What a member holds."""
    show_values(gsa, title="the group's SAs", leave=frozenset(["rekey", "data", "periods", "next_timeout"]))
    rekey_rows = [
        [
            sa["spi"],
            sa["lifecycle"],
            sa["encryption"],
            sa["signature"],
            f"{sa['destination']}:{sa['destination_port']}",
            str(sa["sequence_number"]),
            duration(sa["remaining_seconds"]),
        ]
        for sa in gsa["rekey"]
    ]
    table(
        "SA2, rekey",
        ["KEK SPI", "state", "encryption", "signature", "to", "sequence", "remaining"],
        rekey_rows,
    )
    data_rows = [
        [
            sa["spi"],
            sa["lifecycle"],
            f"{sa['protocol']} {sa['cipher']}".strip(),
            text(sa["integrity"]),
            sa["source"] or "all senders",
            sa["destination"],
            text(sa["sends"]),
            duration(sa["remaining_seconds"]),
        ]
        for sa in gsa["data"]
    ]
    head = ["TEK SPI", "state", "encryption", "integrity", "from", "to", "sends", "remaining"]
    table("SA3, data", head, data_rows)
    rows = [
        [held["spi"], held["sequence"], held["intervals"], duration(held["ends_in_seconds"])]
        for held in gsa["periods"]
    ]
    if rows:
        table("keys by periods", ["first SPI", "sequence", "given", "last ends in"], rows)


def show_members(page: dict[str, Any]) -> None:
    """A page of a group's members."""
    rows = [
        [
            member["identity"],
            member["address"],
            moment(member["registered_at"]),
            text(member["sender_ids"]),
            str(member["acknowledged"]),
            str(member["silent_rekeys"]),
            text(member["certificate"]),
        ]
        for member in page["members"]
    ]
    head = ["member", "address", "since", "sender ids", "acknowledged", "silent", "certificate"]
    table(f"{page['total']} member{'' if page['total'] == 1 else 's'}" if rows else "members", head, rows)
    if page.get("next") is not None:
        print(f"more with --offset {page['next']}")
    if page.get("excluded"):
        print(f"evicted, and kept out: {', '.join(page['excluded'])}")


def show_audit(entries: list[dict[str, Any]]) -> None:
    """Entries of the audit, the newest last."""
    head = ["when", "group", "what", "member", "detail"]
    rows = [[moment(e["at"]), e["group"], e["kind"], text(e["member"]), text(e["detail"])] for e in entries]
    table("audit", head, rows)
