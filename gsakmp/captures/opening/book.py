"""The groups of a capture: Rekey SAs, data SAs and members, as pulls and pushes make them known."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from msgspec.structs import replace

from gsakmp import limits
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import DataSALearnt, GroupJoined, GroupRequested, RekeySALearnt, sa_name
from gsakmp.captures.opening.draft import Draft, First, Recent, identity_text
from gsakmp.captures.opening.periods import Found, PeriodBook, derived, holders, missing
from gsakmp.captures.opening.pull import Brought, read_brought
from gsakmp.captures.opening.state import ISAKMPState, Run
from gsakmp.crypto import KEK, kek_cipher
from gsakmp.crypto.esp_suites import ESPSuite, guesses
from gsakmp.doi import STANDARD, Dialect
from gsakmp.errors import GsakmpError
from gsakmp.group.member_updates import leaf_octets
from gsakmp.group.period_packets import GrantedPeriods
from gsakmp.group.rekey import MemberKeys, member_keys
from gsakmp.group.sa import DataSA, RekeySA
from gsakmp.message import Message
from gsakmp.payloads import (
    SAKEK,
    SATEK,
    GroupSA,
    Identification,
    IPsecTEK,
    KeyDownload,
    LKHDownloadArray,
    OFTDownloadArray,
    SequenceNumber,
)
from gsakmp.registries import AHTransformID, ESPTransformID, TEKProtocolID

__all__ = ["Book", "DataState", "Membership", "RekeyState", "rekey_event"]

SEEN: Final = 64
"""Pushes of a Rekey SA that are known again."""
ACKNOWLEDGED: Final = 1024
"""Acknowledgements that are: each of many members sends its own for one push."""
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


class Book:
    """What is known of all groups, `learnt` as secrets for other tools."""

    def __init__(self, keyring: Keyring) -> None:
        self.keyring = keyring
        self.learnt = Keyring()
        self._rekey: Recent[bytes, RekeyState] = Recent(limits.OPENED_GROUP_SAS)
        self._data: Recent[bytes, DataState] = Recent(limits.OPENED_GROUP_SAS)
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

    def data(self, spi: bytes) -> DataState | None:
        """The data SA of that SPI; of a period's, the keys are made now."""
        known = self._data.get(spi)
        if known is None or known.sa is None:
            found = self._sequences.find(spi)
            if found is not None:
                made = self._data_of_period(spi, found) or known or self._data_of_file(spi)
                return made or DataState(spi, group=found.sequence.group, reason=missing(found))
        return known or self._data_of_file(spi)

    def has_data(self, spi: bytes) -> bool:
        """Whether there is a data SA of that SPI, with keys or without; nothing is derived."""
        known = self._data.get(spi) or self._sequences.find(spi) or self._data_of_file(spi)
        return known is not None

    def member(self, name: str, group: str) -> Membership | None:
        """A member of a group."""
        return self._members.get((name, group))

    def members(self, state: RekeyState) -> tuple[Membership, ...]:
        """Those members of the Rekey SA's group that hold it."""
        found = (self._members.get((name, state.group)) for name in tuple(state.holders))
        return tuple(member for member in found if member is not None)

    def _rekey_of_file(self, spi: bytes) -> RekeyState | None:
        name = sa_name(spi)
        keks = [kek for octets in self.keyring.of(Kind.KEK, name) for kek in keks_of(octets)]
        if not keks:
            return None
        made = RekeyState(spi, tuple(keks), signature_keys=self.keyring.of(Kind.SIGNATURE_KEY, name))
        return self._rekey.put(spi, made)

    def _data_of_file(self, spi: bytes) -> DataState | None:
        name = spi.hex()
        keys, integrity = self.keyring.of_data(Kind.TEK, name), self.keyring.of_data(Kind.TEK_INTEGRITY, name)
        if not keys and not integrity:
            return None
        none = (("", b""),)
        found = [
            suite
            for transform, key in keys or none
            for check, integrity_key in integrity or none
            for suite in guesses(key, integrity_key, transform, check)
        ]
        return self._data.put(spi, DataState(spi, tuple(found)))

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
        """Why nothing is known of an SA, if it was withheld; else empty."""
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
        policy = run.policy if run.policy is not None else GroupSA()
        brought = read_brought(policy, keys, draft.seconds, dialect, push=False)
        number = next((p.sequence_number for p in message.payloads if isinstance(p, SequenceNumber)), None)
        membership = self._membership(state, run, brought)
        rekey = self._pulled_rekey(draft, brought, run, member, number)
        data = self.add_data(draft, brought, run.group, (member,))
        data += self._add_periods(draft, brought, run.group, member)
        draft.checks += brought.checks
        run.policy = None  # it has served
        draft.events.append(
            GroupJoined(
                member=member,
                address=state.initiator.address,
                group=run.group,
                sa=state.name,
                rekey=None if rekey is None else rekey.name,
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
    ) -> RekeyState | None:
        sa = brought.rekey
        if sa is None or not sa.key:
            return None
        known = self._rekey.get(sa.spi)
        if known is None or known.sa is None:
            known = self.add_rekey(sa, run.group, run.dialect, (member,))
            draft.events.append(rekey_event(known, brought.management))
        known.holders[member] = None
        known.last = max(known.last, number or 0)
        return known

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
        assert state.sa is not None  # the callers have just made it
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
            known = self._data.get(sa.spi)
            if known is not None and known.sa is not None and same_keys(known.sa, sa):
                continue
            self._data.put(sa.spi, DataState(sa.spi, suites_of(sa), sa, group))
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


# -- pieces ----------------------------------------------------------------------------------------------


def keks_of(octets: bytes) -> tuple[KEK, ...]:
    """The KEKs that KEK_ALGORITHM_KEY of this length may be: with 32 octets AES-128 or 3DES."""
    from gsakmp.captures.opening.candidates import CIPHERS

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
    sa = state.sa
    assert sa is not None  # only one of a key file has none
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
