"""Recording what is sent and received, with the secrets that decrypt it. For debugging, never for production.

A recording is two files in a folder, ``<role>-<UTC time>-<process>.pcap`` and ``.keys``, both readable by
their owner alone. The pcap file has IP and UDP headers made for the datagrams (`gsakmp.captures.write`). The
key file is as `gsakmp.captures.keyfile` describes, so that ``gsakmp decode --keys`` opens the one with the
other. It gets the kinds that the engine gives: ``skeyid``, ``skeyid_d``, ``skeyid_a``, ``skeyid_e`` and
``encryption_key`` (RFC 2409, 5 and appendix B), ``kek``, ``tek`` and ``tek_integrity`` (RFC 6407, 5.6).
Whoever has the two files can read everything that the group sends.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from typing import BinaryIO, Final

from gsakmp import captures
from gsakmp.captures.keyfile import HEADER, engine_secret, key_line
from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.runner import Observer
from gsakmp.net.udp import Received

__all__ = ["Recorder"]

PCAP_HEADER: Final = 24
"""Octets before the first record of a pcap file."""
LONGEST_FILE: Final = 1 << 30
"""Octets; a recording that was forgotten must not fill the disk."""
REMEMBERED: Final = 65_536
"""Secrets that are known to be in the file already."""
NANOSECONDS: Final = 1_000_000_000

WARNING: Final = (
    "# Secrets of a recording: whoever has this file and the pcap beside it can read all of the traffic.\n"
)
FromWhere = Callable[[Datagram], Address | None]


class Recorder(Observer):
    """Writes a recording. `on_trouble` is told, once, when it ends before its time."""

    def __init__(self, folder: Path, role: str, *, on_trouble: Callable[[str], None]) -> None:
        """Raises `ConfigurationError` where the files can't be made."""
        self.from_where: FromWhere | None = None
        """Tells which address a datagram leaves from, where it does not say so itself."""
        self._on_trouble = on_trouble
        self._known: dict[bytes, None] = {}
        stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime())
        self.capture_file = folder / f"{role}-{stamp}-{os.getpid()}.pcap"
        self.key_file = self.capture_file.with_suffix(".keys")
        try:
            folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            self._capture: BinaryIO | None = private(self.capture_file)
            self._keys: BinaryIO | None = private(self.key_file)
            self._keys.write(f"{HEADER}\n{WARNING}".encode())
            self._keys.flush()
            captures.write(self._capture, ())
        except (OSError, ValueError) as error:
            problem = getattr(error, "strerror", None) or "that is no path"
            raise ConfigurationError(f"nothing can be recorded in {folder}: {problem}") from None

    def received(self, batch: Sequence[Received], now: float) -> None:
        """See `Observer.received`."""
        self._write([frame(one.data, one.source, one.local, now) for one in batch])

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        """See `Observer.sent`."""
        self._write([frame(one.data, self._source(one), one.destination, now) for one in datagrams])

    def secret(self, kind: str, name: bytes, octets: bytes) -> None:
        """A secret of the engine's; see its `secrets`. One that was written is not written again."""
        found = engine_secret(kind, name, octets)
        if self._keys is None or found is None:
            return
        line = key_line(found).encode()
        if line in self._known:
            return
        self._known[line] = None
        if len(self._known) > REMEMBERED:
            del self._known[next(iter(self._known))]
        try:
            self._keys.write(line)
            self._keys.flush()
        except OSError as error:
            self._give_up(error.strerror or "the key file can't be written")

    def close(self) -> None:
        """Close both files. May be called twice."""
        files, self._capture, self._keys = (self._capture, self._keys), None, None
        for file in files:
            if file is not None:
                with suppress(OSError):
                    file.close()
        self._known.clear()

    def _source(self, datagram: Datagram) -> Address | None:
        found = self.from_where(datagram) if self.from_where is not None else None
        return found or datagram.source

    def _write(self, frames: Sequence[captures.Datagram]) -> None:
        if self._capture is None:
            return
        try:
            buffer = BytesIO()
            captures.write(buffer, frames)
            self._capture.write(memoryview(buffer.getvalue())[PCAP_HEADER:])
            self._capture.flush()
            if self._capture.tell() > LONGEST_FILE:
                self._give_up(f"the recording has {LONGEST_FILE} octets, which is as much as one may have")
        except OSError as error:
            self._give_up(error.strerror or "the pcap file can't be written")
        except GsakmpError as error:
            self._give_up(str(error))

    def _give_up(self, problem: str) -> None:
        self.close()
        self._on_trouble(f"the recording {self.capture_file} ends: {problem}")


def private(path: Path) -> BinaryIO:
    """A new file for its owner alone. Raises `OSError`, also where there is one already."""
    return os.fdopen(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb")


def frame(data: bytes, source: Address | None, destination: Address, now: float) -> captures.Datagram:
    """A datagram for the capture; one whose source has another family than its destination has none."""
    known = source is not None and source.host.version == destination.host.version
    return captures.Datagram(
        octets=data,
        time=int(now * NANOSECONDS),
        source_address=unscoped(source) if source is not None and known else unknown(destination),
        source_port=source.port if source is not None else 0,
        destination_address=unscoped(destination),
        destination_port=destination.port,
    )


def unknown(destination: Address) -> str:
    return "0.0.0.0" if destination.host.version == 4 else "::"


def unscoped(address: Address) -> str:
    """A packet's header has no room for a link's number."""
    return str(address.host).partition("%")[0]
