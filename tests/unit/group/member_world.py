"""A GCKS reduced to what it sends, and a member with a clock that a test moves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from gsakmp.crypto import generate_private_key, public_octets
from gsakmp.group.member import Acceptance, ConsideredPolicy, GroupMember
from gsakmp.group.member_types import InstalledDataSA
from gsakmp.group.payloads import (
    data_key_packet,
    delete_payloads,
    group_sa,
    rekey_key_packet,
    sender_id_packet,
)
from gsakmp.group.sa import GSA, DataSA, RekeySA, RekeySuite, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.payloads import GroupDelete, GroupSA, KeyDownload, KeyPacket
from gsakmp.registries import (
    EncapsulationMode,
    ESPTransformID,
    KEKAlgorithm,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)

PUBLIC_KEY = public_octets(generate_private_key(SigAlgorithm.SIG_ALG_ECDSA_256).public_key())
SUITE = RekeySuite(
    encryption=KEKAlgorithm.KEK_ALG_AES,
    key_length=128,
    signature=SigAlgorithm.SIG_ALG_ECDSA_256,
    signature_hash=SigHashAlgorithm.SIG_HASH_SHA256,
    signature_key_length=256,
)
GCM = ESPTransformID.ESP_AES_GCM_16
CBC = ESPTransformID.ESP_AES_CBC


def rekey(number: int, at: float = 0.0, lifetime: int = 86_400, **changes: object) -> RekeySA:
    sa = RekeySA(
        spi=bytes([number]) * 16,
        suite=SUITE,
        source=Identity.from_text("ipv4:0.0.0.0"),
        source_port=848,
        destination=Identity.from_text("ipv4:239.192.1.1"),
        destination_port=848,
        key=bytes([number, 1]) * 16,
        signature_key=PUBLIC_KEY,
        created_at=at,
        lifetime_seconds=lifetime,
    )
    return replace(sa, **changes)


def data(
    number: int,
    at: float = 0.0,
    lifetime: int = 3_600,
    *,
    to: str = "ipv4:239.1.1.1",
    source: str = "",
    transform: ESPTransformID = CBC,
    **changes: object,
) -> DataSA:
    """AES-CBC with HMAC-SHA-256, or AES-GCM, 128 bits; SPI and keys made from `number`."""
    counted = transform == GCM
    sa = DataSA(
        protocol=TEKProtocolID.GDOI_PROTO_IPSEC_ESP,
        spi=number.to_bytes(2, "big") * 2,
        selector=TrafficSelector(
            protocol=0,
            source=Identity.from_text(source) if source else None,
            source_port=0,
            destination=Identity.from_text(to),
            destination_port=0,
        ),
        transform_id=transform,
        key_length=128,
        integrity=None if counted else 5,  # HMAC-SHA2-256 (IANA isakmp-registry)
        mode=EncapsulationMode.TUNNEL,
        algorithm_key=bytes([number % 256]) * (20 if counted else 16),
        integrity_key=b"" if counted else bytes([number % 256, 7]) * 16,
        created_at=at,
        lifetime_seconds=lifetime,
    )
    return replace(sa, **changes)


def keys_of(gsa: GSA, sender_ids: Sequence[int] = (), extra: Sequence[KeyPacket] = ()) -> KeyDownload:
    packets = [rekey_key_packet(sa) for sa in gsa.rekey] + [data_key_packet(sa) for sa in gsa.data]
    if sender_ids:
        packets.append(sender_id_packet(16, sender_ids))
    return KeyDownload(key_packets=(*packets, *extra))


@dataclass(frozen=True)
class Pull:
    sequence_number: int | None
    key_download: KeyDownload | None


@dataclass(frozen=True)
class Push:
    spi: bytes
    sequence_number: int
    deletes: tuple[GroupDelete, ...] = ()
    policy: GroupSA | None = None
    key_download: KeyDownload | None = None


def half(count: int) -> bytes:
    """A random source whose every number is a half."""
    return b"\x80" + bytes(count - 1)


class World:
    """One member and its clock."""

    def __init__(self, acceptance: Acceptance | None = None, **options: object) -> None:
        self.now = 1_000.0
        self.member = GroupMember(acceptance or Acceptance(), random=half, **options)

    # -- what a GCKS would send ------------------------------------------------------------------------

    def consider(self, gsa: GSA, atd: int = 0, dtd: int = 0) -> ConsideredPolicy:
        offered = group_sa(self.at_now(gsa), activation_delay=atd, deactivation_delay=dtd, now=self.now)
        return self.member.consider(offered, self.now)

    def register(
        self,
        *,
        rekey: Sequence[RekeySA] = (),
        data: Sequence[DataSA] = (),
        seq: int | None = 0,
        sids: Sequence[int] = (),
        atd: int = 0,
        dtd: int = 0,
    ) -> ConsideredPolicy:
        gsa = GSA(rekey=tuple(rekey), data=tuple(data))
        considered = self.consider(gsa, atd, dtd)
        self.member.install(Pull(seq if rekey else None, keys_of(gsa, sids)), considered, self.now)
        return considered

    def push(
        self,
        under: int,
        seq: int,
        *,
        rekey: Sequence[RekeySA] = (),
        data: Sequence[DataSA] = (),
        deletes: tuple[GroupDelete, ...] = (),
        atd: int = 0,
        dtd: int = 0,
    ) -> None:
        gsa = GSA(rekey=tuple(rekey), data=tuple(data))
        policy = keys = None
        if rekey or data:
            policy = group_sa(
                self.at_now(gsa), activation_delay=atd, deactivation_delay=dtd, now=self.now, push=True
            )
            keys = keys_of(gsa)
        self.member.apply(Push(bytes([under]) * 16, seq, deletes, policy, keys), self.now)

    def at_now(self, gsa: GSA) -> GSA:
        """With `created_at` of 0 standing for the present."""
        return GSA(
            rekey=tuple(replace(sa, created_at=sa.created_at or self.now) for sa in gsa.rekey),
            data=tuple(replace(sa, created_at=sa.created_at or self.now) for sa in gsa.data),
        )

    # -- time and what is there ------------------------------------------------------------------------

    def pass_time(self, seconds: float) -> None:
        """Time goes on; timers fire when they are due, as an engine would have it."""
        end = self.now + seconds
        while (due := self.member.next_timeout()) is not None and due <= end:
            assert due >= self.now
            self.now = due
            self.member.handle_timeout(self.now)
            following = self.member.next_timeout()
            assert following is None or following > self.now
        self.now = end

    def numbers(self) -> dict[int, InstalledDataSA]:
        return {int.from_bytes(one.sa.spi[:2], "big"): one for one in self.member.data_sas}

    def states(self) -> dict[int, str]:
        return {number: one.lifecycle.value for number, one in self.numbers().items()}

    def rekeys(self) -> dict[int, str]:
        return {int(one.spi[:2], 16): one.lifecycle for one in self.member.status(self.now).rekey}

    def reason(self) -> str | None:
        return self.member.wants_registration(self.now)


def everything() -> tuple[GroupDelete, ...]:
    return delete_payloads(everything=True)


def snapshot(world: World) -> tuple[object, ...]:
    """All that an update could change."""
    member = world.member
    return (
        member.gsa,
        member.data_sas,
        member.sender_ids,
        member.next_timeout(),
        member.wants_registration(world.now),
        member.status(world.now),
    )
