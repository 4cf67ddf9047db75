"""The groups of a capture: Rekey SAs, data SAs and members, as pulls and pushes make them known."""

from __future__ import annotations

from collections.abc import Iterable

from msgspec.structs import replace

from gsakmp import limits
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import Check, DataSALearnt, GroupJoined, GroupRequested, sa_name
from gsakmp.captures.opening.draft import Draft, Recent, identity_text
from gsakmp.captures.opening.known import (
    DataState,
    Membership,
    RekeyState,
    data_event,
    destination_of,
    fits,
    keks_of,
    keys_in_array,
    keys_of,
    periods_event,
    rekey_event,
    same_keys,
    spis_of,
    suites_of,
    transform_name,
)
from gsakmp.captures.opening.periods import Found, PeriodBook, derived, holders, missing
from gsakmp.captures.opening.pull import Brought, read_brought
from gsakmp.captures.opening.state import ISAKMPState, Run
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.crypto.esp_suites import guesses
from gsakmp.doi import STANDARD, Dialect
from gsakmp.errors import GsakmpError
from gsakmp.group.member_updates import leaf_octets
from gsakmp.group.rekey import member_keys
from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.message import Message
from gsakmp.payloads import GroupSA, Identification, KeyDownload, SequenceNumber

__all__ = ["Book"]


