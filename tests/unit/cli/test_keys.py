"""``gsakmp decode --keys`` and ``gsakmp keys``."""

from __future__ import annotations

import json
import os
import stat
import threading
from pathlib import Path

import pytest

from gsakmp.captures.keyfile import key_lines, read_keys
from gsakmp.captures.keyring import Keyring, Kind, Secret
from tests.conftest import PCAPS, require_path
from tests.unit.captures.opening_world import LONG, cookies, datagrams, logged, psk_and_dh, recorded
from tests.unit.cli.commands import run

CAPTURE = PCAPS / "gdoi" / f"{LONG}.pcap"


@pytest.fixture
def secrets(tmp_path: Path) -> Path:
    path = tmp_path / "phase1.keys"
    path.write_text("".join(key_lines(psk_and_dh(LONG))))
    return path


def test_json_has_the_plaintext_and_the_checks(secrets: Path) -> None:
    result = run("decode", "--json", "--keys", secrets, CAPTURE)
    assert (result.status, len(result.records)) == (0, 16)
    for record, message in zip(result.records, recorded(LONG)["messages"], strict=True):
        opened = record["opened"]
        assert opened.get("plaintext", "") == (message["plaintext_after_header"] or "")
        assert all(check["passed"] for check in opened["checks"])
    push = result.records[12]
    assert push["opened"]["exchange_kind"] == "push"
    assert [check["name"] for check in push["opened"]["checks"]] == ["signature", "sequence number"]
    assert [event["event"] for event in push["opened"]["events"]] == ["rekey-sa-learnt", "rolled-over"]
    assert [payload["payload"] for payload in push["message"]["payloads"]] == [
        *("SequenceNumber", "GroupSA", "KeyDownload", "Signature"),
    ]


def test_json_without_keys_is_as_it_was() -> None:
    assert all("opened" not in record for record in run("decode", "--json", CAPTURE).records)


def test_opened_json_can_be_encoded_again(secrets: Path, tmp_path: Path) -> None:
    lines = run("decode", "--json", "--keys", secrets, CAPTURE).out
    result = run("encode", "-o", tmp_path / "again.pcap", stdin=lines)
    assert result.status == 0
    again = run("decode", "--json", tmp_path / "again.pcap").records
    assert [record["octets"] for record in again] == [each.octets.hex() for each in datagrams(LONG)]


def test_the_tree_shows_checks_events_and_payloads(secrets: Path) -> None:
    text = run("decode", "--keys", secrets, CAPTURE).text
    assert text.count("signature right  SIG_ALG_RSA with SIG_HASH_SHA256, the hash without DigestInfo") == 6
    for number in (1, 2, 3, 4):
        assert f"HASH({number}) right" in text
    assert "pull 4 from the gcks  opened" in text
    assert "* ipv4:10.0.224.37 has joined the group key-id:0xd2040000" in text
    assert "SIG_ALGORITHM_KEY (2)" in text
    assert "WRONG" not in text


def test_hex_shows_every_plaintext_octet_once(secrets: Path) -> None:
    text = run("decode", "--hex", "--keys", secrets, CAPTURE).text
    parts = text.split("    plaintext\n")[1:]
    hidden = [m["plaintext_after_header"] for m in recorded(LONG)["messages"] if m["plaintext_after_header"]]
    assert len(parts) == len(hidden)
    for part, octets in zip(parts, hidden, strict=True):
        rows = part.split("\n\n")[0].splitlines()
        assert "".join(row[10:34].replace(" ", "") for row in rows) == octets


def test_filters_hide_and_keys_still_work(secrets: Path) -> None:
    text = run("decode", "--keys", secrets, "--exchange", "GROUPKEY_PUSH", CAPTURE).text
    assert text.count("signature right") == 6
    assert "IDENTITY_PROTECTION" not in text


def test_a_wrong_key_is_said(tmp_path: Path) -> None:
    path = tmp_path / "wrong.keys"
    path.write_text("".join(key_lines([Secret(Kind.SKEYID_E, cookies(LONG), bytes(20))])))
    result = run("decode", "--keys", path, CAPTURE)
    assert result.status == 1
    assert "wrong key: the keys that are there for this SA do not fit" in result.text
    assert "opened" not in result.text.replace("not opened", "")


def test_several_files_and_a_foreign_one(tmp_path: Path) -> None:
    ours, table = tmp_path / "a", tmp_path / "b"
    ours.write_text("".join(key_lines([Secret(Kind.SKEYID_A, cookies(LONG), logged(LONG, "SKEYID_a"))])))
    table.write_text(f"{cookies(LONG)[:16]},{logged(LONG, 'key').hex()}\n")
    text = run("decode", "--keys", ours, "--keys", table, CAPTURE).text
    assert "pull 1 from the member  opened" in text
    assert "HASH_I ?" in text


@pytest.mark.parametrize("text", ["gsakmp-keys 1\nskeyid x 00\n", "no key file\n"])
def test_a_key_file_that_is_none_is_one_line(tmp_path: Path, text: str) -> None:
    path = tmp_path / "bad.keys"
    path.write_text(text)
    for command in (("decode", "--keys", path, CAPTURE), ("keys", path)):
        result = run(*command)
        assert (result.status, result.out, result.err.count("\n")) == (2, b"", 1)
        assert "bad.keys" in result.err
    assert run("decode", "--keys", tmp_path / "none", CAPTURE).status == 2


