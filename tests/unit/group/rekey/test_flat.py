"""The flat rekey algorithm, against a model of who can read what.

The adversary is as strong as it can be: a party keeps every key that it was ever given, sees every packet of
every push, and opens whatever any of its keys opens, by code of its own over the provider's cipher. What it
opens counts where it is a key that there really was.
"""

from __future__ import annotations

import random as standard_random
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.crypto import KEK, kek_cipher, system_random
from gsakmp.errors import ConfigurationError, DecodeError, StateError
from gsakmp.group import rekey
from gsakmp.group.rekey import (
    FlatRekey,
    PathKeys,
    RekeyPlan,
    RekeySettings,
    member_keys,
    rekey_algorithm,
)
from gsakmp.identities import Identity
from gsakmp.message import Message, parse
from gsakmp.payloads import (
    Attribute,
    Identification,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    LKHKey,
    LKHUpdateArray,
)
from gsakmp.registries import KEKAlgorithm, KEKManagementAlgorithm

AES_128 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
AES_192 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 192)
AES_256 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 256)
CIPHERS = [AES_128, AES_192, AES_256]


def member(number: int) -> Identity:
    return Identity.from_text(f"fqdn:m{number}.example")


def spi(number: int) -> bytes:
    return number.to_bytes(16, "big")


def over_the_wire(packets: tuple[KeyPacket, ...]) -> tuple[KeyPacket, ...]:
    """What is read of the octets that a KD with these packets has."""
    message = Message(exchange_type=32, payloads=(KeyDownload(key_packets=packets),))
    (payload,) = parse(message.build()).payloads
    assert isinstance(payload, KeyDownload)
    return payload.key_packets


def decrypted(key: bytes, octets: bytes) -> bytes:
    """CBC with `key` being a 16-octet IV and then the key."""
    context = Cipher(AES(key[16:]), CBC(key[:16])).decryptor()
    return context.update(octets) + context.finalize()


@dataclass
class Party:
    """Somebody who was a member once: what it was given, and what follows of it and of all that was sent."""

    keys: set[bytes] = field(default_factory=set)
    packets: list[tuple[bytes, Any]] = field(default_factory=list)

    def learns(self, real: set[bytes]) -> None:
        """Open what can be opened, until nothing new comes. A packet is (KEK of its push, key packet), `real`
        all keys that ever were."""
        tried: set[tuple[bytes, bytes]] = set()
        before = -1
        while before != len(self.keys):
            before = len(self.keys)
            for under, packet in self.packets:
                if under not in self.keys:
                    continue
                for attribute in packet.attributes:
                    if isinstance(attribute.value, bytes):
                        self.keys.add(attribute.value)
                        continue
                    for key in attribute.value.lkh_keys:
                        pairs = {(own, key.key_data) for own in self.keys} - tried
                        tried |= pairs
                        self.keys |= {decrypted(*pair)[: len(pair[0])] for pair in pairs} & real


