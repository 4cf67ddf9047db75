"""Captures of the GDOI sessions with the encryption undone, made from the JSON beside the originals.

    python tools/plaintext.py            writes pcaps/gdoi/plaintext/
    python tools/plaintext.py --check    exits with 1 where a file there is not what would be written

Each message keeps its frame's time and addresses. What was encrypted is replaced by its plaintext, without
the padding; the encryption bit is cleared and the length set, so that any dissector can read it. The
signatures and hashes inside are those of the original messages.
"""

from __future__ import annotations

import argparse
import json
import sys
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import gsakmp
from gsakmp.captures import Datagram, write

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "pcaps" / "gdoi"
TARGET = SOURCE / "plaintext"
ENCRYPTED = 1
NANOSECONDS = 10**9


def main(arguments: list[str] | None = None) -> int:
    """Write or check the captures. 0 if all is well, 1 if something is stale."""
    parser = argparse.ArgumentParser(description="captures of the GDOI sessions with the encryption undone")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    stale = 0
    for source in sorted(SOURCE.glob("gdoi-[ap]*.json")):
        target = TARGET / source.with_suffix(".pcap").name
        octets = capture(json.loads(source.read_text()))
        if not check:
            TARGET.mkdir(exist_ok=True)
            target.write_bytes(octets)
        elif not target.is_file() or target.read_bytes() != octets:
            print(f"stale: {target.relative_to(ROOT)}; run python tools/plaintext.py", file=sys.stderr)
            stale = 1
    return stale


def capture(session: dict[str, Any]) -> bytes:
    """The octets of a capture file of the session's messages in plain."""
    out = BytesIO()
    write(out, (datagram(number, record) for number, record in enumerate(session["messages"], 1)))
    return out.getvalue()


def datagram(number: int, record: dict[str, Any]) -> Datagram:
    """One message of the JSON in plain."""
    source, source_port = record["src"].rsplit(":", 1)
    destination, destination_port = record["dst"].rsplit(":", 1)
    return Datagram(
        octets=plain(record),
        frame=number,
        time=int(Decimal(record["time"]) * NANOSECONDS),
        source_address=source,
        source_port=int(source_port),
        destination_address=destination,
        destination_port=int(destination_port),
    )


def plain(record: dict[str, Any]) -> bytes:
    """The message with its body in plain."""
    message = gsakmp.parse(bytes.fromhex(record["wire"]), dialect=gsakmp.GDOID)
    if not record["plaintext_after_header"]:
        return message.build()
    opened = message.with_plaintext(bytes.fromhex(record["plaintext_after_header"]))
    cleared = opened.replace(
        flags=opened.flags & ~ENCRYPTED, ciphertext=b"", padding=b"", next_payload=gsakmp.AUTO
    )
    return cleared.build()


if __name__ == "__main__":
    sys.exit(main())
