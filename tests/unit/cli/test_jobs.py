"""``--jobs``: the same octets as from one process, in the same order, whatever is in the files."""

from __future__ import annotations

import gzip
import io
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from gsakmp.captures import Datagram, batches, read
from gsakmp.captures.batches import Batch, BatchDatagrams, BatchReader
from gsakmp.cli import decoding
from gsakmp.cli.decoding import needed, usual_jobs
from gsakmp.cli.filters import Filters
from gsakmp.cli.inputs import Input, classified
from gsakmp.cli.jobs import Lines, Workers, lines, processors
from gsakmp.cli.records import Reader
from gsakmp.cli.sieve import Sieve
from gsakmp.errors import InternalError, LocalError
from tests.conftest import require_path
from tests.unit.captures import files
from tests.unit.cli.commands import CAPTURES, GAP, MAIN_MODE_1, TRAILING, Result, many, run

COMMAND = [sys.executable, "-m", "gsakmp", "decode", "--json"]


def both(*arguments: object, jobs: int = 2, stdin: bytes = b"") -> Result:
    """What several processes give, once it is found to be what one gives."""
    one = run("decode", "--json", "--jobs", 1, *arguments, stdin=stdin)
    several = run("decode", "--json", "--jobs", jobs, *arguments, stdin=stdin)
    assert several == one
    return several


