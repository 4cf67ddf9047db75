"""One-way function trees by other means: the functions over `hashlib` and `cryptography` as
docs/decisions/0022 has them, a tree computed by recursion, and a group whose members hear octets."""

from __future__ import annotations

import random as standard_random
from collections.abc import Iterable, Sequence
from hashlib import sha512

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDFExpand

from gsakmp.crypto import KEK, CBCCipher, Random, kek_cipher
from gsakmp.group.rekey.interface import RekeyPlan
from gsakmp.group.rekey.oft import OFTRekey
from gsakmp.group.rekey.oft_member import OFTKeys
from gsakmp.group.rekey.packets import kek_packet
from gsakmp.identities import Identity
from gsakmp.message import Message, parse
from gsakmp.payloads import KeyDownload, KeyPacket, OFTKey, OFTUpdateArray
from gsakmp.registries import GDOIExchangeType, KEKAlgorithm, OFTValueType

AES_128 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 128)
AES_192 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 192)
AES_256 = kek_cipher(KEKAlgorithm.KEK_ALG_AES, 256)
TRIPLE_DES = kek_cipher(KEKAlgorithm.KEK_ALG_3DES, allow_weak=True)
SPI = bytes(range(16))
ZEROS = bytes(32)


def member(number: int) -> Identity:
    return Identity.from_text(f"fqdn:m{number}.example")


def seeded(seed: int) -> Random:
    """Octets that look random, the same each time."""
    return standard_random.Random(seed).randbytes


# -- the functions -----------------------------------------------------------------------------------


def f(secret: bytes) -> bytes:
    return sha512(b"gsakmp OFT node\0" + secret).digest()[:32]


def g(secret: bytes) -> bytes:
    return sha512(b"gsakmp OFT node\0" + secret).digest()[32:]


def expand(secret: bytes, info: bytes, size: int) -> bytes:
    return HKDFExpand(SHA256(), size, info).derive(g(secret))


def node_key(secret: bytes, cipher: CBCCipher = AES_128) -> bytes:
    size = cipher.block_size + cipher.key_size
    return expand(secret, b"gsakmp OFT node key\0" + cipher.name.encode(), size)


def group_key(root: bytes, epoch: int, cipher: CBCCipher = AES_128) -> bytes:
    info = b"gsakmp OFT group key\0" + cipher.name.encode() + epoch.to_bytes(4, "big")
    return expand(root, info, cipher.block_size + cipher.key_size)


def check(root: bytes, epoch: int) -> bytes:
    return expand(root, b"gsakmp OFT check\0" + epoch.to_bytes(4, "big"), 8)


def xor(one: bytes, other: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(one, other, strict=True))


def decrypted(secret: bytes, data: bytes) -> bytes:
    """What was encrypted under the node key of a secret, with AES."""
    key = node_key(secret)
    opened = Cipher(AES(key[16:]), CBC(key[:16])).decryptor()
    return opened.update(data) + opened.finalize()


def number(level: int, index: int) -> int:
    """Nodes of a tree counted from left to right, between their children."""
    return (1 << level) * (2 * index + 1)


def tree_of(leaves: dict[int, bytes], end: int) -> dict[int, bytes]:
    """The secrets of a tree of leaves below `end`, by number, from the leaves' own: formula (2) of the draft,
    4.1.2, by recursion."""
    out: dict[int, bytes] = {}

    def secret(level: int, index: int) -> bytes | None:
        if level == 0:
            found = leaves.get(index)
        else:
            below = [s for s in (secret(level - 1, 2 * index), secret(level - 1, 2 * index + 1)) if s]
            found = xor(*map(f, below)) if len(below) == 2 else f(below[0]) if below else None
        if found is not None:
            out[number(level, index)] = found
        return found

    level = 0
    while 2**level < end:
        level += 1
    secret(level, 0)
    return out


# -- a group -----------------------------------------------------------------------------------------


