"""What a restart mends, and what another policy changes.

A push is sent after its changes are durable, so a crash may keep it from being sent, though its sequence
number is spent and its keys are in force. Whether it went out is not recorded; what is, is enough:
- A replaced Rekey SA is still held: some members may never have heard of its successor. They are told to
  delete everything, under the KEK that they have and with a higher number, and register again. Those who
  did hear have dropped that KEK. No key goes under it, so who was just evicted learns nothing.
- A replaced data SA is still held: the present ones are pushed again, with a higher number.
- A member joined after the data SAs were made, and backward rekey held them back: the push is due.
- A rekey algorithm's structure has more in it than members: some left, and the interval in which leavers are
  collected had not ended. They are shut out.
Records of replaced SAs outlive the retransmissions of the pushes that replaced them, so this is all there is.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import Final

import msgspec

from gsakmp.errors import ConfigurationError, GsakmpError, PolicyRefused
from gsakmp.group.authorisation import admitted, matches
from gsakmp.group.checks import check_policy
from gsakmp.group.making import DATA_SAS
from gsakmp.group.payloads import delete_payloads
from gsakmp.group.policy import GroupPolicy, MemberPolicy, RekeyPolicy
from gsakmp.group.records import MemberRecord, PutGroup, RekeySARecord
from gsakmp.group.rekey import RekeySettings
from gsakmp.group.rekey_checks import settings_of
from gsakmp.group.rekeying import Rekeying, same_signature
from gsakmp.group.sa import GSA, DataSA, RekeySA
from gsakmp.group.sender_ids import SenderIDs
from gsakmp.group.server_core import ServerCore
from gsakmp.group.suites import data_selectors, rekey_suite
from gsakmp.identities import Identity

__all__ = ["Recovery", "checked", "digest"]

HALF: Final = 16
"""Octets of each half of a policy's digest."""
CLOCK_SECONDS: Final = 60.0
"""How far SAs may be ahead of the clock that a restart finds: clocks are corrected a little all the time."""

REKEY_PARTS: Final = (
    *("transport", "source", "source_port", "destination", "destination_port", "encryption", "signature"),
    *("lifetime", "management", "eviction", "degree", "trees", "acknowledgement"),
)
"""What of an SA2's policy its Rekey SAs are made of."""


def checked(policy: GroupPolicy) -> GroupPolicy:
    """The policy, if it holds together. Raises `ConfigurationError`."""
    check_policy(policy)
    # of keys by periods, the next sequence goes beside the present one
    count = sum(len(data_selectors(data)) * (2 if data.periods else 1) for data in policy.data)
    if count > DATA_SAS:
        raise ConfigurationError(f"{policy.name}: {count} data SAs, one message has room for {DATA_SAS}")
    return policy


def digest(policy: GroupPolicy) -> bytes:
    """Two halves of 16 octets, of SHA-256 each: what SAs are made of, and who may join. A change of anything
    else, of retransmissions say, asks for no new SAs."""
    delays = (policy.activation_delay, policy.deactivation_delay)
    rekey = [[getattr(each, name) for name in REKEY_PARTS] for each in policy.rekey]
    data = [msgspec.structs.replace(each, rollover_margin=0) for each in policy.data]
    sas = msgspec.json.encode((policy.identity, rekey, data, delays, policy.allow_weak))
    return sha256(sas).digest()[:HALF] + sha256(msgspec.json.encode(policy.members)).digest()[:HALF]


def _algorithm(rekey: RekeyPolicy) -> tuple[str, str, RekeySettings]:
    """What an SA2's rekey algorithm is made of: as long as it stays, so does the structure."""
    return rekey.management, rekey.encryption, settings_of(rekey)


