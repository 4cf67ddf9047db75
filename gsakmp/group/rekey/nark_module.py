"""A NARK module: octets in, octets out. `SoftwareModule` is a software stand-in for the smartcard.

It holds seeds and two private keys, releases the key of one period at a time, at the earliest one period
before it begins by the module's clock, and makes a receipt durable before it releases anything. See
`gsakmp.group.rekey.nark` for what that is worth without hardware.

Requests and answers are MessagePack with a tag; `ModuleClient` speaks for the member. A request is any
function from octets to octets: a method of a module in the same process, a child's pipes
(`gsakmp.net.nark`), a card reader.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any, Final

import msgspec

from gsakmp.crypto import Random, random_octets, system_random
from gsakmp.crypto.sealed import KEY_OCTETS, sealing_public_key, signing_public_key
from gsakmp.errors import AuthenticationFailed, ConfigurationError, GsakmpError, StateError
from gsakmp.group.rekey.marks import SEED_OCTETS, Interval
from gsakmp.group.rekey.marks_keys import IntervalKeys
from gsakmp.group.rekey.marks_periods import PeriodMap
from gsakmp.group.rekey.nark import ModuleIdentity, Opened, open_grant
from gsakmp.group.rekey.nark_receipts import FIRST_DIGEST, Head, Receipt, ReceiptLog

__all__ = ["MESSAGE_OCTETS", "ModuleClient", "ModuleKeys", "Request", "SoftwareModule"]

Request = Callable[[bytes], bytes]
"""Asks a module. Raises `StateError` where it does not answer."""

MESSAGE_OCTETS: Final = 65_535
"""Of a request or an answer: seeds come in a message of at most as many."""
SEQUENCES: Final = 512
"""Grants that a module holds; that which was used longest ago goes first."""
CHALLENGE_OCTETS: Final = 64

Octets = Annotated[bytes, msgspec.Meta(max_length=MESSAGE_OCTETS)]
Number = Annotated[int, msgspec.Meta(ge=0, le=0xFFFF_FFFF)]


class Message(msgspec.Struct, frozen=True, tag=True, forbid_unknown_fields=True):
    """A request or an answer."""


class Identify(Message, frozen=True):
    """Which public keys?"""


class Load(Message, frozen=True):
    """Seeds that a key server sealed: `NamedSequence.octets`, and the two parts of `seal_grant`."""

    bound: Octets
    public: Octets
    sealed: Octets


class Release(Message, frozen=True):
    """The key of a period, for a receipt."""

    sequence: Annotated[bytes, msgspec.Meta(min_length=32, max_length=32)]
    period: Number


class Attest(Message, frozen=True):
    """How long is the log?"""

    challenge: Annotated[bytes, msgspec.Meta(max_length=CHALLENGE_OCTETS)]


class Identified(Message, frozen=True):
    """`ModuleIdentity`'s parts."""

    sealing: Octets
    signing: Octets


class Loaded(Message, frozen=True):
    """The seeds are there: what names their sequence, and its periods."""

    sequence: bytes
    intervals: tuple[tuple[int, int], ...]


class Released(Message, frozen=True):
    """A period's key, and which receipt it has cost."""

    key: bytes
    counter: int

    def __repr__(self) -> str:
        return f"Released(counter={self.counter})"


class Attested(Message, frozen=True):
    """A `Head`."""

    head: Head


class Refused(Message, frozen=True):
    """Why not."""

    problem: str


_REQUESTS: Final = msgspec.msgpack.Decoder(Identify | Load | Release | Attest)
_ANSWERS: Final = msgspec.msgpack.Decoder(Identified | Loaded | Released | Attested | Refused)


@dataclass(slots=True)
class _Held:
    opened: Opened
    keys: IntervalKeys = field(repr=False)
    periods: PeriodMap


