"""ike-scan's probes, which our responder answers with what it would agree to."""

from __future__ import annotations

import hmac
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from hashlib import sha256
from pathlib import Path

import pytest

from gsakmp.doi import GDOI, IPSEC
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.phase1_suites import PhaseOneSuite, phase1_suite
from gsakmp.peers import Endpoint, EndpointConfiguration
from gsakmp.peers.events import DatagramRefused, ExchangeFailed
from gsakmp.registries import AuthenticationMethod, DOINumber
from tests.conftest import require_tool
from tests.interop.namespaces import NEAR, network, require_root
from tests.interop.shell import Shell
from tests.unit.exchanges.phase1 import GCKS, PSK, RSA, SHARED, configuration, credentials

require_root()
require_tool("ike-scan")

SECONDS = 10
SUITES = (
    "aes-128-sha256-group14",
    "aes-256-sha256-group19",
    "aes-192-sha384-group20",
    "aes-256-sha512-group21",
    "3des-sha1-group2",
    "3des-md5-group5",
)
HASHES = {
    "md5": "MD5",
    "sha1": "SHA1",
    "sha256": "SHA2-256",
    "sha384": "SHA2-384",
    "sha512": "SHA2-512",
}
GROUPS = {
    "group2": "2:modp1024",
    "group5": "5:modp1536",
    "group14": "14:modp2048",
    "group19": "19:ecp256",
    "group20": "20:ecp384",
    "group21": "21:ecp521",
}
"""What ike-scan calls them."""


@contextmanager
def responder(
    *suites: str,
    method: AuthenticationMethod = SHARED,
    key: bytes = PSK,
    gdoi: bool = False,
    aggressive: bool = True,
) -> Iterator[Shell]:
    """Ours, on every port; with weak suites, as old probes ask for nothing else."""
    phase1 = configuration(
        GCKS,
        method,
        suites,
        credentials=credentials(GCKS, method, key),
        doi=GDOI if gdoi else IPSEC,
        sa_doi=DOINumber.GDOI if gdoi else DOINumber.IPSEC,
        allow_weak=True,
        aggressive_responder=aggressive,
    )
    quick = RetransmissionPolicy(first=0.3, tries=2)
    engine = Endpoint(EndpointConfiguration(phase1=phase1, retransmission=quick), now=time.time())
    with network() as made, Shell(made, engine) as shell:
        yield shell


