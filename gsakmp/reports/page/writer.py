"""Opened messages in, an HTML file out, both as streams."""

from __future__ import annotations

import html
import zlib
from base64 import b64encode
from collections.abc import Iterable, Iterator
from hashlib import sha256
from importlib.resources import files
from itertools import chain
from typing import Any, BinaryIO, Final

import msgspec

from gsakmp import __version__
from gsakmp.captures.opened import Opened
from gsakmp.errors import ConfigurationError, LocalError
from gsakmp.reports.page.data import Block, clean, row
from gsakmp.reports.page.ends import Ends
from gsakmp.reports.page.fields import shown

__all__ = ["MOST_MESSAGES", "USUAL_MESSAGES", "Written", "write_page"]

USUAL_MESSAGES: Final = 20_000
"""Messages of a page: about 20 MB of it."""
MOST_MESSAGES: Final = 200_000
"""A list of more would be higher than some browsers can scroll."""

BLOCK_MESSAGES: Final = 128
BLOCK_SIZE: Final = 256 * 1024
"""Fields and octets of a block. A message may have more than this, and a block then has but that one."""

SCRIPTS: Final = (
    "base.js", "data.js", "list.js", "lanes.js", "ladder.js", "tree.js", "octets.js", "message.js",
    "search.js", "filters.js", "panes.js", "keys.js", "start.js",
)  # fmt: skip


class Written(msgspec.Struct, kw_only=True):
    """What has become of a capture on its way into a page."""

    messages: int = 0
    """Without ESP packets."""
    packets: int = 0
    """ESP packets."""
    decrypted: int = 0
    """Messages whose plaintext is in the page."""
    packets_decrypted: int = 0
    """ESP packets whose payload is in the page."""
    keyed: int = 0
    """Messages in which keys can be read."""
    failed: int = 0
    """Messages and packets with which something is wrong."""
    complete: bool = True
    """False if there were more than the limit."""

    @property
    def total(self) -> int:
        """Messages and packets."""
        return self.messages + self.packets


def write_page(
    records: Iterable[Opened],
    out: BinaryIO,
    *,
    name: str = "capture",
    limit: int = USUAL_MESSAGES,
    notes: Iterable[str] = (),
) -> Written:
    """Write the page of `records` to `out`, a binary file, and tell what was written.

    `name` is the capture's, `notes` are lines for its reader (which filter was on), asked for when all
    records are there. Of more than `limit` messages and packets the first are taken, which the page says.
    The same records give the same octets. Memory is bounded by a block, whatever the number of messages, but
    for some 50 octets a message for the index.

    Raises `ConfigurationError` for a limit that is none, `LocalError` if `out` can't be written, but
    `BrokenPipeError` as it is, and whatever `records` raises: what is written by then is no page.
    """
    given: Any = limit
    if not isinstance(given, int) or not 1 <= given <= MOST_MESSAGES:
        raise ConfigurationError(f"a limit is a number from 1 to {MOST_MESSAGES}")
    page = Page(name, limit, notes)
    for piece in page.pieces(iter(records)):
        try:
            out.write(piece)
        except BrokenPipeError:  # whoever reads our output went away: the caller's affair
            raise
        except OSError as error:
            raise LocalError(f"the page cannot be written: {error.strerror}") from None
    return page.written


class Page:
    """One page in the making."""

    def __init__(self, name: str, limit: int, notes: Iterable[str]) -> None:
        self.name, self.limit, self.notes = name, limit, notes
        self.written = Written()
        self.ends = Ends()
        self.start: int | None = None
        self.index = Packed()

    def pieces(self, records: Iterator[Opened]) -> Iterator[bytes]:
        """The page's octets in their order."""
        head, tail = template(clean(self.name))
        yield head
        self.index.add(b'{"rows":[')
        for block in self.blocks(records):
            first = self.written.total - len(block)
            yield element(block, first)
        meta = msgspec.json.encode(self.meta())
        self.index.add(b'],"meta":' + meta + b"}")
        yield b'<script type="text/plain" id="index">' + self.index.text() + b"</script>\n"
        yield tail

    def blocks(self, records: Iterator[Opened]) -> Iterator[Block]:
        block = Block()
        for opened in records:
            if self.written.total >= self.limit:
                self.written.complete = False
                break
            self.take(opened, block)
            if len(block) >= BLOCK_MESSAGES or block.size >= BLOCK_SIZE:
                yield block
                block = Block()
        if len(block):
            yield block

    def take(self, opened: Opened, block: Block) -> None:
        """One message into the block and the index."""
        written, seen = self.written, shown(opened)
        if self.start is None and opened.datagram.time:
            self.start = opened.datagram.time
        block.add(opened, seen)
        line = msgspec.json.encode(row(opened, self.start or 0))
        self.index.add(b"," + line if written.total else line)
        if opened.esp is None:
            written.messages += 1
            written.decrypted += bool(opened.plaintext_octets)
        else:
            written.packets += 1
            written.packets_decrypted += opened.esp.payload is not None
        written.keyed += seen.secret
        written.failed += opened.failed
        self.ends.learn(opened)

    def meta(self) -> dict[str, Any]:
        """What the page says about itself."""
        notes = [clean(note) for note in self.notes]
        if not self.written.complete:
            notes.append(f"Only the first {self.limit:,} messages are here; the capture has more.")
        return {
            "name": clean(self.name),
            "made": f"gsakmp {__version__}",
            "notes": notes,
            "names": self.ends.names,
            "senders": self.ends.senders(),
            "written": msgspec.to_builtins(self.written),
        }


class Packed:
    """Octets compressed as they come, to be had as Base64: letters that mean nothing to HTML."""

    def __init__(self) -> None:
        self.packer = zlib.compressobj(6)
        self.octets = bytearray()

    def add(self, octets: bytes) -> None:
        """Some more."""
        self.octets += self.packer.compress(octets)

    def text(self) -> bytes:
        """All of it; nothing can be added afterwards."""
        self.octets += self.packer.flush()
        return b64encode(self.octets)


def element(block: Block, first: int) -> bytes:
    """A block as an element of the page; `first` is the place of its first message."""
    packed = Packed()
    packed.add(block.json())
    head = f'<script type="text/plain" class="block" data-first="{first}" data-count="{len(block)}">'
    return head.encode() + packed.text() + b"</script>\n"


def template(name: str) -> tuple[bytes, bytes]:
    """What comes before the data, and what comes behind.

    The policy in the head names script and style by their hashes and allows nothing else: no other code runs
    in the page, and it can't ask anybody for anything.
    """
    place = files(__package__)
    style = place.joinpath("page.css").read_text("utf-8")
    scripts = "".join(place.joinpath("scripts", script).read_text("utf-8") for script in SCRIPTS)
    script = '"use strict";\n(() => {\n' + scripts + "})();\n"
    values = {
        "title": html.escape(name),
        "style_hash": hash_of(style),
        "script_hash": hash_of(script),
        "style": style,
        "script": script,
    }
    pieces = place.joinpath("page.html").read_text("utf-8").split("{{")
    text = pieces[0] + "".join(chain.from_iterable(filled(piece, values) for piece in pieces[1:]))
    head, _, tail = text.partition("<!-- data -->\n")
    return head.encode(), tail.encode()


def filled(piece: str, values: dict[str, str]) -> tuple[str, str]:
    """A value, and the template's text behind it."""
    key, _, rest = piece.partition("}}")
    return values[key], rest


def hash_of(text: str) -> str:
    """The source expression that allows this text in a policy (Content Security Policy Level 3, 2.3.1)."""
    return f"sha256-{b64encode(sha256(text.encode()).digest()).decode()}"
