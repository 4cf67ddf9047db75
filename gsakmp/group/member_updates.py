"""What a pull or a push brings a member, read and checked whole before anything changes."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from typing import Final

from gsakmp.crypto import kek_cipher, key_length, public_key
from gsakmp.doi import Dialect
from gsakmp.errors import DecodeError, LengthMismatch, PolicyRefused, UnexpectedMessage
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.holdings import DataKey, Holdings, data_key
from gsakmp.group.member_types import VerifiedRekey, VerifiedUpdate
from gsakmp.group.payloads import Downloaded, OfferedGSA, read_group_sa, read_key_download
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.rekey import MemberKeys, download_types, management_of, member_keys
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.group.strengths import counter_mode
from gsakmp.payloads import GroupDelete, KeyDownload, KeyPacket
from gsakmp.registries import (
    DOINumber,
    KEKManagementAlgorithm,
    KeyDownloadType,
    LKHKeyAttribute,
    TEKProtocolID,
)

__all__ = [
    "ConsideredPolicy",
    "Deletions",
    "Download",
    "check_contradictions",
    "check_management",
    "check_sender_ids",
    "leaf_octets",
    "read_deletes",
    "read_pull",
    "read_push",
    "wants_sender_id",
    "with_signature_key_of",
]

SPI_OCTETS: Final = {
    0: 16,  # a Rekey SA (RFC 6407, 5.3)
    int(TEKProtocolID.GDOI_PROTO_IPSEC_ESP): 4,
    int(TEKProtocolID.GDOI_PROTO_IPSEC_AH): 4,
}
"""By the protocol of a Delete."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConsideredPolicy:
    """A group's policy, offered by message 2 of a pull, and acceptable. `GroupMember.install` wants it."""

    sender_ids: int
    """The sender ids that the member needs at least: 0 or 1. It may ask for more, one for each encryption
    module; the GCKS gives one unasked (RFC 6407, 3.5)."""
    offered: OfferedGSA
    change: int
    """The count of the member's changes at that time: what a push changes meanwhile is newer than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Deletions:
    """What the Delete payloads of a push name, of what the member holds."""

    rekey: frozenset[bytes] = frozenset()
    data: frozenset[DataKey] = frozenset()
    clean_slate: frozenset[int] = frozenset()
    """The protocols of which everything is deleted, by an SPI of zero: 0 for Rekey SAs."""

    def __bool__(self) -> bool:
        return bool(self.rekey or self.data)


@dataclass(frozen=True, slots=True, kw_only=True)
class Download:
    """The SAs that an update brings, with their keys; acceptable, as far as each can be judged by itself."""

    offered: OfferedGSA | None
    """None for a push that only deletes."""
    rekey: tuple[RekeySA, ...] = ()
    """One at most."""
    data: tuple[DataSA, ...] = ()
    periods: tuple[GrantedPeriods, ...] = ()
    """Of a pull: data SAs whose keys go by periods."""
    sender_id_bits: int = 0
    sender_ids: tuple[int, ...] = ()
    packets: tuple[KeyPacket, ...] = field(default=(), repr=False)
    """The key packets of the Rekey SA."""
    has_arrays: bool = False
    """Whether one of them is a rekey algorithm's."""
    keys: MemberKeys | None = field(default=None, repr=False)
    """Of a pull: the keys below the KEK,"""
    management: int = KEKManagementAlgorithm.LKH
    """and the KEK_MANAGEMENT_ALGORITHM that they are for."""


