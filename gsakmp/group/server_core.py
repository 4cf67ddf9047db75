"""What the parts of a `GroupServer` share: the ledger, the rekey algorithms, and how a push is made."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace
from hashlib import sha256
from ipaddress import ip_address
from typing import Final

from gsakmp.crypto import Random, kek_cipher
from gsakmp.errors import StateError
from gsakmp.group.ledger import Ledger, host_of
from gsakmp.group.policy import GroupPolicy
from gsakmp.group.records import (
    AdvanceSequenceNumber,
    Audit,
    GroupState,
    MemberRecord,
    PutDataSA,
    PutRekeyAlgorithm,
    PutRekeySA,
    RekeySARecord,
    RemoveDataSA,
    RemoveRekeySA,
)
from gsakmp.group.rekey import RekeyAlgorithm, RekeyPlan, rekey_algorithm
from gsakmp.group.rekey_checks import settings_of
from gsakmp.group.schedule import LAST_SEQUENCE_NUMBER
from gsakmp.group.sender_ids import SenderIDs
from gsakmp.group.server_types import Push, ServerEvent
from gsakmp.group.suites import rekey_suite
from gsakmp.identities import Identity
from gsakmp.payloads import Payload

__all__ = ["Leaving", "ServerCore", "unicast"]

RETIRED_REKEY_SAS: Final = 128
"""Replaced Rekey SAs that are kept, the newest: with a joiner a second and a new KEK for each
(RFC 6407, 7.4.2), those of two minutes."""

RETIRED_DATA_SAS: Final = 2048
"""Replaced data SAs that are kept, the newest: nothing but their SPI and their place in the status hangs on
them here, members go by DTD."""


class Leaving:
    """Who is in an algorithm's structure still, though no member any more."""

    def __init__(self) -> None:
        self.known: dict[Identity, str] = {}
        """With the kind of each removal, as ``left``."""
        self.unknown = False
        """Whether there are others, who left before the process began."""

    def __bool__(self) -> bool:
        return self.unknown or bool(self.known)


