"""A process that is killed: what it said is durable is there, and nothing is half there."""

from __future__ import annotations

import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from gsakmp.group import records as r
from gsakmp.store import SQLStore
from tests.unit.store.examples import GROUP, KEY, SPI, put_group, rekey_sa

KILLS = 20
MEMBERS = 40

CHILD = """
import sys
from gsakmp.group import records as r
from gsakmp.identities import Identity
from gsakmp.store import SQLStore

path, key, group, spi, members = sys.argv[1:]
store = SQLStore(path, bytes.fromhex(key))
number = store.load()[group].rekey_sas[bytes.fromhex(spi)].sa.sequence_number
while True:
    number += 1
    people = [Identity.from_text(f"fqdn:m{n}.example") for n in range(int(members))]
    store.commit([
        r.AdvanceSequenceNumber(group=group, spi=bytes.fromhex(spi), sequence_number=number),
        r.PutRekeyAlgorithm(group=group, policy_index=0, state=number.to_bytes(1000, "big")),
        *(r.RemoveMember(group=group, identity=one) for one in people[number % 2 :: 2]),
        *(
            r.PutMember(group=group, record=r.MemberRecord(identity=one, registered_at=0.0, acknowledged=number))
            for one in people[1 - number % 2 :: 2]
        ),
        r.AllocateSenderIDs(group=group, next_sender_id=number),
        r.Audit(group=group, at=float(number), kind="rekeyed"),
    ])
    print(number, flush=True)
"""


def killed_run(path: Path, lines: int, delay: float) -> list[int]:
    """The numbers that a child said are durable, before it was killed in the midst of its work."""
    command = [sys.executable, "-c", CHILD, str(path), KEY.hex(), GROUP, SPI.hex(), str(MEMBERS)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        assert child.stdout
        said = [int(child.stdout.readline()) for _ in range(lines)]
        time.sleep(delay)
        child.kill()
        rest = child.stdout.read()
    # a last line without its end may be part of a number
    return said + [int(line) for line in rest[: rest.rfind("\n") + 1].split()]


@pytest.mark.slow
def test_what_was_acknowledged_survives_a_kill_and_nothing_is_half(tmp_path: Path) -> None:
    path, dice, ends = tmp_path / "store", random.Random(8), []
    with SQLStore(path, KEY) as store:
        store.commit([put_group(), r.PutRekeySA(group=GROUP, record=rekey_sa())])
    for _ in range(KILLS):
        acknowledged = killed_run(path, dice.randrange(1, 40), dice.random() * 0.01)[-1]
        with SQLStore(path, KEY) as store:
            store.check_integrity()
            state = store.load()[GROUP]
            entries = store.audit(limit=100_000)
        number = state.rekey_sas[SPI].sa.sequence_number
        assert acknowledged <= number <= acknowledged + 1, "one batch may be durable and not yet said so"
        assert int.from_bytes(state.rekey_algorithm[0], "big") == number
        assert state.next_sender_id == number
        assert [entry.at for entry in entries] == [float(n + 1) for n in range(number)]
        expected = {f"fqdn:m{n}.example" for n in range(1 - number % 2, MEMBERS, 2)}
        assert {identity.to_text() for identity in state.members} == expected
        assert {member.acknowledged for member in state.members.values()} == {number}
        ends.append(number)
    assert ends == sorted(set(ends)), "each run went on where the last one ended"