@dataclass
class World:
    """A group under a flat algorithm, with its members and all who ever were some."""

    cipher: Any
    own_keys: bool
    algorithm: FlatRekey = field(init=False)
    kek: bytes = b""
    present: dict[int, PathKeys] = field(default_factory=dict)
    holds: dict[int, bytes] = field(default_factory=dict)
    parties: dict[int, Party] = field(default_factory=dict)
    spis: int = 0
    parts: dict[bytes, bytes] = field(default_factory=dict)
    real: set[bytes] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.algorithm = FlatRekey(self.cipher, own_keys=self.own_keys, update_octets=200)
        self.kek = self.new_kek(self.algorithm.start((), system_random))

    def new_kek(self, plan: RekeyPlan) -> bytes:
        assert plan.group_key is not None
        self.real.add(plan.group_key.build())
        return plan.group_key.build()

    def register(self, number: int) -> None:
        """A pull: the KEK, and what the algorithm gives beside it."""
        packets = over_the_wire(self.algorithm.download(member(number)))
        keys = PathKeys(self.cipher)
        keys.install(packets)
        self.present[number], self.holds[number] = keys, self.kek
        party = self.parties.setdefault(number, Party())
        party.keys.add(self.kek)
        for packet in packets:
            given = {key.key_data for attribute in packet.attributes for key in attribute.value.lkh_keys}
            party.keys |= given
            self.real |= given

    def push(self, plan: RekeyPlan, number: bytes) -> None:
        """All packets to everybody, those who left included; members follow, in any order of the pushes."""
        for packets in plan.key_packets:
            wired = over_the_wire(packets)
            assert all(packet.spi == number for packet in wired)
            for party in self.parties.values():
                party.packets += [(self.kek, packet) for packet in wired]
            for who, keys in self.present.items():
                found = keys.follow(wired, self.cipher)
                if found is not None:
                    assert plan.group_key is not None
                    assert found.build() == plan.group_key.build()
                    self.holds[who] = found.build()

    def step(self, verb: str, numbers: list[int]) -> None:
        self.spis += 1
        at = spi(self.spis)
        who = [member(number) for number in numbers]
        if verb in ("add", "add-new"):
            plan = self.algorithm.add(who, at, verb == "add-new", system_random)
            assert (plan.group_key is None) == (verb == "add")
            self.push(plan, at)
            if plan.group_key is not None:
                self.kek = self.new_kek(plan)
            for number in numbers:
                self.register(number)
        elif verb == "renew":
            plan = self.algorithm.renew(at, system_random)
            self.push(plan, at)
            self.kek = self.new_kek(plan)
        else:
            plan = self.algorithm.remove(who, at, system_random)
            for number in numbers:
                self.present.pop(number, None)
                self.holds.pop(number, None)
            self.push(plan, at)
            self.kek = self.new_kek(plan)
            if plan.re_pull:
                assert plan.key_packets == ()
                for number in self.present:
                    self.register(number)
        assert len(self.algorithm) == len(self.present)
        assert all((member(number) in self.algorithm) == (number in self.present) for number in range(9))
        self.restart(plan)

    def restart(self, plan: RekeyPlan) -> None:
        """The key server dies and goes on from what the plan said to persist."""
        self.persist(plan)
        self.algorithm = FlatRekey(self.cipher, own_keys=self.own_keys, update_octets=200)
        self.algorithm.restore(plan.state, self.parts)

    def persist(self, plan: RekeyPlan) -> None:
        parts = plan.parts if plan.anew else self.parts | plan.parts
        self.parts = {name: part for name, part in parts.items() if part}

    def check(self) -> None:
        for number, kek in self.holds.items():
            assert kek == self.kek, f"member {number} can't read what comes"
        for number, party in self.parties.items():
            party.learns(self.real)
            assert (self.kek in party.keys) == (number in self.present)


VERBS = st.tuples(
    st.sampled_from(["add", "add", "add-new", "renew", "remove", "remove"]),
    st.lists(st.integers(0, 8), min_size=1, max_size=4, unique=True),
)


@settings(max_examples=60, deadline=None)
@given(steps=st.lists(VERBS, max_size=14), own_keys=st.booleans(), cipher=st.sampled_from(CIPHERS))
def test_only_members_reach_the_kek(steps: list[tuple[str, list[int]]], own_keys: bool, cipher: Any) -> None:
    world = World(cipher, own_keys)
    for verb, numbers in steps:
        world.step(verb, numbers)
        world.check()


def test_model_finds_a_leak() -> None:
    """The adversary of the model is one: it reads what a wrong algorithm would give it."""
    world = World(AES_128, True)
    world.step("add", [1, 2])
    evicted = world.parties[1]
    world.step("remove", [1])
    wrapped = KEK.parse(AES_128, next(key for key in evicted.keys if key != world.kek))
    leak = LKHKey(lkh_id=0, key_type=3, key_data=wrapped.encrypt(world.kek))
    under = next(kek for kek, _ in evicted.packets)
    evicted.packets.append(
        (under, KeyPacket(kd_type=3, attributes=(Attribute(2, LKHUpdateArray(lkh_keys=(leak,))),)))
    )
    evicted.learns(world.real)
    assert world.kek in evicted.keys


def test_a_joiner_reads_no_old_kek() -> None:
    """Backward rekey: nothing that was sent before leads a joiner to an earlier KEK."""
    world = World(AES_128, True)
    world.step("add", [1, 2])
    old = world.kek
    sent = list(world.parties[1].packets)
    world.step("add-new", [3])
    joiner = world.parties[3]
    joiner.packets += sent
    joiner.learns(world.real)
    assert old not in joiner.keys
    assert world.holds[1] == world.holds[3] == world.kek != old


