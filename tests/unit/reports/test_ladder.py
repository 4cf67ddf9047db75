"""Ladders: what is drawn, beside tshark's frames and the daemon's own list of payloads; and that it fits."""

from __future__ import annotations

import re
import subprocess
from itertools import pairwise
from pathlib import Path
from xml.etree import ElementTree

import msgspec
import pytest

from gsakmp import limits
from gsakmp.captures import Datagram, read
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import Lost, Opened, Retransmission
from gsakmp.captures.opening import Opener
from gsakmp.reports.ladder import Drawing, Ladder, timed
from gsakmp.reports.ladder_mermaid import mermaid_text
from gsakmp.reports.ladder_svg import svg_text
from gsakmp.reports.ladder_text import ladder_rows
from gsakmp.reports.words import Row
from tests.conftest import PCAPS
from tests.unit.captures.opening_world import (
    LONG,
    SESSIONS,
    THREE_DES,
    datagrams,
    opened,
    psk_and_dh,
    recorded,
)
from tests.unit.reports.pages import altered, hostile

CAPTURES = sorted(path for path in PCAPS.rglob("*") if path.suffix in (".pcap", ".cap", ".pcapng"))
FLOATED = PCAPS / "ikev1" / "isakmp4500.pcap"
ESP = PCAPS / "ikev1" / "ipsec.cap"
SVG = "{http://www.w3.org/2000/svg}"
MODES = {2: "Main Mode", 4: "Aggressive Mode", 32: "Pull", 33: "Push"}
LETTERS = {"KE": "KE", "NONCE": "NONCE", "NOTIFY": "N", "DELETE": "D"}
MERMAID = re.compile(
    r"sequenceDiagram|    (participant P\d+ as|Note over P\d+(,P\d+)?:|P\d+(->>|-->>|-x|--x)P\d+:)"
    r" ([A-Za-z0-9 .,:()_/+*=\[\]|✓✗µ-]|#\d+;|<br/>)+"
)


def ladder(found: list[Opened], most: int | None = None) -> Ladder:
    out = Ladder(most)
    for each in found:
        out.add(each)
    return out


def of_file(path: Path) -> Ladder:
    opener = Opener()
    out = Ladder()
    try:
        for datagram in read(path, esp=True):
            out.add(opener.feed(datagram))
    except Exception as error:
        assert type(error).__name__ == "CaptureError"
    return out


def text_of(row: Row) -> str:
    return "".join(text for text, _ in row)


def lines(drawn: Ladder, width: int = 100, **options: bool) -> list[str]:
    return [text_of(row) for row in ladder_rows(drawn, width, **options)]


def picture(drawing: Drawing) -> ElementTree.Element:
    return ElementTree.fromstring("".join(svg_text(drawing, "a capture")))


# -- what is drawn ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [LONG, THREE_DES])
def test_frames_times_and_ends_are_tsharks(name: str, tshark: str) -> None:
    command = [tshark, "-r", str(PCAPS / "gdoi" / f"{name}.pcap"), "-T", "fields"]
    for field in ("frame.number", "frame.time_epoch", "ip.src", "ip.dst"):
        command += ["-e", field]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    wanted = [line.split("\t") for line in done.stdout.splitlines()]
    drawing = ladder(opened(name)).drawing()
    found = [
        [
            str(arrow.frame),
            f"{arrow.time // 10**9}.{arrow.time % 10**9:09d}",
            drawing.columns[arrow.source].detail,
            drawing.columns[arrow.target].detail,
        ]
        for arrow in drawing.arrows
    ]
    assert found == wanted


