"""What a rekey algorithm makes of persisted octets that are not its own any more: `StateError`, or a structure
that works; never anything else."""

from __future__ import annotations

from random import Random

import pytest

from gsakmp.crypto import kek_cipher, system_random
from gsakmp.errors import StateError
from gsakmp.group.rekey import RekeyAlgorithm, RekeySettings, rekey_algorithm
from gsakmp.identities import Identity
from gsakmp.registries import KEKAlgorithm

CIPHER = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
SETTINGS = RekeySettings(eviction="own-keys", degree=3)
NAMES = ["flat", "lkh", "oft"]
MEMBERS = [Identity.from_text(f"fqdn:member{number}.example") for number in range(40)]
SPI = bytes(16)


def fresh(name: str) -> RekeyAlgorithm:
    return rekey_algorithm(name, CIPHER, SETTINGS)


def persisted(name: str) -> tuple[bytes, dict[bytes, bytes]]:
    """After some changes."""
    algorithm = fresh(name)
    plans = [
        algorithm.start(MEMBERS[:30], system_random),
        algorithm.remove(MEMBERS[5:15], SPI, system_random),
        algorithm.add(MEMBERS[30:35], SPI, False, system_random),
    ]
    parts: dict[bytes, bytes] = {}
    for plan in plans:
        parts |= plan.parts
    return plans[-1].state, {part: octets for part, octets in parts.items() if octets}


def check(name: str, state: bytes, parts: dict[bytes, bytes]) -> None:
    """It is refused, or serves."""
    algorithm = fresh(name)
    try:
        algorithm.restore(state, parts)
    except StateError:
        return
    for member in MEMBERS:
        if member in algorithm:
            assert algorithm.download(member)
    algorithm.remove(MEMBERS[:2], SPI, system_random)
    algorithm.add(MEMBERS[:2], SPI, True, system_random)


@pytest.mark.parametrize("name", NAMES)
def test_every_octet_of_the_record_may_be_any(name: str) -> None:
    state, parts = persisted(name)
    check(name, state, parts)
    for at in range(len(state)):
        check(name, state[:at], parts)
        for octet in (0x00, 0x7F, 0x80, 0xC1, 0xFF, state[at] ^ 1):
            check(name, state[:at] + bytes([octet]) + state[at + 1 :], parts)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("seed", range(60))
def test_parts_that_are_damaged(name: str, seed: int) -> None:
    state, parts = persisted(name)
    random = Random(seed)
    part = random.choice(list(parts))
    octets = bytearray(parts[part])
    match seed % 4:
        case 0:
            del octets[random.randrange(len(octets)) :]
        case 1:
            octets[random.randrange(len(octets))] ^= 1 << random.randrange(8)
        case 2:
            del parts[part]
            part = bytes(random.randrange(256) for _ in part)
        case 3:
            part += b"\0"
    check(name, state, parts | {part: bytes(octets)})


def test_a_text_that_is_none() -> None:
    for name in ("lkh", "oft"):
        state, parts = persisted(name)
        at = state.index(b"AES-128-CBC")
        with pytest.raises(StateError):
            fresh(name).restore(state[:at] + b"\xff" + state[at + 1 :], parts)