def test_each_push_keeps_to_its_bound() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    algorithm.start([member(n) for n in range(50)], system_random)
    plan = algorithm.remove([member(0)], spi(1), system_random)
    sizes = [len(KeyDownload(key_packets=packets).key_packets[0].attributes) for packets in plan.key_packets]
    assert sum(sizes) == 49
    for packets in plan.key_packets:
        (packet,) = packets  # one LKH packet in a KD (RFC 6407, 5.6.3)
        octets = Message(exchange_type=32, payloads=(KeyDownload(key_packets=packets),)).build()
        arrays = len(octets) - 28 - 8 - 5 - 16  # without header, KD's and the key packet's heads
        assert arrays == 64 * len(packet.attributes) <= rekey.flat.UPDATE_OCTETS


def test_handles_never_come_back() -> None:
    """RFC 6407, 5.6.3.1: each new key of a node has a handle of its own."""
    algorithm = FlatRekey(AES_128, own_keys=True)
    algorithm.start([member(1)], system_random)
    seen: set[tuple[int, int]] = set()
    for round_ in range(20):
        (packet,) = algorithm.download(member(1))
        for key in packet.attributes[0].value.lkh_keys:
            assert (key.lkh_id, key.key_handle) not in seen
            seen.add((key.lkh_id, key.key_handle))
        algorithm.remove([member(1)], spi(round_), system_random)
        algorithm.add([member(1)], spi(round_), False, system_random)


def test_who_joins_again_keeps_its_key() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    algorithm.start([member(1)], system_random)
    before = algorithm.member_key(member(1))
    algorithm.add([member(1), member(2)], spi(1), False, system_random)
    assert algorithm.member_key(member(1)) == before != algorithm.member_key(member(2))
    (packet,) = algorithm.download(member(1))
    assert packet.attributes[0].value.lkh_keys[0].key_data == before


def test_same_octets_of_the_same_randomness() -> None:
    def history() -> list[bytes]:
        source = standard_random.Random(7)
        algorithm = FlatRekey(AES_128, own_keys=True)
        algorithm.start([member(1), member(2)], source.randbytes)
        plan = algorithm.remove([member(2)], spi(1), source.randbytes)
        return [plan.state, *plan.parts, *plan.parts.values()]

    assert history() == history()


def test_identities_of_every_type_come_back() -> None:
    texts = [
        *("ipv4:192.0.2.1", "ipv6:2001:db8::1", "fqdn:a.example", "user-fqdn:a@b.example"),
        *("ipv4-subnet:192.0.2.0/24", "ipv4-range:192.0.2.1-192.0.2.9", "dn:CN=a,O=b", "key-id:0x00ff"),
    ]
    who = [Identity.from_text(text) for text in texts]
    who.append(Identity.from_payload(Identification(id_type=200, identification_data=b"private")))
    algorithm = FlatRekey(AES_128, own_keys=True)
    plan = algorithm.start(who, system_random)
    other = FlatRekey(AES_128, own_keys=True)
    other.restore(plan.state, plan.parts)
    assert len(other) == len(who)
    assert [other.member_key(one) for one in who] == [algorithm.member_key(one) for one in who]


def test_foreign_state_is_refused() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    plan = algorithm.start([member(1), member(2)], system_random)
    state, parts = plan.state, plan.parts
    for octets in (b"", b"\xc0", b"\x97", state[:-1], state + b"\0", bytes(100), b"\x9f" * 3):
        with pytest.raises(StateError):
            FlatRekey(AES_128, own_keys=True).restore(octets, parts)
        with pytest.raises(StateError):
            FlatRekey(AES_128, own_keys=True).restore(state, parts | {member(1).body(): octets})
        with pytest.raises(StateError):
            FlatRekey(AES_128, own_keys=True).restore(state, {octets[:4]: parts[member(1).body()]})
    with pytest.raises(StateError):  # one node for two
        FlatRekey(AES_128, own_keys=True).restore(state, dict.fromkeys(parts, parts[member(1).body()]))
    for other in (FlatRekey(AES_256, own_keys=True), FlatRekey(AES_128, own_keys=False)):
        with pytest.raises(StateError):
            other.restore(state, parts)


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_damaged_state_is_refused_or_sound(data: st.DataObject) -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    plan = algorithm.start([member(1), member(2)], system_random)
    octets = bytearray(b"".join((plan.state, *plan.parts.values())))
    octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))
    state, rest, parts = bytes(octets[: len(plan.state)]), octets[len(plan.state) :], {}
    for name, part in plan.parts.items():
        parts[name], rest = bytes(rest[: len(part)]), rest[len(part) :]
    other = FlatRekey(AES_128, own_keys=True)
    try:
        other.restore(state, parts)
    except StateError:
        return
    assert len(other) == 2
    other.remove([member(1)], spi(1), system_random)