class SoftwareModule:
    """A software stand-in for the smartcard. `append` makes a line of the log durable before it returns;
    `log` is what it has made durable so far."""

    def __init__(
        self,
        private_keys: bytes,
        append: Callable[[bytes], None],
        *,
        log: ReceiptLog | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        """`private_keys` are those of X25519 and Ed25519, 64 octets. Raises `ConfigurationError`, and
        `AuthenticationFailed` for a log that is not this module's own or was tampered with."""
        if len(private_keys) != 2 * KEY_OCTETS:
            raise ConfigurationError(f"a module's private keys have {2 * KEY_OCTETS} octets")
        self._sealing, self._signing = private_keys[:KEY_OCTETS], private_keys[KEY_OCTETS:]
        self.identity = ModuleIdentity(sealing_public_key(self._sealing), signing_public_key(self._signing))
        self._append = append
        self._clock = clock
        self._held: OrderedDict[bytes, _Held] = OrderedDict()
        self._counter, self._last = 0, FIRST_DIGEST
        if log is not None:
            log.verify(self.identity.signing, each=False)
            if log.receipts:
                self._counter, self._last = log.receipts[-1].counter, log.receipts[-1].digest()

    @staticmethod
    def new_private_keys(random: Random = system_random) -> bytes:
        """Private keys for a new module."""
        return random_octets(random, 2 * KEY_OCTETS)

    @property
    def head(self) -> tuple[int, bytes]:
        """The number and the digest of the last receipt."""
        return self._counter, self._last

    def handle(self, request: bytes) -> bytes:
        """A request answered. Never raises for what is asked: what can't be is refused in the answer."""
        try:
            if len(request) > MESSAGE_OCTETS:
                raise ConfigurationError(f"a request of {len(request)} octets")
            answer = self._answer(_REQUESTS.decode(request))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            answer = Refused(f"no request: {error}")
        except GsakmpError as error:
            answer = Refused(str(error))
        return msgspec.msgpack.encode(answer)

    def _answer(self, request: Identify | Load | Release | Attest) -> Message:
        match request:
            case Identify():
                return Identified(self.identity.sealing, self.identity.signing)
            case Load(bound=bound, public=public, sealed=sealed):
                return self._load(open_grant(self._sealing, bound, public, sealed))
            case Release(sequence=sequence, period=period):
                return self._release(sequence, period)
            case Attest(challenge=challenge):
                head = Head(
                    counter=self._counter,
                    at=self._milliseconds(),
                    last=self._last.hex(),
                    challenge=challenge.hex(),
                )
                return Attested(head.signed(self._signing))

    def _load(self, opened: Opened) -> Message:
        periods = opened.named.periods
        keys = IntervalKeys(periods.construction, periods.count, opened.seeds)
        if keys.intervals != opened.intervals:
            raise AuthenticationFailed("the seeds are not for the intervals that are granted")
        sequence = opened.named.digest(opened.group)
        pairs = tuple((interval.first, interval.last) for interval in opened.intervals)
        self._receipt("given", opened.group, sequence, intervals=pairs)
        timed = PeriodMap.of_time(periods.starts_at, periods.seconds, periods.count)
        self._held[sequence] = _Held(opened, keys, timed)
        self._held.move_to_end(sequence)
        while len(self._held) > SEQUENCES:
            self._held.popitem(last=False)
        return Loaded(sequence, pairs)

    def _release(self, sequence: bytes, period: int) -> Message:
        held = self._held.get(sequence)
        if held is None:
            raise StateError("no seeds of this sequence are here")
        self._held.move_to_end(sequence)
        key = held.keys.key(period)  # refuses what was not granted
        begins = held.periods.span(period)[0]
        if begins - held.periods.size > self._clock():
            raise StateError(f"period {period} is not yet: keys are released one period ahead at most")
        counter = self._receipt("released", held.opened.group, sequence, period=period)
        return Released(key, counter)

    def _receipt(
        self,
        kind: Any,
        group: str,
        sequence: bytes,
        *,
        period: int = 0,
        intervals: tuple[tuple[int, int], ...] = (),
    ) -> int:
        """Durable before anything follows from it; if that fails nothing has happened."""
        receipt = Receipt(
            kind=kind,
            counter=self._counter + 1,
            at=self._milliseconds(),
            group=group,
            sequence=sequence.hex(),
            period=period,
            intervals=intervals,
            previous=self._last.hex(),
        ).signed(self._signing)
        self._append(receipt.line())
        self._counter, self._last = receipt.counter, receipt.digest()
        return receipt.counter

    def _milliseconds(self) -> int:
        return max(0, int(self._clock() * 1000))


class ModuleClient:
    """What a member asks its module. Every verb raises `StateError` where the module refuses, does not
    answer, or answers something else."""

    def __init__(self, request: Request) -> None:
        self._request = request

    def identify(self) -> ModuleIdentity:
        """The module's public keys."""
        answer = self._asked(Identify(), Identified)
        return ModuleIdentity(answer.sealing, answer.signing)

    def load(self, bound: bytes, public: bytes, sealed: bytes) -> ModuleKeys:
        """Give the module seeds, as they came from the key server."""
        answer = self._asked(Load(bound, public, sealed), Loaded)
        return ModuleKeys(self, answer.sequence, tuple(Interval(*pair) for pair in answer.intervals))

    def release(self, sequence: bytes, period: int) -> bytes:
        """The key of a period, 32 octets; the module makes a receipt of it."""
        key: bytes = self._asked(Release(sequence, period), Released).key
        if len(key) != SEED_OCTETS:
            raise StateError(f"the module gave a key of {len(key)} octets")
        return key

    def attest(self, challenge: bytes) -> Head:
        """The module's signed word on the length of its log. Its signature is not checked here."""
        head: Head = self._asked(Attest(challenge), Attested).head
        return head

    def _asked(self, request: Message, wanted: type[Message]) -> Any:
        try:
            answer = _ANSWERS.decode(self._request(msgspec.msgpack.encode(request)))
        except (msgspec.MsgspecError, UnicodeError, RecursionError) as error:
            raise StateError(f"the module's answer is none: {error}") from None
        if isinstance(answer, Refused):
            raise StateError(f"the module refuses: {answer.problem}")
        if not isinstance(answer, wanted):
            raise StateError(f"the module answers a {type(request).__name__} with a {type(answer).__name__}")
        return answer


@dataclass(frozen=True, slots=True)
class ModuleKeys:
    """The periods of one grant, their keys at the module: a `gsakmp.group.rekey.marks_keys.KeySource`."""

    client: ModuleClient
    sequence: bytes
    intervals: tuple[Interval, ...]

    def key(self, period: int) -> bytes:
        """See `KeySource.key`; each call costs a receipt."""
        return self.client.release(self.sequence, period)
