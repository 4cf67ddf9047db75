"""Who registers: what message 2 offers and message 4 gives (RFC 6407, 3.4, 3.5 and 7.4.2)."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, Final, NoReturn

from gsakmp.errors import PolicyRefused, StateError
from gsakmp.group.making import data_key, new_rekey_spi
from gsakmp.group.payloads import (
    data_key_packet,
    data_lifetime,
    group_sa,
    rekey_key_packet,
    remaining,
    sender_id_packet,
)
from gsakmp.group.records import AllocateSenderIDs, MemberRecord, PutMember
from gsakmp.group.rekey import Exhausted, RekeyAlgorithm, RekeyPlan
from gsakmp.group.rekeying import Rekeying
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.group.schedule import JOIN_REKEY_SECONDS
from gsakmp.group.server_core import ServerCore
from gsakmp.group.server_periods import Periods
from gsakmp.group.server_types import Admission, MemberJoined, Offer
from gsakmp.identities import Identity
from gsakmp.limits import GROUP_MEMBERS
from gsakmp.payloads import GroupSA, KeyDownload, KeyPacket, LKHDownloadArray
from gsakmp.registries import LKHKeyAttribute

__all__ = ["Registration"]

LEFT: Final = "left"
"""The kind of who left by its own wish (`Rekeying.remove`)."""


class Registration:
    """Takes members into one group."""

    def __init__(self, core: ServerCore, rekeying: Rekeying, periods: Periods) -> None:
        self.core = core
        self.rekeying = rekeying
        self.periods = periods
        self._last: tuple[Any, GroupSA] | None = None

    # -- message 2 -------------------------------------------------------------------------------------

    def offer(
        self,
        identity: Identity,
        now: float,
        sender: bool,
        address: str,
        periods: str = "",
        module: str = "",
    ) -> Offer:
        """See `GroupServer.offer`. Nothing changes but an SPI that is set aside for joiners."""
        core = self.core
        if core.dissolved:
            raise PolicyRefused(f"the group {core.name!r} has ended")
        self._check_room(identity, address)
        gsa = self._offered(identity, address, now, periods)
        return Offer(
            group=core.name,
            member=identity,
            policy=self._payload(gsa, now),
            rekey=gsa.rekey,
            data=gsa.data,
            sender=sender,
            counter_mode=bool(core.sender_ids.bits),
            periods=periods,
            module=module,
        )

    def _offered(
        self, identity: Identity, address: str, now: float, periods: str, promised: RekeySA | None = None
    ) -> GSA:
        known = self.core.state.members.get(identity)
        rekey = self._offered_rekey(known, self.core.index_of(identity, address), now, promised)
        data = self.periods.offered(self._offered_data(known), periods, now)
        return GSA(rekey=rekey, data=data)

    def _payload(self, gsa: GSA, now: float) -> GroupSA:
        """The SA payload, in which lifetimes are whole seconds: who asks within the same second is given the
        same one."""
        policy = self.core.policy
        delays = policy.activation_delay, policy.deactivation_delay
        lifetimes = [remaining(sa.expires_at, now) for sa in gsa.rekey]
        lifetimes += [data_lifetime(sa, now) for sa in gsa.data]
        # not by the SAs themselves, whose keys would be kept for as long as nobody registers
        spis = [sa.spi for sa in gsa.rekey] + [data_key(sa) for sa in gsa.data]
        wanted = (self.core.ledger.sa_changes, spis, delays, lifetimes)
        if self._last is None or self._last[0] != wanted:
            payload = group_sa(gsa, activation_delay=delays[0], deactivation_delay=delays[1], now=now)
            self._last = wanted, payload
        return self._last[1]

    def _offered_rekey(
        self, known: MemberRecord | None, index: int | None, now: float, promised: RekeySA | None
    ) -> tuple[RekeySA, ...]:
        """The Rekey SA in force; or, for a joiner who must read no push of the past, one that its admission
        makes (RFC 6407, 7.4.2). There is no such past where nothing was pushed yet under the present one, and
        what it is given opens nothing older. Joiners share that SA as long as this holds of it; where it
        never does each has its own, which was perhaps `promised` to it before."""
        core = self.core
        record = None if index is None else core.rekey_record(index)
        if record is None:
            return ()
        sa = record.sa
        if known is not None or core.policy.backward_rekey != "new-kek":
            return (sa,)
        alone = core.algorithms[sa.policy_index].joins_look_back
        if not sa.sequence_number and not alone:
            return (sa,)
        spi = b"" if alone else core.joining.get(sa.policy_index, b"")
        spi = spi or new_rekey_spi(core.random, core.state.rekey_sas)
        if not alone:
            core.joining[sa.policy_index] = spi
        lifetime = core.policy.rekey[sa.policy_index].lifetime
        made = replace(sa, spi=spi, key=b"", sequence_number=0, created_at=now, lifetime_seconds=lifetime)
        if alone and promised is not None and promised.spi not in core.state.rekey_sas:
            again = replace(made, spi=promised.spi, created_at=promised.created_at)
            made = promised if again == promised else made
        return (made,)

    def _offered_data(self, known: MemberRecord | None) -> tuple[DataSA, ...]:
        """All data SAs in force; with backward rekey, those alone that were made since the member joined.
        The others' successors come by push, so a group that can't push has no backward rekey."""
        core = self.core
        sas = tuple(record.sa for record in core.ledger.data_records())
        if core.policy.backward_rekey == "off" or not core.indices():
            return sas
        return tuple(sa for sa in sas if known is not None and sa.created_at > known.registered_at)

    # -- message 4 -------------------------------------------------------------------------------------

    def admit(
        self, offer: Offer, identity: Identity, address: str, requested: int, subject: str, now: float
    ) -> Admission:
        """See `GroupServer.admit`."""
        core = self.core
        if offer.group != core.name or offer.member != identity:
            raise StateError(f"the offer is for {offer.member} in {offer.group!r}")
        self._check_current(offer, address, now)
        self._check_room(identity, address)  # others may have come since the offer
        self._check_place(identity, now)
        count = core.sender_ids.wanted(requested, offer.sender)
        first = core.state.next_sender_id
        if not core.sender_ids.available(first, count):
            self.rekeying.start_over(now, "sender ids")
            raise StateError("the sender ids have run out, and the group starts over")
        known = core.state.members.get(identity)
        packets = self._place(offer, identity, now)
        given = tuple(range(first, first + count))
        if given:
            core.ledger.stage(AllocateSenderIDs(group=core.name, next_sender_id=first + count))
            packets += (sender_id_packet(core.sender_ids.bits, given),)
        record = MemberRecord(
            identity=identity,
            registered_at=known.registered_at if known else now,
            address=address,
            sender_ids=given,
            acknowledged=known.acknowledged if known else 0,
            key=_own_key(packets),
            certificate=subject,
        )
        core.ledger.stage(PutMember(group=core.name, record=record))
        core.audit(now, "registered" if known else "joined", identity, address)
        core.events.append(
            MemberJoined(group=core.name, member=identity, new=known is None, sender_ids=given)
        )
        core.on_registered(identity)
        held_back = core.policy.backward_rekey != "off" and len(offer.data) < len(core.ledger.data_records())
        if held_back and core.join_rekey_at is None:
            core.join_rekey_at = now + max(JOIN_REKEY_SECONDS, core.policy.batch_interval)
        return Admission(
            sequence_number=self._sequence_number(offer),
            key_download=KeyDownload(key_packets=packets),
            sender_ids=given,
            new=known is None,
        )

    def _check_room(self, identity: Identity, address: str) -> None:
        """Raises `PolicyRefused` for one more than the group may have, or its SA2's rekey algorithm."""
        core = self.core
        if identity not in core.state.members and len(core.state.members) >= GROUP_MEMBERS:
            raise PolicyRefused(f"the group {core.name!r} is full: it has {GROUP_MEMBERS} members")
        index = core.index_of(identity, address)
        algorithm = None if index is None else core.algorithms.get(index)
        if algorithm is not None and len(algorithm) >= algorithm.capacity and identity not in algorithm:
            raise PolicyRefused(
                f"the group {core.name!r} is full: rekey[{index}] has {algorithm.capacity} members"
            )

    def _check_place(self, identity: Identity, now: float) -> None:
        """Who was put out of the group must not come back to the keys that it had: all who wait for the end
        of the interval are shut out now, and it pulls again. Whoever left by its own wish may have them."""
        core = self.core
        kinds = (leaving.known.get(identity, LEFT) for leaving in core.leaving.values())
        if core.policy.forward_rekey and any(kind != LEFT for kind in kinds):
            self.rekeying.shut_out(now, "batch")
            raise StateError(f"{identity} was put out just before: those who were are shut out first")

    def _check_current(self, offer: Offer, address: str, now: float) -> None:
        """Raises `StateError` unless the same would be offered again."""
        promised = next((sa for sa in offer.rekey if not sa.key), None)
        offered = self._offered(offer.member, address, now, offer.periods, promised)
        if self.core.dissolved or _spis(offer) != _spis(offered):
            raise StateError("a rekey has overtaken the offer")

    def _place(self, offer: Offer, identity: Identity, now: float) -> tuple[KeyPacket, ...]:
        """Into the rekey algorithm's structure; the key packets of the SAs offered."""
        core = self.core
        packets = tuple(
            data_key_packet(sa)
            if sa.periods is None
            else self.periods.packet(sa, offer.periods, offer.module, identity, now)
            for sa in offer.data
        )
        for offered in offer.rekey:
            index, spi = offered.policy_index, offered.spi
            if spi not in core.state.rekey_sas:
                self._make_for_joiners(index, identity, spi, now)
            elif identity not in core.algorithms[index]:
                self._take_in(index, identity, spi, now)
            core.leaving[index].known.pop(identity, None)
            # by SPI anew: what was offered may have had no key
            packets += (rekey_key_packet(core.state.rekey_sas[spi].sa),)
            own = core.algorithms[index].download(identity)
            packets += tuple(packet.replace(spi=spi) for packet in own)
        return packets

    def _make_for_joiners(self, index: int, identity: Identity, spi: bytes, now: float) -> None:
        """The Rekey SA that was promised; those who are in already get it by push under the old KEK."""

        def change(algorithm: RekeyAlgorithm, spi: bytes) -> RekeyPlan:
            return self._add(identity, spi, True, algorithm)

        if not self.rekeying.replace_kek(index, now, "joined", change, spi=spi):
            self._starts_over(now)

    def _take_in(self, index: int, identity: Identity, spi: bytes, now: float) -> None:
        """Into the structure, under the KEK that there is."""
        try:
            self.core.plan(index, partial(self._add, identity, spi, False))
        except Exhausted:
            self.rekeying.cut(index, now, "joined")
            self._starts_over(now)

    def _starts_over(self, now: float) -> NoReturn:
        if self.core.batch_at is not None:  # a structure is gone that had in it who is leaving
            self.rekeying.shut_out(now, "batch")
        raise StateError("the group could not be led to a new KEK, and starts over")

    def _add(self, identity: Identity, spi: bytes, new: bool, algorithm: RekeyAlgorithm) -> RekeyPlan:
        return algorithm.add((identity,), spi, new, self.core.random)

    def _sequence_number(self, offer: Offer) -> int | None:
        """That of the last push under the Rekey SA (RFC 6407, 5.7)."""
        for sa in offer.rekey:
            return self.core.state.rekey_sas[sa.spi].sa.sequence_number
        return None


def _spis(offer: Offer | GSA) -> list[bytes]:
    return [sa.spi for sa in offer.rekey] + [sa.spi for sa in offer.data]


def _own_key(packets: tuple[KeyPacket, ...]) -> bytes:
    """The member's own key among them: the first of an LKH_DOWNLOAD_ARRAY (RFC 6407, 5.6.3.1)."""
    for packet in packets:
        for attribute in packet.attributes:
            if attribute.type == LKHKeyAttribute.LKH_DOWNLOAD_ARRAY and isinstance(
                attribute.value, LKHDownloadArray
            ):
                return attribute.value.lkh_keys[0].key_data if attribute.value.lkh_keys else b""
    return b""