class ServerCore:
    """The state of one group and what is staged. It decides nothing."""

    def __init__(self, policy: GroupPolicy, state: GroupState | None, random: Random) -> None:
        self.policy = policy
        self.random = random
        self.ledger = Ledger(policy.name, state)
        self.sender_ids = SenderIDs(policy)
        self.algorithms: dict[int, RekeyAlgorithm] = {}
        self.leaving: dict[int, Leaving] = {}
        """By policy index, as the algorithms are."""
        self.batch_at: float | None = None
        """When those who leave are to be shut out; None where nobody waits for it."""
        self.joining: dict[int, bytes] = {}
        """SPIs of the Rekey SAs that the next admission makes (RFC 6407, 7.4.2), by policy index."""
        self.join_rekey_at: float | None = None
        """When joiners are to get new data SAs; None where nobody waits for any."""
        self.dissolved = False
        self.pushes: list[Push] = []
        self.events: list[ServerEvent] = []
        self.rekeys_sent = 0
        self.on_push: Callable[[Push, float], None] = lambda push, now: None
        """Told of each push that members should acknowledge."""
        self.on_registered: Callable[[Identity], None] = lambda identity: None
        """Told of who has registered."""
        self.on_clean_slate: Callable[[], None] = lambda: None
        """Told when members were made to register again."""
        self._served: tuple[GroupPolicy | None, Counter[int | None]] = (None, Counter())
        self.ledger.on_member = self._count

    @property
    def state(self) -> GroupState:
        """See `Ledger.state`."""
        return self.ledger.state

    @property
    def name(self) -> str:
        """The group's."""
        return self.ledger.name

    def audit(self, now: float, kind: str, member: Identity | str = "", detail: str = "") -> None:
        """Note something for whoever asks later."""
        self.ledger.stage(Audit(group=self.name, at=now, kind=kind, member=str(member), detail=detail))

    # -- the policy's SA2 ------------------------------------------------------------------------------

    def indices(self) -> list[int]:
        """Which of the policy's SA2 push; one that is declared null does not."""
        return [at for at, rekey in enumerate(self.policy.rekey) if rekey.transport != "null"]

    def index_of(self, identity: Identity, address: str) -> int | None:
        """Which SA2 a member gets, None where none pushes: an SA payload has room for one (RFC 6407, 5.2.1).

        With several, one whose destination is of the family of the member's address if there is one, and
        among those always the same for an identity, which spreads members evenly.
        """
        found = self.indices()
        if len(found) > 1 and (host := host_of(address)):
            version = ip_address(host).version
            found = [at for at in found if self._family(at) in (version, None)] or found
        if len(found) < 2:
            return found[0] if found else None
        digest = sha256(identity.to_text().encode()).digest()
        return found[int.from_bytes(digest[:8], "big") % len(found)]

    def _family(self, index: int) -> int | None:
        destination = self.policy.rekey[index].destination
        return ip_address(destination).version if destination else None

    def rekey_record(self, index: int) -> RekeySARecord | None:
        """The Rekey SA in force for an SA2 of the policy."""
        return next((r for r in self.ledger.rekey_records() if r.sa.policy_index == index), None)

    def members_of(self, index: int) -> list[MemberRecord]:
        """The members that an SA2 serves. It looks at all."""
        members = list(self.state.members.values())
        if self._serves_all(index):
            return members
        return [m for m in members if self.index_of(m.identity, m.address) == index]

    def serves(self, index: int) -> bool:
        """Whether an SA2 has members; looks at none of them."""
        if self._serves_all(index):
            return bool(self.state.members)
        if self._served[0] is not self.policy:
            members = self.state.members.values()
            self._served = self.policy, Counter(self.index_of(m.identity, m.address) for m in members)
        return self._served[1][index] > 0

    def _serves_all(self, index: int) -> bool:
        indices = self.indices()
        return len(indices) == 1 or index not in indices

    def _count(self, before: MemberRecord | None, after: MemberRecord | None) -> None:
        policy, served = self._served
        if policy is not self.policy:
            self._served = None, Counter()  # what was counted for a policy that may come back
            return
        for record, step in ((before, -1), (after, 1)):
            if record is not None:
                served[self.index_of(record.identity, record.address)] += step

    # -- the algorithms --------------------------------------------------------------------------------

    def make_algorithm(self, index: int, *, restored: bool = False) -> None:
        """The rekey algorithm of an SA2, empty or as it was persisted. Raises `StateError` for octets that
        are none of its."""
        algorithm = self.new_algorithm(index)
        held = self.state.rekey_algorithm.get(index)
        leaving = Leaving()
        if restored and held is not None:
            algorithm.restore(held, self.state.rekey_parts.pop(index, {}))
            present = sum(identity in algorithm for identity in self.state.members)
            leaving.unknown = present < len(algorithm)
        self.algorithms[index], self.leaving[index] = algorithm, leaving

    def new_algorithm(self, index: int) -> RekeyAlgorithm:
        """The algorithm that the policy wants for an SA2, with nobody in it."""
        rekey = self.policy.rekey[index]
        suite = rekey_suite(rekey, allow_weak=self.policy.allow_weak)
        cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=self.policy.allow_weak)
        return rekey_algorithm(rekey.management, cipher, settings_of(rekey))

    def forget_algorithms(self, kept: Iterable[int] = ()) -> None:
        """All but those of these SA2s."""
        for index in sorted(self.state.rekey_algorithm.keys() - set(kept)):
            self.algorithms.pop(index, None)
            self.leaving.pop(index, None)
            self.state.rekey_parts.pop(index, None)
            self.ledger.stage(PutRekeyAlgorithm(group=self.name, policy_index=index, state=b""))

    def plan(self, index: int, change: Callable[[RekeyAlgorithm], RekeyPlan]) -> RekeyPlan:
        """Let the algorithm make a change, and persist what it then is. If it fails nothing has changed."""
        plan = change(self.algorithms[index])
        self.ledger.stage(
            PutRekeyAlgorithm(
                group=self.name, policy_index=index, state=plan.state, parts=plan.parts, anew=plan.anew
            )
        )
        return plan

    # -- pushes ----------------------------------------------------------------------------------------

    def push(
        self,
        spi: bytes,
        payloads: Sequence[Payload],
        reason: str,
        now: float,
        *,
        acknowledged: bool = True,
    ) -> None:
        """A push under a Rekey SA, with its next sequence number; nothing where nobody is there to get it.

        Raises `StateError` once the sequence numbers have run out, which `schedule.rekey_due` prevents.
        """
        sa = self.state.rekey_sas[spi].sa
        if not self.serves(sa.policy_index):
            return
        number = sa.sequence_number + 1
        if number > LAST_SEQUENCE_NUMBER:
            raise StateError(f"the sequence numbers of Rekey SA {spi.hex()} have run out")
        self.ledger.stage(AdvanceSequenceNumber(group=self.name, spi=spi, sequence_number=number))
        record = self.state.rekey_sas[spi]
        settings = self.policy.rekey
        rekey = settings[sa.policy_index] if sa.policy_index < len(settings) else None
        push = Push(
            sa=record.sa,
            signing_key=record.signing_key,
            sequence_number=number,
            payloads=tuple(payloads),
            destinations=_addresses(self.members_of(sa.policy_index)) if unicast(record) else (),
            retransmissions=rekey.retransmissions if rekey else 0,
            interval=rekey.retransmission_interval if rekey else 0.0,
            reason=reason,
        )
        self.pushes.append(push)
        self.rekeys_sent += 1
        if acknowledged and record.sa.suite.acknowledgement is not None:
            self.on_push(push, now)

    # -- SAs -------------------------------------------------------------------------------------------

    def retire_rekey(self, spi: bytes, now: float) -> None:
        """A Rekey SA is replaced; it stays a while for late acknowledgements."""
        record = self.state.rekey_sas[spi]
        self.ledger.stage(PutRekeySA(group=self.name, record=replace(record, retired_at=now)))
        for old in self.ledger.rekey_records(retired=True)[:-RETIRED_REKEY_SAS]:
            self.ledger.stage(RemoveRekeySA(group=self.name, spi=old.sa.spi))

    def retire_data(self, keys: Iterable[bytes], now: float) -> None:
        """Data SAs are replaced or deleted; members go on receiving with them until DTD is over."""
        for key in keys:
            record = self.state.data_sas[key]
            self.ledger.stage(PutDataSA(group=self.name, record=replace(record, retired_at=now)))
        for old in self.ledger.data_records(retired=True)[:-RETIRED_DATA_SAS]:
            self.ledger.stage(RemoveDataSA(group=self.name, protocol=old.sa.protocol, spi=old.sa.spi))


def unicast(record: RekeySARecord) -> bool:
    """Whether a Rekey SA's pushes go to each member's own address: its destination is unspecified."""
    data = record.sa.destination.data
    return str(data) in ("0.0.0.0", "::")


def _addresses(members: Iterable[MemberRecord]) -> tuple[str, ...]:
    """Each once: several members may share one."""
    return tuple(dict.fromkeys(member.address for member in members if member.address))
