"""What README.md shows is run: its example of twenty lines, and what tshark says of the octets."""

from __future__ import annotations

import re
import subprocess
from pathlib import Path
from typing import Any

import pytest

import gsakmp
from gsakmp.captures import Datagram, write
from tests.conftest import ROOT, require_tool

BLOCK = re.compile(r"```python\n(.*?)```", re.DOTALL)
LINES = 20


@pytest.fixture(scope="module")
def example() -> dict[str, Any]:
    """The names that the example leaves behind; running it makes its own assertion."""
    text = (ROOT / "README.md").read_text()
    source = BLOCK.findall(text[text.index("## Twenty lines") :])[0]
    assert len([line for line in source.splitlines() if line.strip()]) <= LINES
    names: dict[str, Any] = {}
    exec(compile(source, "README.md", "exec"), names)
    return names


def test_the_example_holds_what_the_text_says(example: dict[str, Any]) -> None:
    sa = gsakmp.parse(bytes(example["packet"])).payloads[0]
    assert [type(payload).__name__ for payload in sa.sa_attributes] == [
        "SAKEK",
        "GroupAssociatedPolicy",
        "SATEK",
        "SATEK",
    ]


def test_tshark_agrees_where_it_is_sound(example: dict[str, Any], tmp_path: Path) -> None:
    """It calls the exchange Quick Mode, reads KEK attributes as IPsec's and loses everything after a GAP; the
    header, the SA and the SA KEK up to its attributes it reads well."""
    tshark = require_tool("tshark")
    octets, capture = bytes(example["packet"]), tmp_path / "example.pcap"
    write(capture, [Datagram(octets=octets, source_port=848, destination_port=848)])
    command = [tshark, "-r", str(capture), "-d", "udp.port==848,isakmp", "-V"]
    shown = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout
    lines = shown[shown.index("Internet Security Association") :].splitlines()
    said = [(name.strip(), value.strip()) for name, _, value in (line.partition(":") for line in lines[1:])]

    message = gsakmp.parse(octets)
    kek: Any = message.payloads[0].sa_attributes[0]
    assert said[:3] == [
        ("Initiator SPI", message.initiator_cookie.hex()),
        ("Responder SPI", message.responder_cookie.hex()),
        ("Next payload", "Security Association (1)"),
    ]
    assert ("Message ID", f"{message.message_id:#010x}") in said
    assert ("Length", str(len(octets))) in said
    start = said.index(("Domain of interpretation", "GDOI (2)"))
    assert said[start + 1 : start + 17] == [
        ("Situation", "00000000"),
        ("SA Attribute Next Payload", f"{kek.kind:04x}"),
        ("Reserved2", "0000"),
        ("Next Payload", "22"),
        ("Reserved", "0"),
        ("Payload length", "45"),
        ("Protocol ID", f"UDP ({kek.protocol})"),
        ("SRC ID Type", f"IPV4_ADDR ({kek.source_id_type})"),
        ("SRC ID Port", str(kek.source_id_port)),
        ("SRC ID Data Length", "4"),
        ("SRC ID Data", kek.source_id_data.packed.hex()),
        ("DST ID Type", f"IPV4_ADDR ({kek.destination_id_type})"),
        ("DST ID Port", str(kek.destination_id_port)),
        ("DST ID Data Length", "4"),
        ("DST ID Data", kek.destination_id_data.packed.hex()),
        ("SPI", kek.spi.hex()),
    ]
