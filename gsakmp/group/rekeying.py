"""How a group's SAs are replaced: rollover, forward rekey, a clean slate (RFC 6407, 4.3, 5.9 and 7.4.1).

A change is staged whole. All its pushes, the second under the KEK that the first brings included, depend on
one batch of changes, so a crash leaves either all of it or nothing; what it keeps from being sent is
made up for by `gsakmp.group.recovery`.
"""

from __future__ import annotations

from collections.abc import Callable, Container, Iterable, Sequence

from gsakmp.errors import StateError
from gsakmp.group.making import data_key, new_data_sas, new_rekey_sa, new_rekey_spi, signing_key_pair
from gsakmp.group.payloads import (
    data_key_packet,
    delete_payloads,
    group_sa,
    with_signature_key,
)
from gsakmp.group.records import (
    DataSARecord,
    PutDataSA,
    PutRekeySA,
    RekeySARecord,
    RemoveMember,
    ResetSenderIDs,
)
from gsakmp.group.rekey import Exhausted, RekeyAlgorithm, RekeyPlan
from gsakmp.group.sa import GSA, RekeySuite
from gsakmp.group.server_core import Leaving, ServerCore
from gsakmp.group.server_types import GroupStartedOver, MemberRemoved, SAsReplaced
from gsakmp.group.suites import rekey_suite
from gsakmp.identities import Identity
from gsakmp.payloads import KeyDownload, Payload

__all__ = ["Change", "Rekeying", "same_signature"]

Change = Callable[[RekeyAlgorithm, bytes], RekeyPlan]
"""What a rekey algorithm is to do for the new Rekey SA that has this SPI."""


