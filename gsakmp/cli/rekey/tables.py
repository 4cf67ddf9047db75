"""A plan as tables that fit 80 columns, for a terminal and, without their colours, for pipes."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable, Iterator, Sequence
from textwrap import fill
from typing import TYPE_CHECKING, Final

from gsakmp.cli.rekey.planning import Change, Plan
from gsakmp.cli.rekey.timing import Pace
from gsakmp.cli.rekey.trees import Scene
from gsakmp.group.rekey.drawing import MARK, lines
from gsakmp.limits import GROUP_MEMBERS

if TYPE_CHECKING:
    from rich.console import Console

__all__ = ["Table", "console", "notes", "quantity", "show_plan", "tables"]

CHANGED: Final = "bold yellow"
WIDEST: Final = 100
"""Columns of prose: longer lines are hard to read."""
NARROWEST: Final = 40
GAP: Final = 2
"""Between columns."""
PIPED_WIDTH: Final = 10_000
LARGE: Final = ((1e15, "P"), (1e12, "T"), (1e9, "G"), (1e7, "M"))
"""From where on a number is written short; M from ten million on."""

Table = tuple[str, Sequence[str], list[list[str]]]
"""Title, head, rows. The first column is text, the others are numbers."""


def console() -> Console:
    """As wide as the terminal; piped, no line is folded."""
    from rich.console import Console

    terminal = sys.stdout.isatty()
    colour = terminal or bool(os.environ.get("FORCE_COLOR"))
    width = None if colour else PIPED_WIDTH
    return Console(highlight=False, markup=False, emoji=False, width=width, no_color=not colour)


def quantity(value: float) -> str:
    """A count: ``1,234``; an expectation that is small and no whole number with one decimal; ``61.3 M``."""
    for size, letter in LARGE:
        if value >= size:
            unit = size / 10 if letter == "M" else size
            return f"{value / unit:,.1f} {letter}"
    if value < 100 and abs(value - round(value)) >= 0.05:
        return f"{value:.1f}"
    return f"{value:,.0f}"


def duration(seconds: float | None) -> str:
    """With two digits that mean something: ``48 us``, ``1.3 ms``, ``9.1 s``."""
    if seconds is None:
        return "?"
    if seconds == 0:
        return "0"
    if seconds >= 600:
        return f"{seconds / 60:,.0f} min"
    unit, scale = next(
        (u, s) for u, s in (("s", 1.0), ("ms", 1e3), ("us", 1e6)) if seconds * s >= 1 or u == "us"
    )
    value = seconds * scale
    return f"{value:.1f} {unit}" if value < 10 else f"{value:,.0f} {unit}"


def tables(plan: Plan, pace: Pace | None = None) -> Iterator[Table]:
    """What is held, then one for each change; without `pace` there is no column of times."""
    head = ["algorithm", "member keys", "octets", "server keys", "octets"]
    rows = [
        [
            scheme.name,
            quantity(held.member_keys),
            quantity(held.member_octets),
            quantity(held.server_keys),
            quantity(held.server_octets),
        ]
        for scheme, held in zip(plan.schemes, plan.storage, strict=True)
    ]
    yield "Keys held", head, rows
    for change in plan.changes:
        yield _change(plan, change, pace)


def _change(plan: Plan, change: Change, pace: Pace | None) -> Table:
    again = any(cost.registrations for each in plan.changes for cost in each.costs)
    head = ["algorithm", "pushes", "octets", "largest", "wraps"]
    head += ["re-pulls"] * again + ["time"] * (pace is not None)
    rows = []
    for scheme, cost in zip(plan.schemes, change.costs, strict=True):
        row = [scheme.name, *map(quantity, (cost.pushes, cost.octets, cost.largest, cost.wraps))]
        if again:
            row.append(quantity(cost.registrations))
        if pace is not None:
            row.append(duration(pace.seconds(cost.wraps, cost.pushes)))
        rows.append(row)
    return change.title, head, rows


def notes(plan: Plan, pace: Pace | None = None) -> Iterator[str]:
    """What the tables don't say."""
    for name, limit in plan.limits:
        yield f"{name}: {limit}."
    if plan.request.members > GROUP_MEMBERS:
        yield f"A group has at most {GROUP_MEMBERS:,} members here; more are several groups."
    yield (
        "Who leaves or joins is drawn at random, so pushes, octets and wraps are expectations. Octets are "
        "those of ISAKMP messages, without UDP and IP; each push has a signature. New data SAs take one push "
        "more."
    )
    if pace is not None:
        signature = "not measured" if pace.signature is None else duration(pace.signature)
        yield (
            f"Time is the key server's, without registrations: a wrap takes {duration(pace.wrap)} and a "
            f"signature {signature} on this machine, measured just now."
        )


def show_plan(plan: Plan, pace: Pace | None) -> None:
    """Print it."""
    out = console()
    request = plan.request
    backward = "with backward rekey" if request.backward else "without backward rekey"
    policy = request.policy
    out.print(f"{request.members:,} members, {policy.encryption}, {policy.signature}, {backward}")
    held, *changes = tables(plan, pace)
    for group in ([held], changes):
        widths = _widths(group)
        for title, head, rows in group:
            out.print()
            out.print(title, style="bold")
            _print(out, head, rows, widths)
    out.print()
    prose = max(NARROWEST, min(WIDEST, out.width))
    for note in notes(plan, pace):
        out.print(fill(note, prose, subsequent_indent="  "), style="dim", soft_wrap=True)


def show_scenes(scenes: Sequence[Scene]) -> None:
    """Print trees, with what has a new key in colour and by name."""
    from rich.text import Text

    out = console()
    encoding = (getattr(sys.stdout, "encoding", None) or "ascii").lower().replace("-", "")
    for number, scene in enumerate(scenes):
        if number:
            out.print()
        out.print(scene.heading, style="bold", soft_wrap=True)
        for line in lines(scene.picture, ascii_only=not encoding.startswith("utf")):
            item = line.item
            style = (
                CHANGED if item.changed else "dim" if item.kind in ("vacant", "more") or item.leaves else ""
            )
            mark = f"  {MARK}" if item.changed else ""
            out.print(Text.assemble((line.guides, "dim"), (item.text + mark, style)), soft_wrap=True)


def _widths(every: Iterable[Table]) -> list[int]:
    """Columns stand below one another from table to table."""
    widths: list[int] = []
    for _, head, rows in every:
        for cells in (head, *rows):
            widths += [0] * (len(cells) - len(widths))
            for index, cell in enumerate(cells):
                widths[index] = max(widths[index], len(cell))
    return widths


def _print(out: Console, head: Sequence[str], rows: Sequence[Sequence[str]], widths: Sequence[int]) -> None:
    from rich.table import Table as Drawn
    from rich.text import Text

    drawn = Drawn(box=None, padding=(0, GAP, 0, 0), pad_edge=False, show_edge=False)
    for index, name in enumerate(head):
        drawn.add_column(
            name,
            header_style="dim",
            justify="right" if index else "left",
            min_width=widths[index],
            no_wrap=True,
        )
    for row in rows:
        drawn.add_row(*(Text(cell) for cell in row))
    needed = sum(widths[: len(head)]) + GAP * len(head)
    # a terminal that is too narrow folds lines, where the library would leave columns out
    out.print(drawn, width=max(out.width, needed), soft_wrap=True)
