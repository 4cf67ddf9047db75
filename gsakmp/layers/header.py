"""The ISAKMP header as a packet, and what is known of a message besides its octets."""

from __future__ import annotations

from typing import Any, ClassVar, Final

from scapy.compat import raw
from scapy.config import conf
from scapy.contrib.ikev2 import IKEv2
from scapy.fields import Field
from scapy.layers.inet import UDP
from scapy.packet import Packet

from gsakmp import payloads
from gsakmp.doi import DOI, DOIS, GDOI, IPSEC, ISAKMP, STANDARD, Dialect, dialect_named, doi_of_port
from gsakmp.errors import EncodeError
from gsakmp.layers.base import CLASSES, Layer, announced_class, with_number
from gsakmp.layers.fields import NumberField, kind_of, number_from, number_text
from gsakmp.layers.lists import wire_field
from gsakmp.message import HEADER_OCTETS
from gsakmp.registries import DraftPayloadType, HeaderFlag, PayloadType
from gsakmp.wire import Rules
from gsakmp.wire import members as m

__all__ = ["Header"]

conf.contribs.setdefault("gsakmp", {"dialect": STANDARD, "doi": None})

VERSION_PLACE: Final = 17
LENGTH_PLACE: Final = 24
FIRST_OWN_EXCHANGE: Final = 32  # RFC 2408, 3.1: from here on the DOI says what an exchange is
ENCRYPTED: Final = int(HeaderFlag.ENCRYPTION)
NAT_CLASSES: Final = (payloads.NATDiscovery, payloads.NATOriginalAddress)


def setting(name: str) -> Any:
    """``conf.contribs["gsakmp"]``: the `dialect`, and the `doi`, of messages that say nothing else, as an
    object of the library or by name. With `doi` None, port and SA payload decide."""
    return conf.contribs["gsakmp"].get(name)


def doi_named(given: Any) -> Any:
    """A domain of interpretation by name or number; an object of one, or None, is itself."""
    if given is None or isinstance(given, DOI):
        return given
    for doi in DOIS.values():
        if given == doi.number or str(given).lower() == doi.name.lower():
            return doi
    raise EncodeError(f"no domain of interpretation {given!r}", "doi")


def dialect_of(given: Any) -> Any:
    return dialect_named(given) if isinstance(given, str) else given


class NoteField(Field[Any, bytes]):
    """Something that is known of the message and not in its octets; None where nothing was said."""

    def __init__(self, name: str) -> None:
        super().__init__(name, None)

    def any2i(self, pkt: Any, x: Any) -> Any:
        return doi_named(x) if self.name == "doi" else dialect_of(x)

    def addfield(self, pkt: Any, s: bytes, val: Any) -> bytes:
        return s

    def getfield(self, pkt: Any, s: bytes) -> tuple[bytes, Any]:
        return s, pkt.dialect_in_force() if self.name == "dialect" else pkt.doi_in_force(s)

    def i2repr(self, pkt: Any, x: Any) -> str:
        return str(getattr(x, "name", x))


class ExchangeField(NumberField):
    """The exchange type, by number or by the name that the domain of interpretation has for it."""

    def any2i(self, pkt: Any, x: Any) -> Any:
        if isinstance(x, list):
            return [self.any2i(pkt, item) for item in x]
        if not isinstance(x, str):
            return number_from(x)
        own = [] if pkt is None else [pkt.doi_in_force()]
        for doi in (*own, GDOI, IPSEC, ISAKMP):
            try:
                return int(doi.exchange_from_text(x))
            except EncodeError:
                continue
        raise EncodeError(f"no exchange type {x!r}", self.name)

    def i2repr(self, pkt: Any, x: Any) -> str:
        try:
            return number_text(x, type(pkt.doi_in_force().exchange(x)))
        except (EncodeError, TypeError):
            return number_text(x)


class FirstPayloadField(NumberField):
    """The type of the first payload; under the drafts' numbers for NAT traversal, with their names."""

    def i2repr(self, pkt: Any, x: Any) -> str:
        entries = pkt.rules().chain_table("payloads").entries
        drafts = isinstance(x, int) and entries.get(x) in NAT_CLASSES and x in set(DraftPayloadType)
        return number_text(x, DraftPayloadType if drafts else PayloadType)


def header_fields() -> list[Any]:
    """The definition's fields, with what follows from the message left to it, and the two notes."""
    special = {
        "next_payload": FirstPayloadField,
        "exchange_type": ExchangeField,
        "message_length": NumberField,
    }
    defaults: dict[str, Any] = {"exchange_type": 0}
    fields = []
    for member in m.members_of(payloads.Header):
        make = special.get(member.name)
        fields.append(wire_field(member) if make is None else make(member, defaults.get(member.name)))
    return [*fields, NoteField("doi"), NoteField("dialect")]


