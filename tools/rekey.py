"""Refresh what is generated of docs/rekey.md: ``python tools/rekey.py``.

Tables and a drawn tree in the page, and the images docs/images/rekey-plan.svg (needs the extra ``plot``) and
docs/images/rekey-tree.svg. With ``--check`` nothing is written, and the exit status is 1 if something is not
fresh. Of the plot its figures are compared, which are in its metadata, so that any version of matplotlib will
do. Times are left out: they are some machine's.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gsakmp.cli.rekey.planning import Plan
    from gsakmp.cli.rekey.trees import Scene

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
PAGE: Final = DOCS / "rekey.md"
PLOT: Final = DOCS / "images" / "rekey-plan.svg"
TREE: Final = DOCS / "images" / "rekey-tree.svg"
BLOCK: Final = re.compile(r"(<!-- generated: (\w+) -->\n).*?(<!-- end -->)", re.DOTALL)
DESCRIPTION: Final = re.compile(r"<dc:description>(.*?)</dc:description>", re.DOTALL)


def plan() -> Plan:
    """The plan of the page: a million members, one leave and batches."""
    from gsakmp.cli.rekey.planning import Request, planned

    return planned(Request.of(members=1_000_000, leaves=(1, 100, 10_000), joins=(1, 100)))


def scenes() -> list[Scene]:
    """The tree of the page."""
    from gsakmp.cli.rekey.trees import scenes
    from gsakmp.group.rekey import RekeySettings

    return scenes("lkh", RekeySettings(degree=4), members=16, leave=[5])


def tables() -> Iterator[str]:
    """The plan as Markdown."""
    from gsakmp.cli.rekey.tables import notes, tables

    found = plan()
    for title, head, rows in tables(found):
        yield f"**{title}**\n"
        yield f"| {' | '.join(head)} |"
        yield f"|---|{'---:|' * (len(head) - 1)}"
        yield from (f"| {' | '.join(row)} |" for row in rows)
        yield ""
    yield from (f"- {note}" for note in notes(found))


def tree() -> Iterator[str]:
    """The tree as text."""
    from gsakmp.group.rekey.drawing import to_text

    yield "```"
    for number, scene in enumerate(scenes()):
        if number:
            yield ""
        yield scene.heading
        yield to_text(scene.picture)
    yield "```"


def page(text: str) -> str:
    """The page with its blocks made anew."""
    blocks = {"plan": tables, "tree": tree}

    def made(found: re.Match[str]) -> str:
        return found[1] + "\n".join(blocks[found[2]]()) + "\n" + found[3]

    return BLOCK.sub(made, text)


def stale() -> list[str]:
    """Names of files that are not fresh."""
    from html import unescape

    from gsakmp.cli.rekey.plotting import described
    from gsakmp.group.rekey.drawing_svg import to_svg

    panels = [(scene.heading, scene.picture) for scene in scenes()]
    found = DESCRIPTION.search(read(PLOT))
    same = {
        PAGE: page(read(PAGE)) == read(PAGE) != "",
        TREE: to_svg(panels) == read(TREE),
        PLOT: found is not None and unescape(found[1]) == described(plan()),
    }
    return [file.name for file, fresh in same.items() if not fresh]


def read(file: Path) -> str:
    return file.read_text(encoding="utf-8") if file.exists() else ""


def main(arguments: Sequence[str] | None = None) -> int:
    """Write everything or check it."""
    from gsakmp.cli.rekey.plotting import draw
    from gsakmp.cli.rekey.trees import write_svg

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true")
    if not parser.parse_args(arguments).check:
        PLOT.parent.mkdir(exist_ok=True)
        PAGE.write_text(page(read(PAGE)), encoding="utf-8")
        write_svg(scenes(), TREE)
        draw(plan(), PLOT)
        return 0
    if found := stale():
        print(f"not fresh: {', '.join(found)}; run tools/rekey.py", file=sys.stderr)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
