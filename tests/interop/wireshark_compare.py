"""tshark with the dissector beside the library, over messages built at random:

    python -m tests.interop.wireshark_compare --messages 10000 --seed 1

Messages come from the definitions (`tests.strategies`), some are encrypted under a KEK that a key file has, and
some are damaged. Of a sound one, every field that the library sees must be shown by tshark with the same name,
place, octets and value, and nothing else. One that the strict parser refuses must have a note of the group
Malformed, and no other may. No Lua error, ever.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random

import gsakmp
from gsakmp.captures import Datagram, write
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.doi import DIALECTS, GDOI, Dialect
from gsakmp.errors import DecodeError
from gsakmp.message import Message
from gsakmp.registries import GDOIExchangeType, HeaderFlag, KEKAlgorithm
from gsakmp.wireshark import dissector
from tests.fuzz.mutate import mutated
from tests.interop.wireshark_fields import Shown, expected
from tests.interop.wireshark_pdml import difference, frames
from tests.strategies import messages

__all__ = ["Case", "Report", "cases", "compare", "random_messages"]

ENCRYPTED_SHARE, DAMAGED_SHARE = 0.15, 0.25
SUITES = (
    (KEKAlgorithm.KEK_ALG_AES, 128), (KEKAlgorithm.KEK_ALG_AES, 192), (KEKAlgorithm.KEK_ALG_AES, 256),
    (KEKAlgorithm.KEK_ALG_3DES, None), (KEKAlgorithm.KEK_ALG_DES, None),
)  # fmt: skip


@dataclass(frozen=True)
class Case:
    """A datagram, and what it decrypts to if it has a key."""

    octets: bytes
    port: int
    dialect: Dialect
    plaintext: bytes = b""
    key_line: str = ""


@dataclass
class Report:
    """What was compared, and what differed."""

    messages: int = 0
    fields: int = 0
    decrypted: int = 0
    malformed: int = 0
    differences: list[str] | None = None

    def __post_init__(self) -> None:
        self.differences = []

    def add(self, text: str) -> None:
        """Note a difference."""
        assert self.differences is not None
        self.differences.append(text)


def random_messages(count: int, seed: int) -> list[Message]:
    """So many messages, the same ones for the same seed; few of those that are but a header and ciphertext."""
    from hypothesis import HealthCheck, Phase, given, settings
    from hypothesis import seed as seeded

    out: list[Message] = []

    @seeded(seed)
    @settings(max_examples=count, database=None, deadline=None, phases=[Phase.generate],
              suppress_health_check=list(HealthCheck))  # fmt: skip
    @given(messages())
    def collect(message: Message) -> None:
        if message.payloads or len(out) % 8 == 0:
            out.append(message)

    while len(out) < count:
        collect()
        collect = seeded(seed + len(out))(collect)
    return out[:count]


def cases(found: Sequence[Message], random: Random) -> Iterator[Case]:
    """Datagrams of messages: as they are, encrypted, or damaged. Each has cookies of its own."""
    every = [message.build() for message in found]
    for index, (message, octets) in enumerate(zip(found, every, strict=True)):
        port = 848 if message.doi is GDOI else 500
        own = (0x4000000000000000 + index).to_bytes(8, "big") + octets[8:]
        choice = random.random()
        if choice < ENCRYPTED_SHARE and message.payloads and message.doi is GDOI:
            yield encrypted(message, own, random)
        elif choice < ENCRYPTED_SHARE + DAMAGED_SHARE:
            yield Case(mutated(own, every, random) or own, port, message.dialect)
        else:
            yield Case(own, port, message.dialect)


def encrypted(message: Message, octets: bytes, random: Random) -> Case:
    """The message as a GROUPKEY-PUSH under a KEK that the key file has."""
    algorithm, bits = random.choice(SUITES)
    cipher = kek_cipher(algorithm, bits, allow_weak=True)
    kek = KEK.parse(cipher, random.randbytes(cipher.block_size + cipher.key_size))
    ciphertext = kek.encrypt(octets[28:])
    header = octets[:18] + bytes([GDOIExchangeType.GROUPKEY_PUSH, HeaderFlag.ENCRYPTION]) + octets[20:24]
    whole = header + (28 + len(ciphertext)).to_bytes(4, "big") + ciphertext
    line = f"kek {octets[:8].hex()}:{octets[8:16].hex()} {kek.build().hex()}\n"
    return Case(whole, 848, message.dialect, kek.decrypt(ciphertext), line)


def seen_by_library(case: Case) -> list[Shown] | str:
    """What the library sees of a datagram, or why its strict parser refuses it."""
    try:
        message = gsakmp.parse(case.octets, port=case.port, dialect=case.dialect)
        if case.plaintext:
            message = message.with_plaintext(case.plaintext)
    except DecodeError as problem:
        return str(problem)
    return list(expected(message, case.octets))


def compare(tshark: str, found: Sequence[Case], folder: Path) -> Report:
    """Run tshark once for each dialect, and compare."""
    report = Report()
    script, keys = folder / "gdoi.lua", folder / "random.keys"
    script.write_text(dissector(), encoding="utf-8")
    keys.write_text("gsakmp-keys 1\n" + "".join(case.key_line for case in found), encoding="ascii")
    for dialect in DIALECTS.values():
        mine = [case for case in found if case.dialect is dialect]
        capture = folder / f"{dialect.name}.pcap"
        write(capture, (datagram(case) for case in mine))
        preferences = {
            "dialect": dialect.name, "key_file": str(keys), "other_ports": "all", "ikev2": "FALSE",
        }  # fmt: skip
        shown = frames(tshark, script, capture, preferences)
        for case, frame in zip(mine, shown, strict=True):
            compare_one(report, case, frame)
    return report


def datagram(case: Case) -> Datagram:
    return Datagram(octets=case.octets, source_port=case.port, destination_port=case.port,
                    source_address="192.0.2.1", destination_address="192.0.2.2")  # fmt: skip


def compare_one(report: Report, case: Case, frame: object) -> None:
    from tests.interop.wireshark_pdml import Frame

    assert isinstance(frame, Frame)
    report.messages += 1
    wanted = seen_by_library(case)
    problem = "".join(frame.faults)
    if not frame.there:
        problem = problem or "not dissected"
    elif isinstance(wanted, str):
        report.malformed += 1
        problem = problem or ("" if frame.malformed else f"{wanted!r}, and no note says so")
    else:
        report.fields += len(wanted)
        report.decrypted += bool(case.plaintext)
        if frame.malformed:
            problem = problem or f"sound, but there is a note: {frame.notes}"
        problem = problem or difference(wanted, frame)
    if problem:
        report.add(f"{case.octets.hex()} on {case.port}, {case.dialect.name}: {problem}")


def main(arguments: list[str] | None = None) -> int:
    """The command: 0 if nothing differs."""
    import shutil

    parser = argparse.ArgumentParser(prog="wireshark_compare", description="tshark beside the library")
    parser.add_argument("--messages", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--show", type=int, default=10, help="differences that are printed")
    chosen = parser.parse_args(arguments)
    tshark = shutil.which("tshark")
    if tshark is None:
        print("tshark is not installed")
        return 2
    begun = time.monotonic()
    found = list(cases(random_messages(chosen.messages, chosen.seed), Random(chosen.seed)))
    made = time.monotonic()
    with tempfile.TemporaryDirectory() as folder:
        report = compare(tshark, found, Path(folder))
    assert report.differences is not None
    print("\n".join(report.differences[: chosen.show]))
    print(
        f"{report.messages} messages, {report.fields} fields of sound ones, {report.decrypted} decrypted, "
        f"{report.malformed} malformed: {len(report.differences)} differences "
        f"({made - begun:.0f} s to make, {time.monotonic() - made:.0f} s to compare)"
    )
    return 1 if report.differences else 0


if __name__ == "__main__":
    sys.exit(main())