class Header(Layer):
    """The header of a message (RFC 2408, 3.1); payloads follow with ``/``.

    `next_payload` and `message_length`, left None, follow from the rest. `doi` and `dialect` are not in the
    octets: they say by whose tables the message is read and written. Left None, the DOI is that of an SA
    payload at the start or of the UDP port (848 without one), the dialect that of
    ``conf.contribs["gsakmp"]``. What the encryption flag announces stays octets.
    """

    name = "ISAKMP Header"
    __module__ = "gsakmp.layers.packets"
    element = payloads.Header
    fields_desc: ClassVar[list[Any]] = header_fields()
    major_version = 1

    def __init__(self, _pkt: bytes = b"", *args: Any, **named: Any) -> None:
        """Fields come before octets, which are read as `doi` and `dialect` say."""
        super().__init__(b"", *args, **named)
        if _pkt:
            octets, given = bytes(_pkt), {name: self.fields[name] for name in named if name in self.fields}
            self.original = octets
            self.dissect(octets)
            self.fields.update(given)
            if not named.get("_internal"):
                self.dissection_done(self)

    @classmethod
    def dispatch_hook(cls, _pkt: bytes | None = None, *args: Any, **named: Any) -> Any:
        """IKE version 2, which shares header and ports, is scapy's."""
        is_version_2 = _pkt and len(_pkt) > VERSION_PLACE and _pkt[VERSION_PLACE] >> 4 == 2
        return IKEv2 if is_version_2 else cls

    # -- the domain of interpretation ----------------------------------------------------------------

    def port(self) -> int:
        """The UDP port by which the message is known, 848 without one."""
        below: Any = self.underlayer
        while below is not None and not isinstance(below, UDP):
            below = below.underlayer
        if below is None:
            return 848
        known = (
            port for port in (below.dport, below.sport) if any(port in doi.ports for doi in DOIS.values())
        )
        return int(next(known, below.dport))

    def doi_in_force(self, octets: bytes = b"") -> DOI:
        """Which domain's tables hold. `octets` are those of the payloads, while they are dissected."""
        said = self.fields.get("doi") or doi_named(setting("doi"))
        if said is None and self.number("exchange_type") < FIRST_OWN_EXCHANGE and not self.encrypted():
            if not octets:
                said = doi_of_sa(self.payload)
            elif self.getfieldval("next_payload") == PayloadType.SA:
                said = DOIS.get(int.from_bytes(octets[4:8], "big"))
        return doi_of_port(self.port()) if said is None else said

    def dialect_in_force(self) -> Dialect:
        """How the peer differs from the standards."""
        dialect: Dialect = self.fields.get("dialect") or dialect_of(setting("dialect")) or STANDARD
        return dialect

    def own_rules(self) -> Rules:
        """The tables and the dialect for everything in this message."""
        return self.doi_in_force().rules(self.number("exchange_type") & 0xFF, self.dialect_in_force())

    def encrypted(self) -> bool:
        """Whether the body is ciphertext (the E bit, RFC 2408, 3.1)."""
        return self.number("major_version") == 1 and bool(self.number("flags") & ENCRYPTED)

    def number(self, name: str) -> int:
        """A field's number, 0 while it has none (a random one, one of several)."""
        value = self.getfieldval(name)
        return value if isinstance(value, int) else 0

    # -- for scapy -----------------------------------------------------------------------------------

    def extract_padding(self, s: bytes) -> tuple[bytes, bytes | None]:
        """The body, and what follows the message in its datagram."""
        size = self.getfieldval("message_length") - HEADER_OCTETS
        return (s[:size], s[size:]) if 0 <= size < len(s) else (s, None)

    def guess_payload_class(self, payload: bytes) -> Any:
        """The class of the first payload; octets where they are encrypted."""
        return conf.raw_layer if self.encrypted() else announced_class(self, payload)

    def post_build(self, pkt: bytes, pay: bytes) -> bytes:
        """Put in the type of the first payload and the octets of the message."""
        if self.getfieldval("next_payload") is None:
            pkt = with_number(pkt, 16, 1, kind_of(self.payload))
        if self.getfieldval("message_length") is None:
            pkt = with_number(pkt, LENGTH_PLACE, 4, len(pkt) + len(pay))
        return pkt + pay

    def show2(self, dump: bool = False, indent: int = 3, lvl: str = "", label_lvl: str = "") -> Any:
        """As `show`, with what is worked out in place."""
        built = type(self)(raw(self), doi=self.doi_in_force(), dialect=self.dialect_in_force())
        return built.show(dump, indent, lvl, label_lvl)

    def mysummary(self) -> tuple[str, list[Any]]:  # type: ignore[override]  # scapy takes both
        """The exchange, and whether it is encrypted."""
        return self.sprintf("%Header.exchange_type%") + (" (encrypted)" if self.encrypted() else ""), [UDP]

    def hashret(self) -> bytes:
        """The initiator's cookie, which question and answer share."""
        return bytes(self.getfieldval("initiator_cookie"))

    def answers(self, other: Packet) -> int:
        """Whether this may answer `other`: the same SA and the same exchange."""
        same = ("initiator_cookie", "exchange_type", "message_id")
        return int(isinstance(other, Header) and all(getattr(self, n) == getattr(other, n) for n in same))


def doi_of_sa(packet: Any) -> DOI | None:
    """That of an SA payload, where `packet` is one and it is known."""
    return DOIS.get(packet.getfieldval("doi")) if kind_of(packet) == PayloadType.SA else None


CLASSES[payloads.Header] = Header