class Rekeying:
    """Replaces SAs of one group."""

    def __init__(self, core: ServerCore) -> None:
        self.core = core

    # -- Rekey SAs -------------------------------------------------------------------------------------

    def replace_kek(self, index: int, now: float, reason: str, change: Change, *, spi: bytes = b"") -> bool:
        """A new KEK for an SA2, brought to its members under the present one. False: they could not be led
        there, and must register again.

        What goes under the old KEK is what the rekey algorithm says; it knows who holds that KEK and may not
        have the new one.
        """
        core = self.core
        old = core.rekey_record(index)
        if old is None or now >= old.sa.expires_at:  # an expired KEK must not be used
            self.cut(index, now, reason)
            return False
        spi = spi or new_rekey_spi(core.random, core.state.rekey_sas)
        try:
            plan = core.plan(index, lambda algorithm: change(algorithm, spi))
        except Exhausted:
            self.cut(index, now, reason)
            return False
        if plan.re_pull or plan.group_key is None:
            self.cut(index, now, reason)
            return False
        new = self._install_kek(index, now, spi, plan, (old.signing_key, old.sa.signature_key))
        policy = group_sa(GSA(rekey=(new.sa,)), now=now, push=True)
        for packets in plan.key_packets:
            signed = tuple(with_signature_key(packet, new.sa.signature_key) for packet in packets)
            core.push(old.sa.spi, (policy, KeyDownload(key_packets=signed)), reason, now)
        core.retire_rekey(old.sa.spi, now)
        core.joining.pop(index, None)
        return True

    def renew_kek(self, index: int, now: float, reason: str) -> None:
        """A new KEK without whoever has left. Those of whom forward rekey does not want to be rid drop out of
        the structure on this occasion, unless they can't without everybody's registering again."""
        algorithm, leaving = self.core.algorithms[index], self.core.leaving[index]
        if leaving and not (algorithm.re_pull and not self.core.policy.forward_rekey):
            self._shut_out(index, now, reason)
        else:
            self.replace_kek(index, now, reason, lambda it, spi: it.renew(spi, self.core.random))

    def _shut_out(self, index: int, now: float, reason: str) -> bool:
        """A new KEK for those who are members. False: they must register again."""
        core, leaving = self.core, self.core.leaving[index]

        def change(algorithm: RekeyAlgorithm, spi: bytes) -> RekeyPlan:
            if leaving.unknown:
                return algorithm.retain(core.state.members, spi, core.random)
            return algorithm.remove(tuple(leaving.known), spi, core.random)

        led = self.replace_kek(index, now, reason, change)
        core.leaving[index] = Leaving()
        return led

    def cut(self, index: int, now: float, reason: str, *, new_signing_key: bool = False) -> None:
        """Delete everything that the members of an SA2 have, and begin with an empty structure and a KEK
        that nobody has yet."""
        core = self.core
        keys = None
        if old := core.rekey_record(index):
            keys = None if new_signing_key else (old.signing_key, old.sa.signature_key)
            self._push_delete_all(old, now, reason)
            core.retire_rekey(old.sa.spi, now)
        core.on_clean_slate()
        core.make_algorithm(index)  # nobody is in it, so nobody is leaving it
        spi = new_rekey_spi(core.random, core.state.rekey_sas)
        plan = core.plan(index, lambda algorithm: algorithm.start((), core.random))
        if keys is not None and old is not None and not same_signature(old.sa.suite, self._suite(index)):
            keys = None
        self._install_kek(index, now, spi, plan, keys)
        core.joining.pop(index, None)

    def _install_kek(
        self, index: int, now: float, spi: bytes, plan: RekeyPlan, keys: tuple[bytes, bytes] | None
    ) -> RekeySARecord:
        core = self.core
        if plan.group_key is None:
            raise StateError("the rekey algorithm gave no group key")
        rekey, suite = core.policy.rekey[index], self._suite(index)
        private, public = keys or signing_key_pair(suite, allow_weak=core.policy.allow_weak)
        key = plan.group_key.build()
        sa = new_rekey_sa(rekey, index, suite, spi=spi, key=key, public=public, now=now)
        record = RekeySARecord(sa=sa, signing_key=private)
        core.ledger.stage(PutRekeySA(group=core.name, record=record))
        return record

    def _suite(self, index: int) -> RekeySuite:
        policy, algorithm = self.core.policy, self.core.algorithms[index]
        return rekey_suite(policy.rekey[index], algorithm.management, allow_weak=policy.allow_weak)

    def _push_delete_all(self, record: RekeySARecord, now: float, reason: str) -> None:
        """All TEKs and the KEK, with no SA and no KD (RFC 6407, 5.9)."""
        if now < record.sa.expires_at:
            deletes = delete_payloads(everything=True)
            self.core.push(record.sa.spi, deletes, reason, now, acknowledged=False)

    # -- data SAs --------------------------------------------------------------------------------------

    def replace_data(
        self,
        now: float,
        reason: str,
        indices: Iterable[int] | None = None,
    ) -> None:
        """New data SAs for some of the policy's SA3, or for all, pushed with a Delete of those that they
        replace, which members act on after DTD."""
        core = self.core
        chosen = range(len(core.policy.data)) if indices is None else sorted(indices)
        old = [
            record.sa
            for record in core.ledger.data_records()
            if indices is None or record.sa.policy_index in chosen
        ]
        new = [
            sa
            for index in chosen
            for sa in new_data_sas(core.policy, index, core.state.data_sas, random=core.random, now=now)
        ]
        for sa in new:
            core.ledger.stage(PutDataSA(group=core.name, record=DataSARecord(sa=sa)))
        core.retire_data([data_key(sa) for sa in old], now)
        if indices is None:
            core.join_rekey_at = None
        self.push_data(now, reason, GSA(data=tuple(new)), delete_payloads(data=old))
        spis = tuple(sa.spi.hex() for sa in new)
        rekey_spis = tuple(record.sa.spi.hex() for record in core.ledger.rekey_records())
        core.audit(now, "rekeyed", detail=f"{reason}: data SAs {', '.join(spis)}")
        core.events.append(SAsReplaced(group=core.name, reason=reason, rekey_spis=rekey_spis, data_spis=spis))

    def push_data(
        self,
        now: float,
        reason: str,
        gsa: GSA,
        deletes: Sequence[Payload] = (),
    ) -> None:
        """Data SAs that are there, under the KEKs in force; not under one that nobody has been given yet."""
        core = self.core
        payloads: list[Payload] = list(deletes)
        if gsa.data:
            policy = core.policy
            delays = (policy.activation_delay, policy.deactivation_delay)
            payloads += [
                group_sa(gsa, activation_delay=delays[0], deactivation_delay=delays[1], now=now, push=True),
                KeyDownload(key_packets=tuple(data_key_packet(sa) for sa in gsa.data)),
            ]
        if not payloads:
            return
        for record in core.ledger.rekey_records():
            algorithm = core.algorithms.get(record.sa.policy_index)
            if algorithm is not None and len(algorithm) and now < record.sa.expires_at:
                core.push(record.sa.spi, payloads, reason, now)

    # -- the group -------------------------------------------------------------------------------------

    def rekey(self, now: float, reason: str, *, kek: bool = True, data: bool = True) -> None:
        """New KEKs for those who are members, then new data SAs under them; both where an interval is under
        way, as nothing would remind of who has left once it is out of all structures."""
        if kek and self.core.batch_at is not None:
            self.shut_out(now, reason, everywhere=True)
            return
        for index in self.core.indices() if kek else ():
            self.renew_kek(index, now, reason)
        if data:
            self.replace_data(now, reason)

    def drop(self, gone: Iterable[Identity], now: float, kind: str) -> None:
        """Members are out; no SA changes."""
        core = self.core
        for identity in gone:
            core.ledger.stage(RemoveMember(group=core.name, identity=identity))
            for index, algorithm in core.algorithms.items():
                if identity in algorithm:
                    core.leaving[index].known[identity] = kind
            core.events.append(MemberRemoved(group=core.name, member=identity, kind=kind))
            core.audit(now, kind, identity, self._reads_until())

    def remove(self, gone: Sequence[Identity], now: float, kind: str, *, everywhere: bool = False) -> None:
        """Members are out; with forward rekey they can't read what follows (RFC 6407, 7.4.1), from now on, or
        from the end of the policy's interval on. `everywhere`: at once, and KEKs that none of them had
        change, too.

        Without an SA2 nobody can be told: those who stay would lose one another if data SAs changed now,
        so whoever is out reads on until they end.
        """
        core = self.core
        had = {core.index_of(identity, core.state.members[identity].address) for identity in gone}
        self.drop(gone, now, kind)
        if not core.policy.forward_rekey or not core.ledger.rekey_records():
            return
        if not core.state.members:
            self.start_over(now, kind)
        elif core.policy.batch_interval and not everywhere:
            self._collect(gone, now, kind)
        else:
            self.shut_out(now, kind, had, everywhere=everywhere)

    def _collect(self, gone: Iterable[Identity], now: float, kind: str) -> None:
        """They are shut out as the interval ends. Who is in no structure, and so has no KEK in force, can't
        read new data SAs in any case, and these come now: a crash would forget about them."""
        core = self.core
        if core.batch_at is None:
            core.batch_at = now + core.policy.batch_interval
        if not all(any(identity in each for each in core.algorithms.values()) for identity in gone):
            self.replace_data(now, kind)

    def shut_out(
        self, now: float, reason: str, had: Container[int | None] = (), *, everywhere: bool = False
    ) -> None:
        """Whoever has left can't read what follows: KEKs change that they had, or that the SA2s `had` have,
        twice where even the new one's policy is to be hidden; and new data SAs go out under the last."""
        core = self.core
        for index in core.indices():
            if core.leaving[index] or index in had:
                led = self._shut_out(index, now, reason)
                if led and core.policy.hide_policy_from_leaver:
                    self.renew_kek(index, now, reason)
            elif everywhere:
                self.renew_kek(index, now, reason)
        core.batch_at = None
        self.replace_data(now, reason)
        if not any(map(len, core.algorithms.values())):  # everybody has to register again
            self._reset_sender_ids()

    def start_over(self, now: float, reason: str, *, new_signing_key: bool = False) -> None:
        """Everything deleted by push and made anew; nobody has any of it before registering again."""
        core = self.core
        for record in core.ledger.rekey_records():
            if record.sa.policy_index not in core.indices():  # the policy has it no longer
                self._push_delete_all(record, now, reason)
                core.retire_rekey(record.sa.spi, now)
        for index in core.indices():
            self.cut(index, now, reason, new_signing_key=new_signing_key)
        self.replace_data(now, reason)
        self._reset_sender_ids()
        core.batch_at = None
        core.events.append(GroupStartedOver(group=core.name, reason=reason))

    def end(self, now: float, reason: str) -> None:
        """Everything deleted by push, nothing made anew."""
        core = self.core
        for record in core.ledger.rekey_records():
            self._push_delete_all(record, now, reason)
            core.retire_rekey(record.sa.spi, now)
        core.retire_data([data_key(record.sa) for record in core.ledger.data_records()], now)
        for identity in list(core.state.members):
            core.ledger.stage(RemoveMember(group=core.name, identity=identity))
        self._reset_sender_ids()
        core.forget_algorithms()
        core.on_clean_slate()
        core.join_rekey_at = core.batch_at = None
        core.joining.clear()

    def delete_under_retired(self, now: float, reason: str) -> None:
        """Tell those who still hold a replaced KEK to delete everything, and so to register again."""
        for record in self.core.ledger.rekey_records(retired=True):
            self._push_delete_all(record, now, reason)

    def _reset_sender_ids(self) -> None:
        """Every data SA that an id was given for is deleted, and the Rekey SA that could bring a holder of
        an old id a new data SA, too (RFC 6407, 3.5)."""
        core = self.core
        if core.state.next_sender_id:
            core.ledger.stage(ResetSenderIDs(group=core.name))

    def _reads_until(self) -> str:
        core = self.core
        ends = [record.sa.expires_at for record in core.ledger.data_records()]
        if core.policy.forward_rekey and not core.ledger.rekey_records() and ends:
            return f"without an SA2 it reads on until {max(ends):.0f}"
        return ""


def same_signature(one: RekeySuite, other: RekeySuite) -> bool:
    """Whether a key that signs for one suite fits the other."""
    return (one.signature, one.signature_key_length) == (other.signature, other.signature_key_length)
