"""What a capture's message is once it was opened: the types that `gsakmp.captures.opening.Opener` gives.

An `Opened` belongs to one datagram. It has the message of the wire, the plaintext where that could be had,
what was checked (`Check`) and what was learnt (`Event`). No secret is in any of them but where the protocol
itself carries one: the payloads of `plaintext`, and `plaintext_octets`, which no repr shows.

Everything here is data: views read it and nothing changes it. SAs go by name in hex: an ISAKMP SA by both
cookies (``0011223344556677:8899aabbccddeeff``, `SAName`), a Rekey SA by its SPI in the same form, for that is
the cookies of its pushes (RFC 6407, 5.3), a data SA by its SPI of four octets. Members go by the identity
that they showed in phase 1, as `gsakmp.identities.Identity` has it in text, or by their address
(``address:192.0.2.1``) where phase 1 is not in the file.
"""

from __future__ import annotations

from enum import StrEnum
from typing import Any, Final

import msgspec

from gsakmp.captures.datagram import Datagram
from gsakmp.errors import GsakmpError
from gsakmp.message import Message

__all__ = [
    "Acknowledged",
    "Check",
    "DataSALearnt",
    "ESPContent",
    "Event",
    "ExchangeKind",
    "GroupJoined",
    "GroupRequested",
    "ISAKMPSAEnded",
    "ISAKMPSAEstablished",
    "KeysFollowed",
    "Lost",
    "Notified",
    "Opened",
    "RekeySALearnt",
    "Retransmission",
    "RolledOver",
    "SADeleted",
    "Sender",
    "Status",
    "sa_name",
]

COOKIE: Final = 8


def sa_name(cookies: bytes) -> str:
    """The name of an ISAKMP SA or a Rekey SA: 16 octets as two cookies in hex; any other SPI as hex."""
    if len(cookies) == 2 * COOKIE:
        return f"{cookies[:COOKIE].hex()}:{cookies[COOKIE:].hex()}"
    return cookies.hex()


class ExchangeKind(StrEnum):
    """Which exchange a message belongs to."""

    MAIN = "main"
    AGGRESSIVE = "aggressive"
    QUICK = "quick"
    INFORMATIONAL = "informational"
    PULL = "pull"
    PUSH = "push"
    ACK = "ack"
    ESP = "esp"
    OTHER = "other"
    """An exchange that is not opened here (Base, Transaction, New Group, IKEv2), or no message at all."""


class Sender(StrEnum):
    """Who sent a message, by its part in the exchange. In GDOI's exchanges it is member or GCKS."""

    INITIATOR = "initiator"
    RESPONDER = "responder"
    MEMBER = "member"
    GCKS = "gcks"
    UNKNOWN = ""


class Status(StrEnum):
    """How far a message could be read."""

    CLEAR = "clear"
    """Nothing of it is encrypted."""
    OPENED = "opened"
    """Decrypted; `Opened.plaintext` has the payloads, or `Opened.esp` the packet."""
    PARTLY = "partly opened"
    """Decrypted but for the first block, whose IV was in a frame that is not there, or which is altered:
    `plaintext_octets` has zeros in its place. `plaintext` is there if the payloads could be made out all the
    same."""
    SEALED = "sealed"
    """No key for it is known."""
    WRONG_KEY = "wrong key"
    """There is a key, and it opens nothing sensible: another's, or the message was altered."""
    MALFORMED = "malformed"
    """No message can be made of the octets; `Opened.error` says why."""


class Check(msgspec.Struct, frozen=True):
    """Something that could be verified, or not.

    `name` is what, as the standards call it: ``HASH(1)`` to ``HASH(4)``, ``HASH_I``, ``HASH_R``, ``SIG_I``,
    ``SIG_R``, ``signature`` (of a push), ``sequence number``, ``HASH`` (of an ACK), ``ICV`` (of ESP),
    ``replay``, ``policy``. `passed` is None where it can't be told, and `detail` then says what is missing.
    """

    name: str
    passed: bool | None
    detail: str = ""

    def __str__(self) -> str:
        verdict = {True: "right", False: "WRONG", None: "not checkable"}[self.passed]
        return f"{self.name}: {verdict}{f' ({self.detail})' if self.detail else ''}"