def test_before_the_start() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    for call in (
        lambda: algorithm.renew(spi(1), system_random),
        lambda: algorithm.add([], spi(1), False, system_random),
        lambda: algorithm.remove([], spi(1), system_random),
        lambda: algorithm.download(member(1)),
    ):
        with pytest.raises(StateError, match="neither been started nor restored"):
            call()


def test_more_members_than_nodes() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    assert algorithm.capacity == 65_535
    state = algorithm.start([], system_random).state
    with pytest.raises(StateError, match="65535 members"):
        algorithm.add([member(n) for n in range(65_536)], spi(1), False, system_random)
    assert algorithm.add([], spi(1), False, system_random).state == state


def test_joining_costs_the_same_however_many_are_there() -> None:
    sizes = []
    for count in (1, 1000):
        algorithm = FlatRekey(AES_128, own_keys=True)
        algorithm.start([member(n) for n in range(10, 10 + count)], system_random)
        plan = algorithm.add([member(1)], spi(1), False, system_random)
        assert list(plan.parts) == [member(1).body()]
        assert not plan.anew
        sizes.append(len(plan.state) + sum(map(len, plan.parts.values())))
    assert sizes[1] - sizes[0] < 16  # longer numbers


def test_nodes_are_given_again() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    algorithm.start([member(n) for n in range(0xFFFF)], system_random)
    gone = [member(n) for n in (5, 77, 60_000)]
    algorithm.remove(gone, spi(1), system_random)
    algorithm.add([member(n) for n in range(100_000, 100_003)], spi(1), False, system_random)
    assert len({leaf.node for leaf in algorithm._leaves.values()}) == 0xFFFF
    with pytest.raises(StateError, match="65535 members"):
        algorithm.add(gone[:1], spi(1), False, system_random)


def test_nothing_changes_when_a_verb_raises() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    algorithm.start([member(1)], system_random)
    before = algorithm.add([], spi(1), False, system_random).state

    def broken(count: int) -> bytes:
        return b""

    for call in (
        lambda: algorithm.add([member(2)], spi(1), True, broken),
        lambda: algorithm.remove([member(1)], spi(1), broken),
        lambda: algorithm.renew(spi(1), broken),
    ):
        with pytest.raises(ConfigurationError):
            call()
    assert algorithm.add([], spi(1), False, system_random).state == before


# -- the member's side ---------------------------------------------------------------------------------


def wrapped(under: KEK, inner: bytes, node: int, handle: int = 1) -> LKHKey:
    return LKHKey(lkh_id=node, key_type=3, key_handle=handle, key_data=under.encrypt(inner))


def lkh(*arrays: Any) -> tuple[KeyPacket, ...]:
    numbers = {LKHDownloadArray: 1, LKHUpdateArray: 2}
    values = tuple(Attribute(numbers[type(array)], array) for array in arrays)
    return (KeyPacket(kd_type=3, spi=spi(1), attributes=values),)


def with_path(*keys: KEK) -> PathKeys:
    """A member whose path, from node 5 on by steps of one, has these keys, each with handle 9."""
    path = [
        LKHKey(lkh_id=5 + n, key_type=3, key_handle=9, key_data=key.build()) for n, key in enumerate(keys)
    ]
    member = PathKeys(AES_128)
    member.install(lkh(LKHDownloadArray(lkh_keys=tuple(path))))
    return member


def test_a_path_of_several_keys() -> None:
    """A tree's update, not only a star's: each key under the one before (RFC 6407, 5.6.3.2)."""
    leaf, inner, root = (KEK.generate(AES_128) for _ in range(3))
    member = with_path(leaf, inner, root)
    new_inner, new_root = KEK.generate(AES_128), KEK.generate(AES_128)
    update = LKHUpdateArray(
        lkh_id=5,
        key_handle=9,
        lkh_keys=(wrapped(leaf, new_inner.build(), 6, 10), wrapped(new_inner, new_root.build(), 7, 10)),
    )
    assert member.follow(lkh(update), AES_128) == new_root
    newest = KEK.generate(AES_128)
    later = LKHUpdateArray(lkh_id=6, key_handle=10, lkh_keys=(wrapped(new_inner, newest.build(), 7, 11),))
    assert member.follow(lkh(later), AES_128) == newest
    stale = LKHUpdateArray(lkh_id=6, key_handle=9, lkh_keys=(wrapped(inner, newest.build(), 7, 12),))
    assert member.follow(lkh(stale), AES_128) is None