@pytest.mark.parametrize("name", SESSIONS)
def test_labels_and_payloads_are_the_daemons(name: str) -> None:
    """Its JSON lists the payloads of each message by their names."""
    drawing = ladder(opened(name)).drawing()
    for arrow, message in zip(drawing.arrows, recorded(name)["messages"], strict=True):
        assert arrow.label.startswith(MODES[message["exchange_type"]])
        assert arrow.payloads.startswith("* ") == bool(message["flags"] & 1)
        if "payloads" in message:
            said = re.sub(r"\([^)]*\)", "", arrow.payloads.removeprefix("* ")).split(", ")
            counts = [word.partition(" ") for word in said]
            flat = [rest or first for first, _, rest in counts for _ in range(int(first) if rest else 1)]
            assert flat == [LETTERS.get(word, word) for word in message["payloads"]]


def test_columns_are_member_key_server_and_group() -> None:
    drawing = ladder(opened(THREE_DES)).drawing()
    found = [(column.title, column.detail, column.gcks, column.group) for column in drawing.columns]
    assert found == [
        ("10.0.224.37", "10.0.224.37", False, False),
        ("10.0.224.44", "10.0.224.44", True, False),
        ("key-id:0xd2040000", "239.10.1.1", False, True),
    ]
    pushes = [arrow for arrow in drawing.arrows if arrow.label.startswith("Push")]
    assert len(pushes) == 11
    assert {(arrow.source, arrow.target) for arrow in pushes} == {(1, 2)}


def data_packet(spi: str, source: str, port: int, frame: int) -> Datagram:
    """ESP in UDP to a group, under an SA that the session brings; it does not open."""
    octets = bytes.fromhex(spi) + (1).to_bytes(4) + bytes(64)
    return Datagram(octets, frame, 10**18 + frame, source, port, "239.1.1.1", 848)


def test_groups_go_by_what_is_sent_to_them_and_data_by_its_host() -> None:
    opener = Opener(psk_and_dh(LONG))
    given = [*datagrams(LONG), data_packet("99be6c14", "10.0.224.37", 53211, 17)]
    drawn = ladder(list(opener.feed_all(given)))
    columns = drawn.drawing().columns
    assert [(column.detail, column.part) for column in columns] == [
        ("10.0.224.37", ""),
        ("10.0.224.44", "key server"),
        ("239.10.1.1", "rekey group"),
        ("239.1.1.1", "data group"),
    ]
    assert [(arrow.source, arrow.target) for arrow in drawn.drawing().arrows][-1] == (0, 3)
    assert "16 messages and 1 ESP packet of a capture" in "".join(picture(drawn.drawing()).itertext())


def test_data_from_one_of_several_hosts_at_an_address_is_from_that_address() -> None:
    """Two members behind one address: the port of a packet does not tell whose it is."""
    one, other = datagrams(LONG)[0], datagrams(THREE_DES)[0]
    behind = [
        msgspec.structs.replace(one, source_port=61000), msgspec.structs.replace(other, source_port=62000)
    ]  # fmt: skip
    packets = [data_packet("99be6c14", "10.0.224.37", port, port) for port in (53211, 53212)]
    keyring = Keyring([Secret(Kind.TEK, "99be6c14", bytes(16))])
    drawn = ladder(list(Opener(keyring).feed_all([*behind, *packets])))
    assert [column.detail for column in drawn.drawing().columns] == [
        "10.0.224.37:61000",
        "10.0.224.44",
        "10.0.224.37:62000",
        "10.0.224.37",
        "239.1.1.1",
    ]


def chain(octets: bytes) -> list[int]:
    """The payload types of a message in the clear, by its links (RFC 2408, 3.1 and 3.2)."""
    found, following, at = [], octets[16], 28
    while following:
        found.append(following)
        following, at = octets[at], at + int.from_bytes(octets[at + 2 : at + 4])
    return found


def test_nat_detection_of_a_draft_is_not_sa_kek() -> None:
    """Drafts before RFC 3947 gave it the number 15, which is SA KEK's in GDOI; tshark takes it for that."""
    path = PCAPS / "ikev1" / "ISAKMP_sa_setup.pcap"
    wanted = [chain(each.octets).count(15) for each in list(read(path))[:4]]
    said = [arrow.payloads for arrow in of_file(path).drawing().arrows]
    assert wanted == [0, 0, 2, 2]
    assert ["2 NAT-D" in text for text in said[:4]] == [False, False, True, True]
    assert not any("KEK" in text for text in said)


