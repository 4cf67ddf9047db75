"""The benchmarks run, and compare like with like. How fast anything is, no test says."""

from __future__ import annotations

import json
import shutil
import sys
from dataclasses import replace
from multiprocessing import active_children
from pathlib import Path
from time import monotonic
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher

from benchmarks import __main__ as benchmarks
from benchmarks import decoding, report, whole_file
from benchmarks.capture_file import counts_by_library, write_capture
from benchmarks.cases import CASES, Case
from benchmarks.engines import __main__ as engines
from benchmarks.engines import floor, loopback, registration
from benchmarks.engines.shares import Shares
from benchmarks.engines.world import Rig
from benchmarks.peers import LIBRARY, Peer, peers_of
from benchmarks.rekey import __main__ as rekeying
from benchmarks.rekey import signing, structures
from benchmarks.targets import TARGETS, verdicts
from benchmarks.timing import Measured
from benchmarks.varied_capture import write_varied
from benchmarks.whole_file import Disagreement, check, counts_of
from gsakmp.captures import read
from gsakmp.crypto import system_random
from gsakmp.errors import DecodeError
from gsakmp.exchanges.push import PushReceiver
from gsakmp.group.rekey import member_keys
from gsakmp.message import parse

CASE_NAMES = [case.name for case in CASES]


def changed(octets: bytes, at: int) -> bytes:
    return octets[:at] + bytes([octets[at] ^ 1]) + octets[at + 1 :]


