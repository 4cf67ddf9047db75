"""A story in prose and tables, for people."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from gsakmp.captures.opened import ExchangeKind
from gsakmp.reports.ladder_notes import names
from gsakmp.reports.story_facts import (
    DataStory,
    Holder,
    ISAKMPStory,
    MemberStory,
    Moment,
    PushStory,
    RekeyStory,
    Story,
)
from gsakmp.reports.tables import LEAST_WIDTH, folded, paragraph, table
from gsakmp.reports.words import LABELS, NOTHING, Row, amount, clock, counted, duration, short

__all__ = ["story_rows"]

DATE: Final = 10
"""Characters of a date."""
MOST_ROWS: Final = 40
"""Rows of one table; `--json` has all."""
MOST_COLUMNS: Final = 8
"""Members that have a column of their own."""
WORDS: Final = {**LABELS, ExchangeKind.ESP: "ESP", ExchangeKind.OTHER: "no message"}
WAYS: Final = {
    "pull": "pull (the registration)",
    "push": "push (under SA2)",
    "LKH": "LKH (its own keys in a tree)",
    "OFT": "OFT (its own keys in a one-way function tree)",
    "module": "module (the registration, but sealed to the member's module: NARK)",
}


def story_rows(story: Story, width: int = 100) -> Iterator[Row]:
    """The lines, none wider than `width` characters (but `LEAST_WIDTH`)."""
    if not story.messages and not story.esp_packets:
        yield ((NOTHING, "title"),)
        return
    yield from Telling(story, max(LEAST_WIDTH, width)).rows()


class Telling:
    """A story being told."""

    def __init__(self, story: Story, width: int) -> None:
        self.story, self.width = story, width
        first = story.first.time if story.first else 0
        last = story.last.time if story.last else 0
        self.day = clock(first)[:DATE]
        self.dated = bool(first) and self.day != clock(last)[:DATE]

    def rows(self) -> Iterator[Row]:
        """All of it."""
        yield from self.summary()
        for group in self.story.groups:
            yield from self.group(group)
        yield from self.isakmp()
        yield from self.rekey()
        yield from self.data()
        yield from self.pushes()
        yield from self.readers()
        yield from self.problems()
        yield from self.unfinished()
        yield from self.sealed()
        if self.story.untold:
            parts = ", ".join(f"{count:,} {what}" for what, count in sorted(self.story.untold.items()))
            yield from self.section("Not told")
            yield from self.said(f"Too many to keep: {parts}.")

    # -- how -----------------------------------------------------------------------------------------------

    def section(self, title: str) -> Iterator[Row]:
        yield ()
        for line in folded(title, self.width):
            yield ((line, "title"),)

    def said(self, text: str, style: str = "", sign: str = "") -> Iterator[Row]:
        yield from paragraph(text, self.width, style, sign=sign)

    def grid(self, head: list[str], rows: list[list[str]]) -> Iterator[Row]:
        yield from table(head, rows[:MOST_ROWS], self.width)
        if len(rows) > MOST_ROWS:
            yield from self.said(f"and {len(rows) - MOST_ROWS:,} more, which --json has", "note")

    def when(self, moment: Moment | None) -> str:
        """Time of day and frame."""
        if moment is None:
            return ""
        return f"{self.time(moment.time)} #{moment.frame}".strip()

    def time(self, time: int) -> str:
        """To the millisecond; with the date where the capture has more than one, or where it is another."""
        return clock(time, date=self.dated or clock(time)[:DATE] != self.day)[:-3] if time else ""

    # -- the parts -----------------------------------------------------------------------------------------

    def summary(self) -> Iterator[Row]:
        """What there is, and how it went."""
        story = self.story
        kinds = ", ".join(f"{count:,} {WORDS.get(kind, kind)}" for kind, count in story.kinds.items())
        first, last, number = story.first, story.last, amount(story.messages, story.esp_packets)
        yield (("The capture", "title"),)
        if first is not None and last is not None and first.time:
            span = f", {duration(last.time - first.time)}" if last.time > first.time else ""
            yield from self.said(f"From {clock(first.time)} UTC{span}: {number}.")
        else:
            yield from self.said(f"Without times: {number}.")
        yield from self.said(f"{kinds}.")
        if story.retransmissions:
            yield from self.said(f"{counted(story.retransmissions, 'retransmission')} among them.")
        closed = sum(each.messages for each in story.sealed)
        opened = story.statuses.get("opened", 0) + story.statuses.get("partly opened", 0)
        if opened or closed:
            parts = f"{opened:,} opened, {closed:,} closed"
            yield from self.said(f"{opened + closed:,} of them encrypted: {parts}.")
        if story.checks_right or story.checks_wrong or story.checks_open:
            wrong = f"{story.checks_wrong:,} wrong" if story.checks_wrong else "none wrong"
            parts = f"{counted(story.checks_right, 'check')} right, {wrong}"
            more = f", {story.checks_open:,} could not be made" if story.checks_open else ""
            style = "problem" if story.checks_wrong else ""
            yield from self.said(f"{parts}{more}.", style)

    def group(self, group: str) -> Iterator[Row]:
        """Who joined it, in prose."""
        yield from self.section(f"Group {group}")
        members = [member for member in self.story.members if member.group == group]
        if not members:
            yield from self.said("No registration of a member is in the capture.")
        for member in members[:MOST_ROWS]:
            yield from self.said(self.joining(member), sign="- ")
        if len(members) > MOST_ROWS:
            yield from self.said(f"and {len(members) - MOST_ROWS:,} more members, which --json has", "note")

    def joining(self, member: MemberStory) -> str:
        """A member's part in a sentence or two."""
        if member.joined is None:
            asked = self.when(member.requested)
            return f"{member.member} asked for it at {asked} and was not seen to be given the keys."
        unlike = "an SA2 whose key is not the one that it had before" if member.rekey == "" else ""
        none = unlike or "no SA2 (null or none: nobody can push)"
        given = [f"SA2 {short(member.rekey)}" if member.rekey else none]
        given += [f"SA3 {names([self.given_data(spi, member.member) for spi in member.data])}"] * bool(
            member.data
        )
        given += ["no SA3 yet"] if not member.data else []
        if member.tree_keys:
            given.append(counted(member.tree_keys, f"{member.management} key"))
        if member.sender_ids:
            given.append(f"sender id {names([str(number) for number in member.sender_ids])}")
        text = f"{member.member} joined at {self.when(member.joined)} from {member.address}"
        text += f" under SA1 {short(member.sa)} and got {', '.join(given)}."
        if member.registrations > 1:
            text += f" It registered {member.registrations:,} times."
        if member.left_behind is not None:
            text += f" At {self.when(member.left_behind)} it was left behind."
        return text

    def given_data(self, spi: str, member: str) -> str:
        """A data SA by name; of a sequence with the periods that the member was given."""
        for sa in self.story.data_sas:
            if sa.sa == spi and sa.period_count:
                which = cell(sa, member).removeprefix("module ")
                module = "for its module, " if any(each.how == "module" for each in sa.holders) else ""
                return f"{short(spi)} and up ({module}periods {which})"
        return short(spi)

    def isakmp(self) -> Iterator[Row]:
        """Category 1."""
        sas = self.story.isakmp_sas
        if not sas:
            return
        yield from self.section("Category 1: SA1, a member and the key server (ISAKMP SA)")
        rows = [
            [
                short(sa.sa), f"{bare(sa.initiator)} and {bare(sa.responder)}", f"{sa.suite}, {sa.method}",
                self.when(sa.established), self.end_of_isakmp(sa),
            ]
            for sa in sas
        ]  # fmt: skip
        yield from self.grid(["SA1", "between", "made with", "since", "until"], rows)

    def end_of_isakmp(self, sa: ISAKMPStory) -> str:
        if sa.deleted is not None:
            return f"{self.when(sa.deleted)}, deleted"
        return self.expiry(sa.expires_at, sa.state)

    def expiry(self, at: int, state: str) -> str:
        """When a lifetime is over: after the capture's end or before it."""
        if not at:
            return "not seen to end"
        return f"{self.time(at)}, {'expires' if state == 'alive' else 'expired'}"

    def rekey(self) -> Iterator[Row]:
        """Category 2."""
        sas = self.story.rekey_sas
        if not sas:
            yield from self.no_rekey()
            return
        yield from self.section("Category 2: SA2, the key server to all members (Rekey SA)")
        rows = [
            [
                short(sa.sa), bare(sa.destination), self.algorithms(sa), self.since(sa.learnt, sa.under),
                self.numbers(sa), self.end_of_rekey(sa),
            ]
            for sa in sas
        ]  # fmt: skip
        yield from self.grid(["SA2", "to", "with", "since", "pushes", "until"], rows)

    def no_rekey(self) -> Iterator[Row]:
        if self.story.members and any(member.joined for member in self.story.members):
            yield from self.section("Category 2: SA2, the key server to all members (Rekey SA)")
            yield from self.said(
                "None was handed out: it is null or there is none; the wire does not tell which."
            )

    def algorithms(self, sa: RekeyStory) -> str:
        signature = sa.signature.replace("SIG_ALG_", "").replace("SIG_HASH_", "").replace(" with ", "/")
        parts = [sa.encryption, signature, sa.management, "acknowledged" if sa.acknowledgement else ""]
        return ", ".join(part for part in parts if part)

    def since(self, learnt: Moment, under: str) -> str:
        return f"{self.when(learnt)}, {f'push under {short(under)}' if under else 'pull'}"

    def numbers(self, sa: RekeyStory) -> str:
        """The pushes under it."""
        if not sa.pushes:
            return "none"
        text = (
            f"{sa.first_number}"
            if sa.first_number == sa.last_number
            else f"{sa.first_number} to {sa.last_number}"
        )
        text += f", {sa.retransmissions} again" if sa.retransmissions else ""
        text += f", {sa.lost} lost" if sa.lost else ""
        return text + (f", {sa.replayed} replayed" if sa.replayed else "")

    def end_of_rekey(self, sa: RekeyStory) -> str:
        if sa.deleted is not None:
            return f"{self.when(sa.deleted)}, deleted"
        if sa.replaced is not None:
            return f"{self.when(sa.replaced)}, replaced by {short(sa.replaced_by)}"
        return self.expiry(sa.expires_at, sa.state)

    def data(self) -> Iterator[Row]:
        """Category 3."""
        sas = self.story.data_sas
        if not sas:
            return
        yield from self.section("Category 3: SA3, senders to receivers (data)")
        rows = [
            [
                data_word(sa), self.traffic(sa), self.cipher(sa), self.since(sa.learnt, sa.under),
                self.activation(sa), self.packets(sa), self.end_of_data(sa),
            ]
            for sa in sas
        ]  # fmt: skip
        yield from self.grid(["SA3", "for", "with", "since", "active from", "packets", "until"], rows)

    def traffic(self, sa: DataStory) -> str:
        return (
            f"{bare(sa.source)} to {bare(sa.destination)}" if sa.source else f"all to {bare(sa.destination)}"
        )

    def cipher(self, sa: DataStory) -> str:
        bits = f"-{sa.key_length}" if sa.key_length else ""
        name = sa.transform.removeprefix("ESP_").removeprefix("AH_")
        return f"{sa.protocol} {name}{bits}" + (f", {sa.integrity}" if sa.integrity else "")

    def activation(self, sa: DataStory) -> str:
        """Only where it is not at once."""
        if sa.never_active:
            return "never"
        return self.time(sa.active_at) if sa.active_at and sa.active_at != sa.learnt.time else ""

    def packets(self, sa: DataStory) -> str:
        if not sa.packets:  # without any of any SA there is no need to say so of each
            return "0" if self.story.esp_packets else ""
        closed = sa.packets - sa.packets_opened
        return f"{sa.packets:,}" + (f", {closed:,} not opened" if closed else "")

    def end_of_data(self, sa: DataStory) -> str:
        if sa.deleted is not None:
            return f"{self.when(sa.deleted)}, deleted"
        if sa.replaced is not None:
            late = sa.gone_at - sa.replaced.time if sa.gone_at else 0
            delay = f", received {duration(late)} longer" if late > 0 else ""
            return f"{self.when(sa.replaced)}, replaced by {short(sa.replaced_by)}{delay}"
        return self.expiry(sa.expires_at, sa.state)

    # -- pushes and readers --------------------------------------------------------------------------------

    def pushes(self) -> Iterator[Row]:
        """The rekeys."""
        pushes = self.story.pushes
        if not pushes:
            return
        yield from self.section("Rekeys: what each push did")
        rows = [
            [
                self.when(push.sent), f"{push.sequence_number} under {short(push.sa)}", self.brought(push),
                "; ".join(push.reasons), self.answers(push),
            ]
            for push in pushes
        ]  # fmt: skip
        yield from self.grid(["sent", "push", "brings", "apparent reason", "acknowledged"], rows)

    def brought(self, push: PushStory) -> str:
        parts = []
        if push.rekey:
            led = "" if push.by == "KEK" else f" by {push.by} for {names(bares(push.led)) or 'nobody yet'}"
            parts.append(f"SA2 {short(push.rekey)}{led}")
        parts += [f"SA3 {names([short(spi) for spi in push.data])}"] if push.data else []
        if push.deleted:
            spis = [f"{each.partition(' ')[0]} {short(each.partition(' ')[2])}" for each in push.deleted]
            parts.append(f"deletes {names(spis)}")
        return "; ".join(parts) or "nothing that was not there"

    def answers(self, push: PushStory) -> str:
        if not push.acknowledged and not push.unacknowledged:
            return ""
        text = names(bares(push.acknowledged)) or "nobody"
        return text + (f"; not {names(bares(push.unacknowledged))}" if push.unacknowledged else "")

    def readers(self) -> Iterator[Row]:
        """Who could read what."""
        sas: list[DataStory | RekeyStory] = [*self.story.rekey_sas, *self.story.data_sas]
        members = list(dict.fromkeys(holder.member for sa in sas for holder in sa.holders))
        if not members:
            return
        yield from self.section("Who could read what")
        recorded = any(sa.from_recording for sa in sas)
        room = self.width - 16 - sum(len(bare(member)) + 2 for member in members)
        if len(members) <= MOST_COLUMNS and room >= 0:
            rows = [[sa_word(sa), *(cell(sa, member) for member in members)] for sa in sas]
            absent = any("-" in row for row in rows)
            yield from self.grid(["", *map(bare, members)], rows)
        else:
            rows = [[sa_word(sa), held(sa.holders), names(sa.from_recording)] for sa in sas]
            absent = False
            yield from self.grid(["", "holds its key", "with a recording"], rows)
        yield from self.said(ways(sas, absent), "note")
        if recorded:
            yield from self.said(
                "recording: given a key later that also opens the push with this one; who has kept that push "
                "can read it.",
                "note",
            )

    # -- what went wrong -----------------------------------------------------------------------------------

    def problems(self) -> Iterator[Row]:
        """Failed checks, malformed messages, losses, replays, notifications."""
        if not self.story.problems:
            return
        yield from self.section("What is wrong or missing")
        for problem in self.story.problems[:MOST_ROWS]:
            text = f"{self.when(problem.at)} {problem.message}: {problem.detail}"
            quiet = problem.what in ("lost", "notification", "never active")
            yield from self.said(text, "" if quiet else "problem", sign="! ")
        more = len(self.story.problems) - MOST_ROWS
        if more > 0:
            yield from self.said(f"and {more:,} more, which --json has", "note")

    def unfinished(self) -> Iterator[Row]:
        """Exchanges that break off."""
        if not self.story.unfinished:
            return
        yield from self.section("Begun and not seen to end")
        for each in self.story.unfinished[:MOST_ROWS]:
            text = f"{each.exchange} between {each.between}, from {self.when(each.first)}: {each.detail}."
            yield from self.said(text, sign="- ")

    def sealed(self) -> Iterator[Row]:
        """What nobody could read here, and what would open it."""
        if not self.story.sealed:
            return
        yield from self.section("What could not be opened, and which lines of a key file would do it")
        shown = sorted(self.story.sealed[:MOST_ROWS], key=lambda each: each.advice)
        for each, following in zip(shown, [*shown[1:], None], strict=True):
            kinds = ", ".join(f"{count:,} {WORDS.get(kind, kind)}" for kind, count in each.kinds.items())
            of = f" of SA {each.sa}" if each.sa else ""
            yield from self.said(f"{kinds}{of}, from {self.when(each.first)} on: {each.reason}.", sign="- ")
            if each.advice and (following is None or following.advice != each.advice):
                yield from paragraph(each.advice, self.width, "name", sign="    ")


