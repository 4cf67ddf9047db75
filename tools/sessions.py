"""What is made from the JSON of the shipped GDOI sessions: captures in plain, and key files.

    python tools/sessions.py            writes pcaps/gdoi/plaintext/ and pcaps/gdoi/*.keys
    python tools/sessions.py --check    exits with 1 where a file there is not what would be written

In the captures each message keeps its frame's time and addresses. What was encrypted is replaced by its
plaintext, without the padding; the encryption bit is cleared and the length set, so that any dissector can
read it. The signatures and hashes inside are those of the original messages.

A key file has what phase 1 is secret by, the pre-shared key and g^xy: all else follows from it.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from decimal import Decimal
from io import BytesIO
from pathlib import Path
from typing import Any

import gsakmp
from gsakmp.captures import Datagram, write
from gsakmp.captures.keyfile import key_lines
from gsakmp.captures.keyring import Keyring, Kind, Secret

ROOT = Path(__file__).resolve().parent.parent
SOURCE = ROOT / "pcaps" / "gdoi"
TARGET = SOURCE / "plaintext"
ENCRYPTED = 1
NANOSECONDS = 10**9


def main(arguments: list[str] | None = None) -> int:
    """Write or check the files. 0 if all is well, 1 if something is stale."""
    parser = argparse.ArgumentParser(description="what is made from the JSON of the shipped GDOI sessions")
    parser.add_argument("--check", action="store_true", help="compare instead of writing")
    check = parser.parse_args(arguments).check
    stale = 0
    for target, octets in files():
        if not check:
            target.parent.mkdir(exist_ok=True)
            target.write_bytes(octets)
        elif not target.is_file() or target.read_bytes() != octets:
            print(f"stale: {target.relative_to(ROOT)}; run python tools/sessions.py", file=sys.stderr)
            stale = 1
    return stale


def files() -> Iterator[tuple[Path, bytes]]:
    """Every file, with what is to be in it. The daemon's own sample has a capture in plain already."""
    for source in sorted(SOURCE.glob("gdoi-*.json")):
        session = json.loads(source.read_text())
        yield source.with_suffix(".keys"), "".join(key_lines(secrets(session))).encode()
        if source.stem != "gdoi-loopback-ks":
            yield TARGET / source.with_suffix(".pcap").name, capture(session)


def secrets(session: dict[str, Any]) -> Keyring:
    """What phase 1 is secret by."""
    cookies = next(
        f"{m['icookie']}:{m['rcookie']}" for m in session["messages"] if set(m["rcookie"]) != {"0"}
    )
    shared = next(each["value"] for each in session["derived"] if each["name"] == "g^xy")
    psk = Secret(Kind.PSK, "*", session["psk"].encode())
    return Keyring([psk, Secret(Kind.DH_SHARED, cookies, bytes.fromhex(shared))])


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