def test_quick_run_prints_every_row_and_target(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    file = tmp_path / "results.json"
    assert benchmarks.main(["--quick", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(file.read_text())
    rows = {(row["case"], row["action"], row["peer"]) for row in found["rows"]}
    for case in CASES:
        peers = {LIBRARY, "construct", "by hand"} | ({"scapy"} if case.scapy else set())
        for action in ("parse", "build"):
            assert {peer for name, what, peer in rows if (name, what) == (case.name, action)} == peers
    assert ("whole file", "decode", LIBRARY) in rows
    assert len(found["targets"]) == len(TARGETS)
    assert all(row["best_microseconds"] > 0 and row["median_ratio"] > 0 for row in found["rows"])
    for target in found["targets"]:
        if target["met"] is False:
            whole = target["case"] == "whole file"
            title = "whole file: parsing" if whole else f"{target['case']}, {target['action']}: where"
            assert title in printed


def test_quick_run_of_the_engines_prints_every_part(capsys: pytest.CaptureFixture[str]) -> None:
    assert engines.main(["--quick"]) == 0
    printed = capsys.readouterr().out
    for case in registration.CASES:
        assert printed.count(f"\n{case.name} ") >= 2  # how fast, and where the time goes
    for words in ("push ", "a member without one", "PSK, memory: "):
        assert words in printed
    if sys.platform == "linux":
        assert printed.count(" 4/4 ") == 2


@pytest.mark.skipif(sys.platform != "linux", reason="Linux has all of 127.0.0.0/8 on its loopback")
def test_members_that_fail_do_not_wait_for_their_key_server(monkeypatch: pytest.MonkeyPatch) -> None:
    def failing(*_: Any) -> Any:
        raise OSError("no such address")

    monkeypatch.setattr(loopback, "Crowd", failing)
    started = monotonic()
    with pytest.raises(OSError, match="no such address"):
        loopback.serve(2, store=False)
    assert monotonic() - started < loopback.SECONDS
    assert not active_children()


def test_quick_run_of_rekeying_prints_every_structure(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    assert rekeying.main(["--quick", "--members", "30", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(file.read_text())
    names = [case.name for case in structures.CASES]
    assert [row["algorithm"] for row in found["structures"]] == names
    for row in found["structures"]:
        kinds = {change["kind"]: change for change in row["changes"]}
        assert list(kinds) == ["leave", "10 leave", "join, new KEK", "join"]
        assert all(change["octets"] > 0 for kind, change in kinds.items() if kind != "join")
        assert set(kinds["leave"]["signed"]) == set(signing.SIGNATURES)
        assert row["stored"]["leave_octets"] > 0
    for name in names:
        assert printed.count(f"\n{name} ") >= 5
    for words in ("marks, hash chain", "whole server", "memory and disk"):
        assert words in printed
    assert {row["name"] for row in found["whole_server"]} == {"lkh, degree 4", "oft"}


@pytest.mark.parametrize("case", structures.CASES, ids=lambda case: str(case.name))
def test_pushes_that_are_timed_lead_who_stays_to_the_new_kek(case: structures.Case) -> None:
    """A member opens them as it would any."""
    algorithm = case.algorithm(12)
    crowd = [structures.member(number) for number in range(12)]
    signer = signing.Signer.of("ecdsa-256-sha256", algorithm.management)
    signer.follow(algorithm.start(crowd, system_random), bytes(15) + b"\1")
    download = algorithm.download(crowd[5])
    keys = member_keys(structures.CIPHER, download)
    keys.install(download)
    plan = algorithm.remove([crowd[3]], bytes(15) + b"\2", system_random)
    receiver, led = PushReceiver(), None
    pushes = signer.pushes(plan, bytes(15) + b"\2")
    for number, octets in enumerate(pushes):
        found = receiver.open(parse(octets), replace(signer.sa, sequence_number=number))
        if found.key_download is not None:
            led = keys.follow(found.key_download.key_packets, structures.CIPHER) or led
    assert pushes
    assert led == (None if algorithm.re_pull else plan.group_key)


def test_the_floor_of_rekeying_wraps_and_signs_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[int] = []

    def watched(*given: Any) -> Any:
        seen.append(given[0].key_size)
        return Cipher(*given)

    monkeypatch.setattr(signing, "Cipher", watched)
    signing.wraps_alone(5)()
    assert seen == [128] * 5
    signer, made = signing.Signer.of("ecdsa-256-sha256", None), list[bytes]()
    monkeypatch.setattr(signing, "_signature", lambda key: made.append)
    signer.alone([10, 20])()
    assert [len(message) for message in made] == [10, 20]


def test_the_floor_has_what_a_registration_needs() -> None:
    """RFC 2409, 5: SKEYID and three more, HASH_I, HASH_R, the first IV and another, four NAT-D hashes
    (RFC 3947, 3.2); RFC 6407, 3.2: HASH(1) to HASH(4). Beside them our cookie is made and checked, over the
    hash of the offer. Six messages are encrypted."""
    found = floor.recorded("PSK")
    kinds = [kind for kind, _, _ in found]
    assert [kinds.count(kind) for kind in ("prf", "hash", "decrypt", "encrypt")] == [
        4 + 2 + 4 + 2,
        2 + 4 + 1,
        3,
        3,
    ]
    assert ("prf", 32, 16 + 1 + 32) in found  # SKEYID_d: g^xy, both cookies, 0
    floor.floor_of(found, "PSK")()


def test_shares_add_up_and_go_to_the_callers_layer() -> None:
    shares = Shares()
    rig = Rig(before=shares.start, after=shares.stop)
    rig.register(2)
    parts = shares.by_layer()
    assert sum(parts.values()) == pytest.approx(1.0)
    assert parts["store"] == 0
    assert all(parts[layer] > 0 for layer in ("codec", "crypto", "exchanges", "group", "peers"))


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_messages_of_a_case_are_what_it_says(case: Case) -> None:
    batches = case.batches(2, 3)
    octets = [message for batch in batches for message in batch]
    assert len(set(octets)) == 6
    assert case.batches(2, 3) == batches
    shapes = {
        "Main Mode 1": lambda p: len(p[0].proposals[0].transforms) == 8,
        "Main Mode 3": lambda p: len(p[0].key_exchange_data) == 256 and len(p) == 2,
        "PULL SA": lambda p: (
            [type(i).__name__ for i in p[0].sa_attributes]
            == ["SAKEK", "GroupAssociatedPolicy", "SATEK", "SATEK"]
        ),
        "KD LKH": lambda p: len(p[0].key_packets[0].attributes[0].value.lkh_keys) == 20,
        "PUSH": lambda p: [int(i.kind) for i in p] == [18, 1, 17, 9],
    }
    message = peers_of(case)[0].parse(octets[0])
    assert shapes[case.name](message.payloads)


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_a_peer_that_reads_or_builds_otherwise_is_found_out(case: Case) -> None:
    library, *others = peers_of(case)
    amount = benchmarks.QUICK
    assert benchmarks.prepared(case, [library, *others], amount)

    def misreads(octets: bytes) -> Any:
        return library.parse(changed(octets, len(octets) - 1))

    wrong = Peer("wrong", misreads, library.build, library.facts)
    with pytest.raises(Disagreement, match="wrong reads something else"):
        benchmarks.prepared(case, [library, wrong], amount)
    wrong = Peer("wrong", library.parse, lambda message: changed(library.build(message), 3), library.facts)
    with pytest.raises(Disagreement, match="wrong builds other octets"):
        benchmarks.prepared(case, [library, wrong], amount)


@pytest.mark.parametrize("case", CASES, ids=CASE_NAMES)
def test_the_facts_hold_every_octet_that_may_vary(case: Case) -> None:
    """Each octet of a message, changed, changes what the library's facts say, or is refused."""
    library = peers_of(case)[0]
    [[octets]] = case.batches(1, 1)
    said = library.facts(library.parse(octets))
    same = []
    for at in range(len(octets)):
        try:
            message = library.parse(changed(octets, at))
        except DecodeError:
            continue
        if library.facts(message) == said:
            same.append(at)
    assert same == []


def test_whole_file_is_read_whole(tmp_path: Path) -> None:
    path = tmp_path / "some.pcap"
    written = write_capture(path, 30)
    assert len(written) == 30
    assert " ".join(map(str, counts_by_library(str(path)))) == counts_of(written) == "30 18 27"
    with pytest.raises(Disagreement, match="counts 29"):
        check(LIBRARY, "29 18 27", written, counts_of(written))
    with pytest.raises(Disagreement, match="29 lines"):
        check("tshark", "x\n" * 29, written, "")


def test_whoever_is_missing_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(whole_file.shutil, "which", lambda _: None)
    monkeypatch.setattr(whole_file, "find_spec", lambda _: None)
    run, missing = whole_file.commands(tmp_path / "any.pcap")
    assert set(run) == {LIBRARY}
    assert missing == {"tshark": "tshark is not installed", "dpkt + by hand": "dpkt is not installed"}
    assert "tshark: tshark is not installed." in report.file_notes(10, 100, missing)


def test_verdicts_follow_from_the_ratios() -> None:
    rounds = {LIBRARY: [10.0, 10.0, 30.0], "scapy": [240.0, 260.0, 900.0], "construct": [1.0, 1.0, 1.0]}
    found = {v.target.peer: v for v in verdicts({("Main Mode 1", "parse"): Measured(rounds)})}
    assert (found["scapy"].ratio, found["scapy"].met) == (26.0, True)
    assert found["construct"].met is False
    assert (found["by hand"].ratio, found["by hand"].met) == (None, None)


def test_unknown_name_is_refused(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        benchmarks.main(["--only", "Main Mode 9"])
    assert ended.value.code == 2
    assert "Main Mode 9" in capsys.readouterr().err


def test_quick_run_of_the_decoding_prints_every_row(
    capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    file = tmp_path / "results.json"
    assert decoding.main(["--quick", "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    found = json.loads(file.read_text())["seconds"]
    assert set(found) == {"sessions", "varied"}
    for programs in found.values():
        assert "gsakmp, 1 process" in programs
        assert all(seconds > 0 for runs in programs.values() for seconds in runs)
        assert ("tshark -T json" in programs) == (shutil.which("tshark") is not None)
    assert printed.count("gsakmp, ") == 4
    assert "at each tenth: " in printed


@pytest.mark.usefixtures("tshark")
def test_a_disagreement_on_a_message_is_found_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, other = tmp_path / "a.pcap", tmp_path / "b.pcap"
    assert write_varied(path, 40) == 40
    decoding.check(path)
    octets = bytearray(path.read_bytes())
    octets[24 + 16 + 42] ^= 1  # the first cookie of the first message
    other.write_bytes(octets)
    monkeypatch.setattr(decoding, "theirs", lambda _: theirs)
    theirs = [decoding.TSHARK, "-n", "-r", str(other), "-d", "udp.port==848,isakmp", "-T", "json"]
    with pytest.raises(Disagreement, match="of frame 1"):
        decoding.check(path)


def test_a_varied_capture_is_what_it_says(tmp_path: Path) -> None:
    path = tmp_path / "a.pcap"
    assert write_varied(path, 95, distinct=2) == 100
    datagrams = list(read(path))
    assert len(datagrams) == 100
    octets = [datagram.octets for datagram in datagrams]
    assert octets[:20] != octets[20:40]
    assert octets[:40] == octets[40:80]
    assert {d.source_port for d in datagrams} >= {500, 848}
