"""Key files: our form, written and read back; Wireshark's tables and other daemons' logs, as they are."""

from __future__ import annotations

import csv
import io
import time
import tracemalloc
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from gsakmp import limits
from gsakmp.captures import read
from gsakmp.captures.keyfile import Form, engine_secret, key_line, key_lines, read_keys
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.keytables import esp_table_lines, scapy_lines, wireshark_lines
from gsakmp.captures.opened import Status
from gsakmp.captures.opening import Opener
from gsakmp.errors import ConfigurationError, GsakmpError, LimitExceeded, LocalError
from tests.unit.captures.opening_world import LOGS

COOKIES = "0011223344556677:8899aabbccddeeff"
KEY = "5f0c" * 8
TEXT = f"""
# comments, and empty lines, may stand anywhere

gsakmp-keys 1
psk fqdn:alice.example "a \\"quoted\\" text, and \\\\"
psk "dn:CN=two words,O=x" 6d656b
psk * 00ff
dh_private {COOKIES} {KEY}
dh_shared 0011223344556677 0x{KEY}
skeyid *one {KEY}
skeyid_d {COOKIES} {KEY}
skeyid_a {COOKIES.upper()} {KEY.upper()}
skeyid_e {COOKIES}   {KEY}
encryption_key {COOKIES} {KEY}
gsakmp-keys 1
kek 00112233445566778899aabbccddeeff {KEY}
signature_key {COOKIES} 3059
tek 0a0b0c0d/ESP_AES_GCM_16 {KEY}
tek_integrity 0A0B0C0E {KEY}
"""


def keys(text: str, form: Form | None = None) -> Keyring:
    return read_keys(io.BytesIO(text.encode()), form)


def test_our_form() -> None:
    found = list(keys(TEXT))
    assert [(secret.kind, secret.name) for secret in found] == [
        ("psk", "fqdn:alice.example"),
        ("psk", "dn:CN=two words,O=x"),
        ("psk", "*"),
        ("dh_private", COOKIES),
        ("dh_shared", "0011223344556677"),
        ("skeyid", "*one"),
        ("skeyid_d", COOKIES),
        ("skeyid_a", COOKIES),
        ("skeyid_e", COOKIES),
        ("encryption_key", COOKIES),
        ("kek", COOKIES),
        ("signature_key", COOKIES),
        ("tek", "0a0b0c0d/ESP_AES_GCM_16"),
        ("tek_integrity", "0a0b0c0e"),
    ]
    assert found[0].octets == b'a "quoted" text, and \\'
    assert (found[1].octets, found[2].octets, found[3].octets) == (b"mek", b"\0\xff", bytes.fromhex(KEY))


def test_it_is_read_as_it_is_written() -> None:
    found = keys(TEXT)
    text = "".join(key_lines(found))
    assert text.startswith("gsakmp-keys 1\npsk fqdn:alice.example 6120")
    assert list(keys(text)) == list(found)


@pytest.mark.parametrize(
    ("lines", "number", "problem"),
    [
        (f"skeyid {COOKIES} {KEY}", 1, "neither ours"),
        ("gsakmp-keys 2", 1, "another version"),
        ("gsakmp-keys", 1, "another version"),
        (f"gsakmp-keys 1\n\nmagic {COOKIES} {KEY}", 3, "no kind of secret"),
        (f"gsakmp-keys 1\nskeyid {COOKIES}", 2, "not 2 fields"),
        (f"gsakmp-keys 1\nskeyid {COOKIES} {KEY} {KEY}", 2, "not 4 fields"),
        (f"gsakmp-keys 1\nskeyid {COOKIES} {KEY}0", 2, "two digits an octet"),
        (f"gsakmp-keys 1\nskeyid {COOKIES} secret", 2, "not hexadecimal"),
        (f'gsakmp-keys 1\nskeyid {COOKIES} "secret"', 2, "only a psk may be a text"),
        (f"gsakmp-keys 1\nskeyid {COOKIES}00 {KEY}", 2, "no pair of cookies"),
        (f"gsakmp-keys 1\nkek 0011223344556677 {KEY}", 2, "no SPI of a Rekey SA"),
        (f"gsakmp-keys 1\ntek {COOKIES} {KEY}", 2, "no SPI of a data SA"),
        (f"gsakmp-keys 1\npsk alice {KEY}", 2, "no identity"),
        ('gsakmp-keys 1\npsk * "secret', 2, "a quote that does not end"),
        ('gsakmp-keys 1\npsk * "secret"more', 2, "a quote that does not end"),
        ('gsakmp-keys 1\npsk * ""', 2, "0 octets"),
        (f"gsakmp-keys 1\nskeyid {COOKIES} {'00' * 257}", 2, "257 octets"),
    ],
)
def test_what_is_wrong_is_said_with_its_line_and_without_a_secret(
    lines: str, number: int, problem: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys(lines)
    text = str(caught.value)
    assert problem in text
    assert f"line {number}:" in text or problem == "neither ours"
    assert KEY not in text
    assert "secret" not in text.replace("kind of secret", "")


def test_who_mixes_up_the_fields_does_not_see_the_key() -> None:
    with pytest.raises(ConfigurationError) as caught:
        keys(f"gsakmp-keys 1\nskeyid {KEY} {COOKIES}")
    assert KEY not in str(caught.value)
    with pytest.raises(ConfigurationError) as caught:
        keys('gsakmp-keys 1\npsk "correct horse" fqdn:alice.example')
    assert "horse" not in str(caught.value)


def test_no_text_shows_a_secret() -> None:
    found = keys(TEXT)
    for thing in (found, *found):
        assert KEY not in repr(thing)
        assert KEY not in str(thing)
        assert "quoted" not in repr(thing)
    assert repr(found) == "Keyring(14 secrets)"


def test_limits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "SECRETS", 2)
    with pytest.raises(ConfigurationError, match=r"line 4: .*limits\.SECRETS"):
        keys("gsakmp-keys 1\npsk * 00\npsk * 01\npsk * 02\n")
    with pytest.raises(LimitExceeded):
        Keyring(Secret(Kind.PSK, "*", bytes([n])) for n in range(3))
    with pytest.raises(ConfigurationError, match=r"line 2: over limits\.KEY_LINE_OCTETS"):
        keys("gsakmp-keys 1\n" + " " * limits.KEY_LINE_OCTETS + " ")