def test_update_arrays_that_contradict() -> None:
    leaf, root = KEK.generate(AES_128), KEK.generate(AES_128)
    one, two = KEK.generate(AES_128), KEK.generate(AES_128)

    def update(*keys: LKHKey, **fields: Any) -> LKHUpdateArray:
        return LKHUpdateArray(**{"lkh_id": 5, "key_handle": 9, "lkh_keys": keys, **fields})

    good = wrapped(leaf, one.build(), 6, 10)
    cases = {
        "different KEKs": (update(good), update(wrapped(root, two.build(), 6, 11), lkh_id=6)),
        "version": (update(good, lkh_version=2),),
        "without keys": (update(),),
        "a node twice": (update(good, good),),
        "cipher": (update(good.replace(key_type=2)),),
        "octets": (update(good.replace(key_data=bytes(16))),),
    }
    for text, arrays in cases.items():
        member = with_path(leaf, root)
        with pytest.raises(DecodeError, match=text):
            member.follow(lkh(*arrays), AES_128)
        assert member.follow(lkh(update(good)), AES_128) == one, "the keys are as they were"


def test_what_follows_a_wrapped_key_is_zeros() -> None:
    under, new = KEK.generate(AES_128), KEK.generate(AES_192)
    member = with_path(under, KEK.generate(AES_128))
    for tail, fits in ((bytes(8), True), (bytes(7) + b"\1", False)):
        key = LKHKey(lkh_id=6, key_type=3, key_data=under.encrypt(new.build() + tail))
        packets = lkh(LKHUpdateArray(lkh_id=5, key_handle=9, lkh_keys=(key,)))
        if fits:
            assert member.follow(packets, AES_192) == new
            continue
        with pytest.raises(DecodeError, match="zeros"):
            member.follow(packets, AES_192)


def test_downloads_that_are_refused() -> None:
    key = LKHKey(lkh_id=5, key_type=3, key_data=KEK.generate(AES_128).build())
    array = LKHDownloadArray(lkh_keys=(key,))
    for arrays in (
        (array, array),
        (array.replace(lkh_keys=()),),
        (array.replace(lkh_version=0),),
        (array.replace(lkh_keys=(key.replace(key_type=2),)),),
        (array.replace(lkh_keys=(key.replace(key_data=bytes(31)),)),),
    ):
        member = with_path(KEK.generate(AES_128), KEK.generate(AES_128))
        before = dict(member._held)
        with pytest.raises(DecodeError):
            member.install(lkh(*arrays))
        assert member._held == before != {}
    member = with_path(KEK.generate(AES_128))
    member.install(())
    assert member._held == {}


def test_no_text_shows_a_key() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    plan = algorithm.start([member(1)], system_random)
    keys = PathKeys(AES_128)
    keys.install(algorithm.download(member(1)))
    shown = f"{plan!r} {algorithm!r} {keys!r} {algorithm._leaves!r}"
    secrets = [algorithm.member_key(member(1)), algorithm.member_key(member(1))[16:], plan.state]
    assert all(secret.hex() not in shown and repr(secret)[2:-1] not in shown for secret in secrets)


# -- the registry --------------------------------------------------------------------------------------


def test_registry() -> None:
    flat = rekey_algorithm("flat", AES_128)
    assert (flat.management, flat.re_pull) == (None, True)
    own = rekey_algorithm("flat", AES_128, RekeySettings(eviction="own-keys"))
    assert (own.management, own.re_pull) == (KEKManagementAlgorithm.LKH, False)
    with pytest.raises(ConfigurationError, match=r"'lkh2' is no rekey algorithm; there are .*flat"):
        rekey_algorithm("lkh2", AES_128)
    for settings_ in (RekeySettings(eviction="hope"), RekeySettings(trees=0)):
        with pytest.raises(ConfigurationError, match=r"own-keys or re-pull|a tree at least"):
            rekey_algorithm("flat", AES_128, settings_)


def test_what_a_member_holds_follows_from_what_it_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekey, "_MEMBER_SIDES", dict(rekey._MEMBER_SIDES))
    private, lkh_type = KeyPacket(kd_type=200), KeyPacket(kd_type=3)

    class Others(PathKeys):
        pass

    rekey.register_member_keys(250, 200, Others)
    for packets, kind, number in (((), PathKeys, 1), ((lkh_type,), PathKeys, 1), ((private,), Others, 250)):
        assert type(member_keys(AES_128, packets)) is kind
        assert rekey.management_of(packets) == number
    assert rekey.is_management(250)
    assert not rekey.is_management(251)
    with pytest.raises(ConfigurationError, match="several"):
        member_keys(AES_128, (lkh_type, private))


