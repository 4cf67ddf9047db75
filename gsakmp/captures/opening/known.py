"""What is known of a Rekey SA, of a data SA and of a member of a group, and the events that tell of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from ipaddress import IPv4Address, IPv6Address
from typing import Final

from msgspec.structs import replace

from gsakmp.captures.keyring import Kind
from gsakmp.captures.opened import DataSALearnt, RekeySALearnt, sa_name
from gsakmp.captures.opening.candidates import CIPHERS
from gsakmp.captures.opening.draft import First, Recent
from gsakmp.captures.opening.pull import Brought
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.crypto.esp_suites import ESPSuite
from gsakmp.doi import Dialect
from gsakmp.errors import GsakmpError
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.rekey import MemberKeys
from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    GroupSA,
    IPsecTEK,
    KeyDownload,
    KeyPacket,
    LKHDownloadArray,
    OFTDownloadArray,
)
from gsakmp.registries import (
    AHTransformID,
    ESPTransformID,
    KEKKeyAttribute,
    KeyDownloadType,
    LKHKeyAttribute,
    TEKKeyAttribute,
    TEKProtocolID,
)

__all__ = ["DataState", "Membership", "RekeyState", "rekey_event"]

SEEN: Final = 64
"""Pushes of a Rekey SA that are known again."""
ACKNOWLEDGED: Final = 1024
"""Acknowledgements that are: each of many members sends its own for one push."""
UNKNOWN: Final = "an unknown address"
ESP: Final = TEKProtocolID.GDOI_PROTO_IPSEC_ESP


@dataclass(slots=True, eq=False)
class Membership:
    """A member of a group, and what it holds beside the KEK."""

    name: str
    group: str
    address: str = ""
    host: str = ""
    keys: MemberKeys | None = field(default=None, repr=False)
    leaf: bytes = field(default=b"", repr=False)
    """Key Data of the first key of its LKH_DOWNLOAD_ARRAY: IV, then key (RFC 8263, 2.2)."""
    count: int = 0
    """How many keys of its own its registration has brought."""


@dataclass(slots=True, eq=False)
class RekeyState:
    """A Rekey SA. Without `sa` it is of a key file, and its algorithms are guessed."""

    spi: bytes
    keks: tuple[KEK, ...] = field(default=(), repr=False)
    """The key; several where its cipher has to be guessed."""
    sa: RekeySA | None = None
    signature_keys: tuple[bytes, ...] = ()
    group: str = ""
    dialect: Dialect | None = None
    holders: dict[str, None] = field(default_factory=dict)
    last: int = 0
    """The highest sequence number so far."""
    told: bool = False
    """Whether there was an event of it."""
    seen: Recent[bytes, First] = field(default_factory=lambda: Recent(SEEN))
    """Pushes, by digest."""
    acknowledged: Recent[bytes, First] = field(default_factory=lambda: Recent(ACKNOWLEDGED))
    """Acknowledgements, by digest and sender. Those apart that nothing proves: anybody can send them."""

    @property
    def name(self) -> str:
        """By which the SA goes."""
        return sa_name(self.spi)


@dataclass(slots=True, eq=False)
class DataState:
    """A data SA. Without `sa` it is of a key file."""

    spi: bytes
    suites: tuple[ESPSuite, ...] = field(default=(), repr=False)
    sa: DataSA | None = None
    group: str = ""
    windows: Recent[str, tuple[int, int]] = field(default_factory=lambda: Recent(SEEN))
    """For each sender's address: the highest sequence number, and which of those before it were seen."""
    reason: str = ""
    """Why there are no `suites`, where that is not for its algorithms."""
    news: DataSALearnt | None = None
    """What is to be told of it with its first packet."""


def keks_of(octets: bytes) -> tuple[KEK, ...]:
    """The KEKs that KEK_ALGORITHM_KEY of this length may be: with 32 octets AES-128 or 3DES."""
    fitting = [cipher for cipher in CIPHERS if cipher.block_size + cipher.key_size == len(octets)]
    return tuple(KEK.parse(cipher, octets) for cipher in fitting)


def suites_of(sa: DataSA) -> tuple[ESPSuite, ...]:
    """The one suite of an ESP SA; none for AH, and for what is not opened here."""
    if sa.protocol != ESP:
        return ()
    transform = ESPTransformID(sa.transform_id)
    try:
        return (ESPSuite(transform, sa.integrity, sa.key_length, sa.algorithm_key, sa.integrity_key),)
    except GsakmpError:
        return ()


def fits(state: RekeyState, octets: bytes) -> bool:
    """Whether a KEK_ALGORITHM_KEY is, or may be, that of the Rekey SA."""
    return any(kek.build() == octets for kek in state.keks)


def destination_of(sa: DataSA) -> str:
    """The address that packets of a data SA go to; empty where that is not one alone."""
    data = sa.selector.destination.data
    return str(data) if isinstance(data, IPv4Address | IPv6Address) else ""