def sa_word(sa: DataStory | RekeyStory) -> str:
    return f"SA2 {short(sa.sa)}" if isinstance(sa, RekeyStory) else f"SA3 {data_word(sa)}"


def data_word(sa: DataStory) -> str:
    """A data SA by name, or a sequence of them, or one of a period."""
    if sa.sequence:
        return f"{short(sa.sa)}, period {sa.period}"
    return f"{short(sa.sa)} and up" if sa.period_count else short(sa.sa)


def ways(sas: list[DataStory | RekeyStory], absent: bool) -> str:
    """What the words of the table mean, as far as they are in it."""
    hows = {holder.how for sa in sas for holder in sa.holders}
    said = [text for how, text in WAYS.items() if how in hows]
    said += ["- (not at all)"] if absent else []
    text = f"How the key was come by: {', '.join(said)}."
    if any(isinstance(sa, DataStory) and sa.period_count for sa in sas):
        text += " Numbers are the periods that were given (keys by periods: each has an SA3 of its own)."
    return text


def bare(member: str) -> str:
    """An identity without its type."""
    return member.partition(":")[2] or member


def bares(members: list[str]) -> list[str]:
    """Identities without their types."""
    return [bare(member) for member in members]


def held(holders: list[Holder]) -> str:
    return names([f"{each.member} ({each.periods})" if each.periods else each.member for each in holders])


def cell(sa: DataStory | RekeyStory, member: str) -> str:
    """How a member came by an SA's key."""
    for holder in sa.holders:
        if holder.member == member and holder.periods:
            return f"module {holder.periods}" if holder.how == "module" else holder.periods
        if holder.member == member:
            return holder.how
    return "recording" if member in sa.from_recording else "-"