def scan(shell: Shell, *options: str) -> list[str]:
    """What it says of us, line by line."""
    probe = ("ike-scan", "--multiline", "--retry=3", "--timeout=900", *options, NEAR)
    process = shell.network.start("far", *probe, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    return [line.strip() for line in shell.run_beside(process, SECONDS).splitlines()]


def transform(name: str, method: int = 1) -> str:
    """The option that asks for a suite, in attributes of RFC 2409, appendix A."""
    suite: PhaseOneSuite = phase1_suite(name)
    length = f"14={suite.key_length}," if suite.key_length else ""
    return f"--trans=(1={int(suite.encryption)},{length}2={int(suite.hash)},3={method},4={int(suite.group)})"


def proposal(name: str, auth: str = "PSK") -> str:
    """How it lists a suite."""
    cipher, hash_name, group = name.rsplit("-", 2)
    listed = "Enc=3DES" if cipher == "3des" else f"Enc=AES KeyLength={cipher.removeprefix('aes-')}"
    return f"SA=({listed} Hash={HASHES[hash_name]} Auth={auth} Group={GROUPS[group]})"


@pytest.mark.parametrize("suite", SUITES)
def test_main_mode_lists_our_proposal(suite: str) -> None:
    with responder(suite) as shell:
        said = scan(shell, transform(suite))
        assert f"{NEAR}\tMain Mode Handshake returned" in said
        assert proposal(suite) in said
        assert "VID=4a131c81070358455c5728f20e95452f (RFC 3947 NAT-T)" in said
        assert "VID=afcad71368a1f1c96b8696fc77570100 (Dead Peer Detection v1.0)" in said
        assert "VID=4048b7d56ebce88525e7de7f00d6c2d3 (IKE Fragmentation)" in said


def test_main_mode_with_signatures() -> None:
    with responder(SUITES[0], method=RSA) as shell:
        assert proposal(SUITES[0], "RSA_Sig") in scan(shell, transform(SUITES[0], 3))


def test_the_suite_that_we_prefer_is_chosen() -> None:
    with responder(*SUITES) as shell:
        said = scan(shell, *(transform(suite) for suite in reversed(SUITES)))
        assert proposal(SUITES[0]) in said


def test_its_own_offers() -> None:
    with responder(*SUITES) as shell:
        said = scan(shell)
        lifetime = "LifeType=Seconds LifeDuration(4)=0x00007080"
        assert f"{proposal('3des-sha1-group2').removesuffix(')')} {lifetime})" in said


def test_nothing_is_kept_of_main_mode_and_nothing_said_twice() -> None:
    with responder(SUITES[0]) as shell:
        scan(shell, transform(SUITES[0]))
        assert not shell.run(1.0, lambda: len(shell.sent) > 1)
        assert shell.engine.next_timeout() is None


def test_at_4500_behind_the_marker() -> None:
    with responder(SUITES[0]) as shell:
        assert proposal(SUITES[0]) in scan(shell, "--nat-t", transform(SUITES[0]))
        assert [source.port for source, _, _ in shell.sent] == [4500]


def test_gdoi() -> None:
    with responder(SUITES[0], gdoi=True) as shell:
        probe = ("--doi=2", "--situation=0", "--dport=848", "--sport=848", transform(SUITES[0]))
        assert any("Main Mode Handshake returned" in line for line in scan(shell, *probe))
        assert [source.port for source, _, _ in shell.sent] == [848]


@pytest.mark.parametrize("mode", [(), ("--aggressive", "--id=member.example", "--idtype=2", "--dhgroup=14")])
def test_what_we_do_not_take_gets_no_answer(mode: tuple[str, ...]) -> None:
    with responder("aes-256-sha256-group14") as shell:
        said = scan(shell, transform("aes-128-sha256-group14"), *mode)
        assert any("0 returned handshake; 0 returned notify" in line for line in said)
        refusals = shell.told(DatagramRefused)
        assert refusals
        for refusal in refusals:
            assert "aes-128-sha256-group14 with PRE_SHARED_KEY" in refusal.problem
        assert not shell.sent


def aggressive_scan(shell: Shell, suite: str, *options: str) -> list[str]:
    group = f"--dhgroup={suite.rpartition('group')[2]}"
    who = ("--id=member.example", "--idtype=2")
    return scan(shell, "--aggressive", *who, group, transform(suite), *options)


@pytest.mark.parametrize("suite", ["aes-128-sha256-group14", "aes-256-sha512-group14", "3des-sha1-group2"])
def test_aggressive_mode_lists_our_proposal(suite: str) -> None:
    with responder(suite) as shell:
        said = aggressive_scan(shell, suite)
        assert f"{NEAR}\tAggressive Mode Handshake returned" in said
        assert proposal(suite) in said
        assert "Nonce(32 bytes)" in said
        assert "ID(Type=ID_FQDN, Value=gcks.example)" in said
        # Who asks and says no more is forgotten.
        assert shell.run(SECONDS, lambda: shell.told(ExchangeFailed))
        assert shell.engine.next_timeout() is None


def test_aggressive_mode_must_be_wanted() -> None:
    with responder(SUITES[0], aggressive=False) as shell:
        said = aggressive_scan(shell, SUITES[0])
        assert any("0 returned handshake" in line for line in said)
        assert not shell.sent


def test_hash_r_is_that_of_what_ike_scan_has_seen() -> None:
    with responder(SUITES[0]) as shell:
        said = aggressive_scan(shell, SUITES[0], "--pskcrack")
    (line,) = [line for line in said if line.count(":") == 8 and line.startswith(tuple("0123456789abcdef"))]
    g_xr, g_xi, cky_r, cky_i, sai_b, idir_b, ni_b, nr_b, hash_r = map(bytes.fromhex, line.split(":"))
    skeyid = hmac.digest(PSK, ni_b + nr_b, sha256)  # RFC 2409, 5
    assert hmac.digest(skeyid, g_xr + g_xi + cky_r + cky_i + sai_b + idir_b, sha256) == hash_r


@pytest.mark.parametrize("suite", ["3des-sha1-group2", "3des-md5-group5"])
def test_psk_crack_finds_our_key(suite: str, tmp_path: Path) -> None:
    require_tool("psk-crack")
    words, found = tmp_path / "words", tmp_path / "found"
    words.write_text("another\nneedle\nhay\n")  # it takes no word with a space in it
    with responder(suite, key=b"needle") as shell:
        aggressive_scan(shell, suite, f"--pskcrack={found}")
        crack = ("psk-crack", f"--dictionary={words}", str(found))
        process = shell.network.start("far", *crack, stdout=subprocess.PIPE)
        assert 'key "needle" matches' in shell.run_beside(process, SECONDS)
