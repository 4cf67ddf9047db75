"""What other programs send first, as captured from them."""

from __future__ import annotations

import socket
import subprocess
from typing import Any

import pytest

import gsakmp
from gsakmp.errors import PolicyRefused
from gsakmp.exchanges.phase1 import main
from gsakmp.exchanges.phase1.aggressive import AggressiveModeResponder
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.payloads import SA
from gsakmp.registries import DOINumber, NotifyType
from tests.conftest import require_tool
from tests.unit.exchanges.gdoi import stream
from tests.unit.exchanges.phase1 import COOKIE, GCKS, GCKS_AT, MEMBER_AT, NOW, configuration

IKE_SCAN_MAIN = bytes.fromhex(
    # ike-scan 1.9.5: 3DES and DES, SHA-1 and MD5, groups 2 and 1, with a pre-shared key.
    "effe881df6edfd9500000000000000000110020000000000000001500000013400000001000000010000012801010008"
    "030000240101000080010005800200028003000180040002800b0001000c000400007080"
    "030000240201000080010005800200018003000180040002800b0001000c000400007080"
    "030000240301000080010001800200028003000180040002800b0001000c000400007080"
    "030000240401000080010001800200018003000180040002800b0001000c000400007080"
    "030000240501000080010005800200028003000180040001800b0001000c000400007080"
    "030000240601000080010005800200018003000180040001800b0001000c000400007080"
    "030000240701000080010001800200028003000180040001800b0001000c000400007080"
    "000000240801000080010001800200018003000180040001800b0001000c000400007080"
)
IKE_SCAN_AGGRESSIVE = bytes.fromhex(
    # ike-scan 1.9.5 --aggressive: group 2 alone, and an empty user name for UDP 500 as identity.
    "3c2b3a7f6c569c460000000000000000011004000000000000000164040000a400000001000000010000009801010004"
    "030000240101000080010005800200028003000180040002800b0001000c000400007080"
    "030000240201000080010005800200018003000180040002800b0001000c000400007080"
    "030000240301000080010001800200028003000180040002800b0001000c000400007080"
    "000000240401000080010001800200018003000180040002800b0001000c000400007080"
    "0a00008438d744520cde3a9298e21142283b266358eaade10d68d9743427941fb0cec160df0449658f5595c1e6ab0101"
    "8b7f0a966187f02ee792f1219a52bb392830219c10f2bab08016720ae9e67255afef4d03ca5c5367618b8193585027d7"
    "52bef38353b495dba4aa35974142676d1a91ba25a3124e381e7d759d04aed396423321f1"
    "050000182730d9f6a6707249e2a84b349edde2e7183f0864"
    "00000008031101f4"
)


def weak(**options: Any) -> PhaseOneConfiguration:
    return configuration(
        GCKS,
        suites=("aes-128-sha256-group19", "3des-md5-group2", "3des-sha1-group2"),
        allow_weak=True,
        sa_doi=DOINumber.IPSEC,
        **options,
    )


def test_ike_scan_in_main_mode() -> None:
    answer = main.answer_offer(weak(), gsakmp.parse(IKE_SCAN_MAIN, port=500), IKE_SCAN_MAIN, COOKIE)
    chosen = gsakmp.parse(answer).payloads[0]
    assert isinstance(chosen, SA)
    (proposal,) = chosen.proposals
    (transform,) = proposal.transforms
    # Our own preference counts: its second offer, to the octet.
    assert transform.transform_number == 2
    octets = "0000002402" + "01000080010005800200018003000180040002800b0001000c000400007080"
    assert bytes.fromhex(octets) in answer


def test_ike_scan_without_anything_that_is_strong() -> None:
    ours = configuration(GCKS, sa_doi=DOINumber.IPSEC)
    with pytest.raises(PolicyRefused, match="3des-sha1-group2 with PRE_SHARED_KEY") as caught:
        main.answer_offer(ours, gsakmp.parse(IKE_SCAN_MAIN, port=500), IKE_SCAN_MAIN, COOKIE)
    assert caught.value.notify_type == NotifyType.NO_PROPOSAL_CHOSEN


def test_ike_scan_in_aggressive_mode() -> None:
    responder = AggressiveModeResponder(
        weak(), local=GCKS_AT, remote=MEMBER_AT, random=stream("ike-scan"), now=NOW
    )
    message = gsakmp.parse(IKE_SCAN_AGGRESSIVE, port=500)
    step = responder.receive(message, IKE_SCAN_AGGRESSIVE, NOW, GCKS_AT, MEMBER_AT)
    kinds = [type(payload).__name__ for payload in gsakmp.parse(step.send[0]).payloads]
    assert kinds[:5] == ["SA", "KeyExchange", "Nonce", "Identification", "Hash"]
    assert responder.sa is None


@pytest.mark.parametrize("options", [[], ["--aggressive"]], ids=["main", "aggressive"])
def test_the_installed_ike_scan(options: list[str]) -> None:
    """It understands our answer, which it gets over the loopback."""
    program = require_tool("ike-scan")
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ours:
        ours.bind(("127.0.0.1", 0))
        ours.settimeout(10)
        port = ours.getsockname()[1]
        command = [program, "--sport=0", f"--dport={port}", "--retry=1", "--timeout=3000", *options]
        with subprocess.Popen([*command, "127.0.0.1"], stdout=subprocess.PIPE, text=True) as process:
            octets, theirs = ours.recvfrom(4096)
            message = gsakmp.parse(octets, port=500)
            if options:
                responder = AggressiveModeResponder(
                    weak(), local=GCKS_AT, remote=MEMBER_AT, random=stream("ike-scan"), now=NOW
                )
                answer = responder.receive(message, octets, NOW, GCKS_AT, MEMBER_AT).send[0]
            else:
                answer = main.answer_offer(weak(), message, octets, COOKIE)
            ours.sendto(answer, theirs)
            output, _ = process.communicate(timeout=30)
    assert f"{'Aggressive' if options else 'Main'} Mode Handshake returned" in output
    for part in (
        "Enc=3DES",
        "Hash=MD5",
        "Group=2:modp1024",
        "Auth=PSK",
        "VID=4a131c81070358455c5728f20e95452f",
    ):
        assert part in output
    assert "1 returned handshake" in output
