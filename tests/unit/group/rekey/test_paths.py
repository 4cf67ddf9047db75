"""What a member makes of update arrays, whose octets the test makes itself."""

from __future__ import annotations

import itertools

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.errors import DecodeError
from gsakmp.group.rekey.paths import PathKeys
from gsakmp.payloads import Attribute, KeyPacket, LKHDownloadArray, LKHKey, LKHUpdateArray
from gsakmp.registries import KEKAlgorithm, KEKKeyAttribute, KeyDownloadType, LKHKeyAttribute
from tests.unit.group.rekey.lkh_world import AES_128, over_the_wire

LEAF, INNER, ROOT = 5, 2, 0
Named = tuple[int, int]
"""A node and a handle."""


def key(named: Named) -> bytes:
    """IV and key that tests give a name: any octets, different for each."""
    return bytes([named[0] + 1, named[1] % 256] * 16)


def wrapped(under: Named, target: Named, data: bytes | None = None) -> LKHKey:
    context = Cipher(AES(key(under)[16:]), CBC(key(under)[:16])).encryptor()
    octets = context.update(data or key(target)) + context.finalize()
    return lkh_key(target, octets)


def lkh_key(named: Named, octets: bytes) -> LKHKey:
    return LKHKey(lkh_id=named[0], key_type=KEKAlgorithm.KEK_ALG_AES, key_handle=named[1], key_data=octets)


def array(under: Named, *path: Named) -> Attribute:
    """Keys on the way up, each under the one before it."""
    keys = tuple(wrapped(one, other) for one, other in itertools.pairwise((under, *path)))
    return update(under, keys)


def update(under: Named, keys: tuple[LKHKey, ...]) -> Attribute:
    value = LKHUpdateArray(lkh_id=under[0], key_handle=under[1], lkh_keys=keys)
    return Attribute(LKHKeyAttribute.LKH_UPDATE_ARRAY, value)


def push(*arrays: Attribute) -> tuple[KeyPacket, ...]:
    packet = KeyPacket(kd_type=KeyDownloadType.LKH, spi=bytes(16), attributes=arrays)
    return over_the_wire((packet,))


def installed() -> PathKeys:
    """Who holds a leaf, a node above it and the root, each with handle 1."""
    path = tuple(lkh_key((node, 1), key((node, 1))) for node in (LEAF, INNER, ROOT))
    value = Attribute(LKHKeyAttribute.LKH_DOWNLOAD_ARRAY, LKHDownloadArray(lkh_keys=path))
    keys = PathKeys(AES_128)
    keys.install((KeyPacket(kd_type=KeyDownloadType.LKH, attributes=(value,)),))
    return keys


def follow(keys: PathKeys, *arrays: Attribute) -> bytes | None:
    found = keys.follow(push(*arrays), AES_128)
    return found.build() if found is not None else None


JOIN = (array((INNER, 1), (INNER, 2), (ROOT, 2)), array((ROOT, 1), (ROOT, 2)))
"""A newcomer below the node: both its keys under their old ones."""


@pytest.mark.parametrize("order", [JOIN, JOIN[::-1]])
def test_arrays_of_one_push_in_any_order(order: tuple[Attribute, ...]) -> None:
    keys = installed()
    assert follow(keys, *order) == key((ROOT, 2))
    assert follow(keys, array((INNER, 2), (ROOT, 3))) == key((ROOT, 3))
    assert follow(keys, array((ROOT, 3), (ROOT, 4))) == key((ROOT, 4))


@pytest.mark.parametrize("order", [JOIN, JOIN[::-1]])
def test_arrays_of_several_pushes_in_any_order(order: tuple[Attribute, ...]) -> None:
    """Deeper keys are kept that come when the new KEK is known already."""
    keys = installed()
    assert follow(keys, order[0]) == key((ROOT, 2))
    assert follow(keys, order[1]) in (None, key((ROOT, 2)))
    assert follow(keys, array((INNER, 2), (ROOT, 3))) == key((ROOT, 3))


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))))
def test_an_array_may_start_from_a_key_that_another_brought(order: tuple[int, ...]) -> None:
    arrays = (
        array((LEAF, 1), (INNER, 2), (ROOT, 2)),
        array((INNER, 2), (9, 1), (ROOT, 2)),
        array((9, 1), (8, 1), (ROOT, 2)),
    )
    keys = installed()
    assert follow(keys, *(arrays[nth] for nth in order)) == key((ROOT, 2))
    assert follow(keys, array((8, 1), (ROOT, 3))) == key((ROOT, 3))


def test_a_late_array_does_not_bring_replaced_keys_back() -> None:
    keys = installed()
    assert follow(keys, array((LEAF, 1), (INNER, 2), (ROOT, 2))) == key((ROOT, 2))
    assert follow(keys, array((LEAF, 1), (INNER, 3), (ROOT, 3))) == key((ROOT, 3))
    assert follow(keys, array((LEAF, 1), (INNER, 2), (ROOT, 2))) is None
    assert follow(keys, array((INNER, 3), (ROOT, 4))) == key((ROOT, 4))


def test_arrays_for_others_lead_nowhere() -> None:
    keys = installed()
    assert follow(keys, array((LEAF, 2), (ROOT, 2)), array((7, 1), (ROOT, 2))) is None
    assert follow(keys, array((LEAF, 1), (ROOT, 2))) == key((ROOT, 2))


TWO_ROOTS = (array((LEAF, 1), (ROOT, 2)), array((INNER, 1), (ROOT, 3)))
TWO_KEYS = (
    array((LEAF, 1), (INNER, 2), (ROOT, 2)),
    update((INNER, 1), (wrapped((INNER, 1), (INNER, 2), key((INNER, 9))), wrapped((INNER, 9), (ROOT, 2)))),
)
TWO_HANDLES = (array((LEAF, 1), (INNER, 2), (ROOT, 2)), array((INNER, 1), (INNER, 3), (ROOT, 2)))
SAME_HANDLE = (
    update((LEAF, 1), (wrapped((LEAF, 1), (INNER, 1), key((INNER, 9))), wrapped((INNER, 9), (ROOT, 2)))),
)


@pytest.mark.parametrize("arrays", [TWO_ROOTS, TWO_KEYS, TWO_HANDLES, SAME_HANDLE])
def test_contradictions_change_nothing(arrays: tuple[Attribute, ...]) -> None:
    for order in (arrays, arrays[::-1]):
        keys = installed()
        with pytest.raises(DecodeError):
            follow(keys, *order)
        assert follow(keys, *JOIN) == key((ROOT, 2))


def test_a_plain_kek_that_is_another_than_the_arrays() -> None:
    plain = Attribute(KEKKeyAttribute.KEK_ALGORITHM_KEY, key((ROOT, 7)))
    packet = KeyPacket(kd_type=KeyDownloadType.KEK, spi=bytes(16), attributes=(plain,))
    keys = installed()
    with pytest.raises(DecodeError):
        keys.follow((packet, *push(*JOIN)), AES_128)
    assert follow(keys, *JOIN) == key((ROOT, 2))
