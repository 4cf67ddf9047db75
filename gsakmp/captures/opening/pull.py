"""What the messages of GROUPKEY-PULL and GROUPKEY-PUSH say, read part by part (RFC 6407, 5).

A member refuses a policy as a whole; a witness reads what it can of it. So each SA KEK, SA TEK and key
packet goes to the strict readers of `gsakmp.group` by itself, and one that they refuse leaves the others as
they are.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from ipaddress import IPv4Address, IPv6Address

from gsakmp.captures.opened import Check
from gsakmp.captures.opening.ciphertexts import Reading
from gsakmp.doi import Dialect
from gsakmp.errors import GsakmpError
from gsakmp.group.attribute_values import read_values
from gsakmp.group.payloads import OfferedGSA, read_group_sa, read_key_download
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.rekey import download_types, management_of
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.message import Message
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    GroupAssociatedPolicy,
    GroupSA,
    Identification,
    KeyDownload,
    KeyPacket,
    Nonce,
)
from gsakmp.registries import GAPAttribute, KeyDownloadType

__all__ = ["Brought", "best_dialect", "pull_step", "read_brought"]


def pull_step(message: Message) -> int:
    """Which message of a PULL it is, by what it holds (RFC 6407, 3.2)."""
    kinds = {type(payload) for payload in message.payloads}
    if KeyDownload in kinds:
        return 4
    if GroupSA in kinds:
        return 2
    return 1 if Identification in kinds or Nonce in kinds else 3


# -- the dialect -----------------------------------------------------------------------------------------


def best_dialect(found: Iterable[Reading]) -> Reading | None:
    """The reading whose policy makes the most sense; the first of those that make as much."""
    best: tuple[int, Reading] | None = None
    for each in found:
        policies = [payload for payload in each.message.payloads if isinstance(payload, GroupSA)]
        if not policies and best is None:
            return each
        score = sum(sense(policy, each.message.dialect) for policy in policies)
        if best is None or score > best[0]:
            best = score, each
    return None if best is None else best[1]


def sense(policy: GroupSA, dialect: Dialect) -> int:
    """How much sense a policy makes in a dialect: each part that can be read, and each data SA whose
    destination is a multicast address, which byte-reversed ones are not."""
    score = 0
    for part in policy.sa_attributes:
        try:
            offered = _offered(part, 0.0, dialect, True)
        except GsakmpError:
            continue
        score += 1
        for sa in offered.gsa.data:
            data = sa.selector.destination.data
            score += isinstance(data, IPv4Address | IPv6Address) and data.is_multicast
    return score


# -- policy and keys -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Brought:
    """What an SA and a KD payload bring. Its text shows no key."""

    rekey: RekeySA | None = None
    """With its key, if that is there in plain."""
    data: list[DataSA] = field(default_factory=list)
    """Those that have keys, with them."""
    packets: tuple[KeyPacket, ...] = field(default=(), repr=False)
    """The key packets of the Rekey SA."""
    bare_kek: tuple[bytes, bytes] = field(default=(b"", b""), repr=False)
    """Where the policy is missing: SPI and KEK_ALGORITHM_KEY of the Rekey SA,"""
    bare: dict[bytes, None] = field(default_factory=dict)
    """and the SPIs of the data SAs."""
    periods: list[GrantedPeriods] = field(default_factory=list)
    """Of a pull: data SAs whose keys go by periods."""
    sender_ids: tuple[int, ...] = ()
    activation_delay: int = 0
    deactivation_delay: int = 0
    checks: list[Check] = field(default_factory=list)
    """What could not be read."""

    @property
    def management(self) -> str:
        """The rekey algorithm of the key packets, ``LKH`` or ``OFT``; empty where none is there."""
        if not any(packet.kd_type in download_types() for packet in self.packets):
            return ""
        return management_of(self.packets).name

    def refused(self, what: str, error: GsakmpError) -> None:
        """A part that the standard's reader does not take."""
        self.checks.append(Check("policy", None, f"{what}: {error}"))


def read_brought(
    policy: GroupSA, keys: KeyDownload | None, now: float, dialect: Dialect, *, push: bool
) -> Brought:
    """Policy and keys, part by part. `now` is seconds since 1970."""
    brought = Brought()
    offers: dict[bytes, DataSA] = {}
    for index, part in enumerate(policy.sa_attributes):
        try:
            offered = _offered(part, now, dialect, push)
        except GsakmpError as error:
            brought.refused(f"sa_attributes[{index}]", error)
            continue
        if isinstance(part, GroupAssociatedPolicy):
            brought.activation_delay = offered.activation_delay
            brought.deactivation_delay = offered.deactivation_delay
        for rekey in offered.gsa.rekey:
            brought.rekey = rekey
        offers.update({sa.spi: sa for sa in offered.gsa.data})
    if keys is not None:
        _read_keys(brought, offers, keys, dialect, push)
    return brought


def _offered(part: object, now: float, dialect: Dialect, push: bool) -> OfferedGSA:
    """One part of a policy, as if it stood alone; which a GAP can't (RFC 6407, 5.2.1), so it is read here."""
    if isinstance(part, GroupAssociatedPolicy):
        values = read_values(part.attributes, GAPAttribute, "GAP", set())
        return OfferedGSA(
            gsa=GSA(),
            activation_delay=values.get(GAPAttribute.ACTIVATION_TIME_DELAY, 0),
            deactivation_delay=values.get(GAPAttribute.DEACTIVATION_TIME_DELAY, 0),
        )
    whole = GroupSA(sa_attributes=(part,) if isinstance(part, SAKEK | SATEK) else ())
    return read_group_sa(whole, now, allow_weak=True, dialect=dialect, push=push)


def _read_keys(
    brought: Brought, offers: dict[bytes, DataSA], keys: KeyDownload, dialect: Dialect, push: bool
) -> None:
    of_rekey = {KeyDownloadType.KEK, *download_types()}
    brought.packets = tuple(packet for packet in keys.key_packets if packet.kd_type in of_rekey)
    if brought.rekey is not None and brought.packets:
        _read_rekey(brought, brought.rekey, dialect)
    for index, packet in enumerate(keys.key_packets):
        if packet.kd_type in of_rekey:
            continue
        offered = offers.get(packet.spi)
        alone = OfferedGSA(gsa=GSA(data=(offered,) if offered else ()), allow_weak=True, dialect=dialect)
        try:
            downloaded = read_key_download(KeyDownload(key_packets=(packet,)), alone, partial=True, push=push)
        except GsakmpError as error:
            brought.refused(f"key_packets[{index}]", error)
            continue
        brought.data += downloaded.gsa.data
        brought.periods += downloaded.periods
        brought.sender_ids = downloaded.sender_ids or brought.sender_ids


def _read_rekey(brought: Brought, offered: RekeySA, dialect: Dialect) -> None:
    alone = OfferedGSA(gsa=GSA(rekey=(offered,)), allow_weak=True, dialect=dialect)
    try:
        downloaded = read_key_download(KeyDownload(key_packets=brought.packets), alone, partial=True)
    except GsakmpError as error:
        brought.refused("key_packets", error)
        brought.packets = ()
        return
    for sa in downloaded.gsa.rekey:
        brought.rekey = replace(offered, key=sa.key, signature_key=sa.signature_key)