class Recovery:
    """Brings what the journal holds in line with the policy and the time."""

    def __init__(self, core: ServerCore, rekeying: Rekeying) -> None:
        self.core = core
        self.rekeying = rekeying

    # -- at the start ----------------------------------------------------------------------------------

    def create(self, now: float) -> None:
        """A group that the journal does not know."""
        self._put_group(now)
        self.core.audit(now, "created")
        self.rekeying.start_over(now, "created")

    def restart(self, now: float) -> None:
        """A group that it does know."""
        core = self.core
        core.audit(now, "restarted", detail=f"{len(core.state.members)} members")
        self._mend_keks(now)
        kept = [index for index in core.indices() if self._restored(index)]
        if core.state.policy_digest[:HALF] != digest(core.policy)[:HALF]:
            # how wide the ids are that members hold is not recorded, and two widths make one nonce twice
            self.adopt(now, kept, same_ids=not core.sender_ids.bits)
            return
        for index in core.indices():
            if index not in kept:
                self.rekeying.cut(index, now, "restart")
        lost = len(kept) < len(core.indices()) and core.policy.batch_interval > 0
        if core.policy.forward_rekey and (lost or any(core.leaving.values())):
            self.rekeying.shut_out(now, "restart")
        else:
            self._mend_data(now)
        self.evict_strangers(now)
        if any(sa.created_at > now + CLOCK_SECONDS for sa in self._in_force()):
            core.audit(now, "clock set back", detail="SAs that would have lived too long are replaced")
            self.rekeying.rekey(now, "clock set back")

    def _in_force(self) -> list[RekeySA | DataSA]:
        ledger = self.core.ledger
        rekey = [record.sa for record in ledger.rekey_records()]
        return [*rekey, *(record.sa for record in ledger.data_records())]

    def _mend_keks(self, now: float) -> None:
        if self.core.state.members:
            self.rekeying.delete_under_retired(now, "restart")

    def _mend_data(self, now: float) -> None:
        core = self.core
        current = [record.sa for record in core.ledger.data_records()]
        replaced = [record.sa for record in core.ledger.data_records(retired=True)]
        joined = max((member.registered_at for member in core.state.members.values()), default=None)
        oldest = min((sa.created_at for sa in current), default=None)
        waits = joined is not None and oldest is not None and oldest <= joined
        if (waits or replaced) and core.policy.backward_rekey != "off":
            core.join_rekey_at = now
        elif replaced:
            deletes = delete_payloads(data=replaced)
            self.rekeying.push_data(now, "restart", GSA(data=tuple(current)), deletes)

    def _restored(self, index: int) -> bool:
        """Whether the SA2's algorithm and Rekey SA go on."""
        core = self.core
        if index not in core.state.rekey_algorithm or core.rekey_record(index) is None:
            return False
        try:
            core.make_algorithm(index, restored=True)
        except GsakmpError:  # another algorithm's: the policy is another
            return False
        return True

    # -- another policy --------------------------------------------------------------------------------

    def reload(self, policy: GroupPolicy, now: float) -> None:
        """See `GroupServer.reload`; the policy is checked."""
        core = self.core
        bits, before = core.sender_ids.bits, core.policy.rekey
        core.policy, core.sender_ids = policy, SenderIDs(policy)
        if core.dissolved:
            core.dissolved = False
            self._put_group(now)
            self.rekeying.start_over(now, "policy")
        elif core.state.policy_digest[:HALF] == digest(policy)[:HALF]:
            self.evict_strangers(now)
            # who left while nothing was done about it
            if policy.forward_rekey and core.batch_at is None and any(core.leaving.values()):
                self.rekeying.shut_out(now, "policy")
        else:
            kept = [
                index
                for index in core.indices()
                if index in core.algorithms and _algorithm(before[index]) == _algorithm(policy.rekey[index])
            ]
            self.adopt(now, kept, same_ids=bits == core.sender_ids.bits)

    def adopt(self, now: float, kept: Sequence[int], *, same_ids: bool) -> None:
        """SAs as the policy wants them, by push where members can be led to them. `kept` are the SA2s whose
        algorithm goes on, `same_ids` says that the sender ids that members hold go on."""
        core = self.core
        strangers = self._strangers()
        led = same_ids and self._can_lead(kept)
        self._put_group(now)
        core.audit(now, "policy", detail="led by push" if led else "started over")
        if not led:
            self.rekeying.drop(strangers, now, "unauthorised")
            self.rekeying.start_over(now, "policy")
        elif strangers and core.policy.forward_rekey:
            self.rekeying.remove(strangers, now, "unauthorised", everywhere=True)
        else:
            self.rekeying.drop(strangers, now, "unauthorised")
            self.rekeying.rekey(now, "policy")
        core.forget_algorithms(core.indices())

    def evict_strangers(self, now: float) -> None:
        """Whoever the policy admits no longer is out. Nobody, as long as it says the same of members."""
        if self.core.state.policy_digest == digest(self.core.policy):
            return
        strangers = self._strangers()
        self._put_group(now)
        if strangers:
            self.rekeying.remove(strangers, now, "unauthorised")

    def _can_lead(self, kept: Sequence[int]) -> bool:
        """Whether each SA2 of the policy has a Rekey SA that its members can be led from, and none is left
        over: the algorithm, its cipher and the signature stay."""
        core = self.core
        records = core.ledger.rekey_records()
        if sorted(record.sa.policy_index for record in records) != core.indices():
            return False
        return bool(records) and all(
            record.sa.policy_index in kept and self._continues(record) for record in records
        )

    def _continues(self, record: RekeySARecord) -> bool:
        core, index, suite = self.core, record.sa.policy_index, record.sa.suite
        management = core.algorithms[index].management
        wanted = rekey_suite(core.policy.rekey[index], management, allow_weak=core.policy.allow_weak)
        return (
            (suite.encryption, suite.key_length) == (wanted.encryption, wanted.key_length)
            and suite.management == wanted.management
            and same_signature(suite, wanted)
        )

    def _strangers(self) -> list[Identity]:
        """Members whom the policy does not admit. Of a certificate only the subject is on record: a pattern
        for an alternative name is held against the identity, and whoever showed another name registers
        again."""
        return [
            record.identity
            for record in self.core.state.members.values()
            if not any(self._admits(member, record) for member in self.core.policy.members)
        ]

    def _admits(self, member: MemberPolicy, record: MemberRecord) -> bool:
        if member.certificate:
            subject = "=" in member.certificate
            shown = record.certificate if subject else record.identity.to_text().partition(":")[2]
            if not record.certificate or not matches(member.certificate, shown):
                return False
            if not member.identity:
                return True
        alone = msgspec.structs.replace(member, certificate="")
        try:
            admitted(msgspec.structs.replace(self.core.policy, members=(alone,)), record.identity, None)
        except PolicyRefused:
            return False
        return True

    def _put_group(self, now: float) -> None:
        core, policy = self.core, self.core.policy
        change = PutGroup(
            group=core.name,
            identity=Identity.from_text(policy.identity),
            created_at=now,
            policy_digest=digest(policy),
        )
        core.ledger.stage(change)
