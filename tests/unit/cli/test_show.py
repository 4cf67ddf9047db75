"""What people see: the tree and the annotated octets, held against the session files and the octets."""

from __future__ import annotations

import json
import re
from itertools import pairwise
from pathlib import Path

import pytest

from gsakmp.captures import Datagram
from gsakmp.cli.records import Record
from gsakmp.cli.screen import Colour, screen
from gsakmp.cli.show import head_lines, tree_lines
from gsakmp.errors import DecodeError
from gsakmp.message import parse
from tests.conftest import PCAPS
from tests.unit.cli.commands import CAPTURES, GAP, MAIN_MODE_1, TRAILING, run

MAIN_MODE_TREE = """\
#1  2026-11-23 07:56:21.373684 UTC  10.0.224.37:848 > 10.0.224.44:848  GDOI IDENTITY_PROTECTION  80 octets
    cookies 2c7d9402158b9282 0000000000000000  message id 00000000
    Security Association  RFC 2408, 3.4
        doi        GDOI (2)
        situation  none (0)
        Proposal  RFC 2408, 3.5
            proposal_number  1
            protocol_id      PROTO_ISAKMP (1)
            IKE Transform  RFC 2407, 4.4.2; RFC 2409, appendix A
                transform_number           0
                transform_id               KEY_IKE (1)
                ENCRYPTION_ALGORITHM (1)   TRIPLE_DES_CBC (5)
                HASH_ALGORITHM (2)         SHA (2)
                AUTHENTICATION_METHOD (3)  PRE_SHARED_KEY (1)
                GROUP_DESCRIPTION (4)      MODP_1024 (2)
                LIFE_TYPE (11)             SECONDS (1)
                LIFE_DURATION (12)         60  [in the unit of the life type before it]

"""


def test_the_first_message_of_a_session() -> None:
    """Written by hand from the octets and the description in pcaps/README.md."""
    assert run("decode", GAP).text.startswith(MAIN_MODE_TREE)


def test_every_message_has_its_head() -> None:
    text = run("decode", GAP).text
    for known in json.loads(GAP.with_suffix(".json").read_text())["messages"]:
        name = {2: "IDENTITY_PROTECTION", 32: "GROUPKEY_PULL"}[known["exchange_type"]]
        octets = len(known["wire"]) // 2
        head = f"{known['src']} > {known['dst']}  GDOI {name}  {octets} octets\n"
        flags = "  flags ENCRYPTION (0x1)" if known["flags"] else ""
        ids = f"    cookies {known['icookie']} {known['rcookie']}  message id {known['message_id']}{flags}\n"
        assert head + ids in text


def test_everything_shows_the_plumbing_too() -> None:
    text = run("decode", "--all", MAIN_MODE_1).text
    for line in (
        "spi_size         0",
        "transform_count  1",
        "next_payload     none (0)",
    ):
        assert line in text
    assert re.search(r"\n        length +80\n", text)
    short = run("decode", MAIN_MODE_1).text
    assert not re.search(r"spi_size|transform_count|next_payload|length +80|reserved", short)


def test_a_malformed_message_says_what_is_wrong() -> None:
    text = run("decode", TRAILING).text
    assert "    TrailingOctets: octet 84: 2102 octets after the message\n" in text
    assert "Notification" not in text
    lenient = run("decode", "--lenient", TRAILING).text
    assert "Notification (11)  !! says 11, which does not follow" in lenient


@pytest.mark.parametrize("flag", [[], ["--lenient"]], ids=["strict", "lenient"])
@pytest.mark.parametrize("path", CAPTURES, ids=lambda p: p.name)
def test_octets_in_order_and_complete(path: Path, flag: list[str]) -> None:
    shown = re.split(r"(?m)^#", run("decode", "--hex", *flag, path).text)[1:]
    records = run("decode", "--json", path).records
    assert len(shown) == len(records)
    for block, record in zip(shown, records, strict=True):
        rows = re.findall(r"(?m)^    ([0-9a-f]{4,})  ((?:[0-9a-f]{2} )*(?:[0-9a-f]{2})?)", block)
        octets = b""
        for offset, text in rows:
            assert int(offset, 16) == len(octets) or not text.strip()
            octets += bytes.fromhex(text)
        assert octets.hex() == record["octets"]


def test_octets_with_their_fields() -> None:
    text = run("decode", "--hex", MAIN_MODE_1).text
    for line in (
        "    0010  01                         next_payload  Security Association (1)\n",
        "    0011  10                         major_version (bits 7-4)  1\n",
        "    0011                             minor_version (bits 3-0)  0\n",
        "    0018  00 00 00 50                length  80\n",
        "    001c                           Security Association  52 octets\n",
        "    0038  80 01                            format (bit 15)  1 (TV)\n",
        "    003a  00 05                            value  TRIPLE_DES_CBC (5)\n",
    ):
        assert line in text


def test_a_peer_cannot_write_to_the_terminal() -> None:
    error = DecodeError("bad \x1b]0;title\x07", "payloads[0]", 3)
    lines = list(head_lines(Record(Datagram(octets=b""), 848, None, error)))
    assert all(line.text.isprintable() for line in lines)


# -- on a terminal -----------------------------------------------------------------------------------


def test_colours_where_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("COLUMNS", "200")
    assert isinstance(screen(), Colour)
    text = run("decode", MAIN_MODE_1).text
    assert "\x1b[" in text
    assert "└── " in text
    bare = re.sub(r"\x1b\[[0-9;]*m", "", text)
    # The same words as in plain text, with guides where that has spaces.
    plain = run_plain(monkeypatch)
    assert re.sub(r"[│├└─]", " ", bare).split() == plain.split()


def run_plain(monkeypatch: pytest.MonkeyPatch) -> str:
    monkeypatch.delenv("FORCE_COLOR")
    return run("decode", MAIN_MODE_1).text


def test_no_markup_in_what_peers_send(monkeypatch: pytest.MonkeyPatch) -> None:
    """A vendor ID that looks like rich's markup is shown as it is."""
    monkeypatch.setenv("FORCE_COLOR", "1")
    vendor = b"[red]x[/red]"
    octets = b"I" * 16 + bytes([13, 0x10, 2, 0, 0, 0, 0, 0]) + (32 + len(vendor)).to_bytes(4, "big")
    octets += bytes([0, 0, 0, 4 + len(vendor)]) + vendor
    assert "[red]x[/red]" in run("decode", octets.hex()).text


def test_tree_lines_hang_below_one_another() -> None:
    for path, port in (GAP, 848), (PCAPS / "ikev1" / "ISAKMP_sa_setup.pcap", 500):
        for record in run("decode", "--json", path).records:
            lines = list(tree_lines(parse(bytes.fromhex(record["octets"]), port=port), everything=True))
            depths = [0] + [line.depth for line in lines]
            assert all(after <= before + 1 for before, after in pairwise(depths))
