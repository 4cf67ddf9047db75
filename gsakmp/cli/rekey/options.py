"""The options of ``gsakmp rekey``, whose help says what they mean."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

from gsakmp.errors import ConfigurationError

__all__ = [
    "AUTO",
    "Algorithms",
    "AsJSON",
    "Backward",
    "Degrees",
    "Encryption",
    "Joins",
    "Leaves",
    "Members",
    "Periods",
    "Plot",
    "Signature",
    "Time",
    "Trees",
    "number_of_trees",
]

AUTO: Final = "auto"

AsJSON = Annotated[bool, typer.Option("--json", help="The same as JSON.")]
Members = Annotated[int, typer.Option("--members", metavar="N", help="Members of the group.")]
Leaves = Annotated[
    list[int] | None,
    typer.Option(
        "--leaves", metavar="K", help="Members that leave in one batch; may be repeated; 1 if none."
    ),
]
Joins = Annotated[
    list[int] | None,
    typer.Option("--joins", metavar="J", help="Members that join in one batch; may be repeated; 1 if none."),
]
Algorithms = Annotated[
    list[str] | None,
    typer.Option(
        "--algorithm",
        metavar="NAME",
        help="flat, flat-own-keys, flat-re-pull, lkh, oft, marks; may be repeated; all if none.",
    ),
]
Degrees = Annotated[
    list[int] | None,
    typer.Option(
        "--degree", metavar="D", help="Children of a node of LKH, 2 to 8; may be repeated; 2, 4, 8 if none."
    ),
]
Trees = Annotated[str, typer.Option("--trees", metavar="T", help="Trees below the KEK: a number, or auto.")]
Periods = Annotated[
    int | None,
    typer.Option("--periods", metavar="P", help="Periods of a sequence of MARKS; 1024 if none."),
]
Encryption = Annotated[
    str | None,
    typer.Option("--encryption", metavar="NAME", help="The KEK's cipher; aes-128-cbc if none."),
]
Signature = Annotated[
    str | None, typer.Option("--signature", metavar="NAME", help="Of pushes; ecdsa-256-sha256 if none.")
]
Backward = Annotated[
    bool, typer.Option("--backward/--no-backward", help="Whether the KEK changes when members join.")
]
Time = Annotated[
    bool, typer.Option("--time/--no-time", help="Whether to measure this machine, and show times.")
]
Plot = Annotated[
    Path | None,
    typer.Option("--plot", metavar="FILE", help="Draw a leave's costs against N: .svg, .png or .pdf."),
]


def number_of_trees(text: str) -> int:
    """0 for ``auto``. Raises `ConfigurationError`."""
    if text == AUTO:
        return 0
    if not text.isascii() or not text.isdigit() or not 0 < len(text) <= 9 or not int(text):
        raise ConfigurationError(f"--trees {text[:40]!r}: a number from 1 on, or auto")
    return int(text)
