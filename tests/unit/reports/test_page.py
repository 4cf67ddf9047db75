"""The page's data against what decode says, and against the octets; its limits, its sameness."""

from __future__ import annotations

import hashlib
import io
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gsakmp.captures import Datagram, read
from gsakmp.captures.keyring import Keyring
from gsakmp.captures.opened import ESPContent, ExchangeKind, Opened, Status
from gsakmp.captures.opening import Opener
from gsakmp.errors import ConfigurationError, LocalError
from gsakmp.exchanges.fragments import split
from gsakmp.message import parse
from gsakmp.payloads import KeyExchange
from gsakmp.reports.page import MOST_MESSAGES, write_page
from tests.conftest import PCAPS, ROOT
from tests.unit.captures.opening_world import LONG, SESSIONS, THREE_DES, datagrams, logged, opened, psk_and_dh
from tests.unit.cli.commands import CAPTURES, run
from tests.unit.reports.pages import Leaf, OneHost, Read, altered, inside, longest, made, many, one_host

NUMBER, SENDER, STATUS, FAILED, VERDICTS, REPEATS, SA, GROUP = 0, 9, 10, 11, 12, 13, 15, 16
NOT_ON_THE_WIRE = ("payload", "problem", "basic")


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key file that opens all sessions."""
    path = tmp_path_factory.mktemp("keys") / "all.keys"
    lines = ["gsakmp-keys 1"]
    for name in SESSIONS:
        for secret in psk_and_dh(name):
            lines.append(f"{secret.kind} {secret.name} {secret.octets.hex()}")
    path.write_text("\n".join(lines) + "\n")
    return path


# -- against decode --json -----------------------------------------------------------------------------------


def leaves(plain: Any, path: str) -> Iterator[tuple[str, Any]]:
    """The values of a JSON tree, each with its path as errors and pages write it."""
    if isinstance(plain, dict) and set(plain) == {"octets"}:
        yield path, plain["octets"]
    elif isinstance(plain, dict):
        for name, value in plain.items():
            if name not in NOT_ON_THE_WIRE and not name.endswith("_text"):
                yield from leaves(value, f"{path}.{name}" if path else name)
    elif isinstance(plain, list):
        for index, value in enumerate(plain):
            yield from leaves(value, f"{path}[{index}]")
    else:
        yield path, plain


def same(value: Any, leaf: Leaf, octets: bytes) -> bool:
    """Whether JSON and page say the same of a field."""
    if isinstance(value, bool) or value is None:
        return True
    if isinstance(value, int):
        number = int.from_bytes(octets, "big")
        if leaf.bits:
            number = number >> (leaf.bits >> 8) & ((1 << (leaf.bits & 255)) - 1)
        return number == value
    return value == octets.hex() or leaf.text == value or leaf.text.startswith(f"{value} (")


@pytest.mark.parametrize("session", SESSIONS)
def test_fields_are_those_of_decode(session: str, keys: Path) -> None:
    result = run("decode", "--json", "-q", "--keys", keys, PCAPS / "gdoi" / f"{session}.pcap")
    found = inside(made(opened(session)))
    assert len(result.records) == len(found.rows)
    compared = 0
    for place, record in enumerate(result.records):
        fields = {leaf.path: leaf for leaf in found.fields(place)}
        message = {
            name: record["message"][name] for name in ("payloads", "initiator_cookie", "responder_cookie")
        }
        for path, value in leaves(message, ""):
            assert path in fields, f"message {place + 1}: {path}"
            leaf = fields[path]
            octets = found.octets(place, leaf)
            assert same(value, leaf, octets), (
                f"message {place + 1}: {path}: {value!r}, {leaf}, {octets.hex()}"
            )
            compared += 1
    assert compared >= 10 * len(found.rows)


@pytest.mark.parametrize("session", SESSIONS)
def test_octets_checks_and_events_are_those_of_decode(session: str, keys: Path) -> None:
    result = run("decode", "--json", "-q", "--keys", keys, PCAPS / "gdoi" / f"{session}.pcap")
    found = inside(made(opened(session)))
    for place, record in enumerate(result.records):
        said, row = record["opened"], found.rows[place]
        panes = found.panes(place)
        assert panes["wire"].hex() == record["octets"]
        assert panes.get("plaintext", b"").hex() == said.get("plaintext", "")
        block, entry = found.entries[place]
        text = block["strings"]
        verdicts = {1: True, 0: False, -1: None}
        checks = [{"name": text[n], "passed": verdicts[p], "detail": text[d]} for n, p, d in entry[6]]
        assert checks == said["checks"]
        assert [text[event[0]] for event in entry[7]] == [event["event"] for event in said["events"]]
        assert [row[SENDER], row[STATUS], row[SA], row[GROUP]] == [
            said["sender"], said["status"], said["sa"], said["group"],
        ]  # fmt: skip
        assert sum(row[VERDICTS]) == len(checks)


def test_every_octet_has_one_field() -> None:
    found = inside(made(longest()))
    for place in range(len(found.rows)):
        for number, octets in enumerate(found.panes(place).values()):
            holders = [0] * len(octets)
            for leaf in found.fields(place):
                if leaf.pane == number and not leaf.container and not leaf.bits >> 8:
                    for at in range(leaf.at, leaf.at + leaf.size):
                        holders[at] += 1
            assert set(holders) == {1}, f"message {place + 1}, pane {number}"


# -- what goes wrong -----------------------------------------------------------------------------------------


def test_what_is_wrong_is_marked() -> None:
    found = inside(made(altered()))
    failed = [row[NUMBER] for row in found.rows if row[FAILED]]
    assert failed == [12]
    assert found.meta["written"]["failed"] == 1
    assert [(row[NUMBER], row[REPEATS]) for row in found.rows if row[REPEATS]] == [(14, 13)]


@pytest.mark.parametrize("capture", CAPTURES, ids=lambda path: path.name)
def test_fields_stay_within_their_octets(capture: Path) -> None:
    opener = Opener()
    records: list[Opened] = []
    try:
        records += [opener.feed(datagram) for datagram in read(capture, esp=True)]
    except LocalError:
        pass
    found = inside(made(records))
    for place in range(len(found.rows)):
        panes = list(found.panes(place).values())
        for leaf in found.fields(place):
            assert 0 <= leaf.at <= leaf.at + leaf.size <= len(panes[leaf.pane])


def test_a_damaged_message_says_so() -> None:
    datagram = datagrams(LONG)[2]
    cut = parse(datagram.octets).build()[:100]
    found = inside(made([Opener().feed(cut)]))
    assert found.rows[0][STATUS] == Status.MALFORMED
    block, entry = found.entries[0]
    assert "LengthMismatch" in block["strings"][entry[8]] or "Truncated" in block["strings"][entry[8]]
    assert found.panes(0) == {"wire": cut}


def test_a_message_in_pieces() -> None:
    whole = datagrams(LONG)[3].octets
    opener = Opener()
    found = inside(made([opener.feed(piece) for piece in split(whole, 120)]))
    last = len(found.rows) - 1
    assert last > 0
    assert found.panes(last)["reassembled"] == whole
    paths = {leaf.path: leaf for leaf in found.fields(last) if leaf.pane == 1}
    leaf = paths["payloads[0].key_exchange_data"]
    exchanged = parse(whole).payloads[0]
    assert isinstance(exchanged, KeyExchange)
    assert found.octets(last, leaf).hex() == exchanged.key_exchange_data.hex()


def test_an_esp_packet() -> None:
    octets = bytes.fromhex("0a0b0c0d 00000007") + bytes(range(40))
    esp = ESPContent(spi="0a0b0c0d", sequence_number=7, next_header=17, payload=b"hello")
    datagram = Datagram(octets, 1, 1, "192.0.2.1", 0, "239.0.0.1", 0, 0, 50)
    record = Opened(number=1, datagram=datagram, status=Status.OPENED, kind=ExchangeKind.ESP, esp=esp)
    found = inside(made([record]))
    values = {leaf.path: found.octets(0, leaf) for leaf in found.fields(0)}
    assert values["esp.spi"] == octets[:4]  # RFC 4303, 2.1
    assert values["esp.sequence_number"] == octets[4:8]  # 2.2
    assert values["esp.ciphertext"] == octets[8:]
    assert values["plaintext"] == b"hello"
    written = found.meta["written"]
    assert (written["messages"], written["packets"]) == (0, 1)
    assert (written["decrypted"], written["packets_decrypted"]) == (0, 1)


# -- who is behind an address --------------------------------------------------------------------------------


def senders(world: OneHost) -> dict[str, str]:
    found: dict[str, str] = inside(made(world.records)).meta["senders"]
    return {port(member): port(registered) for member, registered in found.items()}


def port(endpoint: str) -> str:
    return endpoint.rpartition(":")[2]


def test_data_is_of_the_member_that_has_the_sender_id() -> None:
    found = inside(made(one_host()))
    # RFC 6054, 3, figure 1: the first octet of the IV is an 8-bit sender id
    assert found.meta["senders"] == {
        "127.0.0.1:38507": "127.0.0.1:18491", "127.0.0.1:44761": "127.0.0.1:18493",
    }  # fmt: skip
    written = found.meta["written"]
    assert (written["messages"], written["packets"]) == (4, 3)


@pytest.mark.parametrize(
    ("bits", "iv"), [(8, "05 00000000000001"), (12, "005 0000000000001"), (16, "0005 000000000001")]
)
def test_sender_ids_of_every_width(bits: int, iv: str) -> None:
    world = OneHost(bits)
    world.joins("alice", 18491, 4, 5)
    world.joins("bob", 18493, 6, 0)
    world.pushes()
    world.sends(40000, iv.replace(" ", ""))
    assert senders(world) == {"40000": "18491"}


@pytest.mark.parametrize("transform", ["ESP_AES_CBC", "ESP_3DES"])
def test_an_iv_that_has_no_sender_id_names_nobody(transform: str) -> None:
    world = OneHost(transform=transform)
    world.joins("alice", 18491, 0)
    world.joins("bob", 18493, 2)
    world.pushes()
    world.sends(40000, "02 00000000000001")
    assert senders(world) == {}


def test_the_only_member_of_an_address_has_sent_what_comes_from_there() -> None:
    world = OneHost(transform="ESP_AES_CBC")
    world.joins("alice", 18491)
    world.pushes()
    world.sends(40000, "02 00000000000001")
    world.sends(18491, "02 00000000000001")
    assert senders(world) == {"40000": "18491"}


def test_a_port_that_several_have_sent_from_is_nobodys() -> None:
    world = OneHost()
    world.joins("alice", 18491, 0)
    world.joins("bob", 18493, 2)
    world.pushes()
    world.sends(40000, "00 00000000000001")
    world.sends(40000, "02 00000000000001")
    world.sends(40001, "07 00000000000001")
    assert senders(world) == {}


# -- what is not in it ---------------------------------------------------------------------------------------


def test_no_key_that_was_given_is_in_it() -> None:
    page = made(longest())
    found = inside(page)
    everything = json.dumps([found.rows, found.meta, [block for _, block in found.blocks]]).encode() + page
    for name in ("g^xy", "SKEYID", "SKEYID_d", "SKEYID_a", "SKEYID_e"):
        secret = logged(THREE_DES, name)
        assert secret.hex().encode() not in everything
        assert secret not in everything
    assert logged(THREE_DES, "NONCE_i").hex().encode() in everything  # so that the search can find something


def test_without_keys_nothing_is_decrypted() -> None:
    found = inside(made(opened(THREE_DES, Keyring())))
    assert found.meta["written"]["decrypted"] == found.meta["written"]["keyed"] == 0
    assert {name for place in range(len(found.rows)) for name in found.panes(place)} == {"wire"}


# -- the file ------------------------------------------------------------------------------------------------


def test_the_same_records_give_the_same_file() -> None:
    source = "import hashlib; from tests.unit.reports.pages import *; print(hashlib.sha256(made(longest())).hexdigest())"
    sums = {
        subprocess.run(
            [sys.executable, "-c", source], check=True, capture_output=True, timeout=120, cwd=ROOT,
            env={"PYTHONHASHSEED": seed, "PYTHONPATH": str(ROOT), "PATH": ""},
        ).stdout.decode().strip()
        for seed in ("1", "2")
    }  # fmt: skip
    assert sums == {hashlib.sha256(made(longest())).hexdigest()}


class Watched(io.BytesIO):
    """A file that notes how much had been read when the first block was written."""

    def __init__(self, taken: list[int]) -> None:
        super().__init__()
        self.taken, self.at_first_block = taken, 0

    def write(self, octets: Any) -> int:
        if b'class="block"' in octets[:60] and not self.at_first_block:
            self.at_first_block = self.taken[0]
        return super().write(octets)


def test_blocks_are_written_as_messages_come() -> None:
    taken = [0]

    def counted() -> Iterator[Opened]:
        for record in many(600):
            taken[0] += 1
            yield record

    out = Watched(taken)
    written = write_page(counted(), out)
    assert (written.messages, written.complete) == (600, True)
    assert 0 < out.at_first_block < 200
    found = inside(out.getvalue())
    assert [row[NUMBER] for row in found.rows] == list(range(1, 601))
    assert len(found.blocks) > 3


def test_the_first_of_too_many() -> None:
    found = inside(made(many(30), limit=25))
    assert len(found.rows) == 25
    assert found.meta["written"]["complete"] is False
    assert "25" in found.meta["notes"][0]
    assert inside(made(many(25), limit=25)).meta["notes"] == []


def test_nothing_at_all() -> None:
    found = inside(made([]))
    assert (found.rows, found.blocks, found.meta["written"]["messages"]) == ([], [], 0)


@pytest.mark.parametrize("limit", [0, -1, MOST_MESSAGES + 1, "9"])
def test_a_limit_that_is_none(limit: Any) -> None:
    with pytest.raises(ConfigurationError, match="limit"):
        write_page([], io.BytesIO(), limit=limit)


def test_a_disk_that_is_full() -> None:
    class Full(io.BytesIO):
        def write(self, octets: Any) -> int:
            raise OSError(28, "No space left on device")

    with pytest.raises(LocalError, match="No space"):
        write_page([], Full())


def test_reading_helper_refuses_a_gap() -> None:
    page = made(many(300))
    with pytest.raises(AssertionError):
        inside(page.replace(b'data-first="128"', b'data-first="129"'))
    assert isinstance(inside(page), Read)