def read_deletes(deletes: Iterable[GroupDelete], held: Holdings, current: bool) -> Deletions:
    """RFC 6407, 5.9. An SPI that is not held is nothing to delete; so is one of a protocol that is unknown.

    Under a Rekey SA that was replaced (not `current`) nothing is deleted: what comes there now is for those
    who have missed its successor, and it ends by itself.

    Raises `DecodeError` for another DOI, `LengthMismatch` for an SPI of another length than its protocol's.
    """
    rekey: set[bytes] = set()
    data: set[DataKey] = set()
    everything: set[int] = set()
    for index, delete in enumerate(deletes):
        path = f"deletes[{index}]"
        if delete.doi != DOINumber.GDOI:
            raise DecodeError(f"the DOI is {int(delete.doi)}, not GDOI's (RFC 6407, 5.9)", f"{path}.doi")
        protocol = int(delete.protocol_id)
        wanted = SPI_OCTETS.get(protocol)
        for gone in delete.spis:
            if gone and not any(gone):
                everything.add(protocol)
            elif wanted is not None and len(gone) != wanted:
                raise LengthMismatch(f"an SPI of {len(gone)} octets, {wanted} are wanted", f"{path}.spis")
            elif protocol:
                data.add((protocol, gone))
            else:
                rekey.add(gone)
    if not current:
        return Deletions()
    if 0 in everything:
        rekey.update(held.rekey)
    data.update(key for key in held.data if key[0] in everything)
    return Deletions(
        rekey=frozenset(rekey & held.rekey.keys()),
        data=frozenset(data & held.data.keys()),
        clean_slate=frozenset(everything),
    )


def read_pull(update: VerifiedUpdate, considered: ConsideredPolicy, acceptance: Acceptance) -> Download:
    """The keys of a pull. Raises `DecodeError`, `PolicyRefused`; `UnexpectedMessage` without SEQ or KD."""
    if update.key_download is None:
        raise UnexpectedMessage("no KD in message 4 of GROUPKEY-PULL")
    downloaded = read_key_download(update.key_download, considered.offered)
    download = completed(downloaded, considered.offered, update.key_download)
    if download.rekey and update.sequence_number is None:
        # Without it, pushes from before the registration would be taken for new ones (RFC 6407, 3.2).
        raise UnexpectedMessage("no SEQ in message 4 of GROUPKEY-PULL, though there is a Rekey SA")
    patterns = tuple(each.pattern for each in download.periods)
    acceptance.check(GSA(rekey=download.rekey, data=download.data + patterns), registering=True)
    numbered = (replace(sa, sequence_number=update.sequence_number or 0) for sa in download.rekey)
    keys = [member_keys_of(sa, download.packets) for sa in download.rekey]
    return replace(
        download,
        rekey=tuple(numbered),
        keys=keys[0] if keys else None,
        management=management_of(download.packets),
    )


def read_push(update: VerifiedRekey, acceptance: Acceptance, dialect: Dialect, now: float) -> Download:
    """The policy and keys of a push; empty for one that only deletes. Raises `DecodeError`, `PolicyRefused`,
    and `UnexpectedMessage` for one of SA and KD without the other (RFC 6407, 4 and 5.9)."""
    policy, keys = update.policy, update.key_download
    if policy is None and keys is None:
        return Download(offered=None)
    if policy is None or keys is None:
        raise UnexpectedMessage("a push with one of SA and KD, and not the other (RFC 6407, 4)")
    offered = read_group_sa(policy, now, allow_weak=acceptance.allow_weak, dialect=dialect, push=True)
    downloaded = read_key_download(keys, offered, push=True)
    check_no_download_array(downloaded.rekey_packets)
    download = completed(downloaded, offered, keys)
    acceptance.check(GSA(rekey=download.rekey, data=download.data), registering=False)
    return download


def completed(downloaded: Downloaded, offered: OfferedGSA, key_download: KeyDownload) -> Download:
    """The SAs with SIG_KEY_LENGTH where the SA KEK has left it out: that of the public key."""
    rekey = []
    for sa in downloaded.gsa.rekey:
        suite = sa.suite
        if not suite.signature_key_length and sa.signature_key:
            bits = key_length(public_key(sa.signature_key, allow_weak=offered.allow_weak))
            suite = replace(suite, signature_key_length=bits)
        rekey.append(replace(sa, suite=suite))
    kinds = {KeyDownloadType.KEK, *download_types()}
    return Download(
        offered=offered,
        rekey=tuple(rekey),
        data=downloaded.gsa.data,
        periods=downloaded.periods,
        sender_id_bits=downloaded.sender_id_bits,
        sender_ids=downloaded.sender_ids,
        packets=tuple(packet for packet in key_download.key_packets if packet.kd_type in kinds),
        has_arrays=bool(downloaded.rekey_packets),
    )