def test_algorithms_of_others(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rekey, "_ALGORITHMS", dict(rekey._ALGORITHMS))
    monkeypatch.setattr(rekey, "_MEMBER_SIDES", dict(rekey._MEMBER_SIDES))
    made = FlatRekey(AES_128, own_keys=True)
    rekey.register("mine", lambda cipher, settings: made)
    assert rekey_algorithm("mine", AES_128) is made
    assert "mine" in rekey.rekey_algorithms()
    for name in ("mine", "flat", ""):
        with pytest.raises(ConfigurationError, match="taken or empty"):
            rekey.register(name, lambda cipher, settings: made)
    rekey.register_member_keys(250, 200, PathKeys)
    for management, kd_type in ((250, 201), (251, 200), (1, 202), (251, 2), (251, 3), (251, 4), (251, 1)):
        with pytest.raises(ConfigurationError, match="already"):
            rekey.register_member_keys(management, kd_type, PathKeys)
    for management, kd_type in ((0, 202), (251, 0), (1 << 16, 202), (251, 256)):
        with pytest.raises(ConfigurationError, match="16 bits"):
            rekey.register_member_keys(management, kd_type, PathKeys)


# -- what there is -------------------------------------------------------------------------------------


def test_the_star_drawn() -> None:
    algorithm = FlatRekey(AES_128, own_keys=True)
    plan = algorithm.start([member(n) for n in range(3)], system_random)
    assert plan.changed == ((1, 0), (0, 0), (0, 1), (0, 2))
    plan = algorithm.remove([member(1)], spi(1), system_random)
    assert (plan.changed, plan.wraps) == (((1, 0),), 2)
    root, *leaves = algorithm.tree()
    assert (root.place, root.parent, root.kind, root.wire_id) == ((1, 0), None, "root", 0)
    assert [(leaf.place, leaf.parent, leaf.kind, leaf.wire_id) for leaf in leaves] == [
        ((0, 0), (1, 0), "leaf", 1),
        ((0, 1), (1, 0), "vacant", 2),
        ((0, 2), (1, 0), "leaf", 3),
    ]
    plan = algorithm.add([member(5)], spi(2), False, system_random)
    assert (plan.changed, plan.wraps) == (((0, 1),), 0)
    assert [algorithm.leaf_of(member(n)) for n in (0, 2, 5)] == [0, 2, 1]
    with pytest.raises(StateError, match="not in the key structure"):
        algorithm.leaf_of(member(1))
    without = FlatRekey(AES_128, own_keys=False)
    without.start([member(1)], system_random)
    assert not list(without.tree())


def test_retain_is_remove_of_the_others() -> None:
    world = World(AES_128, True)
    world.step("add", [1, 2, 3, 4])
    plan = world.algorithm.retain([member(2), member(4), member(9)], spi(7), system_random)
    del world.present[1], world.present[3], world.holds[1], world.holds[3]
    world.push(plan, spi(7))
    world.kek = world.new_kek(plan)
    assert plan.parts == {member(1).body(): b"", member(3).body(): b""}
    assert [member(n) in world.algorithm for n in (1, 2, 3, 4, 9)] == [False, True, False, True, False]
    world.check()


def test_several_stars_give_ids_again() -> None:
    """A leaf's id and handle together are its key's alone, so a member takes the array that is for it."""
    algorithm = FlatRekey(AES_128, own_keys=True, trees=2)
    assert algorithm.capacity == 2 * 65_535
    algorithm.start([], system_random)
    algorithm._end = 65_534  # all nodes before it are taken, say
    who = [member(n) for n in range(4)]
    algorithm.add(who, spi(1), False, system_random)
    downloads = [algorithm.download(one)[0].attributes[0].value.lkh_keys[0] for one in who]
    assert [key.lkh_id for key in downloads] == [65_534, 65_535, 1, 2]
    assert len({(key.lkh_id, key.key_handle) for key in downloads}) == 4
    held = []
    for one in who:
        keys = PathKeys(AES_128)
        keys.install(algorithm.download(one))
        held.append(keys)
    plan = algorithm.remove(who[:1], spi(2), system_random)
    found = [keys.follow(over_the_wire(plan.key_packets[0]), AES_128) for keys in held]
    assert found == [None, *[plan.group_key] * 3]
