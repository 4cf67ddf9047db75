"""Every GDOI capture, replayed; ``python -m tests.interop.gdoi_sessions`` prints what was verified.

Twice: message by message with the library's cryptography (`tests.unit.crypto.replay`), and as a whole to our
member, `gsakmp.Member`, which gets what the recorded member drew and knew, and is to send what that sent.

What the recording does not determine is put in at a seam, as `Played` says: the DH key pair, of which only
g^xi and g^xy were logged; the offer of phase 1, whose transform is number 0 with its attributes in another
order and LIFE_DURATION as TV; and the nonces' length, 16 octets there and 32 in ours.
"""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from hashlib import shake_128
from typing import Any, Final

import pytest

import gsakmp
from gsakmp.crypto import KeyPair, public_key, push_signature, push_signed_octets
from gsakmp.doi import GDOID, GDOID_BIG_ENDIAN, Dialect
from gsakmp.errors import GsakmpError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1 import aggressive, common, main
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.pull import PullInitiator
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.identities import Identity
from gsakmp.payloads import SA, Identification
from gsakmp.peers import member as member_module
from gsakmp.peers.configuration import EndpointConfiguration, MemberConfiguration
from gsakmp.peers.events import DatagramRefused, Event, RegistrationRefused, RegistrationScheduled
from gsakmp.peers.member import Member
from gsakmp.registries import AuthenticationMethod
from tests.interop import gdoi_recorded as layout
from tests.interop.gdoi_recorded import PULL, RecordedMessage, RecordedSession, sessions, without_parity
from tests.unit.crypto.replay import Replay

UNFINISHED: Final = {
    "gdoi-aggressive-mode": "the recording ends with PULL message 1: the key server failed",
    "gdoi-pull-iec90-5-predraft": "message 8's policy is refused, as it has to be: TEK protocol 161 is of "
    "private use (RFC 6407, 5.5), a draft's; so our member sends no message 9",
}
"""Sessions that don't end in a registration, and why."""
REFUSED_AT: Final = {"gdoi-pull-iec90-5-predraft": 8}
"""Message whose policy our member has to refuse. It is verified, but what follows does not happen here."""
PATIENCE: Final = RetransmissionPolicy(first=60.0, maximum=60.0)
"""The recorded member of `gdoi-loopback-ks` computed for seconds before it sent; ours sends at once, and
would repeat itself before the recorded answer comes."""
TRIPLE_DES_KEY: Final = 24


class Drawn:
    """What the recorded member drew, by length and in order; behind that, whatever."""

    def __init__(self, session: RecordedSession) -> None:
        exchanged = [m for m in session.messages if m.all(layout.NONCE) and m.source == session.member]
        nonces = [bytes.fromhex(m.one(layout.NONCE)["nonce_data"]) for m in exchanged]
        (self.nonce_size,) = {len(nonce) for nonce in nonces}
        number = session.of(PULL)[0].message_id
        self._left = {
            8: [session.messages[0].wire[:8]],
            self.nonce_size: nonces,
            4: [(number - 1).to_bytes(4, "big")],  # an id is never 0: one is added to what is drawn
        }
        self._others = 0
        self.begun = False

    def __call__(self, count: int) -> bytes:
        if self.begun and self._left.get(count):
            return self._left[count].pop(0)
        self._others += 1
        return shake_128(self._others.to_bytes(4, "big")).digest(count)

    @property
    def used_up(self) -> bool:
        """Whether all that was recorded was drawn."""
        return not any(self._left.values())


class LoggedGroup:
    """In the place of the 1024-bit group: its key pair is the recorded member's."""

    name, public_size = "MODP_1024", 128

    def __init__(self, session: RecordedSession) -> None:
        self.shared = session.logged("g^xy")
        ours, theirs = (m for m in session.messages if m.all(layout.KE))
        self.public, self.other = (
            bytes.fromhex(m.one(layout.KE)["key_exchange_data"]) for m in (ours, theirs)
        )

    def generate(self, random: object) -> KeyPair:
        """A pair with the recorded public value, which agrees with the recorded peer alone."""

        def agree(received: bytes) -> bytes:
            assert received == self.other
            return self.shared

        group: Any = self
        return KeyPair(group, self.public, agree)


def dialect_of(session: RecordedSession) -> Dialect:
    return GDOID_BIG_ENDIAN if session.big_endian else GDOID


def parsed(session: RecordedSession, message: RecordedMessage) -> gsakmp.Message:
    """A recorded message, decrypted."""
    found = gsakmp.parse(message.wire, dialect=dialect_of(session))
    return found if message.plaintext is None else found.with_plaintext(message.plaintext)