# -- what is learnt ----------------------------------------------------------------------------------------


class Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="event"):
    """Something that a message shows to have happened. Its `str` says it in one line, for people."""

    def __str__(self) -> str:
        return type(self).__name__


class ISAKMPSAEstablished(Event, frozen=True, kw_only=True, tag="isakmp-sa-established"):
    """Phase 1 has ended: the last message of it was seen (category 1, SA1)."""

    sa: str
    initiator: str
    """Identity in text; ``address:...`` where it is not known."""
    responder: str
    initiator_address: str
    """As `Datagram.source`, empty if unknown."""
    responder_address: str
    suite: str
    """``3des-sha1-group2``, as far as the capture tells."""
    method: str
    """AuthenticationMethod's name."""
    lifetime_seconds: int | None

    def __str__(self) -> str:
        return f"ISAKMP SA {self.sa} between {self.initiator} and {self.responder}: {self.suite}"


class ISAKMPSAEnded(Event, frozen=True, kw_only=True, tag="isakmp-sa-ended"):
    """A protected Delete names the ISAKMP SA."""

    sa: str

    def __str__(self) -> str:
        return f"ISAKMP SA {self.sa} is deleted"


class GroupRequested(Event, frozen=True, kw_only=True, tag="group-requested"):
    """Message 1 of a PULL: a member asks for a group."""

    member: str
    group: str

    def __str__(self) -> str:
        return f"{self.member} asks for the group {self.group}"


class RekeySALearnt(Event, frozen=True, kw_only=True, tag="rekey-sa-learnt"):
    """A Rekey SA (category 2, SA2) whose key is known from here on.

    `holders` are the members that are seen to have it, by this message or, with a later `KeysFollowed`, more.
    """

    sa: str
    group: str
    source: str
    """Identity and port: ``ipv4:192.0.2.1 port 848``; in words where the policy is not in the capture."""
    destination: str
    encryption: str
    """``AES-128-CBC``; several with ``or`` where the policy is not in the capture."""
    signature: str
    """``SIG_ALG_RSA with SIG_HASH_SHA256``; empty where the policy is not in the capture."""
    management: str
    """``LKH``, ``OFT``, or empty."""
    lifetime_seconds: int
    acknowledgement: str
    """KEK_ACK_REQUESTED's name, or empty."""
    holders: tuple[str, ...]

    def __str__(self) -> str:
        return f"Rekey SA {self.sa} to {self.destination}: {self.encryption}, {self.signature}"


class DataSALearnt(Event, frozen=True, kw_only=True, tag="data-sa-learnt"):
    """A data SA (category 3, SA3) whose keys are known from here on, by pull or push.

    Where keys go by periods (MARKS, NARK), a pull brings a sequence of SAs, one for each period: `sa` is the
    SPI of period 0, and `periods` says which of them `holders` are given. Each period's own SA is told with
    the first packet under it, and then `sequence` is that first SPI.
    """

    sa: str
    protocol: str
    """``ESP`` or ``AH``."""
    group: str
    source: str
    """Identity in text; empty for a common SA of all senders."""
    destination: str
    transform: str
    integrity: str
    """AuthenticationAlgorithm's name, or empty."""
    key_length: int | None
    lifetime_seconds: int
    activation_delay: int = 0
    """Seconds (RFC 6407, 5.4.1)."""
    deactivation_delay: int = 0
    holders: tuple[str, ...]
    periods: tuple[tuple[int, int], ...] = ()
    """Of a sequence: the first and the last period of each interval that `holders` have."""
    period_count: int = 0
    """Of a sequence: its periods, each of `lifetime_seconds`."""
    starts_at: int = 0
    """When period 0 of a sequence, or this one period, begins: seconds since 1970."""
    module: bool = False
    """Of a sequence: whether the keys are sealed to the holders' modules (NARK), and so unknown here."""
    sequence: str = ""
    """Of one period's SA: the `sa` of its sequence."""
    period: int = 0
    """Of one period's SA: which period."""

    @property
    def granted(self) -> str:
        """`periods` in words: ``2-4, 7``."""
        return ", ".join(f"{first}" if first == last else f"{first}-{last}" for first, last in self.periods)

    def __str__(self) -> str:
        what = f"data SA {self.sa} for {self.destination}: {self.protocol} {self.transform}"
        if self.sequence:
            return f"{what}, period {self.period} of {self.sequence}"
        if not self.period_count:
            return what
        sealed = ", sealed to a module (NARK)" if self.module else ""
        who = f" for {', '.join(self.holders)}" if self.holders else ""
        return f"{what}, periods {self.granted} of {self.period_count}{who}{sealed}"