def test_a_push_says_under_which_rekey_sa() -> None:
    """A Rekey SA's SPI is in the cookies (RFC 6407, 5.3), which are the first octets."""
    for arrow, datagram in zip(ladder(opened(THREE_DES)).drawing().arrows, datagrams(THREE_DES), strict=True):
        if arrow.label.startswith("Push"):
            assert arrow.label.endswith(f" under {datagram.octets[:4].hex()}")
    sealed = ladder(list(Opener().feed_all(datagrams(THREE_DES)))).drawing().arrows[-1]
    assert sealed.label == f"Push under {datagrams(THREE_DES)[-1].octets[:4].hex()}"


def test_a_host_that_changes_its_port_stays_one() -> None:
    drawing = of_file(FLOATED).drawing()
    assert [column.title for column in drawing.columns] == ["192.1.2.254", "192.1.2.23"]
    assert sum(arrow.again for arrow in drawing.arrows) == 5
    again = next(arrow for arrow in drawing.arrows if arrow.again)
    assert [note.text for note in again.notes] == ["again: frame 10"]


def test_behind_a_nat_both_ports_are_one_host() -> None:
    """RFC 3947, 4: the port changes after message 4, here to one that the NAT chose."""
    moved = [
        msgspec.structs.replace(each, source_port=61000 if each.frame < 5 else 62000)
        if each.source_address == datagrams(LONG)[0].source_address
        else msgspec.structs.replace(each, destination_port=61000 if each.frame < 5 else 62000)
        for each in datagrams(LONG)[:10]
    ]
    columns = ladder(list(Opener().feed_all(moved))).drawing().columns
    assert [column.detail for column in columns] == ["10.0.224.37:61000", "10.0.224.44"]


def test_esp_packets_in_a_row_are_one_arrow(tshark: str) -> None:
    arrows = [arrow for arrow in of_file(ESP).drawing().arrows if arrow.run]
    command = [tshark, "-r", str(ESP), "-Y", "esp", "-T", "fields", "-e", "esp.spi", "-e", "esp.sequence"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True)
    wanted = [line.split("\t") for line in done.stdout.splitlines()]
    assert sum(arrow.count for arrow in arrows) == len(wanted)
    flat = [
        [f"0x{arrow.run}", str(number)] for arrow in arrows for number in range(arrow.first, arrow.last + 1)
    ]
    assert flat == wanted
    for before, after in pairwise(arrows):
        assert (before.run, before.source) != (
            after.run,
            after.source,
        ) or before.number + before.count != after.number


def test_what_is_wrong_is_marked() -> None:
    drawn = ladder(altered())
    arrows = {arrow.number: arrow for arrow in drawn.drawing().arrows}
    wrong = [arrow for arrow in arrows.values() if arrow.failed]
    assert [arrow.frame for arrow in wrong] == [12]
    assert wrong[0].notes[0].style == "problem"
    assert wrong[0].notes[0].text.startswith("signature WRONG")
    text = "\n".join(lines(drawn))
    assert text.count("✗") == text.count("✗ signature WRONG") + text.count("✗ not in the capture") >= 1
    assert text.count("╌▶") == 1
    mermaid = "".join(mermaid_text(drawn.drawing()))
    assert (mermaid.count("-x"), mermaid.count("-->>")) == (1, 1)
    groups = [each.get("class", "").split() for each in picture(drawn.drawing()).iter(f"{SVG}g")]
    assert sum("failed" in each for each in groups) == 1
    assert sum("again" in each for each in groups) == 1


def test_lost_messages_are_told() -> None:
    found = [
        msgspec.structs.replace(each, events=(Lost(what="3 pushes", count=3),)) for each in opened(LONG)[:1]
    ]
    assert "✗ not in the capture: 3 pushes" in "\n".join(lines(ladder(found)))


