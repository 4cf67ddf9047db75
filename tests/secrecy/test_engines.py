"""The model on the wire, and that it sees a server that forgets its duty."""

from __future__ import annotations

from typing import Any
from unittest.mock import patch

import msgspec
import pytest

from gsakmp.group.rekeying import Rekeying
from tests.secrecy import engines
from tests.secrecy.engines import audit, history, watched
from tests.secrecy.world import Broken
from tests.unit.group.server_rig import policy

HISTORIES = 25


@pytest.mark.parametrize("management", ["flat", "lkh", "oft"])
def test_pushes_tell_members_alone(management: str) -> None:
    for seed in range(HISTORIES):
        history(management, seed)


def group(management: str, **changes: Any) -> Any:
    base = policy(**changes)
    rekey = msgspec.structs.replace(base.rekey[0], management=management)
    return watched(msgspec.structs.replace(base, rekey=(rekey,)), 1)


@pytest.mark.parametrize("management", ["flat", "lkh", "oft"])
def test_joiners_that_share_a_kek_are_told_nothing_of_the_past(management: str) -> None:
    """Backward rekey: m5 comes right after KEK was renewed, when nothing was pushed under it yet. What it is given
    must not open the arrays of m0's eviction, under whose KEK data keys went out."""
    with group(management, backward_rekey="new-kek", forward_rekey=True) as world:
        for who in range(5):
            world.join(who)
        world.wait(10.0)
        world.leave(0)
        world.wait(10.0)
        world.server.rekey(world.now, kek=True, data=False)
        world.settle()
        for who in (5, 6):
            world.join(who)
        world.wait(engines.SETTLED)
        world.snapshot(world.server._core.algorithms[0])
        audit(world)


def test_a_restart_gives_who_came_since_no_older_data_keys() -> None:
    """Backward rekey, no forward rekey: m1 comes under a KEK of its own and goes; then the server starts anew
    and may push the data keys in force, but not under m1's KEK: they are older than its coming."""
    with group("flat", backward_rekey="new-kek", forward_rekey=False) as world:
        world.join(0)
        world.wait(2.0)
        world.join(1)
        world.leave(1)
        world.crash()
        world.wait(engines.SETTLED)
        world.snapshot(world.server._core.algorithms[0])
        audit(world)


@pytest.mark.parametrize("management", ["lkh", "oft"])
def test_a_server_that_forgets_who_left_is_caught(management: str) -> None:
    """It renews the KEK and makes new data keys, but the leaver stays in the structure."""

    def forgotten(self: Rekeying, index: int, now: float, reason: str) -> bool:
        self.core.leaving[index].known.clear()
        return self.replace_kek(index, now, reason, lambda it, spi: it.renew(spi, self.core.random))

    with patch.object(Rekeying, "_shut_out", forgotten), pytest.raises(Broken, match="not shut out in time"):
        evicted(management)


@pytest.mark.parametrize("management", ["lkh", "oft"])
def test_data_keys_under_the_old_kek_are_caught(management: str) -> None:
    """The KEK changes after the data keys have gone out under the one that the leaver has."""
    honest = Rekeying.shut_out

    def early(self: Rekeying, now: float, reason: str, *given: Any, **more: Any) -> None:
        push_data, self.push_data = self.push_data, lambda *_given, **_more: None
        honest(self, now, reason, *given, **more)
        self.push_data = push_data
        for record in self.core.ledger.rekey_records(retired=True):
            data = tuple(one.sa for one in self.core.ledger.data_records())
            self.core.push(record.sa.spi, engines.data_payloads(data, now), reason, now)

    with (
        patch.object(Rekeying, "shut_out", early),
        pytest.raises(Broken, match="past members know a data key"),
    ):
        evicted(management)


def evicted(management: str) -> None:
    with group(management, forward_rekey=True) as world:
        for who in range(4):
            world.join(who)
        world.wait(10.0)
        world.leave(2)
        world.snapshot(world.server._core.algorithms[0])
        audit(world)