class GroupJoined(Event, frozen=True, kw_only=True, tag="group-joined"):
    """Message 4 of a PULL: a member has the group's keys. What it got is in `rekey` and `data`."""

    member: str
    address: str
    """Where it registered from; as `Datagram.source`."""
    group: str
    sa: str
    """The ISAKMP SA that protected it."""
    rekey: str | None
    """Name of the Rekey SA, None for none; empty if its key is not the one that this SA had before."""
    data: tuple[str, ...]
    sequence_number: int | None
    sender_ids: tuple[int, ...] = ()
    management: str = ""
    """The rekey algorithm of the member's own keys: ``LKH``, ``OFT``, or empty for none."""
    tree_keys: int = 0
    """Those keys: of its path in the LKH tree, or its leaf's and those beside its path in the OFT."""

    def __str__(self) -> str:
        return f"{self.member} has joined the group {self.group}"


class RolledOver(Event, frozen=True, kw_only=True, tag="rolled-over"):
    """A push has brought the successor of its Rekey SA."""

    group: str
    old: str
    new: str
    followed: tuple[str, ...]
    """Members that are led to the new key by this push."""
    left_behind: tuple[str, ...]
    """Holders of the old key that are not, so far."""
    by: str
    """``KEK`` (under the old one, for all who have it), ``LKH`` or ``OFT`` (for those whose own keys lead
    there)."""

    def __str__(self) -> str:
        left = f"; not by {', '.join(self.left_behind)}" if self.left_behind else ""
        return f"Rekey SA {self.old} is followed by {self.new}{left}"


class KeysFollowed(Event, frozen=True, kw_only=True, tag="keys-followed"):
    """Update arrays were opened with a member's own keys: they lead that member to the key of `sa`."""

    member: str
    sa: str
    keys: int
    """The member's own keys, as many as its registration brought."""
    by: str = "LKH"
    """``LKH`` or ``OFT``."""

    def __str__(self) -> str:
        return f"the {self.by} update leads {self.member} to Rekey SA {self.sa}"


class SADeleted(Event, frozen=True, kw_only=True, tag="sa-deleted"):
    """A push deletes an SA (RFC 6407, 5.9)."""

    protocol: str
    """``ESP``, ``AH``, or ``rekey``."""
    sa: str
    """Its name; ``*`` for all of the protocol."""
    group: str
    known: bool
    """Whether its keys were known here."""

    def __str__(self) -> str:
        return f"{self.protocol} SA {self.sa} is deleted"


class Acknowledged(Event, frozen=True, kw_only=True, tag="acknowledged"):
    """A member says that it has a push (RFC 8263)."""

    member: str
    """By which a `GroupJoined` named it, else the ACK's own identity."""
    sa: str
    sequence_number: int

    def __str__(self) -> str:
        return f"{self.member} has push {self.sequence_number}"


class Notified(Event, frozen=True, kw_only=True, tag="notified"):
    """A Notification payload: an error where `error`, else a status (RFC 2408, 3.14.1)."""

    name: str
    error: bool
    protected: bool
    """Whether it came encrypted."""

    def __str__(self) -> str:
        return f"{'error' if self.error else 'status'} {self.name}"


class Retransmission(Event, frozen=True, kw_only=True, tag="retransmission"):
    """The same octets as another message before."""

    of: int
    """`Opened.number` of the first."""
    frame: int = 0
    """The number of its frame in the file; 0 if it is from none."""

    def __str__(self) -> str:
        return f"sent again: the same as {f'frame {self.frame}' if self.frame else f'message {self.of}'}"


class Lost(Event, frozen=True, kw_only=True, tag="lost"):
    """Something before this message is not in the file: `what` says what, `count` how many, 0 if unknown."""

    what: str
    count: int = 0

    def __str__(self) -> str:
        return f"not in the capture: {self.what}"