@pytest.fixture
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches of three frames."""
    monkeypatch.setattr(batches, "BATCH_FRAMES", 3)
    monkeypatch.setattr(decoding, "BATCH_OCTETS", 1)


# -- in processes ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("small")
def test_every_capture_in_one_run() -> None:
    for lenient in ([], ["--lenient"]):
        result = both(*lenient, *CAPTURES, GAP, MAIN_MODE_1, jobs=3)
        assert result.status == 1
        assert len(result.records) > 200
        assert {bool(record["error"]) for record in result.records} == {True, False}


@pytest.mark.usefixtures("small")
def test_filters_names_and_statuses(tmp_path: Path) -> None:
    zipped = tmp_path / "x.gz"
    zipped.write_bytes(gzip.compress(GAP.read_bytes()))
    lines_of_hex = tmp_path / "hex"
    lines_of_hex.write_text(f"{MAIN_MODE_1}\n# a remark\n{MAIN_MODE_1}\n")
    assert both(GAP).status == 0
    assert both(GAP, TRAILING).status == 1
    assert both("--quiet", zipped, GAP).err == ""
    chosen = both("--exchange", "GROUPKEY_PULL", GAP, lines_of_hex, zipped)
    assert {record["exchange"] for record in chosen.records} == {"GROUPKEY_PULL"}
    assert len(both("--address", "10.0.0.0/8", "--dialect", "gdoid", GAP, jobs=3).records) <= 10
    assert {r["protocol"].upper() for r in both("--doi", "ipsec", "--port", 853, GAP, GAP).records} == {
        "IPSEC"
    }
    assert len(both(lines_of_hex, MAIN_MODE_1, GAP).records) == 3 + 10
    assert len(both("-", GAP, stdin=GAP.read_bytes()).records) == 20
    assert len(both("-", stdin=MAIN_MODE_1.encode()).records) == 1


@pytest.mark.usefixtures("small")
def test_a_broken_off_file_gives_what_came_before(tmp_path: Path) -> None:
    cut = tmp_path / "cut.pcap"
    cut.write_bytes(GAP.read_bytes()[:-5])
    odd = tmp_path / "odd.pcapng"
    frames = [datagram_frame(d) for d in read(GAP)]
    odd.write_bytes(
        files.section()
        + files.interface()
        + files.interface(200)
        + b"".join(map(files.packet, frames[:4]))
        + files.packet(frames[4], 1)
        + files.packet(frames[5])
    )
    result = both(cut, odd, GAP)
    assert result.status == 2
    assert len(result.records) == 9 + 4 + 10
    assert "the file ends" in result.err
    assert "link type 200" in result.err
    empty = tmp_path / "empty"
    empty.write_bytes(b"")
    assert both(empty, GAP).status == 2


def test_other_forms_and_keys_are_made_by_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = tmp_path / "psk.keys"
    keys.write_text('gsakmp-keys 1\npsk * "mekmitasdigoat"\n')
    monkeypatch.setattr(Workers, "__enter__", lambda _: pytest.fail("no workers are wanted"))
    assert run("decode", "--jobs", 2, GAP) == run("decode", GAP)
    assert run("decode", "--jobs", 2, "--hex", GAP).status == 0
    with_keys = run("decode", "--jobs", 2, "--json", "--keys", keys, GAP)
    assert with_keys == run("decode", "--jobs", 1, "--json", "--keys", keys, GAP)
    assert all("opened" in record for record in with_keys.records)


def test_how_many() -> None:
    for number in (0, 65, "x"):
        result = run("decode", "--json", "--jobs", number, GAP)
        assert result.status == 2
        assert "--jobs" in re.sub(r"\x1b\[[0-9;]*m", "", result.err)


def test_how_many_where_nobody_says(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    large = many(tmp_path / "x.pcap", 2000)
    assert usual_jobs([classified(str(large))]) == 1
    monkeypatch.setattr(decoding, "MUCH", 1000)
    assert usual_jobs([classified(str(large))]) == processors()
    assert usual_jobs([classified(str(large)), Input("-")]) == 1
    assert usual_jobs([classified(MAIN_MODE_1)]) == 1
    assert needed([classified(str(GAP))], 8) == 1
    assert needed([classified(str(GAP)), classified(str(GAP))], 8) == 2
    assert needed([Input("-")], 8) == 8


def test_a_worker_that_dies() -> None:
    reader = Reader()
    pieces = ((number, batch, "") for number in range(100) for batch in BatchReader(GAP).batches())
    with Workers(2, reader, Filters()) as workers:
        found = workers.ordered(pieces)
        assert next(found).place == 0
        os.kill(workers.all[1].process.pid, signal.SIGKILL)
        with pytest.raises(LocalError, match="ended before its work did, with status -9"):
            list(found)


def test_a_failure_in_a_worker() -> None:
    frames: Any = [("no", "frame")]
    with (
        Workers(1, Reader(), Filters()) as workers,
        pytest.raises(InternalError, match="in a worker process"),
    ):
        list(workers.ordered([(0, Batch(1, frames), "")]))


def test_not_more_than_a_batch_for_each_worker_is_held() -> None:
    asked = 0

    def pieces() -> Iterator[tuple[int, Batch, str]]:
        nonlocal asked
        for number in range(50):
            asked += 1
            yield from ((number, batch, "") for batch in BatchReader(GAP).batches())

    with Workers(2, Reader(), Filters()) as workers:
        for number, done in enumerate(workers.ordered(pieces())):
            assert done.place == number
            assert isinstance(done.lines, Lines)
            assert done.lines.tally.messages == 10
            assert asked <= number + 4


def test_interrupt(tmp_path: Path) -> None:
    """Ctrl-C goes to every process of the terminal's group; nothing is said, and nobody is left."""
    large = many(tmp_path / "x.pcap", 20_000)
    with subprocess.Popen(
        [*COMMAND, "--jobs", "2", str(large)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdout is not None
        assert child.stderr is not None
        assert child.stdout.readline().endswith(b"}\n")
        os.killpg(child.pid, signal.SIGINT)
        child.stdout.read()
        err = child.stderr.read()
    assert child.returncode == 130
    assert err == b""
    assert gone(child.pid)


@pytest.mark.parametrize("moment", [0.0, 0.01, 0.05, 0.1])
def test_interrupt_while_the_workers_start(moment: float) -> None:
    require_path("/proc/self/stat")  # which tells when there are workers
    with subprocess.Popen(
        [*COMMAND, "--jobs", "4", "-"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    ) as child:
        assert child.stdin is not None
        assert child.stderr is not None
        end = time.monotonic() + 30
        while time.monotonic() < end and not children(child.pid):
            time.sleep(0.01)
        time.sleep(moment)
        os.killpg(child.pid, signal.SIGINT)
        try:
            child.wait(30)
        finally:
            child.stdin.close()  # what the interrupt did not end, this does
        err = child.stderr.read()
    assert child.returncode == 130
    assert err == b""


def gone(group: int) -> bool:
    """Whether nobody of a process group is left, soon."""
    end = time.monotonic() + 20
    while time.monotonic() < end:
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.02)
    return False


def children(pid: int) -> list[int]:
    """Processes that `pid` started."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = entry.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[1]) == pid:
            found.append(int(entry.parent.name))
    return found


# -- the same work in one process, on captures made at random ----------------------------------------


def datagram_frame(datagram: Datagram) -> bytes:
    return files.ethernet(files.ipv4(files.udp(datagram.octets)))


POOL = [datagram.octets for path in (GAP, TRAILING) for datagram in read(path)]


@st.composite
def frames(draw: Any) -> list[bytes]:
    """Frames of every sort: whole ones, fragments in any order, other ports, other protocols, damage."""
    out: list[bytes] = []
    for number in range(draw(st.integers(0, 12))):
        payload = files.udp(draw(st.sampled_from(POOL) | st.binary(max_size=40)), 848, draw(ports))
        match draw(st.sampled_from(["whole", "whole", "fragments", "other", "damaged"])):
            case "whole":
                out.append(
                    files.ethernet(files.ipv4(payload, options=draw(st.sampled_from([b"", bytes(4)]))))
                )
            case "fragments":
                out += fragments(payload, number, draw(st.booleans()))
            case "other":
                out.append(files.ethernet(files.ipv4(payload, protocol=draw(st.sampled_from([1, 6, 50])))))
            case "damaged":
                frame = files.ethernet(files.ipv4(payload))
                out.append(frame[: draw(st.integers(0, len(frame)))] + draw(st.binary(max_size=3)))
    return draw(st.permutations(out)) if draw(st.booleans()) else out


ports = st.sampled_from([500, 848, 848, 4500, 53])


def fragments(payload: bytes, number: int, lacking: bool) -> list[bytes]:
    pieces = [payload[at : at + 24] for at in range(0, len(payload), 24)]
    flags = [at * 3 | (0x2000 if at < len(pieces) - 1 else 0) for at in range(len(pieces))]
    made = [
        files.ethernet(files.ipv4(piece, flags=flag, identification=number))
        for piece, flag in zip(pieces, flags, strict=True)
    ]
    return made[lacking:]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(frames(), st.integers(1, 4), st.integers(0, 30), st.booleans())
def test_batches_are_the_capture(frames: list[bytes], most: int, cut: int, lenient: bool) -> None:
    """Counts, numbers of frames, and lines."""
    octets = files.pcap((number, 0, frame) for number, frame in enumerate(frames))
    octets = octets[: max(24, len(octets) - cut)] if cut < 5 else octets
    reader = Reader(lenient=lenient)
    expected = sequential(octets, reader)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(batches, "BATCH_FRAMES", most)
        assert batched(octets, reader) == expected


def sequential(octets: bytes, reader: Reader) -> tuple[Any, ...]:
    sieve = Sieve(reader, Filters())
    capture = read(io.BytesIO(octets))
    text, failure = "", ""
    try:
        for datagram in capture:
            text += sieve.line(datagram, "x")
    except Exception as exc:
        failure = str(exc)
    sieve.tally.capture(capture.counts)
    return text.encode(), failure, sieve.tally


def batched(octets: bytes, reader: Reader) -> tuple[Any, ...]:
    here, datagrams = Sieve(reader, Filters()), BatchDatagrams()
    source = BatchReader(io.BytesIO(octets))
    out, failure = b"", ""
    try:
        for batch in source.batches():
            done = lines(batch, "x", Sieve(reader, Filters()), datagrams)
            for part in done.parts:
                if isinstance(part, bytes):
                    out += part
                elif (datagram := source.complete(part)) is not None:
                    out += here.line(datagram, "x").encode()
            here.tally.add(done.tally)
            here.tally.capture(done.counts)
    except Exception as exc:
        failure = str(exc)
    here.tally.capture(source.counts)
    return out, failure, here.tally
