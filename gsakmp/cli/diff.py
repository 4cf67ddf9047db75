"""``gsakmp diff``: two messages or two captures, field by field."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from itertools import chain
from typing import Annotated, Final

import msgspec
import typer

from gsakmp.captures.opened import Opened
from gsakmp.cli.filters import Filters
from gsakmp.cli.options import Address, Cookie, Dialect, Domain, Exchange, Keys, Ports, Quiet
from gsakmp.cli.screen import screen
from gsakmp.cli.status import UNUSABLE, complain, guarded, paragraphs
from gsakmp.cli.viewing import Viewing, lines
from gsakmp.errors import ConfigurationError
from gsakmp.reports.difference import IGNORABLE, Ignored, differences
from gsakmp.reports.difference_captures import Pair, aligned
from gsakmp.reports.difference_text import pair_plain, pair_rows
from gsakmp.reports.words import counted

__all__ = ["register"]

EQUAL: Final = 0
DIFFERENT: Final = 1

RANDOM: Final = "random is all that is new in every run but addresses, spis and keys"

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp diff before.pcap after.pcap --ignore random[/]  two runs",
    "[bold]gsakmp diff --keys both.keys a.pcap b.pcap --ignore random --ignore spis[/]",
    "[bold]gsakmp diff --frame 8:24 --keys a.keys a.pcap a.pcap[/]  two messages of one",
    "[bold]gsakmp diff 2c7d94021... 2c7d94022...[/]  two messages in hex",
    "Exit status: 0 if they are equal but for what is ignored, 1 if not, 2 for wrong usage, where neither "
    "has a message, or for a file that can't be read to its end.",
)


A = Annotated[str, typer.Argument(metavar="A", help="A capture, a file of hex lines, a message in hex.")]
B = Annotated[str, typer.Argument(metavar="B", help="What to compare it with. One of the two may be -.")]
Frame = Annotated[
    str | None,
    typer.Option(metavar="N|N:M", help="Only the message that frame N completes; of B that of frame M."),
]
Index = Annotated[
    str | None, typer.Option(metavar="N|N:M", help="Only the Nth message, from 1; of B the Mth.")
]
Ignore = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PATH",
        help="Leave out this field: its name, or its path with * for anything and empty brackets for "
        f"any place in a list, or one of {', '.join(IGNORABLE)} ({RANDOM}). Repeatable.",
    ),
]
Everything = Annotated[
    bool,
    typer.Option("--all", "-a", help="Also lengths, links and ciphertext that follow from the rest."),
]
AsJSON = Annotated[
    bool,
    typer.Option("--json", help="One JSON object a line for each pair that differs, with all its changes."),
]


def diff(
    a: A,
    b: B,
    keys: Keys = None,
    frame: Frame = None,
    index: Index = None,
    ignore: Ignore = None,
    everything: Everything = False,
    as_json: AsJSON = False,
    exchange: Exchange = None,
    cookie: Cookie = None,
    address: Address = None,
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Compare two messages, or two captures message by message, and show every field that differs.

    Messages of captures go together by exchange, place in it and payloads, in their order; a message without
    a partner is told as such.
    """

    def command() -> int:
        if a == b == "-":
            raise ConfigurationError("standard input can be one of the two only")
        filters = Filters.of(exchange, cookie, address)
        sides = [Viewing(source, keys, filters, port=port, doi=doi, dialect=dialect) for source in (a, b)]
        chosen = selections(frame, index)
        streams = [
            selected(side.opened(), choice, side.input.label)
            for side, choice in zip(sides, chosen, strict=True)
        ]
        run = Comparing(Ignored(ignore or ()), everything, as_json)
        run.all(streams[0], streams[1])
        empty = [side for side in sides if side.tally.nothing and not side.unusable]
        if not quiet:
            for side in empty:
                complain(f"{side.input.label}: {side.tally.text()}")
            if len(empty) < len(sides):
                complain(run.summary())
        if len(empty) == len(sides) or any(side.unusable for side in sides):
            return UNUSABLE
        return DIFFERENT if run.different else EQUAL

    raise typer.Exit(guarded(command))


