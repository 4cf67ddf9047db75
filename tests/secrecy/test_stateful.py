"""Every algorithm against the model, with histories of Hypothesis's making; `tests.secrecy.run` has more."""

from __future__ import annotations

import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    precondition,
    rule,
    run_state_machine_as_test,
)

from gsakmp.crypto import kek_cipher
from gsakmp.registries import KEKAlgorithm
from tests.secrecy.histories import AUDITS, CHOICES, LENGTHS
from tests.secrecy.world import World

PEOPLE = st.lists(st.integers(0, 30), min_size=1, max_size=12, unique=True)


class Machine(RuleBasedStateMachine):
    """A group; the model looks at it when all is over."""

    name: str

    def __init__(self) -> None:
        super().__init__()
        self.world: World | None = None

    def does(self, verb: Callable[..., None], *given: Any) -> None:
        """Nobody looks at a world in which a verb raised."""
        world, self.world = self.world, None
        verb(*given)
        self.world = world

    @initialize(seed=st.integers(0, 1 << 16), length=st.sampled_from(LENGTHS), who=PEOPLE)
    def start(self, seed: int, length: int, who: list[int]) -> None:
        cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, length)
        world = World(CHOICES[self.name](random.Random(seed), cipher), cipher, seed)
        world.start(who)
        self.world = world

    @rule(who=PEOPLE, backward=st.booleans())
    def join(self, who: list[int], backward: bool) -> None:
        self.does(self.world.join, who, backward)

    @rule(who=PEOPLE)
    def leave(self, who: list[int]) -> None:
        self.does(self.world.leave, who)

    @precondition(lambda self: self.world is not None and self.world.members)
    @rule(data=st.data())
    def one_leaves(self, data: st.DataObject) -> None:
        self.does(self.world.leave, [data.draw(st.sampled_from(sorted(self.world.members)))])

    @rule(who=PEOPLE)
    def retain(self, who: list[int]) -> None:
        self.does(self.world.retain, [one for one in who if one in self.world.members])

    @rule()
    def renew(self) -> None:
        self.does(self.world.renew)

    @precondition(lambda self: self.world is not None and self.world.members)
    @rule(data=st.data())
    def pull(self, data: st.DataObject) -> None:
        self.does(self.world.pull, data.draw(st.sampled_from(sorted(self.world.members))))

    @rule()
    def restore(self) -> None:
        self.does(self.world.restore)

    def teardown(self) -> None:
        if self.world is not None:
            AUDITS[self.name](self.world.finish())


@pytest.mark.parametrize("name", CHOICES)
def test_members_and_nobody_else(name: str) -> None:
    machine = type(f"Machine_{name}", (Machine,), {"name": name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=40, stateful_step_count=15, deadline=None, suppress_health_check=list(HealthCheck)
        ),
    )
