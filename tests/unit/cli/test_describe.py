"""``gsakmp describe``, run as a command on an app of its own."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from typing import Any

import pytest
import typer
from typer.testing import CliRunner, Result

from gsakmp.cli.describe import complete, register
from gsakmp.payloads import ESPTEK

APP = """
import typer
from gsakmp.cli.describe import register
app = typer.Typer()
app.callback()(lambda: None)
register(app)
app()
"""


@pytest.fixture(autouse=True)
def wide(monkeypatch: pytest.MonkeyPatch) -> None:
    """Room for every row in one line."""
    monkeypatch.setenv("COLUMNS", "1000")


def run(*arguments: str) -> Result:
    app = typer.Typer()
    app.callback()(lambda: None)
    register(app)
    return CliRunner().invoke(app, ["describe", *arguments])


def shown(*arguments: str) -> str:
    result = run(*arguments)
    assert result.exit_code == 0, result.output
    return result.stdout


def as_json(*arguments: str) -> Any:
    return json.loads(shown(*arguments, "--json"))


def rows(text: str, heading: str) -> list[list[str]]:
    """The rows of the table after a heading that starts so."""
    part = text[text.index("\n" + heading) + 1 :].split("\n\n", maxsplit=1)[0]
    return [re.split(r"  +", line.strip()) for line in part.splitlines()[2:]]


# -- the list ----------------------------------------------------------------------------------------


def test_the_list_is_grouped_by_domain() -> None:
    text = shown()
    common = rows(text, "ISAKMP, IPsec, GDOI")
    group = rows(text, "GDOI\n")
    assert ["10", "Nonce", "Nonce", "RFC 2408, 3.13"] in common
    # RFC 6407, 5: the payloads that GDOI adds, by number.
    assert [row[:2] for row in group if row[0].isdigit()] == [
        ["1", "GroupSA"],
        ["15", "SAKEK"],
        ["16", "SATEK"],
        ["17", "KeyDownload"],
        ["18", "SequenceNumber"],
        ["19", "ProofOfPossession"],
        ["22", "GroupAssociatedPolicy"],
    ]
    assert ["SA KEK", "GDOI", "RFC 6407, 5.3; RFC 8263, 2"] in rows(text, "Attribute tables")
    assert "KEKAlgorithm" in [row[0] for row in rows(text, "Registries")]


def test_a_domain_of_its_own_leaves_the_others_out() -> None:
    text = shown("--doi", "ipsec")
    assert "SAKEK" not in text
    assert "NATDiscovery" in text


def test_the_list_as_json() -> None:
    listed = as_json()
    nat = next(item for item in listed if item.get("name") == "NATDiscovery")
    assert sorted(nat["numbers"]["IPsec"]) == [15, 20, 130]  # RFC 3947, 3.2, and two drafts
    assert sorted(nat["numbers"]["GDOI"]) == [20, 130]
    assert {"table": "GAP", "spec": "RFC 6407, 5.4", "domains": ["GDOI"]} in listed


# -- one thing ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", [["SAKEK"], ["sakek"], ["SA KEK"], ["sa", "kek"], ["SAK"], ["sa-kek"], ["15", "--doi", "GDOI"]]
)
def test_a_payload_by_any_of_its_names(name: list[str]) -> None:
    assert shown(*name) == shown("SAKEK")


def test_a_payload_is_drawn_with_its_fields_attributes_and_numbers() -> None:
    text = shown("SAKEK")
    assert "defined in RFC 6407, 5.3; payload type 15" in text
    assert "|    Protocol   | Source ID Type|         Source ID Port        |" in text
    assert next(
        re.split(r"  +", line.strip())[:4] for line in text.splitlines() if line.startswith("  spi ")
    ) == ["spi", "16 octets", "octets", "16 zero octets"]
    # The table of RFC 6407, 5.3, and of RFC 8263, 2.
    assert [row[:3] for row in rows(text, "Attributes of the table SA KEK")] == [
        ["1", "KEK_MANAGEMENT_ALGORITHM", "TV"],
        ["2", "KEK_ALGORITHM", "TV"],
        ["3", "KEK_KEY_LENGTH", "TV"],
        ["4", "KEK_KEY_LIFETIME", "TLV"],
        ["5", "SIG_HASH_ALGORITHM", "TV"],
        ["6", "SIG_ALGORITHM", "TV"],
        ["7", "SIG_KEY_LENGTH", "TV"],
        ["8", "KE_OAKLEY_GROUP", "TV"],
        ["9", "KEK_ACK_REQUESTED", "TV"],
    ]
    assert ["3", "KEK_ALG_AES", "RFC 3547"] in rows(text, "KEKAlgorithm")
    assert ["4", "KEK_KEY_LIFETIME", "RFC 3547", "V"] in rows(text, "KEKAttribute")


def test_an_element_inside_a_payload() -> None:
    text = shown("keypacket")
    assert "in KeyDownload.key_packets" in text
    for kind in ("TEK (1)", "KEK (2)", "LKH (3)", "SID (4)"):  # RFC 6407, 5.6
        assert f"for kd_type {kind}" in text


def test_a_number_without_a_domain_means_all_that_have_it() -> None:
    assert [item["name"] for item in as_json("15")] == ["NATDiscovery", "SAKEK"]
    assert [item["name"] for item in as_json("15", "--doi", "2")] == ["SAKEK"]
    assert [item["name"] for item in as_json("15", "--doi", "IPsec")] == ["NATDiscovery"]


def test_a_registry_by_name() -> None:
    # RFC 6407, 5.3.2.
    assert rows(shown("KEKAlgorithm"), "KEKAlgorithm")[:3] == [
        ["1", "KEK_ALG_DES", "RFC 3547"],
        ["2", "KEK_ALG_3DES", "RFC 3547"],
        ["3", "KEK_ALG_AES", "RFC 3547"],
    ]
    found = as_json("kek_algorithm")[0]
    assert found["private"] == [[128, 255]]
    assert found["used_by"] == ["LKHKey.key_type", "the SA KEK attribute KEK_ALGORITHM"]


def test_an_attribute_table_by_name() -> None:
    types = as_json("SID key packet")[0]["types"]
    assert [(row["number"], row["name"], row["form"], row["value"]) for row in types] == [
        (1, "NUMBER_OF_SID_BITS", "TV", "integer"),
        (2, "SID_VALUE", "TLV", "integer"),
    ]


def test_a_payload_as_json() -> None:
    found = as_json("SequenceNumber")[0]
    assert found["numbers"] == {"GDOI": [18]}
    assert found["fields"] == [
        {
            "name": "sequence_number",
            "size": "4 octets",
            "type": "integer",
            "default": "required",
            "meaning": found["fields"][0]["meaning"],
            "registry": None,
        }
    ]
    assert found["diagram"][-2] == "|                        Sequence Number                        |"


# -- wrong usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["SAKEKK"], "did you mean SAKEK"),
        (["KEKAlgorythm"], "did you mean KEKAlgorithm"),
        (["xyzzyxyzzy"], "lists them all"),
        (["99"], "no payload type 99"),
        (["9" * 5000], "no payload type"),
        (["SAKEK", "--doi", "IPsec"], "SAKEK is no part of IPsec, but of GDOI"),
        (["SAKEK", "--doi", "nowhere"], "there are ISAKMP, IPsec, GDOI"),
        (["\x1b[31m"], "nothing is called"),
    ],
)
def test_what_is_not_there_ends_with_status_2(arguments: list[str], said: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert said in result.stderr
    assert "\x1b" not in result.stderr
    assert not result.stdout
    assert len(result.stderr) < 300


# -- the terminal ------------------------------------------------------------------------------------


def in_a_terminal(columns: int, *arguments: str) -> str:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    return subprocess.run(
        [sys.executable, "-c", APP, "describe", *arguments],
        env=environment, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=True, timeout=60,
    ).stdout  # fmt: skip


def test_colour_on_a_terminal_none_when_piped() -> None:
    assert "\x1b[" in in_a_terminal(100, "SAKEK")
    assert "\x1b[" not in shown("SAKEK")


def test_a_narrow_terminal_folds_the_tables_and_keeps_the_diagram() -> None:
    text = re.sub(r"\x1b\[[0-9;]*m", "", in_a_terminal(80, "SAKEK"))
    assert "|                              SPI                              |" not in text  # four rows high
    assert "+                              SPI                              +" in text
    assert max(map(len, text.splitlines())) <= 80


def test_piped_lines_fit_a_page_or_are_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    assert any(len(line) > 150 for line in shown("ESPTEK").splitlines())
    assert not any(line != line.rstrip() for line in shown("ESPTEK").splitlines())
    for columns, most in ((None, 100), ("80", 80), ("120", 120)):
        monkeypatch.delenv("COLUMNS", raising=False)
        if columns is not None:
            monkeypatch.setenv("COLUMNS", columns)
        for subject in ((), ("ESPTEK",), ("SAKEK",), ("KEKAlgorithm",)):
            text = shown(*subject)
            assert max(map(len, text.splitlines())) <= most
            assert not any(line != line.rstrip() for line in text.splitlines())
        assert set(ESPTEK.__struct_fields__) <= set(re.findall(r"\w+", shown("ESPTEK")))  # names stay whole


def test_the_shell_completes_names() -> None:
    assert complete("keyd") == ["KeyDownload", "KeyDownloadType"]


def test_help_has_examples() -> None:
    assert "gsakmp describe KEKAlgorithm" in shown("--help")