def test_a_byte_order_mark_is_no_part_of_the_first_line() -> None:
    for text in (f"gsakmp-keys 1\r\nkek {COOKIES} 00\r\n", f"{COOKIES[:16]},aabb\r\n"):
        assert list(keys(f"\ufeff{text}")) == list(keys(text))
    with pytest.raises(ConfigurationError):
        keys(f"gsakmp-keys 1\n\ufeffkek {COOKIES} 00\n")


def test_a_log_is_not_kept_to_tell_whose_it_is(tmp_path: Path) -> None:
    log = tmp_path / "long.log"
    log.write_bytes((b"x" * 60_000 + b"\n") * 500)
    tracemalloc.start()
    try:
        with pytest.raises(ConfigurationError, match="no key file"):
            read_keys(log)
        assert tracemalloc.get_traced_memory()[1] < 8_000_000  # of 30
    finally:
        tracemalloc.stop()


def test_files_that_are_none(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none", "\0"):
        with pytest.raises(LocalError):
            read_keys(path)
    (tmp_path / "empty").touch()
    assert len(read_keys(tmp_path / "empty")) == 0


def test_what_is_no_binary_file_is_refused() -> None:
    wrong: Any
    for wrong in (None, 12_345, io.StringIO("gsakmp-keys 1\n"), object()):
        with pytest.raises(LocalError):
            read_keys(wrong)
    closed = io.BytesIO(b"gsakmp-keys 1\n")
    closed.close()
    with pytest.raises(LocalError):
        read_keys(closed)


@given(st.text(max_size=300))
@example("gsakmp-keys 1\npsk fqdn:x \\")
@example('gsakmp-keys 1\n"')
def test_any_text_is_a_key_file_or_an_error(text: str) -> None:
    for form in (None, *Form):
        for start in ("", "gsakmp-keys 1\n"):
            try:
                keys(start + text, form)
            except GsakmpError:
                pass


NAMES = st.one_of(
    st.just(COOKIES), st.text(min_size=1, max_size=30).map(lambda text: f"fqdn:{text}"), st.just("*")
)


@given(st.lists(st.tuples(NAMES, st.binary(min_size=1, max_size=40))))
def test_any_identity_is_read_as_it_is_written(pairs: list[tuple[str, bytes]]) -> None:
    secrets = []
    for name, octets in pairs:
        try:
            secrets.append(Secret(Kind.PSK, name, octets))
        except ConfigurationError:
            continue
    assert list(keys("".join(key_lines(secrets)))) == list(dict.fromkeys(secrets))


# -- other programs ----------------------------------------------------------------------------------------


def test_wiresharks_table_is_read_and_written() -> None:
    table = '0011223344556677,aabbccdd\n# a comment\n"8899aabbccddeeff","00112233445566778899aabbccddeeff"\n'
    found = keys(table)
    assert [(secret.kind, secret.name, secret.octets.hex()) for secret in found] == [
        ("encryption_key", "0011223344556677", "aabbccdd"),
        ("encryption_key", "8899aabbccddeeff", "00112233445566778899aabbccddeeff"),
    ]
    assert list(wireshark_lines(found)) == [
        "0011223344556677,aabbccdd\n",
        "8899aabbccddeeff,00112233445566778899aabbccddeeff\n",
    ]
    assert list(wireshark_lines(keys(TEXT))) == [f"0011223344556677,{KEY}\n"]
    with pytest.raises(ConfigurationError, match="line 2: neither an initiator's cookie"):
        keys("0011223344556677,aabb\n0011223344556677,aab\n")


def test_wiresharks_esp_table() -> None:
    table = (
        '"IPv4","192.0.2.1","192.0.2.2","0x0a0b0c0d","AES-CBC [RFC3602]","0x' + "11" * 16 + '",'
        '"HMAC-SHA-256-128 [RFC4868]","0x' + "22" * 32 + '"\n'
    )
    found = keys(table)
    assert [(secret.kind, secret.name, len(secret.octets)) for secret in found] == [
        ("tek", "0a0b0c0d", 16),
        ("tek_integrity", "0a0b0c0d", 32),
    ]
    row, other = csv.reader(esp_table_lines(found))
    assert (row[0], other) == ("IPv4", ["IPv6", *row[1:]])
    assert row[3:] == [
        "0x0a0b0c0d",
        "AES-CBC [RFC3602]",
        "0x" + "11" * 16,
        "HMAC-SHA-256-128 [RFC4868]",
        "0x" + "22" * 32,
    ]


@pytest.mark.parametrize("mode", ["main", "aggressive"])
def test_strongswans_log_opens_its_capture(mode: str) -> None:
    """Logs and captures of charon 5.9.8 with ``ike = 4``; its peer was this library."""
    found = read_keys(LOGS / f"strongswan-{mode}.log")
    assert [secret.kind for secret in found] == [
        *("dh_shared", "skeyid", "skeyid_d", "skeyid_a", "skeyid_e", "encryption_key"),
    ]
    (name,) = {secret.name for secret in found}
    capture = list(read(LOGS / f"strongswan-{mode}.pcap"))
    assert name == f"{capture[-1].octets[:8].hex()}:{capture[-1].octets[8:16].hex()}"
    for secrets in (
        found,
        Keyring(secret for secret in found if secret.kind is Kind.ENCRYPTION_KEY),
        Keyring(Secret(secret.kind, "*x", secret.octets) for secret in found),
    ):
        opened = list(Opener(secrets).feed_all(capture))
        assert {each.status for each in opened} == {Status.CLEAR, Status.OPENED}
        assert not any(each.failed for each in opened)
    proofs = {check.name: check.passed for each in Opener(found).feed_all(capture) for check in each.checks}
    assert proofs == {"HASH_I": True, "HASH_R": True, "HASH(1)": True}


def test_strongswans_log_without_nat_detection_gets_a_label() -> None:
    text = (LOGS / "strongswan-main.log").read_text()
    lines, skip = [], False
    for line in text.splitlines():
        skip = "natd_chunk =>" in line or (skip and " => " not in line and "   " in line)
        if not skip:
            lines.append(line)
    found = keys("\n".join(lines))
    assert {secret.name for secret in found} == {"*strongswan1"}
    capture = list(read(LOGS / "strongswan-main.pcap"))
    assert not any(each.failed for each in Opener(found).feed_all(capture))


def charon_dump(what: str, octets: bytes, thread: int = 1, size: str = "") -> str:
    """As charon's log has it: sixteen octets a line."""
    lines = [f"{thread:02}[IKE] <peer|1> {what} => {size or len(octets)} bytes @ 0x7f"]
    for at in range(0, len(octets), 16):
        digits = " ".join(f"{octet:02X}" for octet in octets[at : at + 16])
        lines.append(f"{thread:02}[IKE] <peer|1>    {at:3}: {digits}  ....")
    return "\n".join(lines) + "\n"


@pytest.mark.parametrize(
    "odd",
    [
        charon_dump("SKEYID", bytes(300)),
        charon_dump("SKEYID_a", b"", size="0") + "01[IKE] <peer|1>   0: 00 00\n",
        charon_dump("SKEYID_d", bytes(20), size="9" * 5000),
    ],
    ids=["300 octets", "none", "a size of 5,000 digits"],
)
def test_an_odd_dump_of_charon_does_not_cost_the_others(odd: str) -> None:
    good = charon_dump("SKEYID_e", b"e" * 20)
    for log in (odd + good, good + odd):
        assert [(secret.kind, secret.octets) for secret in keys(log)] == [(Kind.SKEYID_E, b"e" * 20)]


def test_an_odd_dump_of_pluto_does_not_cost_the_others() -> None:
    odd = "| Skeyid_a:\n" + "|   00 01 02 03  04 05 06 07  08 09 0a 0b  0c 0d 0e 0f\n" * 20
    found = {secret.kind: len(secret.octets) for secret in keys(odd + OLD_PLUTO)}
    assert found == {Kind.SKEYID: 20, Kind.SKEYID_E: 20, Kind.ENCRYPTION_KEY: 16}


def test_long_lines_of_a_log_take_no_time() -> None:
    start = charon_dump("natd_chunk", bytes(20))
    for line in ("1[IKE] < ", "1[IKE] <", " 1[IKE] <x> 0: 00 "):
        began = time.process_time()
        keys(start + line * (60_000 // len(line)) + "\n")
        assert time.process_time() - began < 0.3


def test_threads_and_what_they_have_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="line 1025: more than 1024 threads"):
        keys("".join(f"{thread}[IKE] SKEYID => 20 bytes\n" for thread in range(2000)))
    monkeypatch.setattr(limits, "SECRETS", 200)
    log = "".join(charon_dump("SKEYID", number.to_bytes(20, "big")) for number in range(100))
    assert len(keys(log)) == 100  # of no cookies, and in no order: none is lost
    with pytest.raises(ConfigurationError, match=r"limits\.SECRETS"):
        keys("".join(charon_dump("SKEYID", number.to_bytes(20, "big")) for number in range(300)))


def test_libreswans_log() -> None:
    """An excerpt of pluto 4.10 with all debugging: of IKEv1 it shows no key but the pre-shared one."""
    (secret,) = read_keys(LOGS / "libreswan-main.log")
    assert (secret.kind, secret.name) == (Kind.PSK, "fqdn:member.example")
    assert secret.octets == b"a key of some length"


OLD_PLUTO = """
| ICOOKIE:  00 11 22 33  44 55 66 77
| RCOOKIE:  88 99 aa bb  cc dd ee ff
| Skeyid:
|   00 01 02 03  04 05 06 07  08 09 0a 0b  0c 0d 0e 0f
|   10 11 12 13
| Skeyid_e:
|   20 21 22 23  24 25 26 27  28 29 2a 2b  2c 2d 2e 2f
|   30 31 32 33
| enc key:
|   40 41 42 43  44 45 46 47  48 49 4a 4b  4c 4d 4e 4f
| IV:
|   ff ff ff ff  ff ff ff ff
"""


def test_older_plutos_log() -> None:
    found = {secret.kind: secret for secret in keys(OLD_PLUTO)}
    assert {secret.name for secret in found.values()} == {COOKIES}
    assert found[Kind.SKEYID].octets == bytes(range(0x14))
    assert found[Kind.SKEYID_E].octets == bytes(range(0x20, 0x34))
    assert found[Kind.ENCRYPTION_KEY].octets == bytes(range(0x40, 0x50))


def test_scapys_form_makes_security_associations_that_open_packets() -> None:
    from scapy.layers.inet import IP
    from scapy.layers.ipsec import ESP

    lines = [
        "gsakmp-keys 1",
        f"tek 0a0b0c0d {'11' * 20}",
        f"tek 0a0b0c0e {'22' * 16}",
        f"tek_integrity 0a0b0c0e {'33' * 32}",
    ]
    made: dict[str, Any] = {}
    exec("".join(scapy_lines(keys("\n".join(lines)))), made)
    for spi in (0x0A0B0C0D, 0x0A0B0C0E):
        association = made["security_associations"][spi]
        packet = association.encrypt(IP(src="192.0.2.1", dst="192.0.2.2") / b"hello")
        opener = Opener(keys("\n".join(lines)))
        found = opener.feed(bytes(packet[ESP]))
        assert found.status is Status.OPENED
        assert found.plaintext_octets.endswith(b"hello")


def test_what_an_engine_tells() -> None:
    secret = engine_secret("kek", bytes(range(16)), b"\x01\x02")
    assert secret is not None
    assert key_line(secret) == "kek 0001020304050607:08090a0b0c0d0e0f 0102\n"
    assert engine_secret("tek_integrity", b"\1\2\3\4", b"") is None
    assert engine_secret("no kind", b"\1\2\3\4", b"x") is None
    assert engine_secret("kek", b"\1\2\3\4", b"x") is None


def test_comments_without_end_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gsakmp.captures.keyfile.LINES", 100)
    assert len(read_keys(io.BytesIO(b"gsakmp-keys 1\n" + b"# c\n" * 99))) == 0
    with pytest.raises(ConfigurationError, match="more than 100 lines"):
        read_keys(io.BytesIO(b"gsakmp-keys 1\n" + b"# c\n" * 100))