def over_the_wire(packets: Sequence[KeyPacket]) -> tuple[KeyPacket, ...]:
    """What is read of the octets that a KD with these packets has."""
    message = Message(
        exchange_type=GDOIExchangeType.GROUPKEY_PUSH, payloads=(KeyDownload(key_packets=tuple(packets)),)
    )
    (payload,) = parse(message.build()).payloads
    assert isinstance(payload, KeyDownload)
    return payload.key_packets


def updates(plan: RekeyPlan) -> list[OFTUpdateArray]:
    """The array of each push."""
    return [push[0].attributes[0].value for push in plan.key_packets]


def keys_of(plan: RekeyPlan) -> list[OFTKey]:
    return [key for array in updates(plan) for key in array.oft_keys]


class Group:
    """A GCKS's algorithm, and the members as they hear it: who is in it holds the KEK, or the test fails."""

    def __init__(self, cipher: CBCCipher = AES_128, seed: int = 0, update_octets: int = 1024) -> None:
        self.cipher, self.random = cipher, seeded(seed)
        self.algorithm = OFTRekey(cipher, update_octets=update_octets)
        self.shuffled = standard_random.Random(seed)
        self.kek: KEK | None = None
        self.members: dict[Identity, OFTKeys] = {}
        self.plans: list[RekeyPlan] = []
        self.saved: dict[bytes, bytes] = {}

    def start(self, *numbers: int) -> RekeyPlan:
        plan = self.algorithm.start([member(n) for n in numbers], self.random)
        self.members.clear()
        return self.took(plan, numbers)

    def add(self, *numbers: int, new: bool = True) -> RekeyPlan:
        named = [member(n) for n in numbers]
        return self.took(self.algorithm.add(named, SPI, new, self.random), numbers)

    def remove(self, *numbers: int) -> RekeyPlan:
        for n in numbers:
            self.members.pop(member(n), None)
        return self.took(self.algorithm.remove([member(n) for n in numbers], SPI, self.random))

    def renew(self) -> RekeyPlan:
        return self.took(self.algorithm.renew(SPI, self.random))

    def retain(self, *numbers: int) -> RekeyPlan:
        left = [member(n) for n in numbers]
        self.members = {name: keys for name, keys in self.members.items() if name in left}
        return self.took(self.algorithm.retain(left, SPI, self.random))

    def took(self, plan: RekeyPlan, new: Iterable[int] = ()) -> RekeyPlan:
        """Those who were there hear the pushes in any order, and newcomers register."""
        self.plans.append(plan)
        self.persist(plan)
        if plan.group_key is not None:
            self.kek = plan.group_key
            self.push(plan)
        for n in new:
            if member(n) not in self.members:
                self.members[member(n)] = self.registered(n)
        return plan

    def push(self, plan: RekeyPlan) -> None:
        pushes = [over_the_wire(packets) for packets in plan.key_packets]
        for keys in self.members.values():
            self.shuffled.shuffle(pushes)
            found = [kek for push in pushes if (kek := keys.follow(push, self.cipher)) is not None]
            assert found == [plan.group_key]
            assert not keys.incomplete

    def registered(self, n: int) -> OFTKeys:
        keys = OFTKeys(self.cipher)
        assert self.kek is not None
        packets = (kek_packet(SPI, self.kek), *self.algorithm.download(member(n)))
        keys.install(over_the_wire(packets))
        return keys

    def persist(self, plan: RekeyPlan) -> None:
        if plan.anew:
            self.saved.clear()
        self.saved.update(plan.parts)
        self.saved = {name: part for name, part in self.saved.items() if part}

    def leaves(self) -> dict[int, bytes]:
        """The secrets of the leaves that are in the tree, as their members have them."""
        found = {}
        for name in self.members:
            array = self.algorithm.download(name)[0].attributes[0].value
            if array.root:
                found[array.oft_keys[0].node // 2] = array.oft_keys[0].key_data
        return found


def is_wrap(key: OFTKey) -> bool:
    return key.value_type != OFTValueType.VACANT