def test_times_are_absolute_once_then_relative() -> None:
    drawn = lines(ladder(opened(LONG)), 120)
    assert sum("2026-11-23 07:59:10.168977 UTC" in line for line in drawn) == 1
    assert sum(" UTC" in line for line in drawn) == 1
    deltas = re.findall(r"#\d+\s+\+(\S+) (µs|ms|s)", "\n".join(drawn))
    times = [each.time for each in datagrams(LONG)]
    unit = {"µs": 10**3, "ms": 10**6, "s": 10**9}
    for (value, name), (before, after) in zip(deltas, pairwise(times), strict=True):
        assert float(value) * unit[name] == pytest.approx(after - before, rel=0.01)


def test_after_a_pause_and_backwards_the_time_is_said_again() -> None:
    first, second, third = opened(LONG)[:3]
    later = msgspec.structs.replace(second.datagram, time=second.datagram.time + 61 * 10**9)
    drawn = ladder([first, msgspec.structs.replace(second, datagram=later), third])
    assert sum(" UTC" in line for line in lines(drawn)) == 3
    texts = [each.text or "" for each in picture(drawn.drawing()).iter(f"{SVG}text")]
    assert sum(text.endswith(" UTC") for text in texts) == 3
    mermaid = "".join(mermaid_text(drawn.drawing()))
    assert mermaid.count(" UTC") == 3
    assert "]  +" not in mermaid
    assert "]  -" not in mermaid


def test_without_a_time_nothing_is_said_of_it() -> None:
    first, second, third = opened(LONG)[:3]
    timeless = msgspec.structs.replace(second.datagram, time=0)
    drawing = ladder([first, msgspec.structs.replace(second, datagram=timeless), third]).drawing()
    said = [(time, later) for _, time, later in timed(drawing.arrows)]
    times = [each.time for each in datagrams(LONG)]
    assert said == [
        ("2026-11-23 07:59:10.168977 UTC", ""),
        ("", ""),
        ("", f"+{(times[2] - times[0]) / 10**6:.2f} ms"),
    ]


# -- that it fits ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
@pytest.mark.parametrize("width", [40, 60, 80, 120])
def test_no_line_is_wider_than_the_terminal(path: Path, width: int) -> None:
    drawn = of_file(path)
    for line in lines(drawn, width):
        assert len(line) <= width
        assert line.isprintable()
    assert all(line.isascii() for line in lines(drawn, width, ascii_only=True))


@pytest.mark.parametrize("width", [60, 80, 100, 120, 200])
def test_every_arrow_has_one_head_that_points_its_way(width: int) -> None:
    drawn = ladder(opened(THREE_DES))
    arrows = drawn.drawing().arrows
    heads = [(line.count("▶"), line.count("◀")) for line in lines(drawn, width) if "▶" in line or "◀" in line]
    assert heads == [(int(arrow.source < arrow.target), int(arrow.source > arrow.target)) for arrow in arrows]
    assert {max(map(len, lines(drawn, width))) <= width} == {True}


@pytest.mark.parametrize("width", [60, 80, 100, 120])
@pytest.mark.parametrize("ascii_only", [False, True])
def test_no_text_is_left_of_its_arrow(width: int, ascii_only: bool) -> None:
    """The lifelines up to an arrow's left end are whole in its lines: drawn, or where the arrow begins."""
    found = lines(ladder(opened(LONG)), width, ascii_only=ascii_only)
    sign = "|" if ascii_only else "│"
    begin = next(index for index, line in enumerate(found) if line.startswith("#11"))
    # frame 11 is a push: its label stands right of two lifelines and nothing is before those
    member, server = [place for place, each in enumerate(found[begin]) if each == sign][:2]
    for line in found[begin:]:
        assert line[member] == sign
        assert line[server] in (sign, "├", "+")
        assert not line[member + 1 : server].strip()
    assert member == next(line for line in found if "▶" in line or ">" in line).find(
        "+" if ascii_only else "├"
    )


