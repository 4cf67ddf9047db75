"""``gsakmp decrypt``: a capture with its messages in plain, for other tools."""

from __future__ import annotations

import sys
from typing import Annotated, Any, BinaryIO, Final

import typer

from gsakmp import __version__
from gsakmp.captures.decrypted import plain_frame
from gsakmp.captures.frames import Frame, FrameCapture
from gsakmp.captures.opened import Status
from gsakmp.captures.pcapng import PcapngWriter
from gsakmp.cli.inputs import MAGIC, Rejoined, opened
from gsakmp.cli.options import CapturePorts, Dialect, Domain, Keys, Quiet
from gsakmp.cli.report import progress
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain, guarded, paragraphs
from gsakmp.cli.viewing import Viewing
from gsakmp.cli.writing import PRIVATE, written
from gsakmp.errors import CaptureError, ConfigurationError

__all__ = ["register"]

CLOSED: Final = frozenset({Status.SEALED, Status.WRONG_KEY, Status.MALFORMED})

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp decrypt --keys member.keys member.pcap plain.pcapng[/]  into a file",
    "[bold]gsakmp decrypt --keys my.keys my.pcap - | tshark -X lua_script:gsakmp.lua -r -[/]",
    "Exit status: 0 if nothing stayed encrypted, 1 if something did, or is malformed, or a check is wrong, 2 "
    "for wrong usage, a file without messages or one that can't be read to its end, or one that can't be "
    "written.",
)


def decrypt(
    source: Annotated[
        str,
        typer.Argument(metavar="IN", help="A capture: pcap, pcapng, gzipped or not; - for standard input."),
    ],
    output: Annotated[
        str,
        typer.Argument(
            metavar="OUT", help="The pcapng file to write, for its owner alone; - for standard output."
        ),
    ],
    keys: Keys = None,
    port: CapturePorts = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Write a capture anew with the plaintext in the place of what was encrypted.

    Of an opened message the encryption flag is cleared and the padding left out; lengths and checksums
    follow. An opened ESP packet gives way to the packet that it held. Each changed packet has a comment that
    says so. All other frames stay as they are, octet for octet, and every frame keeps its number and time.

    No key is written but those that the messages themselves carry, in plain now: a Key Download has the
    group's. So the file is for its owner alone.
    """

    def command() -> int:
        if not keys:
            raise ConfigurationError("nothing can be decrypted without --keys FILE")
        if output == "-" and sys.stdout.isatty():
            raise ConfigurationError("a capture is not written to a terminal; name a file")
        viewing = Viewing(source, keys, port=port, doi=doi, dialect=dialect)
        if viewing.input.octets is not None:
            raise ConfigurationError("a capture file is wanted, not a message in hex")
        run = Decrypting(viewing)
        with written(output, source, mode=PRIVATE) as file:
            run.write(file)
        if not quiet:
            complain(run.summary())
        return run.status()

    raise typer.Exit(guarded(command))


class Decrypting:
    """One run: how many frames were changed, and how many hold something that stays closed."""

    def __init__(self, viewing: Viewing) -> None:
        self.viewing = viewing
        self.changed = self.left = 0
        self.broken = False

    def write(self, file: BinaryIO) -> None:
        """Every frame; of a damaged capture those before the damage, which is told."""
        viewing = self.viewing
        writer = PcapngWriter(
            file, application=f"gsakmp {__version__}", comment="Decrypted: this file holds plaintext."
        )
        with opened(viewing.input.name) as given:
            viewing.input.position = given
            source: Any = Rejoined(given, viewing.input.label)  # `read` is all that a capture needs
            if source.head and not source.head.startswith(MAGIC):
                raise CaptureError("this is neither pcap nor pcapng", viewing.input.label, 0)
            capture = FrameCapture(source, viewing.sieve.reader.ports, esp=True)
            try:
                with progress(viewing.input) as bar:
                    for frame in capture.frames():
                        bar.step()
                        self.frame(writer, frame)
            except CaptureError as error:
                if not capture.counts.frames:
                    raise  # and the file that is there already stays
                self.broken = True
                complain(str(error))
            finally:
                viewing.tally.capture(capture.counts)

    def frame(self, writer: PcapngWriter, frame: Frame) -> None:
        """One of them."""
        plain, viewing = None, self.viewing
        if frame.datagram is not None:
            found = viewing.sieve.opened(frame.datagram, viewing.opener)
            if found is not None:
                plain = plain_frame(frame, found)
                self.left += plain is None and found.status in CLOSED
        if plain is None:
            writer.write(frame.time, frame.link_type, frame.octets, frame.wire_octets)
        else:
            self.changed += 1
            writer.write(frame.time, plain.link_type, plain.octets, comment=plain.comment)

    def summary(self) -> str:
        """All in one line. What was opened may need no new frame, or have no place in one."""
        tally = self.viewing.tally
        return tally.text() + ("" if self.changed == tally.opened else f"; {self.changed:,} in plain now")

    def status(self) -> int:
        """The exit status."""
        tally = self.viewing.tally
        if self.broken or tally.nothing:
            return UNUSABLE
        return MALFORMED if self.left or not tally.sound else SOUND


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(decrypt)