# -- the record --------------------------------------------------------------------------------------------


class ESPContent(msgspec.Struct, frozen=True, kw_only=True):
    """An ESP packet. `payload` is there once its ICV was found right."""

    spi: str
    sequence_number: int
    next_header: int | None = None
    """IP protocol of `payload`."""
    payload: bytes | None = None
    group: str = ""
    """The group whose TEK it is under; empty if unknown."""
    destination: str = ""
    """`DataSALearnt.destination` of its SA, which with the SPI tells that from others; empty if unknown."""

    def __repr__(self) -> str:
        return f"ESPContent(spi={self.spi}, sequence_number={self.sequence_number})"


class Opened(msgspec.Struct, frozen=True, kw_only=True):
    """One datagram of a capture, opened as far as the keys allow."""

    number: int
    """From 1, in the order in which they were fed: `Retransmission.of` means this. (`datagram.frame` is the
    frame's number in its file.)"""
    datagram: Datagram
    message: Message | None = None
    """The message as on the wire: of an encrypted one the ciphertext. None for ESP and where nothing can be
    read. Of a malformed one it is what a lenient parse gives."""
    plaintext: Message | None = None
    """The same message with its payloads decrypted (`Message.ciphertext` stays). None where nothing was
    encrypted or it could not be opened. Where this datagram completes an IKE fragmentation, it is the whole
    message, encrypted or not."""
    plaintext_octets: bytes = b""
    """What the encryption hid: payloads and padding, all from the header's end on."""
    status: Status
    kind: ExchangeKind
    exchange: str = ""
    """Names the run of the exchange: equal for all messages of one, retransmissions included."""
    step: int = 0
    """Which message of the exchange it is, from 1; of a push or an ACK its sequence number; 0 if unknown."""
    sender: Sender = Sender.UNKNOWN
    sa: str = ""
    """The SA that protects it, or that it establishes; see the module's text."""
    group: str = ""
    """The group's identity in text, where it is known."""
    member: str = ""
    """The member that a PULL or an ACK is of."""
    checks: tuple[Check, ...] = ()
    events: tuple[Event, ...] = ()
    esp: ESPContent | None = None
    error: GsakmpError | None = None
    """Why `message` is malformed, or the plaintext is."""
    reason: str = ""
    """In a few words, why it is sealed, has a wrong key, or was opened in part."""

    def __repr__(self) -> str:
        name = f"{self.kind} {self.step}" if self.step else str(self.kind)
        return f"Opened({self.number}, {name}, {self.status}, {', '.join(map(str, self.checks))})"

    @property
    def shown(self) -> Message | None:
        """The message to look at: decrypted if it could be."""
        return self.message if self.plaintext is None else self.plaintext

    @property
    def failed(self) -> bool:
        """Whether something about it is wrong: a failed check, a key that does not fit, malformed octets."""
        wrong = self.status in (Status.WRONG_KEY, Status.MALFORMED) or self.error is not None
        return wrong or any(check.passed is False for check in self.checks)

    @property
    def retransmission_of(self) -> int:
        """`number` of the message that this one repeats; 0 if none."""
        return next((event.of for event in self.events if isinstance(event, Retransmission)), 0)

    def to_builtins(self) -> dict[str, Any]:
        """What opening found, as dicts, lists, text and numbers: all but datagram and messages."""
        out: dict[str, Any] = {
            "number": self.number,
            "status": str(self.status),
            "exchange_kind": str(self.kind),
            "step": self.step,
            "sender": str(self.sender),
            "sa": self.sa,
            "group": self.group,
            "member": self.member,
            "checks": [msgspec.to_builtins(check) for check in self.checks],
            "events": [msgspec.to_builtins(event) for event in self.events],
        }
        if self.reason:
            out["reason"] = self.reason
        if self.plaintext_octets:
            out["plaintext"] = self.plaintext_octets.hex()
        if self.esp is not None:
            esp = self.esp
            out["esp"] = {
                "spi": esp.spi,
                "sequence_number": esp.sequence_number,
                "next_header": esp.next_header,
                "payload": None if esp.payload is None else esp.payload.hex(),
            }
        return out
