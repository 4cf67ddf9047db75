"""The GSA as a capture tells it: who joined, which SAs lived from when to when, who could read what.

`Teller` takes opened messages as they come and keeps what the story needs, bounded by `gsakmp.limits`.
"""

from __future__ import annotations

from collections.abc import Iterable

from gsakmp import limits
from gsakmp.captures.opened import (
    Acknowledged,
    DataSALearnt,
    Event,
    ExchangeKind,
    GroupJoined,
    GroupRequested,
    ISAKMPSAEnded,
    ISAKMPSAEstablished,
    KeysFollowed,
    Lost,
    Notified,
    Opened,
    RekeySALearnt,
    RolledOver,
    SADeleted,
    Status,
)
from gsakmp.reports.ladder_notes import names
from gsakmp.reports.story_ends import acknowledgements, never_active, recordings, state_of
from gsakmp.reports.story_facts import (
    DataStory,
    Holder,
    ISAKMPStory,
    MemberStory,
    Moment,
    Problem,
    PushStory,
    RekeyStory,
    Story,
)
from gsakmp.reports.story_open import ClosedMessages
from gsakmp.reports.story_periods import period_holders
from gsakmp.reports.story_reasons import push_reasons
from gsakmp.reports.words import SECOND, clean, kind_name, label, safe

__all__ = ["Teller"]


