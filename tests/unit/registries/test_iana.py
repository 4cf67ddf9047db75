"""The registries agree with IANA's files, and the tool that says so can say otherwise."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from gsakmp.registries import ALL
from tools import iana

ROOT = Path(__file__).resolve().parents[3]
FILES = ROOT / "tools" / "iana"


def test_every_class_agrees_with_iana(capsys: pytest.CaptureFixture[str]) -> None:
    assert iana.main(["check"]) == 0, capsys.readouterr().out
    assert f"{sum(bool(cls.iana) for cls in ALL)} classes" in capsys.readouterr().out


def test_the_command_runs_from_anywhere(tmp_path: Path) -> None:
    """As a program, with no `gsakmp` on the path but the checkout's."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("PYTHON")}
    run = subprocess.run(
        [sys.executable, str(ROOT / "tools" / "iana.py"), "check"],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )
    assert (run.returncode, run.stderr) == (0, "")


KEK_LIFETIME = """<value>4</value>
        <description>KEK_KEY_LIFETIME</description>
        <type>V</type>
        <xref type="rfc" data="rfc3547"/>"""


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param(
            (
                "gdoi-payloads",
                f"<record>\n        {KEK_LIFETIME}",
                "<record>\n        <value>40000</value><description>Unassigned</description>",
            ),
            ["KEKAttribute.KEK_KEY_LIFETIME = 4: IANA does not have it"],
            id="number removed",
        ),
        pytest.param(
            (
                "gdoi-payloads",
                KEK_LIFETIME,
                KEK_LIFETIME.replace("<value>4<", "<value>44<"),
            ),
            ["IANA has 44 KEK_KEY_LIFETIME (RFC 3547)", "KEK_KEY_LIFETIME = 4: IANA does not have it"],
            id="number changed",
        ),
        pytest.param(
            (
                "gdoi-payloads",
                KEK_LIFETIME,
                KEK_LIFETIME.replace("KEK_KEY_LIFETIME", "KEK_LIFETIME"),
            ),
            ["KEKAttribute.KEK_KEY_LIFETIME = 4: IANA's name is 'KEK_LIFETIME'"],
            id="name changed",
        ),
        pytest.param(
            (
                "gdoi-payloads",
                KEK_LIFETIME,
                KEK_LIFETIME.replace(">V<", ">B<"),
            ),
            ["KEKAttribute.KEK_KEY_LIFETIME = 4: IANA's form is B, not V"],
            id="form changed",
        ),
        pytest.param(
            (
                "gdoi-payloads",
                KEK_LIFETIME,
                KEK_LIFETIME.replace("rfc3547", "rfc9999"),
            ),
            ["KEKAttribute.KEK_KEY_LIFETIME = 4: IANA's reference is 'RFC 9999', not 'RFC 3547'"],
            id="reference changed",
        ),
        pytest.param(
            (
                "ipsec-registry",
                "<name>256-bit random ECP group</name>",
                "<name>256-bit chosen ECP group</name>",
            ),
            ["GroupDescription.ECP_256 = 19: IANA's name is '256-bit chosen ECP group'"],
            id="name that is spelled otherwise here",
        ),
        pytest.param(
            (
                "isakmp-registry",
                "<value>0x04</value>",
                "<value>0x08</value>",
            ),
            ["IPsecSituation: IANA has 8 SIT_INTEGRITY", "IPsecSituation.SIT_INTEGRITY = 4: IANA does not"],
            id="bit changed",
        ),
        pytest.param(
            (
                "ipsec-registry",
                "<value>65001-65535</value>",
                "<value>65002-65535</value>",
            ),
            ["EncryptionAlgorithm: IANA's private ranges are 65002-65535, not 65001-65535"],
            id="private range changed",
        ),
        pytest.param(
            (
                "isakmp-registry",
                "<value>0-1</value>",
                "<value>0</value>",
            ),
            ["AHTransformID: IANA's reserved ranges are 0, not 0-1"],
            id="reserved range changed",
        ),
        pytest.param(
            (
                "ipsec-registry",
                "<name>Reserved, not to be used</name>",
                "<name>Attributes</name>",
            ),
            ["PayloadType.ATTRIBUTES = 14: extra, but IANA has it (Attributes)"],
            id="extra becomes assigned",
        ),
        pytest.param(
            (
                "gdoi-payloads",
                '<registry id="gdoi-payloads-11">',
                '<registry id="gdoi-payloads-11"><record><value>1</value><name>NEW</name></record>',
            ),
            ["no class claims gdoi-payloads/gdoi-payloads-11"],
            id="empty registry filled",
        ),
    ],
)
def test_each_kind_of_difference_is_found(
    change: tuple[str, str, str], said: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file, old, new = change
    for path in FILES.glob("*.xml"):
        shutil.copy(path, tmp_path)
    text = (FILES / f"{file}.xml").read_text(encoding="utf-8")
    assert old in text, "the doctored place is gone from the file"
    (tmp_path / f"{file}.xml").write_text(text.replace(old, new, 1), encoding="utf-8")
    assert iana.main(["check", "--against", str(tmp_path)]) == 1
    output = capsys.readouterr().out
    for piece in said:
        assert piece in output


def test_unreadable_files_are_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert iana.main(["check", "--against", str(tmp_path)]) == 2
    assert "isakmp-registry.xml" in capsys.readouterr().err
    (tmp_path / "isakmp-registry.xml").write_text("<registry>", encoding="utf-8")
    assert iana.main(["check", "--against", str(tmp_path)]) == 2
    assert "isakmp-registry.xml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "cls",
    [cls for cls in ALL if len(cls.iana) == 1 and cls.iana[0].startswith("gdoi-payloads/gdoi-payloads-")],
)
def test_show_prints_source_that_runs(cls: type, capsys: pytest.CaptureFixture[str]) -> None:
    """What `show` prints for a registry makes the class that is here already, but for numbers of our own."""
    from gsakmp.registries import OpenEnum

    assert issubclass(cls, OpenEnum)
    assert iana.main(["show", cls.iana[0]]) == 0
    made: dict[str, object] = {"OpenEnum": OpenEnum}
    exec(capsys.readouterr().out, made)
    again = next(thing for name, thing in made.items() if name not in ("OpenEnum", "__builtins__"))
    assert isinstance(again, type)
    assert issubclass(again, OpenEnum)
    assert [(m.name, m.value, m.reference, m.form) for m in again] == [
        (m.name, m.value, m.reference, m.form) for m in cls if m.value not in cls.extra
    ]
    assert (again.private, again.reserved) == (cls.private, cls.reserved)


def test_show_lists_the_registries_when_it_knows_none(capsys: pytest.CaptureFixture[str]) -> None:
    assert iana.main(["show", "nothing"]) == 2
    captured = capsys.readouterr()
    assert "gdoi-payloads/id-types  ID Types" in captured.out
    assert "nothing" in captured.err
