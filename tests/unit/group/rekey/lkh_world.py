"""A group under LKH whose members read pushes by code of their own, over the provider's cipher."""

from __future__ import annotations

import random as standard_random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.crypto import CBCCipher, kek_cipher
from gsakmp.group.rekey.interface import RekeyPlan
from gsakmp.group.rekey.lkh import LKHRekey
from gsakmp.group.rekey.paths import PathKeys
from gsakmp.identities import Identity
from gsakmp.message import Message, parse
from gsakmp.payloads import KeyDownload, KeyPacket, LKHDownloadArray, LKHUpdateArray
from gsakmp.registries import KEKAlgorithm

AES_128 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
AES_192 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 192)
AES_256 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 256)


def member(number: int) -> Identity:
    return Identity.from_text(f"fqdn:m{number}.example")


def members(numbers: Iterable[int]) -> list[Identity]:
    return [member(number) for number in numbers]


def spi(number: int) -> bytes:
    return number.to_bytes(16, "big")


def over_the_wire(packets: tuple[KeyPacket, ...]) -> tuple[KeyPacket, ...]:
    """What is read of the octets that a KD with these packets has."""
    message = Message(exchange_type=33, payloads=(KeyDownload(key_packets=packets),))
    (payload,) = parse(message.build()).payloads
    assert isinstance(payload, KeyDownload)
    return payload.key_packets


def decrypted(key: bytes, octets: bytes) -> bytes:
    """CBC with `key` being a 16-octet IV and then the key."""
    context = Cipher(AES(key[16:]), CBC(key[:16])).decryptor()
    return (context.update(octets) + context.finalize())[: len(key)]


def updates(packets: tuple[KeyPacket, ...]) -> Iterator[LKHUpdateArray]:
    for packet in packets:
        for attribute in packet.attributes:
            assert isinstance(attribute.value, LKHUpdateArray)
            yield attribute.value


def all_updates(plan: RekeyPlan) -> list[LKHUpdateArray]:
    return [array for packets in plan.key_packets for array in updates(packets)]


@dataclass
class Reader:
    """Who keeps every key that it ever had, by node and handle, and opens what they open."""

    keys: dict[tuple[int, int], bytes] = field(default_factory=dict)
    kek: bytes = b""

    def register(self, packets: tuple[KeyPacket, ...]) -> None:
        (packet,) = packets
        (attribute,) = packet.attributes
        assert isinstance(attribute.value, LKHDownloadArray)
        for key in attribute.value.lkh_keys:
            self.keys[key.lkh_id, key.key_handle] = key.key_data
        self.kek = attribute.value.lkh_keys[-1].key_data

    def hear(self, packets: tuple[KeyPacket, ...]) -> None:
        for array in updates(packets):
            under = self.keys.get((array.lkh_id, array.key_handle))
            if under is None:
                continue
            for key in array.lkh_keys:
                under = decrypted(under, key.key_data)
                self.keys[key.lkh_id, key.key_handle] = under
            self.kek = under


def view(algorithm: LKHRekey, present: Iterable[int]) -> object:
    """All that there is to see of an algorithm, keys included."""
    who = [(number, algorithm.leaf_of(member(number))) for number in sorted(present)]
    return len(algorithm), list(algorithm.tree()), who, [algorithm.download(member(n)) for n, _ in who]


class World:
    """The key server, its members and those who were some, and what is persisted."""

    def __init__(
        self, algorithm: LKHRekey, *, seed: int = 0, cipher: CBCCipher = AES_128, shuffled: bool = False
    ) -> None:
        self.algorithm = algorithm
        self.cipher = cipher
        self.chance = standard_random.Random(seed)
        self.shuffled = shuffled
        self.readers: dict[int, Reader] = {}
        self.paths: dict[int, PathKeys] = {}
        self.past = Reader()  # all who left, together
        self.state = b""
        self.parts: dict[bytes, bytes] = {}
        self.kek = b""
        self.sent: list[tuple[KeyPacket, ...]] = []
        self.spis = 0

    def random(self, count: int) -> bytes:
        return self.chance.randbytes(count)

    def start(self, numbers: Iterable[int]) -> RekeyPlan:
        """All who were there before have to register again."""
        self.readers, self.paths = {}, {}
        plan = self._made(self.algorithm.start(members(numbers), self.random))
        self._registered(numbers)
        return plan

    def add(self, numbers: Iterable[int], new_group_key: bool = True) -> RekeyPlan:
        numbers = [number for number in numbers if number not in self.readers]
        plan = self._made(self.algorithm.add(members(numbers), self._spi(), new_group_key, self.random))
        self._registered(numbers)
        return plan

    def remove(self, numbers: Iterable[int]) -> RekeyPlan:
        numbers = list(numbers)
        plan = self.algorithm.remove(members(numbers), self._spi(), self.random)
        for number in numbers:
            if number in self.readers:
                self.past.keys.update(self.readers.pop(number).keys)
                del self.paths[number]
        return self._made(plan)

    def renew(self) -> RekeyPlan:
        return self._made(self.algorithm.renew(self._spi(), self.random))

    def restored(self) -> LKHRekey:
        """Another object with what was persisted."""
        ours = self.algorithm
        other = LKHRekey(self.cipher, degree=ours.numbering.degree, trees=ours.numbering.trees)
        other.numbering, other.capacity = ours.numbering, ours.capacity
        other.restore(self.state, dict(self.parts))
        return other

    def _spi(self) -> bytes:
        self.spis += 1
        return spi(self.spis)

    def _registered(self, numbers: Iterable[int]) -> None:
        for number in numbers:
            packets = over_the_wire(self.algorithm.download(member(number)))
            self.readers[number], self.paths[number] = Reader(), PathKeys(self.cipher)
            self.readers[number].register(packets)
            self.paths[number].install(packets)
            assert self.readers[number].kek == self.kek

    def _made(self, plan: RekeyPlan) -> RekeyPlan:
        """The plan is persisted and heard; all who stay have the new KEK, and who left have none of the new
        keys."""
        self.state = plan.state
        self.parts = {} if plan.anew else self.parts
        self.parts.update(plan.parts)
        self.parts = {name: octets for name, octets in self.parts.items() if octets}
        if plan.group_key is not None:
            self.kek = plan.group_key.build()
        pushes = [over_the_wire(packets) for packets in plan.key_packets]
        if self.shuffled:
            self.chance.shuffle(pushes)
        self.sent += pushes
        for packets in pushes:
            assert {packet.spi for packet in packets} == {spi(self.spis)}
            for number, reader in self.readers.items():
                reader.hear(packets)
                found = self.paths[number].follow(packets, self.cipher)
                assert found is None or found.build() == self.kek
            self.past.hear(packets)
        for number, reader in self.readers.items():
            assert reader.kek == self.kek, f"member {number} has not got the new KEK"
        assert self.kek not in self.past.keys.values()
        return plan