Selection = Callable[[Opened], bool]


def selections(frame: str | None, index: str | None) -> list[Selection | None]:
    """What is wanted of either side, None for all. Raises `ConfigurationError`."""
    if frame is not None and index is not None:
        raise ConfigurationError("--frame and --index exclude each other")
    if frame is not None:
        return [of_frame(number) for number in numbers(frame, "--frame")]
    if index is not None:
        return [of_index(number) for number in numbers(index, "--index")]
    return [None, None]


def of_frame(number: int) -> Selection:
    """The message that a frame completes."""
    return lambda opened: opened.datagram.frame == number


def of_index(number: int) -> Selection:
    """The message of that number."""
    return lambda opened: opened.number == number


def numbers(text: str, option: str) -> tuple[int, int]:
    """``3`` or ``3:7``."""
    parts = text.split(":")
    if len(parts) > 2 or not all(part.isascii() and part.isdecimal() and len(part) <= 18 for part in parts):
        raise ConfigurationError(f"{option}: a number, or two: 3:7")
    found = [int(part) for part in parts]
    return found[0], found[-1]


def selected(stream: Iterator[Opened], wanted: Selection | None, name: str) -> Iterator[Opened]:
    """The one message, or all."""
    if wanted is None:
        return stream
    found = next((opened for opened in stream if wanted(opened)), None)
    if found is None:
        raise ConfigurationError(f"{name}: there is no such message")
    return iter((found,))


class Comparing:
    """One run: how many pairs there were, and what became of them."""

    def __init__(self, ignored: Ignored, everything: bool, as_json: bool) -> None:
        self.ignored, self.everything, self.as_json = ignored, everything, as_json
        self.pairs = self.packets = self.changed = self.only_a = self.only_b = 0
        self.screen = screen()

    @property
    def different(self) -> bool:
        """Whether there was anything."""
        return bool(self.changed or self.only_a or self.only_b)

    def all(self, a: Iterator[Opened], b: Iterator[Opened]) -> None:
        """Compare. One message on either side go together whatever they are."""
        first = [next(a, None), next(a, None)], [next(b, None), next(b, None)]
        if all(pair[0] is not None and pair[1] is None for pair in first):
            self.pair(Pair(first[0][0], first[1][0]))
            return
        left, right = (
            chain((each for each in two if each is not None), rest)
            for two, rest in zip(first, (a, b), strict=True)
        )
        for pair in aligned(left, right):
            self.pair(pair)

    def pair(self, pair: Pair) -> None:
        """One pair."""
        changes = []
        if pair.a is None or pair.b is None:
            self.only_a += pair.a is not None
            self.only_b += pair.b is not None
        else:
            self.packets += pair.a.esp is not None
            self.pairs += pair.a.esp is None
            changes = differences(pair.a, pair.b, self.ignored, everything=self.everything)
            if not changes:
                return
            self.changed += 1
        if self.as_json:
            sys.stdout.buffer.write(msgspec.json.encode(pair_plain(pair, changes)) + b"\n")
        else:
            self.screen.rows(lines([*pair_rows(pair, changes), ()]))

    def summary(self) -> str:
        """All in one line."""
        changed = f"{self.changed:,}" if self.changed else "none"
        pairs = [f"{counted(self.pairs, 'pair')} of messages"] if self.pairs or not self.packets else []
        pairs += [f"{counted(self.packets, 'pair')} of ESP packets"] if self.packets else []
        text = f"{' and '.join(pairs)}: {changed} different"
        text += f", {self.only_a:,} only in A" if self.only_a else ""
        return text + (f", {self.only_b:,} only in B" if self.only_b else "")


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(diff)