def keys_of(packet: KeyPacket) -> Iterator[tuple[Kind, bytes]]:
    """The keys in a key packet, as secrets are: without a policy that says what they are for. The last key
    of an LKH array is the KEK (RFC 6407, 3.3)."""
    kinds = KEYS.get(int(packet.kd_type), {})
    for attribute in packet.attributes:
        value, kind = attribute.value, kinds.get(int(attribute.type))
        if isinstance(value, LKHDownloadArray) and value.lkh_keys:
            yield Kind.KEK, value.lkh_keys[-1].key_data
        elif kind is not None and isinstance(value, bytes):
            yield kind, value


KEYS: Final[dict[int, dict[int, Kind]]] = {
    int(KeyDownloadType.TEK): {
        int(TEKKeyAttribute.TEK_ALGORITHM_KEY): Kind.TEK,
        int(TEKKeyAttribute.TEK_INTEGRITY_KEY): Kind.TEK_INTEGRITY,
    },
    int(KeyDownloadType.KEK): {
        int(KEKKeyAttribute.KEK_ALGORITHM_KEY): Kind.KEK,
        int(KEKKeyAttribute.SIG_ALGORITHM_KEY): Kind.SIGNATURE_KEY,
    },
    int(KeyDownloadType.LKH): {int(LKHKeyAttribute.SIG_ALGORITHM_KEY): Kind.SIGNATURE_KEY},
}
"""By the type of a key packet and of an attribute (RFC 6407, 5.6.1 to 5.6.3)."""


def spis_of(payload: object) -> tuple[bytes, ...]:
    """The SPIs of the SAs that an SA or a KD payload brings."""
    if isinstance(payload, KeyDownload):
        return tuple(packet.spi for packet in payload.key_packets if packet.spi)
    if not isinstance(payload, GroupSA):
        return ()
    parts = [part.tek if isinstance(part, SATEK) else part for part in payload.sa_attributes]
    return tuple(part.spi for part in parts if isinstance(part, SAKEK | IPsecTEK))


def same_keys(one: DataSA, other: DataSA) -> bool:
    """Whether it is the same SA again."""
    keys = one.algorithm_key, one.integrity_key, one.transform_id
    return keys == (other.algorithm_key, other.integrity_key, other.transform_id)


def keys_in_array(brought: Brought) -> int:
    """How many keys of the member's own a download has."""
    values = [attribute.value for packet in brought.packets for attribute in packet.attributes]
    return sum(
        len(value.lkh_keys) if isinstance(value, LKHDownloadArray) else len(value.oft_keys)
        for value in values
        if isinstance(value, LKHDownloadArray | OFTDownloadArray)
    )


def transform_name(sa: DataSA) -> str:
    """The transform's name in the registry."""
    registry = ESPTransformID if sa.protocol == ESP else AHTransformID
    return registry(sa.transform_id).name or str(sa.transform_id)


def rekey_event(state: RekeyState, management: str = "") -> RekeySALearnt:
    """The event that a Rekey SA is known. A pull's policy does not name the rekey algorithm (RFC 6407, 5.3):
    `management` is that of the keys that came with it."""
    sa, state.told = state.sa, True
    if sa is None:
        return RekeySALearnt(
            sa=state.name,
            group=state.group,
            source=UNKNOWN,
            destination=UNKNOWN,
            encryption=" or ".join(kek.cipher.name for kek in state.keks),
            signature="",
            management=management,
            lifetime_seconds=0,
            acknowledgement="",
            holders=tuple(state.holders),
        )
    suite = sa.suite
    cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=True)
    return RekeySALearnt(
        sa=state.name,
        group=state.group,
        source=f"{sa.source} port {sa.source_port}",
        destination=f"{sa.destination} port {sa.destination_port}",
        encryption=cipher.name,
        signature=f"{suite.signature.name} with {suite.signature_hash.name}",
        management=suite.management.name if suite.management is not None else management,
        lifetime_seconds=sa.lifetime_seconds,
        acknowledgement=suite.acknowledgement.name if suite.acknowledgement is not None else "",
        holders=tuple(state.holders),
    )


def periods_event(granted: GrantedPeriods, group: str, brought: Brought, member: str) -> DataSALearnt:
    """The event that a member has been given periods of a sequence."""
    pattern, periods = granted.pattern, granted.pattern.periods
    assert periods is not None  # `read_period_packet` has put it in
    return replace(
        data_event(pattern, group, brought, (member,)),
        lifetime_seconds=periods.seconds,
        periods=tuple((interval.first, interval.last) for interval in granted.intervals),
        period_count=periods.count,
        starts_at=periods.starts_at,
        module=periods.modules,
    )


def data_event(sa: DataSA, group: str, brought: Brought, holders: tuple[str, ...]) -> DataSALearnt:
    """The event that a data SA is known."""
    source = sa.selector.source
    return DataSALearnt(
        sa=sa.spi.hex(),
        protocol="ESP" if sa.protocol == ESP else "AH",
        group=group,
        source="" if source is None else str(source),
        destination=str(sa.selector.destination),
        transform=transform_name(sa),
        integrity=sa.integrity.name if sa.integrity is not None else "",
        key_length=sa.key_length,
        lifetime_seconds=sa.lifetime_seconds,
        activation_delay=brought.activation_delay,
        deactivation_delay=brought.deactivation_delay,
        holders=holders,
    )