def test_malformed_messages_are_counted_as_before(secrets: Path) -> None:
    path = PCAPS / "malformed" / "isakmp-no-none-np.pcapng"
    plain, opened = run("decode", path), run("decode", "--keys", secrets, path)
    assert plain.status == opened.status == 1
    assert opened.err == f"{plain.err[:-1]}, 0 opened, 0 closed, 0 checks right, 0 wrong\n"


# -- gsakmp keys -------------------------------------------------------------------------------------------


def test_keys_are_put_together_and_written(secrets: Path, tmp_path: Path) -> None:
    table = tmp_path / "ikev1_decryption_table"
    table.write_text("0011223344556677,aabb\n")
    both = run("keys", secrets, table)
    assert both.status == 0
    assert both.text.splitlines()[0] == "gsakmp-keys 1"
    assert len(both.text.splitlines()) == 4
    assert run("keys", secrets, table, "--as", "wireshark").text == "0011223344556677,aabb\n"
    output = tmp_path / "out.keys"
    output.touch(mode=0o644)
    assert run("keys", secrets, "-o", output).status == 0
    assert stat.S_IMODE(output.stat().st_mode) == 0o600
    assert list(read_keys(output)) == list(psk_and_dh(LONG))


def test_a_capture_adds_its_keys(secrets: Path, tmp_path: Path) -> None:
    whole = tmp_path / "whole.keys"
    assert run("keys", secrets, "--capture", CAPTURE, "-o", whole).status == 0
    kinds = [secret.kind for secret in read_keys(whole)]
    assert kinds.count(Kind.KEK) == kinds.count(Kind.SIGNATURE_KEY) == 2
    alone = tmp_path / "group.keys"
    group = (secret for secret in read_keys(whole) if secret.kind in (Kind.KEK, Kind.SIGNATURE_KEY))
    alone.write_text("".join(key_lines(Keyring(group))))
    text = run("decode", "--keys", alone, "--exchange", "GROUPKEY_PUSH", CAPTURE).text
    assert text.count("signature right") == 6
    assert run("keys", secrets, "--capture", CAPTURE, "--as", "wireshark").text.startswith(cookies(LONG)[:16])
    assert json.loads(run("decode", "--json", "--keys", whole, CAPTURE).out.splitlines()[0])["frame"] == 1


def test_what_became_of_the_captures_is_summed_up(secrets: Path, tmp_path: Path) -> None:
    found = run("keys", secrets, "--capture", CAPTURE, "--capture", CAPTURE)
    assert found.err.startswith("gsakmp: 32 frames: 32 messages, 24 opened, 0 closed, ")
    assert run("keys", secrets, "--capture", CAPTURE, "-q").err == ""
    assert run("keys", secrets).err == ""
    wrong = run("keys", secrets, "--capture", CAPTURE, "--doi", "ipsec", "-o", tmp_path / "x")
    assert "24 opened" not in wrong.err
    assert run("keys", secrets, "--capture", CAPTURE, "--doi", "nothing").status == 2


def test_a_pipe_or_a_device_stays_what_it_is(secrets: Path, tmp_path: Path) -> None:
    """Keys that are thrown away must not change the device's mode for everybody."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    pipe.chmod(0o644)
    got: list[bytes] = []
    reader = threading.Thread(target=lambda: got.append(pipe.read_bytes()), daemon=True)
    reader.start()
    assert run("keys", secrets, "-o", pipe).status == 0
    reader.join(10)
    assert got == [secrets.read_bytes()]
    assert stat.S_ISFIFO(pipe.stat().st_mode)
    assert stat.S_IMODE(pipe.stat().st_mode) == 0o644


def test_what_must_not_be_written_over(secrets: Path, tmp_path: Path) -> None:
    capture, link = tmp_path / "a.pcap", tmp_path / "link"
    capture.write_bytes(CAPTURE.read_bytes())
    link.symlink_to(tmp_path / "elsewhere")
    for arguments in (["--capture", capture, "-o", capture], ["-o", link], ["-o", tmp_path]):
        result = run("keys", secrets, *arguments)
        assert result.status == 2
        assert result.err.count("\n") == 1
        assert "bug" not in result.err
    assert capture.read_bytes() == CAPTURE.read_bytes()
    assert not (tmp_path / "elsewhere").exists()


def test_a_full_disk_is_one_line(secrets: Path) -> None:
    full = require_path("/dev/full")
    before = full.stat().st_mode
    result = run("keys", secrets, "-o", full)
    assert (result.status, result.err) == (2, "gsakmp: /dev/full can't be written: No space left on device\n")
    assert full.stat().st_mode == before


def test_the_key_file_itself_may_be_written_anew(secrets: Path) -> None:
    before = secrets.read_bytes()
    assert run("keys", secrets, "-o", secrets).status == 0
    assert secrets.read_bytes() == before
