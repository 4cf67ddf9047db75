"""What is known of one ISAKMP SA and of the exchanges under it."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import Any, Final

from gsakmp.captures.datagram import Datagram
from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import ExchangeKind, Sender, sa_name
from gsakmp.captures.opening.draft import Draft, First, Recent
from gsakmp.crypto import CBCCipher, HashFunction, PhaseOneKeys, hash_function, phase1_cipher
from gsakmp.doi import DOI, GDOI, Dialect
from gsakmp.errors import PolicyRefused
from gsakmp.group.phase1_suites import known_suite
from gsakmp.payloads import SA, GroupSA
from gsakmp.registries import (
    AuthenticationMethod,
    EncryptionAlgorithm,
    GroupDescription,
    HashAlgorithm,
    IKEAttribute,
    LifeType,
)

__all__ = ["ISAKMPState", "Party", "Run", "Suite"]

ENDS: Final = 8
"""Last blocks that a trail keeps: the longest exchange has four messages."""
SEEN: Final = 8
"""Messages of a trail that are known again."""

INITIATOR, RESPONDER = Sender.INITIATOR, Sender.RESPONDER


@dataclass(frozen=True, slots=True)
class Suite:
    """What the responder has chosen; None for what it chose that nothing here knows."""

    name: str
    hash_function: HashFunction | None
    cipher: CBCCipher | None
    group: GroupDescription | None
    method: AuthenticationMethod | None
    lifetime_seconds: int | None

    @classmethod
    def of(cls, sa: SA) -> Suite | None:
        """The one transform of an answer, or the first; None for an SA without any."""
        transforms = [transform for proposal in sa.proposals for transform in proposal.transforms]
        if not transforms:
            return None
        values: dict[int, int] = {}
        life_type, seconds = 0, None
        for attribute in transforms[0].attributes:
            kind, value = int(attribute.type), attribute.value
            if not isinstance(value, int):
                continue
            if kind == IKEAttribute.LIFE_TYPE:
                life_type = value
            elif kind == IKEAttribute.LIFE_DURATION and life_type == LifeType.SECONDS:
                seconds = value
            else:
                values.setdefault(kind, value)
        encryption = EncryptionAlgorithm(values.get(IKEAttribute.ENCRYPTION_ALGORITHM, 0))
        hash_ = HashAlgorithm(values.get(IKEAttribute.HASH_ALGORITHM, 0))
        group = GroupDescription(values.get(IKEAttribute.GROUP_DESCRIPTION, 0))
        bits = values.get(IKEAttribute.KEY_LENGTH)
        method = values.get(IKEAttribute.AUTHENTICATION_METHOD)
        parts = (encryption.name, str(bits) if bits else "", hash_.name, group.name)
        known = known_suite(int(encryption), bits, int(hash_), int(group))
        return cls(
            name=known.name if known is not None else " ".join(filter(None, parts)),
            hash_function=_known(lambda: hash_function(hash_, allow_weak=True)),
            cipher=_known(lambda: phase1_cipher(encryption, bits, allow_weak=True)),
            group=group,
            method=None if method is None else AuthenticationMethod(method),
            lifetime_seconds=seconds,
        )


def _known(find: Any) -> Any:
    try:
        return find()
    except PolicyRefused:
        return None


@dataclass(slots=True, eq=False)
class Party:
    """What one side of phase 1 has shown."""

    address: str = ""
    """As `Datagram.source`."""
    host: str = ""
    public: bytes = field(default=b"", repr=False)
    nonce: bytes = b""
    identity: str = ""
    identity_body: bytes = b""

    @property
    def name(self) -> str:
        """By which it goes."""
        return self.identity or f"address:{self.host or 'unknown'}"


@dataclass(slots=True, eq=False)
class Trail:
    """Messages of an exchange that went by."""

    ends: deque[bytes] = field(default_factory=lambda: deque(maxlen=ENDS))
    """Their last blocks."""
    seen: Recent[bytes, First] = field(default_factory=lambda: Recent(SEEN))
    """By digest."""


@dataclass(slots=True, eq=False)
class Run:
    """One run of an exchange: phase 1 itself, or one under the SA."""

    name: str
    sound: Trail = field(default_factory=Trail)
    other: Trail = field(default_factory=Trail)
    """Messages that are wrong, or were not opened: anybody can send those, and however many come, they
    push none of the others out."""
    nonces: dict[Sender, bytes] = field(default_factory=dict)
    initiator: tuple[str, int] | None = None
    """Where the first message of a Quick Mode came from."""
    steps: set[int] = field(default_factory=set)
    group: str = ""
    policy: GroupSA | None = None
    dialect: Dialect | None = None

    def passed(self, draft: Draft, iv: bytes | None, end: bytes, *, sound: bool) -> None:
        """One more message has gone by; `end` is its last block, empty if nothing of it is encrypted."""
        trail = self.sound if sound else self.other
        trail.seen.put(draft.digest, draft.first._replace(iv=iv))
        if end:
            trail.ends.append(end)

    def seen(self, digest: bytes) -> First | None:
        """The message of this digest, if it went by before."""
        return self.sound.seen.get(digest) or self.other.seen.get(digest)

    def ends(self) -> tuple[bytes, ...]:
        """Last blocks, the IVs that the next message may have: the likeliest first."""
        return (*reversed(self.sound.ends), *reversed(self.other.ends))


@dataclass(slots=True, eq=False)
class ISAKMPState:
    """An ISAKMP SA, in the making or established."""

    initiator_cookie: bytes
    responder_cookie: bytes
    kind: ExchangeKind
    doi: DOI = GDOI
    sa_body: bytes = b""
    """SAi_b."""
    suite: Suite | None = None
    initiator: Party = field(default_factory=Party)
    responder: Party = field(default_factory=Party)
    keys: PhaseOneKeys | None = None
    known: frozenset[Kind] = frozenset()
    """Which of the keys in `keys` are right; the others are empty."""
    run: Run = field(default_factory=lambda: Run(""))
    established: bool = False
    announced: bool = False

    @property
    def name(self) -> str:
        """By which the SA goes."""
        return sa_name(self.initiator_cookie + self.responder_cookie)

    def party(self, sender: Sender) -> Party:
        """One side."""
        return self.initiator if sender is INITIATOR else self.responder

    def sender(self, datagram: Datagram) -> Sender:
        """Who of the two sent a datagram, by its addresses; `Sender.UNKNOWN` if they don't tell."""
        one, other = self.initiator, self.responder
        if not datagram.source_address:
            return Sender.UNKNOWN
        if one.host and other.host and one.host == other.host:
            by_source = {one.address: INITIATOR, other.address: RESPONDER}
            return by_source.get(datagram.source, Sender.UNKNOWN)
        if datagram.source_address in (one.host, other.host):
            return INITIATOR if datagram.source_address == one.host else RESPONDER
        if datagram.destination_address in (one.host, other.host):
            return RESPONDER if datagram.destination_address == one.host else INITIATOR
        return Sender.UNKNOWN

    def seen_from(self, datagram: Datagram, sender: Sender) -> None:
        """The addresses of a message that `sender` sent."""
        ends = (
            (self.party(sender), datagram.source, datagram.source_address),
            (
                self.party(RESPONDER if sender is INITIATOR else INITIATOR),
                datagram.destination,
                datagram.destination_address,
            ),
        )
        for party, address, host in ends:
            if host and not party.host:
                party.address, party.host = address, host
