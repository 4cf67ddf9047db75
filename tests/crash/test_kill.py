"""The key server is killed with SIGKILL while members register and are rekeyed, and started again."""

from __future__ import annotations

import os
import struct
import sys

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

from gsakmp.group.records import GroupState
from gsakmp.identities import Identity
from tests.crash.judge import Judge
from tests.crash.run import table, trial
from tests.unit.store.examples import SPI, rekey_sa

KILLS = int(os.environ.get("GSAKMP_KILLS", "20"))
"""How often; .ci/run says 300."""
SEED = 6407

linux = pytest.mark.skipif(sys.platform != "linux", reason="Linux has all of 127.0.0.0/8 on its loopback")


@pytest.mark.slow
@linux
def test_a_key_server_that_is_killed_uses_nothing_twice_and_loses_nothing() -> None:
    tally = trial(KILLS, SEED)
    print(table(tally))
    counts = tally.counts
    assert tally.kills.total() == KILLS
    assert counts["looks into the store"] == KILLS + 1
    # it did work between the kills, and was killed in the midst of it
    assert counts["registrations"] > KILLS / 4
    assert counts["pushes"] > KILLS
    assert counts["keys given, and found in the store"] > KILLS
    assert counts["members found in the store"] > KILLS
    assert counts["rekeys acknowledged"] > 0
    assert counts["registrations under way at a kill"] > KILLS / 2
    if KILLS >= 100:
        assert counts["numbers spent, and never sent"] > 0, "no kill came between a commit and its push"
        assert counts["evictions acknowledged"] > 0


@linux
def test_a_key_server_that_sends_before_it_commits_is_found_out() -> None:
    """The judge can say no: of a store that writes later than it says, a kill leaves too little."""
    with pytest.raises(AssertionError, match=r"is lost|twice|two keys|knows nothing"):
        trial(60, SEED, fault="late")


def push(number: int, rest: bytes, key: bytes = b"\x0a" * 32) -> bytes:
    """The beginning of a push: header and SEQ (RFC 6407, 4 and 5.7), AES in CBC mode under IV and key."""
    plain = struct.pack("!BxHI", 5, 8, number) + rest
    encryptor = Cipher(algorithms.AES(key[16:]), modes.CBC(key[:16])).encryptor()
    return SPI + struct.pack("!BBBBII", 18, 0x10, 33, 1, 0, 28 + len(plain)) + encryptor.update(plain)


@pytest.mark.parametrize(
    ("pushes", "sent", "verdict"),
    [
        ([push(1, bytes(8)), push(1, bytes(7) + b"x")], 1, "used twice"),
        ([push(2, bytes(8))], 1, "2 was sent under 00112233445566778899aabbccddeeff, and is lost"),
        ([push(1, bytes(8), key=bytes(32))], 1, None),
        ([push(1, bytes(8)), push(1, bytes(8)), push(2, bytes(8))], 2, ""),
    ],
)
def test_the_judge_of_pushes(pushes: list[bytes], sent: int, verdict: str | None) -> None:
    state = GroupState(name="own", identity=Identity.from_text("key-id:0x01"), created_at=0.0)
    state.rekey_sas[SPI] = rekey_sa(sequence_number=sent)
    judge = Judge(("own",))
    for octets in pushes:
        judge.push(0, octets)
    if verdict == "":
        judge.look({"own": state}, 0.0)
        assert judge.counts["pushes"] == 2
        return
    with pytest.raises((AssertionError, ValueError), match=verdict or "does not open"):
        judge.look({"own": state}, 0.0)
