"""Random histories of a small group, the same for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable
from contextlib import nullcontext
from unittest.mock import patch

from gsakmp.crypto import CBCCipher, kek_cipher
from gsakmp.errors import ConfigurationError
from gsakmp.group.rekey import FlatRekey, RekeyAlgorithm, lkh_ids
from gsakmp.group.rekey.lkh import LKHRekey
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.registries import KEKAlgorithm
from tests.secrecy import oneway, wraps
from tests.secrecy.world import Broken, Record, World

LARGEST = 40
"""Members at a time."""
OPERATIONS = 12
LENGTHS = (128, 192, 256)

Make = Callable[[], RekeyAlgorithm]
Choice = Callable[[random.Random, CBCCipher], Make]
"""An algorithm as a policy may have it, by chance."""


ROOM = (100, 200, 300, 1024)
"""Octets of keys in one push: mostly less than there really is, so that small groups take several."""


def flat(chance: random.Random, cipher: CBCCipher) -> Make:
    own_keys, room = chance.random() < 0.7, chance.choice(ROOM)
    return lambda: FlatRekey(cipher, own_keys=own_keys, update_octets=room)


def lkh(chance: random.Random, cipher: CBCCipher) -> Make:
    """Where there are several trees, LKH ids are so few that these small groups need them all."""
    degree, trees, room = chance.randint(2, 8), chance.choice((1, 1, 2, 3, 5)), chance.choice(ROOM)
    with patch.object(lkh_ids, "IDS", 4) if trees > 1 else nullcontext():
        while trees > 1 and lkh_room(degree, trees) < LARGEST:
            lkh_ids.IDS += 1
        ids = lkh_ids.IDS

    def make() -> RekeyAlgorithm:
        with patch.object(lkh_ids, "IDS", ids):
            return LKHRekey(cipher, degree=degree, trees=trees, update_octets=room)

    return make


def lkh_room(degree: int, trees: int) -> int:
    try:
        return lkh_ids.capacity_of(degree, trees)
    except ConfigurationError:
        return 0


def oft(chance: random.Random, cipher: CBCCipher) -> Make:
    room = chance.choice(ROOM)
    return lambda: OFTRekey(cipher, update_octets=room)


CHOICES: dict[str, Choice] = {"flat": flat, "lkh": lkh, "oft": oft}
AUDITS: dict[str, Callable[[Record], None]] = {
    "flat": wraps.audit,
    "lkh": wraps.audit,
    "oft": oneway.audit,
}


def checked(
    name: str, seed: int, operations: int = OPERATIONS, choice: Choice | None = None, listening: bool = True
) -> World:
    """A history, and the model on it. Raises `Broken`, which tells the history."""
    chance = random.Random(seed)
    cipher = kek_cipher(KEKAlgorithm.KEK_ALG_AES, chance.choice(LENGTHS))
    make = (choice or CHOICES[name])(chance, cipher)
    world = World(make, cipher, chance.getrandbits(64), listening=listening)
    try:
        play(world, chance, operations)
        AUDITS[name](world.finish())
    except Exception as error:  # whatever it is, the history is what matters
        raise Broken(f"{type(error).__name__}: {error} after {world.record.story()}") from error
    return world


def smallest(name: str, seed: int, choice: Choice | None = None, listening: bool = True) -> str:
    """What is wrong with a history, in the fewest of its first operations."""
    for operations in range(OPERATIONS + 1):
        try:
            checked(name, seed, operations, choice, listening)
        except Broken as found:
            return str(found)
    return "nothing is wrong"


def play(world: World, chance: random.Random, operations: int) -> None:
    """Backward rekey is on always, never, or as it comes; people come back; batches may be large."""
    backward = chance.choice((1.0, 1.0, 0.5, 0.0))
    people = range(chance.choice((4, 12, LARGEST, LARGEST)))
    world.start(chance.sample(people, chance.choice((0, 1, 2, len(people) // 3))))
    for _ in range(operations):
        step(world, chance, people, backward)


def step(world: World, chance: random.Random, people: range, backward: float) -> None:
    present = sorted(world.members)
    absent = [one for one in people if one not in world.members]
    match chance.choices(VERBS, WEIGHTS)[0]:
        case "join":
            who = some(chance, absent) if absent and chance.random() < 0.9 else some(chance, list(people))
            world.join(who, chance.random() < backward)
        case "leave":
            world.leave(some(chance, present or absent))
        case "retain":
            gone = set(some(chance, present)) if present else set()
            world.retain([one for one in present if one not in gone])
        case "renew":
            world.renew()
        case "pull" if present:
            world.pull(chance.choice(present))
        case "start":
            world.start(present)
        case _:
            world.restore()


VERBS = ("join", "leave", "retain", "renew", "pull", "restore", "start")
WEIGHTS = (36, 36, 5, 6, 4, 10, 1)


def some(chance: random.Random, among: list[int]) -> list[int]:
    """One mostly, now and then a batch."""
    count = chance.choice((1, 1, 1, 2, 3, 8, 20))
    return chance.sample(among, min(count, len(among)))