def test_bullets_are_not_the_sign_of_what_was_encrypted() -> None:
    drawn = ladder(opened(LONG))
    marked = [line for line in lines(drawn, 100, ascii_only=True) if "SA1 037ab81e stands" in line]
    assert "| - SA1 037ab81e stands" in marked[0]
    assert "│ • SA1 037ab81e stands" in "\n".join(lines(drawn))
    assert len([line for line in lines(drawn, 100, ascii_only=True) if " * " in line]) == 12  # encrypted


def crowd(number: int) -> list[Opened]:
    """So many members, each with a first message to one key server."""
    octets = datagrams(LONG)[0].octets
    given = [
        Datagram(octets[:7] + bytes([n]) + octets[8:], n + 1, 10**18 + n, f"10.0.{n // 250}.{n % 250 + 1}", 848,
                 "10.9.9.9", 848)
        for n in range(number)
    ]  # fmt: skip
    return list(Opener().feed_all(given))


@pytest.mark.parametrize("width", [60, 80, 120])
def test_too_many_hosts_share_a_column(width: int) -> None:
    drawn = ladder(crowd(200))
    found = lines(drawn, width)
    assert max(map(len, found)) <= width
    assert re.search(r"\b\d+ others", found[0] + found[1] + found[2])
    assert "10.9.9.9" in "\n".join(found[:3])  # who talks with all keeps a column
    drawing = drawn.drawing()
    assert len(drawing.columns) == limits.LADDER_COLUMNS
    assert sum(max(1, column.hidden) for column in drawing.columns) == 201
    assert len(drawing.arrows) == 200
    assert {arrow.target for arrow in drawing.arrows} == {
        place for place, column in enumerate(drawing.columns) if column.title == "10.9.9.9"
    }


def test_too_many_messages_are_counted() -> None:
    drawn = ladder(opened(THREE_DES), most=5)
    assert (len(drawn.drawing().arrows), drawn.drawing().more) == (5, 16)
    assert "16 more messages: not drawn" in lines(drawn)[-1]
    assert "16 more messages: not drawn" in "".join(svg_text(drawn.drawing()))
    assert "16 more messages, not drawn" in "".join(mermaid_text(drawn.drawing()))


def test_of_nothing_there_is_nothing() -> None:
    assert lines(Ladder()) == ["There is no message in it."]
    assert "There is no message in it." in "".join(svg_text(Ladder().drawing()))
    assert "".join(mermaid_text(Ladder().drawing())) == (
        "sequenceDiagram\n    %% There is no message in it.\n"
    )
    assert picture(Ladder().drawing()).tag == f"{SVG}svg"


def test_octets_that_came_without_addresses() -> None:
    drawn = ladder(list(Opener().feed_all(each.octets for each in datagrams(LONG)[:2])))
    assert [column.title for column in drawn.drawing().columns] == ["initiator", "responder"]
    assert [(arrow.source, arrow.target) for arrow in drawn.drawing().arrows] == [(0, 1), (1, 0)]


def test_one_host_that_talks_to_itself() -> None:
    given = msgspec.structs.replace(datagrams(LONG)[0], destination_address="10.0.224.37")
    drawn = ladder([Opener().feed(given)])
    assert "↺" in "\n".join(lines(drawn))
    assert len(list(picture(drawn.drawing()).iter(f"{SVG}g"))) == 2