def configuration(session: RecordedSession, **phase1: Any) -> MemberConfiguration:
    """As the recorded member was configured."""
    (group,) = [p for p in parsed(session, session.of(PULL)[0]).payloads if isinstance(p, Identification)]
    local = Address.from_text(session.member)
    options: dict[str, Any] = {
        "identity": Identity.of_address(local.host),
        "credentials": Credentials(shared_keys=(SharedKey(session.recorded["psk"].encode()),)),
        "suites": (phase1_suite("3des-sha1-group2"),),
        "methods": (AuthenticationMethod.PRE_SHARED_KEY,),
        "nat_traversal": False,
        "dead_peer_detection": False,
        "fragmentation": False,
        "initial_contact": not session.aggressive,
        "dialect": dialect_of(session),
        "allow_weak": True,
        **phase1,
    }
    return MemberConfiguration(
        endpoint=EndpointConfiguration(
            phase1=PhaseOneConfiguration(**options), aggressive=session.aggressive, retransmission=PATIENCE
        ),
        gcks=(Address.from_text(session.gcks),),
        group=Identity.from_payload(group),
        acceptance=Acceptance(allow_weak=True),
        local=local,
    )


@contextmanager
def seams(session: RecordedSession, nonce_size: int) -> Iterator[None]:
    """Our member makes, where it is free to, what the recorded one made."""
    (offer,) = [p for p in parsed(session, session.messages[0]).payloads if isinstance(p, SA)]
    group = LoggedGroup(session)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(common, "NONCE", nonce_size)
        patch.setattr(member_module, "PullInitiator", partial(PullInitiator, nonce_size=nonce_size))
        for module in (common, aggressive):
            patch.setattr(module, "diffie_hellman_group", lambda number, allow_weak: group)
        for mode in (main, aggressive):
            patch.setattr(mode, "offer", lambda *arguments: offer)
        patch.setattr(KeyPair, "shared", lambda pair, received: pair._agree(received))
        yield


class Played:
    """A session between our member and the recording, at the recorded times.

    `step` takes one message more: one of the recorded member's must now be what ours sends; one of the GCKS's
    is given to ours. `problems` has every difference, in words.
    """

    def __init__(self, session: RecordedSession, **phase1: Any) -> None:
        self.session = session
        self.random = Drawn(session)
        self.now = session.messages[0].at
        self.member = Member(configuration(session, **phase1), random=self.random, now=self.now)
        self.random.begun = True
        self.member.register(self.now)
        self.counts: Counter[str] = Counter()
        self.problems: list[str] = []
        self.events: list[Event] = []
        self.at = 0
        self._sent: list[Datagram] = []

    @property
    def following(self) -> RecordedMessage | None:
        """The next message."""
        return self.session.messages[self.at] if self.at < len(self.session.messages) else None

    def step(self) -> RecordedMessage:
        """One message more."""
        message = self.session.messages[self.at]
        self.at += 1
        self.pass_time(message.at)
        if message.source == self.session.member:
            self._compare(message)
        else:
            if self._sent:
                self.problems.append(f"message {message.number}: sent before it, and not recorded")
            if self.give(message):
                self.counts["accepted"] += 1
            else:
                self.problems.append(f"message {message.number}: {self.events[-1]}")
        self._sent += self.member.datagrams_to_send(self.now)
        return message

    def pass_time(self, until: float) -> None:
        """Let timers expire."""
        while (due := self.member.next_timeout()) is not None and due <= until:
            self.now = max(self.now, due)
            self.member.handle_timeout(self.now)
        self.now = max(self.now, until)
        self._collect()
        self._sent += self.member.datagrams_to_send(self.now)

    def give(self, message: RecordedMessage, octets: bytes | None = None) -> bool:
        """Whether our member takes a message, or `octets` in its place. A policy that it refuses was taken."""
        before = len(self.events)
        self.member.receive_datagram(
            message.wire if octets is None else octets,
            Address.from_text(message.source),
            self.now,
            local=Address.from_text(message.destination),
        )
        self._collect()
        return not any(isinstance(event, DatagramRefused) for event in self.events[before:])

    def _compare(self, message: RecordedMessage) -> None:
        ours = self._sent.pop(0) if self._sent else None
        wanted = Address.from_text(message.destination), message.wire
        if ours is not None and (ours.destination, ours.data) == wanted:
            self.counts["sent"] += 1
        else:
            self.problems.append(f"message {message.number}: sent {ours}")

    def _collect(self) -> None:
        while (event := self.member.next_event()) is not None:
            self.events.append(event)

    def over(self) -> bool:
        """Whether nothing can follow: the end, or a policy refused as it has to be."""
        refused = REFUSED_AT.get(self.session.name)
        return self.following is None or self.following.number - 1 == refused

    def finish(self) -> None:
        """After the last step: nothing more was sent or planned, and all that was recorded was used."""
        refused = self.session.name in REFUSED_AT
        found = [e for e in self.events if isinstance(e, RegistrationRefused | RegistrationScheduled)]
        if bool(found) != refused:
            self.problems.append(f"registration: {found}")
        if self._sent and not refused:  # there a Delete goes out (RFC 6407, 3.3)
            self.problems.append(f"sent at the end: {self._sent}")
        if not self.random.used_up:
            self.problems.append("something recorded was not drawn")


