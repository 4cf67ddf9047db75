"""``gsakmp rekey plan`` and ``algorithms``: what they print, write and refuse."""

from __future__ import annotations

import builtins
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from gsakmp.cli.rekey.planning import Request, planned
from gsakmp.cli.rekey.plotting import apart, curves, described
from gsakmp.cli.rekey.tables import duration, quantity
from gsakmp.group.rekey.costs import ALGORITHMS
from tests.unit.cli.commands import Result, run


def plan(*arguments: object) -> Result:
    return run("rekey", "plan", *arguments)


def rows(text: str, title: str) -> dict[str, list[str]]:
    """The rows of the table below a title, by algorithm."""
    lines = text.split(f"{title}\n")[1].split("\n\n", maxsplit=1)[0].splitlines()
    cells = [re.split(r"  +", line.strip()) for line in lines[1:]]
    return {row[0]: row[1:] for row in cells}


def in_a_terminal(columns: int, *arguments: str) -> str:
    environment = {**os.environ, "FORCE_COLOR": "1", "COLUMNS": str(columns), "TERM": "xterm-256color"}
    environment.pop("NO_COLOR", None)
    command = [sys.executable, "-m", "gsakmp", "rekey", *arguments]
    done = subprocess.run(
        command,
        env=environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return re.sub(r"\x1b\[[0-9;]*m", "", done.stdout)


# -- the tables --------------------------------------------------------------------------------------


def test_all_algorithms_stand_side_by_side() -> None:
    result = plan("--members", 64, "--leaves", 1, "--leaves", 8)
    assert result.status == 0
    leave = rows(result.text, "One member leaves")
    assert list(leave) == [
        "flat re-pull", "flat own-keys", "lkh, degree 2", "lkh, degree 4", "lkh, degree 8", "oft", "marks",
    ]  # fmt: skip
    wraps = {name: cells[3] for name, cells in leave.items()}
    # kd - 1 (RFC 2627, 5.4.1), h (OFT draft, table 2), n - 1
    assert wraps == {
        "flat re-pull": "0", "flat own-keys": "63", "lkh, degree 2": "11", "lkh, degree 4": "11",
        "lkh, degree 8": "15", "oft": "6", "marks": "0",
    }  # fmt: skip
    assert leave["flat re-pull"][4] == "63"  # who has to register again
    assert set(rows(result.text, "A batch: 8 members leave")) == set(leave)
    assert rows(result.text, "Keys held")["lkh, degree 4"][:3] == ["4", "128", "85"]
    assert "measured just now" in " ".join(result.text.split())


def test_only_what_is_asked_for() -> None:
    result = plan("--members", 100, "--algorithm", "lkh", "--degree", 3, "--degree", 3, "--no-time")
    assert list(rows(result.text, "One member leaves")) == ["lkh, degree 3"]
    assert "time" not in result.text.lower().replace("lifetime", "")


def test_without_backward_rekey_a_join_costs_nothing() -> None:
    assert rows(plan("--members", 50, "--algorithm", "oft").text, "One member joins")["oft"][0] == "1"
    silent = plan("--members", 50, "--algorithm", "oft", "--no-backward").text
    assert rows(silent, "One member joins")["oft"][:4] == ["0", "0", "0", "0"]


@pytest.mark.parametrize("columns", [80, 120])
def test_it_fits_the_terminal(columns: int) -> None:
    text = in_a_terminal(columns, "plan", "--members", "1000000", "--leaves", "1", "--leaves", "1000")
    assert max(map(len, text.splitlines())) <= columns
    assert "lkh, degree 4" in text
    assert "…" not in text


def test_a_narrow_terminal_gets_every_column() -> None:
    asked = ("plan", "--members", "100", "--algorithm", "oft", "--no-backward")
    for columns in (30, 120):
        told = in_a_terminal(columns, *asked)
        assert rows(told, "Keys held")["oft"] == ["9", "288", "202", "6,464"]
        assert re.fullmatch(r"[\d.]+ [mu]s", rows(told, "One member leaves")["oft"][-1]), "the time is last"


def test_how_many_trees_it_takes() -> None:
    assert "62 trees" in plan("--members", 1_000_000, "--algorithm", "lkh", "--degree", 4).text
    too_few = plan("--members", 1_000_000, "--algorithm", "lkh", "--degree", 4, "--trees", 3).text
    assert "62 trees of 16,384 members are needed, not 3" in too_few


def test_periods_are_rounded_up_to_a_tree() -> None:
    asked, rounded = (
        plan("--members", 5, "--algorithm", "marks", "--no-time", "--periods", n).text for n in (1025, 2048)
    )
    assert asked == rounded


def test_json_has_the_same_figures() -> None:
    found = json.loads(plan("--members", 64, "--signature", "rsa-2048-sha256", "--json").text)
    assert found["signature"] == "rsa-2048-sha256"
    by_name: dict[str, Any] = {each["name"]: each for each in found["algorithms"]}
    leave = by_name["lkh, degree 2"]["changes"][0]
    assert (leave["change"], leave["count"], round(leave["wraps"], 6)) == ("leave", 1, 11)
    assert leave["seconds"] == pytest.approx(
        leave["wraps"] * found["wrap_seconds"] + leave["pushes"] * found["signature_seconds"]
    )
    assert by_name["marks"]["storage"]["member_keys"] == 18
    plain = json.loads(plan("--members", 64, "--json", "--no-time").text)
    assert "wrap_seconds" not in plain


def test_a_signature_that_takes_too_long_to_try_has_no_time() -> None:
    result = plan("--members", 10, "--signature", "rsa-8192-sha256", "--algorithm", "oft")
    assert rows(result.text, "One member leaves")["oft"][-1] == "?"
    assert "signature not measured" in result.text


def test_numbers_for_people() -> None:
    assert [quantity(value) for value in (0, 7, 38.99, 50.66, 512.4, 1234.0, 9_999_999, 78_700_000, 3.2e9)] == [
        "0", "7", "39", "50.7", "512", "1,234", "9,999,999", "78.7 M", "3.2 G",
    ]  # fmt: skip
    assert [duration(value) for value in (0, 2.7e-5, 4.41e-4, 0.0027, 6.04, 75, 7200, None)] == [
        "0", "27 us", "441 us", "2.7 ms", "6.0 s", "75 s", "120 min", "?",
    ]  # fmt: skip


# -- wrong usage -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ([], "--members"),
        (["--members", "0"], "1 to 1,000,000,000 members"),
        (["--members", "-5"], "1 to 1,000,000,000 members"),
        (["--members", "9" * 400], "members"),
        (["--members", "many"], "--members"),
        (["--members", "5", "--leaves", "6"], "1 to 5 members"),
        (["--members", "5", "--leaves", "0"], "1 to 5 members"),
        (["--members", "5", "--joins", "6"], "1 to 5 members"),
        (["--members", "5", "--algorithm", "lhk"], "'lhk' is no rekey algorithm"),
        (["--members", "5", "--algorithm", "x" * 9000], "is no rekey algorithm"),
        (["--members", "5", "--degree", "9"], "2 to 8"),
        (["--members", "5", "--trees", "0"], "--trees"),
        (["--members", "5", "--trees", "lots"], "--trees"),
        (["--members", "5", "--trees", "999999999"], "too few for 999999999 trees"),
        (["--members", "5", "--periods", "0"], "1 to 1048576 periods (BINARY_HASH_TREE), not 0"),
        (["--members", "5", "--periods", "99999999999"], "BINARY_HASH_TREE), not 99999999999"),
        (["--members", "5", "--signature", "md5"], "no signature of a rekey SA"),
        (["--members", "5", "--encryption", "rot13"], "no cipher of a KEK"),
        (["--members", "5", "--encryption", "des-cbc"], "weak"),
        (["--members", "5", "--plot", "plan.gif"], ".svg, .png or .pdf"),
        (["--members", "5", "--plot", "plan"], ".svg, .png or .pdf"),
        (["--members", "5", "--plot", "/nonexistent/plan.svg"], "/nonexistent/plan.svg: No such file"),
    ],
)
def test_wrong_usage_ends_with_status_2(arguments: list[str], said: str) -> None:
    result = plan(*arguments)
    assert result.status == 2
    assert said in " ".join(result.err.replace("│", " ").split())
    assert not result.out
    assert "Traceback" not in result.err
    assert len(result.err) < 2000


