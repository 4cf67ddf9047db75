"""A group's server with a journal and a clock, and members that are told of it by their own reckoning.

`Watcher` takes in what a member could read and nothing else. It shares no code with `gsakmp.group`: keys are
taken out of the payloads by attribute numbers of RFC 6407, update arrays are opened with the provider's AES.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.group.policy import (
    DataPolicy,
    GroupPolicy,
    MemberPolicy,
    RegistrationPolicy,
    RekeyPolicy,
    Selector,
)
from gsakmp.group.records import GroupState, MemoryJournal
from gsakmp.group.server import GroupServer
from gsakmp.group.server_types import Admission, Push, ServerEvent
from gsakmp.identities import Identity
from gsakmp.payloads import SAKEK, SATEK, GroupDelete, GroupSA, KeyDownload

START = 1_000_000.0
TEK, KEK, LKH, SID = 1, 2, 3, 4  # KD types, RFC 6407, 5.6

REKEY = RekeyPolicy(
    destination="239.1.1.1",
    lifetime=10_000,
    rollover_margin=600,
    retransmissions=2,
    retransmission_interval=2.0,
)
DATA = DataPolicy(
    selector=Selector(destination="ipv4:239.9.9.9"), lifetime=3_600, rollover_margin=300, sender_id_bits=8
)

STRONG = RegistrationPolicy(credentials=("ecdsa-521",), proposals=("aes-256-sha512-group21",))
"""It may carry any SA."""


def policy(**changed: Any) -> GroupPolicy:
    given: dict[str, Any] = {
        "name": "plant",
        "identity": "key-id:0x000004d2",
        "registration": STRONG,
        "members": (MemberPolicy(identity="fqdn:*.example"),),
        "rekey": (REKEY,),
        "data": (DATA,),
    }
    return GroupPolicy(**{**given, **changed})


def changed(base: Any, **fields: Any) -> Any:
    import msgspec

    return msgspec.structs.replace(base, **fields)


OWN_KEYS = changed(REKEY, eviction="own-keys")


def member(name: str) -> Identity:
    return Identity.from_text(f"fqdn:{name}.example")


def address(name: str) -> str:
    """One for each name of the tests."""
    return f"192.0.2.{sum(name.encode()) % 200 + 1}:848"


class Rig:
    """`now` is set by the test. Each verb commits its changes and then sends its pushes."""

    def __init__(self, using: GroupPolicy | None = None, journal: MemoryJournal | None = None) -> None:
        self.policy = using or policy()
        self.now = START
        self.journal = journal or MemoryJournal()
        self.sent: list[Push] = []
        self.events: list[ServerEvent] = []
        self.watchers: dict[Identity, Watcher] = {}
        self.server = GroupServer(self.policy, None, now=self.now)
        self.settle()

    @property
    def state(self) -> GroupState:
        return self.server.state

    @property
    def durable(self) -> GroupState:
        """What the journal has, but for the parts of rekey algorithms, which the server does not keep twice."""
        return replace(self.journal.load()[self.policy.name], rekey_parts={})

    def settle(self, send: bool = True) -> list[Push]:
        """Commit; send unless the process crashes there."""
        if changes := self.server.take_changes():
            self.journal.commit(changes)
        pushes = self.server.take_pushes()
        self.events += self.server.take_events()
        if not send:
            return []
        self.sent += pushes
        for push in pushes:
            for watcher in self.watchers.values():
                watcher.hear(push)
        return pushes

    def join(self, name: str, sender_ids: int = 0, *, sender: bool = True, subject: str = "") -> Admission:
        identity = member(name)
        offer = self.server.offer(identity, self.now, sender=sender, address=address(name))
        admission = self.server.admit(offer, identity, address(name), sender_ids, subject, self.now)
        watcher = self.watchers.setdefault(identity, Watcher())
        watcher.register(offer.policy, admission)
        self.settle()
        return admission

    def evict(self, name: str) -> list[Push]:
        self.server.evict(member(name), self.now)
        return self.settle()

    def at(self, now: float) -> list[Push]:
        """The clock moves on, and the timer goes off as often as it is due until then."""
        pushes: list[Push] = []
        for _ in range(1000):
            due = self.server.next_timeout()
            if due is None or due > now:
                break
            self.now = max(self.now, due)
            self.server.handle_timeout(self.now)
            pushes += self.settle()
        else:
            raise AssertionError("the timer does not come to rest")
        self.now = now
        return pushes

    def crash(self, using: GroupPolicy | None = None, *, send: bool = True) -> list[Push]:
        """The process ends, and another begins with what the journal holds."""
        self.policy = using or self.policy
        self.server = GroupServer(self.policy, self.journal.load()[self.policy.name], now=self.now)
        return self.settle(send)

    def active_rekey(self) -> list[bytes]:
        return [spi for spi, r in self.state.rekey_sas.items() if r.retired_at is None]

    def active_data(self) -> list[bytes]:
        return [r.sa.spi for r in self.state.data_sas.values() if r.retired_at is None]

    def watcher(self, name: str) -> Watcher:
        return self.watchers[member(name)]

    def can_read(self, name: str) -> bool:
        """Whether a member has all the TEKs in force."""
        return set(self.active_data()) <= self.watcher(name).teks.keys()


@dataclass
class Watcher:
    """All TEKs and KEKs that a member was ever able to learn; it forgets none."""

    keks: dict[bytes, bytes] = field(default_factory=dict)
    teks: dict[bytes, bytes] = field(default_factory=dict)
    own: list[tuple[int, bytes]] = field(default_factory=list)
    """LKH id and key (IV, then key) of its leaf, of the last registration."""
    path: dict[int, tuple[int, bytes]] = field(default_factory=dict)
    """Handles and keys by LKH id, from the leaf to the root."""
    sender_ids: list[int] = field(default_factory=list)
    deleted: bool = False
    policies: set[bytes] = field(default_factory=set)
    """SPIs of Rekey SAs whose SA KEK it has read."""
    numbers: dict[bytes, int] = field(default_factory=dict)

    def register(self, offered: GroupSA, admission: Admission) -> None:
        self.deleted = False
        self.own, self.path = [], {}
        self._read_policy(offered)
        self._read_keys(admission.key_download)
        if admission.sequence_number is not None:
            for part in offered.sa_attributes:
                if isinstance(part, SAKEK):
                    self.numbers[part.spi] = admission.sequence_number

    def hear(self, push: Push) -> None:
        if self.keks.get(push.sa.spi) != push.sa.key:  # none, or what an outdated key made of an update array
            return
        assert push.sequence_number > self.numbers.get(push.sa.spi, 0), "a sequence number came twice"
        self.numbers[push.sa.spi] = push.sequence_number
        for payload in push.payloads:
            if isinstance(payload, GroupDelete) and payload.protocol_id == 0:
                self.deleted = True
            elif isinstance(payload, GroupSA):
                self._read_policy(payload)
            elif isinstance(payload, KeyDownload):
                self._read_keys(payload)

    def _read_policy(self, policy: GroupSA) -> None:
        self.policies.update(part.spi for part in policy.sa_attributes if isinstance(part, SAKEK))

    def _read_keys(self, download: KeyDownload) -> None:
        for packet in download.key_packets:
            values = {int(part.type): part.value for part in packet.attributes}
            if packet.kd_type == TEK:
                self.teks[packet.spi] = values[1]
            elif packet.kd_type == KEK:
                self.keks[packet.spi] = values[1]
            elif packet.kd_type == SID:
                self.sender_ids += [part.value for part in packet.attributes if part.type == 2]
            elif packet.kd_type == LKH:
                for part in packet.attributes:
                    self._read_lkh(packet.spi, int(part.type), part.value)

    def _read_lkh(self, spi: bytes, kind: int, array: Any) -> None:
        if kind == 1:
            self.own.append((array.lkh_keys[0].lkh_id, array.lkh_keys[0].key_data))
            self.path = {key.lkh_id: (key.key_handle, key.key_data) for key in array.lkh_keys}
        elif kind == 2 and array.lkh_id in self.path and self.path[array.lkh_id][0] == array.key_handle:
            under = self.path[array.lkh_id][1]
            for key in array.lkh_keys:  # each under the one before (RFC 6407, 5.6.3.2)
                opened = Cipher(AES(under[16:]), CBC(under[:16])).decryptor()
                under = opened.update(key.key_data)
                self.path[key.lkh_id] = key.key_handle, under
            self.keks[spi] = under


def data_spis(push: Push) -> set[bytes]:
    """The TEKs whose keys are in a push."""
    return {
        packet.spi
        for payload in push.payloads
        if isinstance(payload, KeyDownload)
        for packet in payload.key_packets
        if packet.kd_type == TEK
    }


def tek_policies(push: Push) -> int:
    return sum(
        isinstance(part, SATEK)
        for payload in push.payloads
        if isinstance(payload, GroupSA)
        for part in payload.sa_attributes
    )


def deletes(push: Push) -> dict[int, tuple[bytes, ...]]:
    """Deleted SPIs by protocol."""
    return {int(p.protocol_id): p.spis for p in push.payloads if isinstance(p, GroupDelete)}