@contextmanager
def played(session: RecordedSession, **phase1: Any) -> Iterator[Played]:
    """A session that is about to begin."""
    with seams(session, Drawn(session).nonce_size):
        yield Played(session, **phase1)


# -- counting ------------------------------------------------------------------------------------------------

COLUMNS: Final = ("messages", "derived", "decrypted", "hashes", "signatures", "sent", "accepted")


@dataclass
class Row:
    """What of one capture was verified."""

    name: str
    verified: Counter[str] = field(default_factory=Counter)
    mismatches: list[str] = field(default_factory=list)

    def attempt(self, what: Callable[[], None]) -> None:
        """A failure is a mismatch, and nothing after it counts."""
        try:
            what()
        except (AssertionError, GsakmpError) as error:
            self.mismatches.append(f"{type(error).__name__}: {error}")


def listed(session: RecordedSession) -> Counter[str]:
    """What there is to verify, from the JSON and the second reader alone."""
    messages, last = session.messages, REFUSED_AT.get(session.name, len(session.messages))
    reached = [m for m in messages if m.number <= last]
    return Counter(
        messages=len(messages),
        derived=len(session.recorded["derived"]),
        decrypted=sum(m.plaintext is not None for m in messages),
        hashes=sum(len(m.all(layout.HASH)) for m in messages),
        signatures=sum(len(m.all(layout.SIGNATURE)) for m in messages),
        sent=sum(m.source == session.member for m in reached),
        accepted=sum(m.source == session.gcks for m in reached),
    )


def replayed(session: RecordedSession) -> Row:
    """Everything of one capture."""
    row = Row(session.name)
    crypto = Replay(session.path)
    row.attempt(lambda: work_through(crypto, row))
    row.verified.update(decrypted=crypto.decrypted, hashes=crypto.hashes)
    row.attempt(lambda: count_derived(session, crypto, row))
    row.attempt(lambda: count_signatures(crypto, row))
    with played(session) as play:
        while not play.over():
            play.step()
        play.finish()
    row.verified.update(play.counts)
    row.mismatches += play.problems
    return row


def work_through(crypto: Replay, row: Row) -> None:
    crypto.run()
    row.verified["messages"] = len(crypto.recorded["messages"])


def count_derived(session: RecordedSession, crypto: Replay, row: Row) -> None:
    """Every value of the daemon's log is ours. It logs SKEYID_a again with each HASH of a pull."""
    left = {name: list(values) for name, values in crypto.values.items()}
    for item in session.recorded["derived"]:
        name, value = item["name"], bytes.fromhex(item["value"])
        ours = left[name][0] if name == "SKEYID_a" else left[name].pop(0)
        if name == "key" and len(value) == TRIPLE_DES_KEY:
            same = without_parity(ours.hex()) == without_parity(value.hex())
        else:
            same = ours == value
        assert same, f"{name} after message {item['after_message']}"
        row.verified["derived"] += 1


def count_signatures(crypto: Replay, row: Row) -> None:
    for push in crypto.pushes:
        scheme = push_signature(*push.scheme, digest_info=False, allow_weak=True)
        octets = push_signed_octets(push.wire[:28], push.signed, push.unpadded)
        scheme.verify(public_key(push.public_key, allow_weak=True), push.signature, octets)
        row.verified["signatures"] += 1


def table(rows: list[Row]) -> Iterator[str]:
    """The lines to print."""
    width = max(len(row.name) for row in rows)
    yield "  ".join([f"{'capture':{width}}", *COLUMNS, "mismatches"])
    total: Counter[str] = Counter()
    for row in rows:
        total += row.verified
        cells = [f"{row.verified[name]:{len(name)}}" for name in COLUMNS]
        yield "  ".join([f"{row.name:{width}}", *cells, f"{len(row.mismatches):10}"])
        yield from (f"    {problem}" for problem in row.mismatches)
    mismatches = sum(len(row.mismatches) for row in rows)
    cells = [f"{total[name]:{len(name)}}" for name in COLUMNS]
    yield "  ".join([f"{'all':{width}}", *cells, f"{mismatches:10}"])
    yield from (f"{name}: {reason}" for name, reason in UNFINISHED.items())


def run() -> int:
    """Print the table; 0 if all that is listed was verified."""
    found = [RecordedSession(path) for path in sessions()]
    rows = [replayed(session) for session in found]
    for line in table(rows):
        print(line)
    missing = [
        f"{session.name}: {name} {row.verified[name]} of {wanted}"
        for session, row in zip(found, rows, strict=True)
        for name, wanted in listed(session).items()
        if row.verified[name] != wanted
    ]
    for line in missing:
        print(line)
    return int(bool(missing) or any(row.mismatches for row in rows))


if __name__ == "__main__":
    sys.exit(run())