# -- the plot ----------------------------------------------------------------------------------------


@pytest.mark.parametrize(("ending", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")])
def test_a_plot_is_written(tmp_path: Path, ending: str, start: bytes) -> None:
    file = tmp_path / f"plan.{ending}"
    assert plan("--members", 1000, "--plot", file, "--no-time").status == 0
    assert file.read_bytes().startswith(start)


def test_the_plot_names_every_algorithm_and_the_number_of_members(tmp_path: Path) -> None:
    file = tmp_path / "plan.svg"
    plan("--members", 20_000, "--leaves", 5, "--plot", file, "--no-time")
    root = ElementTree.parse(file).getroot()
    written = " ".join(
        "".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")
    )
    for name in (
        "flat own-keys",
        "flat re-pull",
        "lkh, degree 2",
        "lkh, degree 4",
        "lkh, degree 8",
        "oft",
        "marks",
    ):
        assert name in written
    assert "20,000 members" in written
    assert "a batch of 5 leaves" in written


def test_the_curves_are_the_costs_and_go_through_the_plan() -> None:
    found = planned(Request.of(members=20_000))
    for curve, scheme in zip(curves(found), found.schemes, strict=True):
        assert curve.members[0] <= 10
        assert curve.members[-1] >= 40_000
        assert list(curve.members) == sorted(set(curve.members))
        assert curve.octets == tuple(scheme.leave(members, 1).octets for members in curve.members)
        assert curve.at_plan == (scheme.leave(20_000, 1).octets, scheme.leave(20_000, 1).wraps)


def test_two_plots_of_one_plan_have_the_same_figures() -> None:
    request = Request.of(members=500)
    assert described(planned(request)) == described(planned(request))
    assert described(planned(request)) != described(planned(Request.of(members=501)))


def test_labels_are_moved_apart_and_no_further_than_needed() -> None:
    assert apart([0.1, 0.5], 0.1) == [0.1, 0.5]
    assert apart([0.5, 0.5], 0.1) == pytest.approx([0.45, 0.55])
    moved = apart([0.1, 0.48, 0.5, 0.51, 0.9], 0.05)
    assert moved == pytest.approx([0.1, 0.496667 - 0.05, 0.496667, 0.496667 + 0.05, 0.9], abs=1e-5)


def test_without_matplotlib_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = builtins.__import__

    def without(name: str, *rest: Any) -> Any:
        if name.split(".", maxsplit=1)[0] == "matplotlib":
            raise ImportError(name)
        return real(name, *rest)

    monkeypatch.setattr(builtins, "__import__", without)
    result = plan("--members", 1000, "--plot", tmp_path / "plan.svg")
    assert result.status == 2
    assert "pip install 'gsakmp[plot]'" in result.err


def test_matplotlib_is_not_imported_for_tables() -> None:
    code = (
        "import sys; from gsakmp.cli import main; main(['rekey', 'plan', '--members', '9', '--no-time']); "
        "sys.exit(any(name.startswith('matplotlib') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code], check=False, capture_output=True).returncode == 0


# -- the algorithms ----------------------------------------------------------------------------------


def test_every_algorithm_is_stated() -> None:
    found = json.loads(run("rekey", "algorithms", "--json").text)
    assert [each["name"] for each in found] == [*ALGORITHMS, "nark"]
    assert all(each["forward"] and each["backward"] for each in found)
    text = in_a_terminal(80, "algorithms")
    assert max(map(len, text.splitlines())) <= 80
    assert "registers the receiver" not in text
    for each in found:
        assert f"\n{each['name']}" in f"\n{text}"


def test_help_has_examples() -> None:
    assert "gsakmp rekey plan --members" in run("rekey", "plan", "--help").text