class Teller:
    """Gathers a story."""

    def __init__(self) -> None:
        self._story = Story()
        self._isakmp: dict[str, ISAKMPStory] = {}
        self._rekey: dict[str, RekeyStory] = {}
        self._data: list[DataStory] = []
        self._current: dict[tuple[str, str], DataStory] = {}
        """By SPI and destination, which together tell a data SA from others (RFC 4301, 4.1), the last of
        them,"""
        self._of_group: dict[tuple[str, str], list[DataStory]] = {}
        """by SPI and group, those that no other with their name has replaced,"""
        self._sequences: dict[str, DataStory] = {}
        """and by SPI the sequences of periods."""
        self._members: dict[tuple[str, str], MemberStory] = {}
        self._pushes: dict[tuple[str, int], PushStory] = {}
        self._traffic: dict[tuple[str, str, str, str], DataStory] = {}
        """For each group, protocol, source and destination the latest data SA."""
        self._joined: dict[str, dict[str, None]] = {}
        """For each group, which of its members have joined since its last push,"""
        self._due: dict[str, dict[str, None]] = {}
        """and which had joined before the push of a new SA2, to which that of new SA3s belongs."""
        self._just_replaced: list[DataStory] = []
        self._causes: dict[tuple[str, int], tuple[Moment, str, RekeyStory | None, list[DataStory]]] = {}
        """For each push what its reasons follow from."""
        self._led: dict[str, dict[str, None]] = {}
        """For each Rekey SA those whose pushes have its key for all who hold them."""
        self._granted: dict[str, dict[str, DataSALearnt]] = {}
        """For each sequence of periods, and each member, what it was given last."""
        self._held: set[tuple[int, str]] = set()
        """SA, by `id`, and member."""
        self._acknowledged: dict[tuple[str, int], dict[str, None]] = {}
        self._pairs = 0
        self._closed = ClosedMessages()
        self._problems: list[Problem] = []

    def add(self, opened: Opened) -> None:
        """One more message."""
        story, now = self._story, moment_of(opened)
        story.messages += opened.esp is None
        story.esp_packets += opened.esp is not None
        story.first = story.first or now
        if story.last is None or now.time >= story.last.time:
            story.last = now
        count(story.kinds, kind_name(opened))
        count(story.statuses, str(opened.status))
        for check in opened.checks:
            story.checks_right += check.passed is True
            story.checks_wrong += check.passed is False
            story.checks_open += check.passed is None
        story.retransmissions += bool(opened.retransmission_of)
        self._look(opened, now)
        self._closed.add(opened, now)
        if opened.esp is not None:
            for event in opened.events:
                self._event(opened, event, now, None)
            self._packet(opened, now)
            return
        push = self._push(opened, now) if opened.kind is ExchangeKind.PUSH else None
        self._just_replaced.clear()
        for event in opened.events:
            self._event(opened, event, now, push)
        if push is not None and not opened.retransmission_of:
            self._reasons(push, now)

    def story(self) -> Story:
        """All so far. The lists are the teller's own: tell on, or read, not both at once."""
        story = self._story
        story.isakmp_sas = list(self._isakmp.values())
        story.rekey_sas = list(self._rekey.values())
        story.data_sas = list(self._data)
        story.members = list(self._members.values())
        story.pushes = list(self._pushes.values())
        story.unfinished = self._closed.unfinished()
        story.sealed = self._closed.sealed()
        said: list[MemberStory | RekeyStory | DataStory] = [*story.members, *story.rekey_sas]
        story.groups = list(dict.fromkeys(each.group for each in [*said, *story.data_sas] if each.group))
        period_holders(self._data, self._sequences, self._granted)
        self._left_behind()
        if "holders" not in story.untold:
            recordings(self._rekey, self._data, self._led)
        end = 0 if story.last is None else story.last.time
        every: list[ISAKMPStory | RekeyStory | DataStory] = [*story.isakmp_sas, *story.rekey_sas]
        for sa in [*every, *story.data_sas]:
            sa.state = state_of(sa, end)
        story.problems = [*self._problems, *never_active(story.data_sas)]
        acknowledgements(self._pushes, self._rekey, self._acknowledged)
        return story

    # -- what is wrong -----------------------------------------------------------------------------------

    def _look(self, opened: Opened, now: Moment) -> None:
        name = label(opened)
        if opened.error is not None or opened.status is Status.MALFORMED:
            self._problem("malformed", now, name, opened.error or opened.reason)
        elif opened.status in (Status.WRONG_KEY, Status.PARTLY):
            self._problem(str(opened.status), now, name, opened.reason)
        for check in opened.checks:
            if check.passed is False:
                replay = "replay" in check.detail or check.name == "replay"
                self._problem(
                    "replay" if replay else "check",
                    now,
                    name,
                    f"{check.name} is wrong: {check.detail}".rstrip(": "),
                )
        for event in opened.events:
            if isinstance(event, Lost):
                self._problem("lost", now, name, event)
            elif isinstance(event, Notified) and event.error:
                how = "protected" if event.protected else "in the clear, so anybody may have sent it"
                self._problem("notification", now, name, f"{event.name}, {how}")

    def _problem(self, what: str, now: Moment, message: str, detail: object) -> None:
        if self._room(len(self._problems), "problems"):
            self._problems.append(Problem(what=what, at=now, message=clean(message), detail=clean(detail)))

    def _room(self, size: int, what: str, most: int | None = None) -> bool:
        if size < (limits.STORY_ENTRIES if most is None else most):
            return True
        count(self._story.untold, what)
        return False

    # -- events ------------------------------------------------------------------------------------------

    def _event(self, opened: Opened, event: Event, now: Moment, push: PushStory | None) -> None:
        event = safe(event)  # so that all below may be kept, compared and shown
        match event:
            case ISAKMPSAEstablished():
                self._established(event, now)
            case ISAKMPSAEnded():
                found = self._isakmp.get(event.sa)
                if found is not None:
                    found.deleted = found.deleted or now
            case GroupRequested():
                member = self._member(event.member, event.group)
                if member is not None:
                    member.requested = member.requested or now
            case GroupJoined():
                self._join(event, now)
            case RekeySALearnt():
                self._learn_rekey(opened, event, now)
            case DataSALearnt():
                self._learn_data(opened, event, now, push)
            case KeysFollowed():
                self._holder(self._rekey.get(event.sa), event.member, event.by, now)
                if push is not None:
                    push.led.append(event.member)
            case RolledOver():
                self._rolled(event, now, push)
            case SADeleted():
                self._deleted(event, now, push)
            case Acknowledged():
                self._answer(event)
            case Lost() if opened.kind is ExchangeKind.PUSH and opened.sa in self._rekey:
                self._rekey[opened.sa].lost += event.count

    def _established(self, event: ISAKMPSAEstablished, now: Moment) -> None:
        if event.sa in self._isakmp or not self._room(len(self._isakmp), "isakmp_sas"):
            return
        self._isakmp[event.sa] = ISAKMPStory(
            sa=event.sa,
            initiator=event.initiator,
            responder=event.responder,
            initiator_address=event.initiator_address,
            responder_address=event.responder_address,
            suite=event.suite,
            method=event.method,
            lifetime_seconds=event.lifetime_seconds,
            established=now,
            expires_at=after(now, event.lifetime_seconds),
        )

    def _member(self, name: str, group: str) -> MemberStory | None:
        key = name, group
        found = self._members.get(key)
        if found is None and self._room(len(self._members), "members", limits.STORY_MEMBERS):
            found = self._members[key] = MemberStory(member=name, group=group)
        return found

    def _join(self, event: GroupJoined, now: Moment) -> None:
        member = self._member(event.member, event.group)
        if member is None:
            return
        member.joined = member.joined or now
        member.registrations += 1
        member.address, member.sa, member.rekey = event.address, event.sa, event.rekey
        member.data, member.sequence_number = list(event.data), event.sequence_number
        member.sender_ids = list(event.sender_ids)
        member.management, member.tree_keys = event.management, event.tree_keys
        member.left_behind = None
        self._joined.setdefault(event.group, {})[event.member] = None
        if event.rekey is not None:
            self._holder(self._rekey.get(event.rekey), event.member, "pull", now)
        for spi in dict.fromkeys(event.data):
            for sa in self._of_group.get((spi, event.group), ()):
                self._holder(sa, event.member, "pull", now)

    def _learn_rekey(self, opened: Opened, event: RekeySALearnt, now: Moment) -> None:
        if event.sa in self._rekey or not self._room(len(self._rekey), "rekey_sas"):
            return
        pushed = opened.kind is ExchangeKind.PUSH
        by = next((clean(each.by) for each in opened.events if isinstance(each, RolledOver)), "KEK")
        made = self._rekey[event.sa] = RekeyStory(
            sa=event.sa,
            group=event.group,
            source=event.source,
            destination=event.destination,
            encryption=event.encryption,
            signature=event.signature,
            management=event.management,
            acknowledgement=event.acknowledgement,
            lifetime_seconds=event.lifetime_seconds,
            learnt=now,
            under=opened.sa if pushed else "",
            by=by if pushed else "",
            expires_at=after(now, event.lifetime_seconds),
        )
        how = "pull" if not pushed else "push" if by == "KEK" else by
        for member in event.holders:
            self._holder(made, member, how, now)

    def _learn_data(self, opened: Opened, event: DataSALearnt, now: Moment, push: PushStory | None) -> None:
        if push is not None:
            push.data.append(event.sa)
        if event.period_count and self._grant(event, now):
            return
        if not self._room(len(self._data), "data_sas"):
            return
        made = DataStory(
            sa=event.sa,
            protocol=event.protocol,
            group=event.group,
            source=event.source,
            destination=event.destination,
            transform=event.transform,
            integrity=event.integrity,
            key_length=event.key_length,
            lifetime_seconds=event.lifetime_seconds,
            learnt=now,
            under=opened.sa if push is not None else "",
            active_at=now.time and now.time + event.activation_delay * SECOND,
            expires_at=after(now, event.lifetime_seconds),
        )
        self._enter(made, now)
        if event.period_count or event.sequence:
            self._of_periods(made, event, now)
            return
        for member in event.holders:
            self._holder(made, member, "pull" if push is None else "push", now)
        self._replace(made, event.deactivation_delay, now)

    def _of_periods(self, made: DataStory, event: DataSALearnt, now: Moment) -> None:
        """A sequence of periods, or the SA of one: it begins and ends by the clock."""
        made.period_count, made.sequence, made.period = event.period_count, event.sequence, event.period
        made.begins_at = made.active_at = event.starts_at * SECOND
        made.expires_at = made.begins_at + event.lifetime_seconds * max(1, event.period_count) * SECOND
        if (whole := self._sequences.get(event.sequence)) is not None:
            made.learnt = whole.learnt
        elif event.period_count:
            self._sequences[event.sa] = made
            self._granted[event.sa] = {}
            self._grant(event, now)

    def _grant(self, event: DataSALearnt, now: Moment) -> bool:
        """Members are given periods of a sequence; False if that is not known yet."""
        made, granted = self._sequences.get(event.sa), self._granted.get(event.sa)
        if made is None or granted is None or made.begins_at != event.starts_at * SECOND:
            return False
        given = dict.fromkeys(event.holders)
        for name in given:
            self._holder(made, name, "module" if event.module else "pull", now)
        for holder in made.holders:
            if holder.member in given:
                holder.periods, granted[holder.member] = event.granted, event
        return True

    def _enter(self, made: DataStory, now: Moment) -> None:
        """One more; one of the same name, with another key, is over with it."""
        place = made.sa, made.destination
        old = self._current.get(place)
        self._data.append(made)
        self._current[place] = made
        here = self._of_group.setdefault((made.sa, made.group), [])
        here.append(made)
        if old is None:
            return
        if old.replaced is None and old.deleted is None:
            old.replaced, old.replaced_by, old.gone_at = now, made.sa, old.gone_at or now.time
            self._just_replaced.append(old)
        named = self._of_group[old.sa, old.group]
        named[:] = [each for each in named if each is not old]

    def _replace(self, made: DataStory, delay: int, now: Moment) -> None:
        """An SA for the same traffic as another one takes its place."""
        key = made.group, made.protocol, made.source, made.destination
        old = self._traffic.get(key)
        if old is not None and old.learnt != now and old.replaced is None:
            old.replaced, old.replaced_by = now, made.sa
            old.gone_at = old.gone_at or after(now, delay)
            self._just_replaced.append(old)
        self._traffic[key] = made

    def _holder(self, sa: RekeyStory | DataStory | None, member: str, how: str, now: Moment) -> None:
        if sa is None or (id(sa), member) in self._held or not self._pair():
            return
        self._held.add((id(sa), member))
        sa.holders.append(Holder(member, how, now))

    def _pair(self) -> bool:
        """Whether there is room for one more of who holds or has acknowledged what."""
        self._pairs += 1
        return self._room(self._pairs - 1, "holders", limits.STORY_HOLDINGS)

    # -- pushes ------------------------------------------------------------------------------------------

    def _push(self, opened: Opened, now: Moment) -> PushStory | None:
        """The push that a message is, if it was opened and its checks hold."""
        key = opened.sa, opened.step
        rekey = self._rekey.get(opened.sa)
        if opened.retransmission_of:
            found = self._pushes.get(key)
            if found is not None:
                found.retransmissions += 1
            if rekey is not None:
                rekey.retransmissions += 1
            return found
        if opened.status is not Status.OPENED:
            return None
        if opened.failed:
            if rekey is not None:
                rekey.replayed += any("replay" in check.detail for check in opened.checks)
            return None
        if rekey is not None:
            rekey.pushes += 1
            rekey.first_number = rekey.first_number or opened.step
            rekey.last_number = max(rekey.last_number, opened.step)
        made = PushStory(sent=now, sa=opened.sa, group=clean(opened.group), sequence_number=opened.step)
        if self._room(len(self._pushes), "pushes"):
            self._pushes[key] = made
        return made

    def _rolled(self, event: RolledOver, now: Moment, push: PushStory | None) -> None:
        old = self._rekey.get(event.old)
        if old is not None:
            old.replaced, old.replaced_by = old.replaced or now, event.new
            old.left_behind = list(event.left_behind)
        for name in event.left_behind:
            member = self._members.get((name, event.group))
            if member is not None:
                member.left_behind = member.left_behind or now
        for name in event.followed:
            member = self._members.get((name, event.group))
            if member is not None:
                member.left_behind = None
        new = self._rekey.get(event.new)
        for name in event.followed:
            self._holder(new, name, "push" if event.by == "KEK" else event.by, now)
        if event.by == "KEK" and old is not None and new is not None:
            self._led.setdefault(event.new, {})[event.old] = None
        if push is not None:
            push.rekey, push.by = event.new, event.by
            push.left_behind = list(event.left_behind)

    def _deleted(self, event: SADeleted, now: Moment, push: PushStory | None) -> None:
        if push is not None:
            push.deleted.append(f"{event.protocol} {event.sa}")
        doomed: Iterable[RekeyStory | DataStory]
        if event.sa == "*":
            every = self._rekey.values() if event.protocol == "rekey" else self._data
            doomed = [sa for sa in every if sa.group == event.group]
        elif event.protocol == "rekey":
            doomed = [self._rekey[event.sa]] if event.sa in self._rekey else []
        else:
            doomed = self._of_group.get((event.sa, event.group), ())
        for sa in doomed:
            sa.deleted = sa.deleted or now
            if isinstance(sa, DataStory):
                sa.gone_at = sa.gone_at or now.time

    def _reasons(self, push: PushStory, now: Moment) -> None:
        joined = self._joined.pop(push.group, {})
        if push.data:
            joined = self._due.pop(push.group, {}) | joined
        elif push.rekey:
            self._due.setdefault(push.group, {}).update(joined)
        key = push.sa, push.sequence_number
        if self._pushes.get(key) is push:
            causes = now, names(list(joined)), self._rekey.get(push.sa), list(self._just_replaced)
            self._causes[key] = causes

    def _answer(self, event: Acknowledged) -> None:
        key = event.sa, event.sequence_number
        if key in self._pushes:
            answers = self._acknowledged.setdefault(key, {})
            if event.member not in answers and self._pair():
                answers[event.member] = None

    # -- ESP ---------------------------------------------------------------------------------------------

    def _packet(self, opened: Opened, now: Moment) -> None:
        sa = None if opened.esp is None else self._current.get((opened.sa, clean(opened.esp.destination)))
        if sa is None:
            return
        sa.packets += 1
        sa.packets_opened += opened.status is Status.OPENED
        sa.first_packet, sa.last_packet = sa.first_packet or now, now
        source = clean(opened.datagram.source_address)
        if source and source not in sa.senders and len(sa.senders) < limits.STORY_ENTRIES:
            sa.senders.append(source)

    # -- at the end --------------------------------------------------------------------------------------

    def _left_behind(self) -> None:
        """Who does not follow a push: a plan may take several, and who is led on by the next was not left
        behind by this one. Then why it was sent."""
        for key, push in self._pushes.items():
            successor = self._rekey.get(push.rekey)
            if successor is not None and push.left_behind and "holders" not in self._story.untold:
                followed = {holder.member for holder in successor.holders}
                push.left_behind = [name for name in push.left_behind if name not in followed]
            if key in self._causes:
                push.reasons = push_reasons(push, *self._causes[key])


def moment_of(opened: Opened) -> Moment:
    """When a message was seen."""
    return Moment(opened.datagram.frame or opened.number, opened.datagram.time)


def after(now: Moment, seconds: int | None) -> int:
    """A time some seconds later; 0 if either is unknown."""
    return now.time + seconds * SECOND if now.time and seconds else 0


def count(counts: dict[str, int], what: str) -> None:
    """One more of a kind."""
    counts[what] = counts.get(what, 0) + 1