# -- pictures and text for others --------------------------------------------------------------------------------


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_the_picture_is_sound_and_has_every_arrow(path: Path) -> None:
    drawing = of_file(path).drawing()
    root = picture(drawing)
    groups = [each for each in root.iter(f"{SVG}g") if "m" in each.get("class", "").split()]
    assert len(groups) == len(drawing.arrows)
    assert {each.tag.removeprefix(SVG) for each in root.iter()} <= {
        "svg", "title", "style", "rect", "path", "g", "text", "tspan"
    }  # fmt: skip
    height = float(root.get("height", "0"))
    places = [float(each.get("y", "0")) for each in root.iter(f"{SVG}text")]
    assert all(0 < place < height for place in places)
    sheet = root.find(f"{SVG}style")
    assert sheet is not None
    style = "".join(sheet.itertext())
    assert "prefers-color-scheme: dark" in style
    assert "http" not in style
    assert "@import" not in style


@pytest.mark.parametrize("name", [LONG, THREE_DES])
def test_texts_of_the_picture_hang_right_of_the_arrow_and_have_a_ground(name: str) -> None:
    root = picture(ladder(opened(name)).drawing())
    right = float(root.get("width", "0"))
    for group in (each for each in root.iter(f"{SVG}g") if "m" in each.get("class", "").split()):
        ends = [
            float(each)
            for path in group.iter(f"{SVG}path")
            for each in re.findall(r"[MH]([\d.]+)", path.get("d", ""))
        ]
        grounds = {(each.get("x"), each.get("y")): each for each in group.iter(f"{SVG}rect")}
        for text in group.iter(f"{SVG}text"):
            if text.get("class") == "when":
                continue
            x, y = float(text.get("x", "0")), float(text.get("y", "0"))
            assert min(ends) < x
            ground = grounds[f"{x - 2:g}", f"{y - 11:g}"]
            size = 6.6 * len("".join(text.itertext()))
            assert size <= float(ground.get("width", "0")) <= right - x


def test_all_that_there_is_to_say_of_an_arrow_is_in_its_title() -> None:
    root = picture(ladder(opened(LONG)).drawing())
    titles = [each.findtext(f"{SVG}title", "") for each in root.iter(f"{SVG}g")][3:]
    assert len(titles) == 16
    assert titles[10] == (
        "frame 11; 2026-11-23 07:59:13.179488 UTC; 10.0.224.44 to key-id:0xd2040000; "
        "Push 1 under 87536413  * SEQ, SA(KEK, GAP, 4 TEK), KD(KEK, 4 TEK), SIG; signature right; SEQ right; "
        "SA3 f67456f7, 6f5805dd for ipv4:239.1.1.1, ipv4:239.1.1.2"
    )


@pytest.mark.parametrize("path", CAPTURES, ids=lambda path: path.name)
def test_every_line_of_mermaid_is_one_that_it_takes(path: Path) -> None:
    drawing = of_file(path).drawing()
    found = "".join(mermaid_text(drawing)).splitlines()
    for line in found if drawing.arrows else ():
        assert MERMAID.fullmatch(line), line
    assert sum(">>P" in line or "xP" in line for line in found) == len(drawing.arrows)
    plain = "".join(mermaid_text(drawing, ascii_only=True))
    assert plain.isascii()
    signs = str.maketrans({sign: f"#{ord(sign)};" for sign in "✓✗µ"})
    assert plain == "".join(mermaid_text(drawing)).translate(signs)


def test_a_hostile_peer_steers_nothing() -> None:
    drawn = ladder(hostile())
    for options in ({}, {"ascii_only": True}):
        for line in lines(drawn, 80, **options):
            assert line.isprintable()
    svg = "".join(svg_text(drawn.drawing(), "\x1b]0;taken\x07<script>"))
    root = ElementTree.fromstring(svg)
    assert not [each for each in root.iter() if "script" in each.tag or "img" in each.tag]
    assert "\x1b" not in svg
    assert "\u202e" not in svg
    for line in "".join(mermaid_text(drawn.drawing())).splitlines():
        assert MERMAID.fullmatch(line), line


def test_a_retransmission_refers_to_a_message_where_there_is_no_frame() -> None:
    each = msgspec.structs.replace(opened(LONG)[0], events=(Retransmission(of=3),))
    assert "again: message 3" in "\n".join(lines(ladder([each])))
