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
from gsakmp.cli.options import Dialect, Domain, Keys, Ports, Quiet
from gsakmp.cli.report import counted, progress
from gsakmp.cli.status import MALFORMED, SOUND, UNUSABLE, complain, guarded, paragraphs
from gsakmp.cli.viewing import Viewing, written
from gsakmp.errors import CaptureError, ConfigurationError

__all__ = ["register"]

PRIVATE: Final = 0o600
"""What was encrypted is for its owner alone, the keys that a pull carries among it."""
CLOSED: Final = frozenset({Status.SEALED, Status.WRONG_KEY, Status.MALFORMED})

EXAMPLES: Final = paragraphs(
    "Examples:",
    "[bold]gsakmp decrypt --keys member.keys member.pcap plain.pcapng[/]  every message in plain",
    "[bold]gsakmp decrypt --keys member.keys member.pcap - | tshark -r - -d udp.port==848,isakmp[/]  at once",
    "Exit status: 0 if nothing stayed encrypted, 1 if something did or is malformed, 2 for wrong usage, a "
    "file that can't be read to its end, or one that can't be written.",
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
    port: Ports = None,
    doi: Domain = None,
    dialect: Dialect = None,
    quiet: Quiet = False,
) -> None:
    """Write a capture anew with the plaintext in the place of what was encrypted.

    Of an opened message the encryption flag is cleared and the padding left out; lengths and checksums
    follow.
    An opened ESP packet gives way to the packet that it held. Each changed packet has a comment that says so.
    All other frames stay as they are, octet for octet, and every frame keeps its number and its time.

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
        return UNUSABLE if run.broken else MALFORMED if run.left else SOUND

    raise typer.Exit(guarded(command))


class Decrypting:
    """One run: how many frames there were, were changed, and hold something that stays closed."""

    def __init__(self, viewing: Viewing) -> None:
        self.viewing = viewing
        self.frames = self.changed = self.left = 0
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
            capture = FrameCapture(source, viewing.ports, esp=True)
            try:
                with progress(viewing.input) as bar:
                    for frame in capture.frames():
                        bar.step()
                        self.frame(writer, frame)
            except CaptureError as error:
                self.broken = True
                complain(str(error))

    def frame(self, writer: PcapngWriter, frame: Frame) -> None:
        """One of them."""
        self.frames += 1
        plain = None
        if frame.datagram is not None:
            found = self.viewing.opener.feed(frame.datagram)
            plain = plain_frame(frame, found)
            self.left += plain is None and found.status in CLOSED
        if plain is None:
            writer.write(frame.time, frame.link_type, frame.octets, frame.wire_octets)
        else:
            self.changed += 1
            writer.write(frame.time, plain.link_type, plain.octets, comment=plain.comment)

    def summary(self) -> str:
        """All in one line."""
        text = f"{counted(self.frames, 'frame')}: {self.changed} in plain now"
        return f"{text}, {self.left} stay closed" if self.left else text


def register(app: typer.Typer) -> None:
    """Make it a command of `app`."""
    app.command(epilog=EXAMPLES, no_args_is_help=True)(decrypt)