def with_signature_key_of(present: RekeySA, successor: RekeySA) -> RekeySA:
    """The new Rekey SA with the public key of the present one, where the push has none (LKH). Raises
    `PolicyRefused` if that key does not fit its algorithm."""
    if successor.signature_key:
        return successor
    old, new = present.suite, successor.suite
    if new.signature != old.signature or new.signature_key_length not in (0, old.signature_key_length):
        raise PolicyRefused("no SIG_ALGORITHM_KEY for the new Rekey SA, whose signatures are others")
    suite = replace(new, signature_key_length=old.signature_key_length)
    return replace(successor, signature_key=present.signature_key, suite=suite)


def member_keys_of(sa: RekeySA, packets: Sequence[KeyPacket]) -> MemberKeys:
    """The keys below the KEK that a pull brings for a Rekey SA. Raises `DecodeError`."""
    cipher = kek_cipher(sa.suite.encryption, sa.suite.key_length, allow_weak=True)
    keys = member_keys(cipher, packets)
    keys.install(packets)
    return keys


def check_management(held: int, successor: RekeySA) -> None:
    """Raises `PolicyRefused` for a push that names another KEK_MANAGEMENT_ALGORITHM than that which the
    member's keys are for: they lead nowhere in it."""
    management = successor.suite.management
    if management is not None and management != held:
        raise PolicyRefused(
            f"KEK_MANAGEMENT_ALGORITHM {management!r}, and this registration brought keys of "
            f"{KEKManagementAlgorithm(held)!r}"
        )


def check_contradictions(download: Download, deletions: Deletions) -> None:
    """Raises `PolicyRefused` for an SA that one push both deletes and brings."""
    for data in download.data:
        if data_key(data) in deletions.data:
            raise PolicyRefused(f"data SA {data.spi.hex()} is deleted and brought by one push")
    for rekey in download.rekey:
        if rekey.spi in deletions.rekey:
            raise PolicyRefused(f"Rekey SA {rekey.spi.hex()} is deleted and brought by one push")


def wants_sender_id(acceptance: Acceptance, sa: DataSA) -> bool:
    """Whether the member would send with this SA in a counter mode (RFC 6407, 3.5)."""
    return acceptance.sends(sa) and counter_mode(sa)


def check_sender_ids(acceptance: Acceptance, download: Download, held: Holdings) -> None:
    """Raises `PolicyRefused` for a counter mode without sender ids, and for a sender id that comes with an SA
    that it was used with before: nonces would repeat (RFC 6407, 3.5 and 5.6.4.3)."""
    given = frozenset(download.sender_ids)
    for sa in (*download.data, *(each.pattern for each in download.periods)):
        if not given and wants_sender_id(acceptance, sa):
            raise PolicyRefused(
                f"data SA {sa.spi.hex()} has a counter mode, and no sender id came (RFC 6407, 5.6.4.4); "
                "a member that only receives has sender = false among what it accepts"
            )
        known = held.data.get(data_key(sa))
        if known is not None and (twice := given & known.sender_ids):
            raise PolicyRefused(
                f"sender id {min(twice)} was used with data SA {known.sa.spi.hex()}: nonces would repeat"
            )


def check_no_download_array(packets: Iterable[KeyPacket]) -> None:
    """Raises `DecodeError` for one member's keys in a push, which all can read (RFC 6407, 5.6.3.1)."""
    for packet in packets:
        if any(part.type == LKHKeyAttribute.LKH_DOWNLOAD_ARRAY for part in packet.attributes):
            raise DecodeError("an LKH_DOWNLOAD_ARRAY in a push (RFC 6407, 5.6.3.1)", "key_packets")


def leaf_octets(packets: Iterable[KeyPacket]) -> bytes:
    """IV and key of the first key of the download array: the member's own leaf (RFC 6407, 5.6.3.1). Empty
    where there is no array."""
    for packet in packets:
        if packet.kd_type != KeyDownloadType.LKH:
            continue
        for part in packet.attributes:
            if part.type == LKHKeyAttribute.LKH_DOWNLOAD_ARRAY and part.value.lkh_keys:
                return bytes(part.value.lkh_keys[0].key_data)
    return b""