class Book:
    """What is known of all groups, `learnt` as secrets for other tools."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self.learnt = Keyring()
        self._bare = Keyring()
        """Keys that came without the policy they belong to: they serve as those of a key file do."""
        self._rekey: Recent[bytes, RekeyState] = Recent(limits.OPENED_GROUP_SAS)
        self._data: Recent[tuple[bytes, str], DataState] = Recent(limits.OPENED_GROUP_SAS)
        """By SPI and destination, which together tell a multicast SA from others (RFC 4301, 4.1)."""
        self._latest: Recent[bytes, DataState] = Recent(limits.OPENED_GROUP_SAS)
        """By SPI alone, for packets to where none of its SAs goes: an outer header has its own addresses."""
        self._members: Recent[tuple[str, str], Membership] = Recent(limits.OPENED_MEMBERS)
        self._sequences = PeriodBook()
        self._withheld: Recent[bytes, str] = Recent(limits.OPENED_GROUP_SAS)
        """By SPI, why an SA was not taken from the message that brought it."""
        self._periods: Recent[tuple[int, int], DataState] = Recent(limits.OPENED_GROUP_SAS)
        """Those data SAs of periods that were asked for, by the number of the sequence and the period."""

    # -- what there is -----------------------------------------------------------------------------------

    def rekey(self, spi: bytes) -> RekeyState | None:
        """The Rekey SA of that SPI: seen to be downloaded, or of the key file."""
        return self._rekey.get(spi) or self._rekey_of_file(spi)

    def data(self, spi: bytes, destination: str) -> DataState | None:
        """The data SA of that SPI for packets to an address; of a period's, the keys are made now."""
        known = self._data.get((spi, destination))
        if known is None or known.sa is None:
            found = self._sequences.find(spi)
            latest = self._latest.get(spi) or known or self._data_of_file(spi, destination)
            if found is None:
                return latest
            made = self._data_of_period(spi, found) or latest
            return made or DataState(spi, group=found.sequence.group, reason=missing(found))
        return known

    def has_data(self, spi: bytes) -> bool:
        """Whether there is a data SA of that SPI, with keys or without; nothing is derived."""
        found = self._latest.get(spi) or self._sequences.find(spi)
        return found is not None or any(self._of_file(spi))

    def member(self, name: str, group: str) -> Membership | None:
        """A member of a group."""
        return self._members.get((name, group))

    def members(self, state: RekeyState) -> tuple[Membership, ...]:
        """Those members of the Rekey SA's group that hold it."""
        found = (self._members.get((name, state.group)) for name in tuple(state.holders))
        return tuple(member for member in found if member is not None)

    def _rekey_of_file(self, spi: bytes) -> RekeyState | None:
        name = sa_name(spi)
        given, signature_keys = (
            tuple(dict.fromkeys(self.keyring.of(kind, name) + self._bare.of(kind, name)))
            for kind in (Kind.KEK, Kind.SIGNATURE_KEY)
        )
        keks = [kek for octets in given for kek in keks_of(octets)]
        if not keks:
            return None
        made = RekeyState(spi, tuple(keks), signature_keys=signature_keys)
        return self._rekey.put(spi, made)

    def _of_file(self, spi: bytes) -> tuple[tuple[tuple[str, bytes], ...], ...]:
        """Keys and integrity keys of a data SA that were given, or that came without a policy."""
        name = spi.hex()
        return tuple(
            tuple(dict.fromkeys(self.keyring.of_data(kind, name) + self._bare.of_data(kind, name)))
            for kind in (Kind.TEK, Kind.TEK_INTEGRITY)
        )

    def _data_of_file(self, spi: bytes, destination: str) -> DataState | None:
        keys, integrity = self._of_file(spi)
        if not keys and not integrity:
            return None
        none = (("", b""),)
        found = [
            suite
            for transform, key in keys or none
            for check, integrity_key in integrity or none
            for suite in guesses(key, integrity_key, transform, check)
        ]
        return self._data.put((spi, destination), DataState(spi, tuple(found)))

    def _data_of_period(self, spi: bytes, found: Found) -> DataState | None:
        """The data SA of a period, if somebody whose seeds are known here has that."""
        place = found.sequence.number, found.period
        known = self._periods.get(place)
        if known is not None:
            return known
        sa = derived(found)
        if sa is None:
            return None
        made = DataState(spi, suites_of(sa), sa, found.sequence.group)
        made.news = replace(
            data_event(sa, found.sequence.group, Brought(), holders(found)),
            sequence=found.sequence.pattern.spi.hex(),
            period=found.period,
            starts_at=int(sa.created_at),
        )
        return self._periods.put(place, made)

    # -- what is not used --------------------------------------------------------------------------------

    def withhold(self, draft: Draft, message: Message) -> None:
        """Nothing is taken from a message of which a check has failed; of the SAs that it brings it is kept
        why not."""
        wrong = next((check.name for check in draft.checks if check.passed is False), "")
        reason = f"brought by #{draft.datagram.frame or draft.number}, whose {wrong} is wrong, so not used"
        for payload in message.payloads:
            for spi in spis_of(payload):
                self._withheld.put(spi, reason)

    def why_unknown(self, spi: bytes) -> str:
        """Why nothing is known of an SA, if it was withheld or its key can be none; else empty."""
        given = self.keyring.of(Kind.KEK, sa_name(spi))
        if given and not any(map(keks_of, given)):
            return f"its kek has {len(given[0])} octets, and of no cipher are IV and key so long"
        return self._withheld.get(spi) or ""

    def begun(self, state: DataState) -> tuple[DataSALearnt, ...]:
        """A packet was right under the data SA: what is to be told with the first, and was not yet."""
        news, state.news = state.news, None
        if news is None:
            return ()
        if state.sa is not None:
            self._note_data(state.sa)
        return (news,)

    # -- a pull ------------------------------------------------------------------------------------------

    def take_pull(self, draft: Draft, state: ISAKMPState, run: Run, message: Message) -> None:
        """An authentic message of a PULL."""
        for payload in message.payloads:
            if isinstance(payload, Identification) and not run.group:
                run.group = identity_text(payload)
                draft.events.append(GroupRequested(member=state.initiator.name, group=run.group))
            elif isinstance(payload, GroupSA):
                run.policy, run.dialect = payload, message.dialect
        draft.group = run.group
        for payload in message.payloads:
            if isinstance(payload, KeyDownload):
                self._join(draft, state, run, message, payload)

    def _join(self, draft: Draft, state: ISAKMPState, run: Run, message: Message, keys: KeyDownload) -> None:
        member = state.initiator.name
        dialect = run.dialect or STANDARD
        if run.policy is None:
            brought = self._without_policy(keys)
        else:
            brought = read_brought(run.policy, keys, draft.seconds, dialect, push=False)
        number = next((p.sequence_number for p in message.payloads if isinstance(p, SequenceNumber)), None)
        membership = self._membership(state, run, brought)
        rekey = self._pulled_rekey(draft, brought, run, member, number)
        data = self.add_data(draft, brought, run.group, (member,)) + tuple(brought.bare)
        data += self._add_periods(draft, brought, run.group, member)
        draft.checks += brought.checks
        run.policy = None  # it has served
        draft.events.append(
            GroupJoined(
                member=member,
                address=state.initiator.address,
                group=run.group,
                sa=state.name,
                rekey=rekey,
                data=tuple(spi.hex() for spi in data),
                sequence_number=number,
                sender_ids=brought.sender_ids,
                management=brought.management if membership.count else "",
                tree_keys=membership.count,
            )
        )

    def _membership(self, state: ISAKMPState, run: Run, brought: Brought) -> Membership:
        party = state.initiator
        made = Membership(party.name, run.group, party.address, party.host)
        if brought.rekey is not None:
            suite = brought.rekey.suite
            try:
                cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=True)
                keys = member_keys(cipher, brought.packets)
                keys.install(brought.packets)
                made.keys, made.leaf = keys, leaf_octets(brought.packets)
                made.count = keys_in_array(brought)
            except GsakmpError as error:
                brought.refused(f"{brought.management or 'rekey'} keys", error)
        return self._members.put((made.name, made.group), made)

    def _pulled_rekey(
        self, draft: Draft, brought: Brought, run: Run, member: str, number: int | None
    ) -> str | None:
        """The name of the Rekey SA that a pull brings; empty if its key is not the one that this SA has."""
        spi, key = (brought.rekey.spi, brought.rekey.key) if brought.rekey else brought.bare_kek
        if not key:
            return None
        known = self._rekey.get(spi)
        if known is not None and known.keks and (known.sa is not None or known.last) and not fits(known, key):
            what = f"the key of Rekey SA {known.name} is not the one that this SPI had before"
            brought.checks.append(Check("policy", False, what))
            return ""
        if known is None or (known.sa is None and brought.rekey is not None):
            if brought.rekey is not None:
                known = self.add_rekey(brought.rekey, run.group, run.dialect, ())
            else:
                known = self._rekey_of_file(spi) or self._rekey.put(spi, RekeyState(spi))
        if not known.keks or not fits(known, key):
            self.give_key(known, key)
        known.group = known.group or run.group
        known.holders[member] = None
        known.last = max(known.last, number or 0)
        if not known.told:
            draft.events.append(rekey_event(known, brought.management))
        return known.name

    def _without_policy(self, keys: KeyDownload) -> Brought:
        """What a KD brings of which message 2 of the PULL is not there: the keys, but not what they are for.
        They serve as those of a key file do."""
        brought = Brought()
        brought.checks.append(Check("policy", None, "message 2 with its policy is not there"))
        for packet in keys.key_packets:
            for kind, octets in keys_of(packet):
                name = sa_name(packet.spi)
                try:
                    self._bare.add(Secret(kind, name, octets))
                except GsakmpError as error:
                    brought.refused(f"{kind} {name}", error)
                    continue
                self.note(kind, name, octets)
                if kind is Kind.KEK:
                    brought.bare_kek = packet.spi, octets
                elif kind is not Kind.SIGNATURE_KEY:
                    brought.bare[packet.spi] = None
        return brought

    def _add_periods(self, draft: Draft, brought: Brought, group: str, member: str) -> tuple[bytes, ...]:
        """The data SAs by periods of a pull; the SPIs of all."""
        for granted in brought.periods:
            if self._sequences.take(granted, group, member):
                draft.events.append(periods_event(granted, group, brought, member))
        return tuple(granted.pattern.spi for granted in brought.periods)

    # -- SAs ---------------------------------------------------------------------------------------------

    def add_rekey(
        self, sa: RekeySA, group: str, dialect: Dialect | None, holders: Iterable[str]
    ) -> RekeyState:
        """A Rekey SA that has become known, with its key or still without."""
        made = RekeyState(sa.spi, (), sa, (sa.signature_key,) if sa.signature_key else (), group, dialect)
        made.holders = dict.fromkeys(holders)
        self._rekey.put(sa.spi, made)
        if sa.key:
            self.give_key(made, sa.key)
        return made

    def give_key(self, state: RekeyState, octets: bytes) -> None:
        """KEK_ALGORITHM_KEY of a Rekey SA."""
        if state.sa is None:
            state.keks = keks_of(octets)
            state.signature_keys = self._bare.of(Kind.SIGNATURE_KEY, state.name) or state.signature_keys
        else:
            suite = state.sa.suite
            state.keks = (KEK.parse(kek_cipher(suite.encryption, suite.key_length, allow_weak=True), octets),)
        self.note(Kind.KEK, state.name, octets)
        for key in state.signature_keys:
            self.note(Kind.SIGNATURE_KEY, state.name, key)

    def add_data(
        self, draft: Draft, brought: Brought, group: str, holders: tuple[str, ...]
    ) -> tuple[bytes, ...]:
        """The data SAs of a pull or push, the SPIs of all."""
        for sa in brought.data:
            place = sa.spi, destination_of(sa)
            known = self._data.get(place)
            if known is not None and known.sa is not None and same_keys(known.sa, sa):
                continue
            self._latest.put(sa.spi, self._data.put(place, DataState(sa.spi, suites_of(sa), sa, group)))
            self._note_data(sa)
            draft.events.append(data_event(sa, group, brought, holders))
        return tuple(sa.spi for sa in brought.data)

    def _note_data(self, sa: DataSA) -> None:
        spi = sa.spi.hex()
        if sa.algorithm_key:
            self.note(Kind.TEK, f"{spi}/{transform_name(sa)}", sa.algorithm_key)
        if sa.integrity_key and sa.integrity is not None:
            self.note(Kind.TEK_INTEGRITY, f"{spi}/{sa.integrity.name}", sa.integrity_key)

    def note(self, kind: Kind, name: str, octets: bytes) -> None:
        """One more secret in `learnt`, as long as there is room."""
        if len(self.learnt) < limits.SECRETS:
            self.learnt.add(Secret(kind, name, octets))
