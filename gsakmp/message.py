"""Messages: octets of a datagram in, a `Message` out, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from struct import Struct
from struct import error as StructError
from typing import Any, Final, Self

import msgspec

from gsakmp import limits
from gsakmp.doi import DOI, DOIS, GDOI, IKEV2, STANDARD, Dialect, dialect_named, doi_of_port
from gsakmp.errors import (
    DecodeError,
    EncodeError,
    GsakmpError,
    InternalError,
    LengthMismatch,
    LimitExceeded,
    TrailingOctets,
    Truncated,
)
from gsakmp.registries import HeaderFlag, PayloadType
from gsakmp.wire import AUTO, Auto, Payload, Rules
from gsakmp.wire.generator.runtime import build_chain, parse_chain, parse_chain_lenient, unlinked
from gsakmp.wire.plain import number_from, number_plain, octets_from, payload_from, payload_plain

__all__ = ["NON_ESP_MARKER", "Message", "Problem", "build", "parse"]

HEADER: Final = Struct(">8s8sBBBBII")
HEADER_OCTETS: Final = HEADER.size
unpack_header = HEADER.unpack_from
VERSION_1_0: Final = 0x10
ENCRYPTED: Final = int(HeaderFlag.ENCRYPTION)
SA: Final = int(PayloadType.SA)
FIRST_OWN_EXCHANGE: Final = 32  # from here on, exchange types are the DOI's own (RFC 2408, 3.1)

NON_ESP_MARKER: Final = bytes(4)
"""What tells a message from ESP on port 4500 (RFC 3948, 2.2)."""

NAT_KEEPALIVE: Final = b"\xff"
NAT_TRAVERSAL_PORT: Final = 4500


class Problem(msgspec.Struct, frozen=True):
    """A contradiction that a lenient parse kept: where, and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class Message(msgspec.Struct, frozen=True, gc=False):
    """One ISAKMP message (RFC 2408, 3.1): the header's fields and the payloads.

    With the encryption bit set, the body is `ciphertext` and there are no payloads; `with_plaintext` puts
    them in. `doi` is the domain of interpretation in force and `dialect` the peer's; neither is on the
    wire. `next_payload` and `length` follow from the rest unless given; after a lenient parse they may
    contradict it. `padding` follows the payloads inside what is encrypted, `trailing` follows the message
    in its datagram. `non_esp_marker` tells whether the four zero octets of port 4500 precede it.
    """

    initiator_cookie: bytes = bytes(8)
    responder_cookie: bytes = bytes(8)
    exchange_type: int = 0
    flags: int = 0
    message_id: int = 0
    payloads: tuple[Payload, ...] = ()
    doi: DOI = GDOI
    dialect: Dialect = STANDARD
    next_payload: Auto = AUTO
    ciphertext: bytes = b""
    non_esp_marker: bool = False
    length: Auto = AUTO
    trailing: bytes = b""
    padding: bytes = b""
    major_version: int = 1
    minor_version: int = 0

    def __repr__(self) -> str:
        parts = [
            f"{self.exchange_name}",
            f"cookies={self.initiator_cookie.hex()}:{self.responder_cookie.hex()}",
        ]
        if self.message_id:
            parts.append(f"message_id={self.message_id:#010x}")
        parts += [f"ciphertext=<{len(self.ciphertext)} octets>"] if self.ciphertext else []
        parts += [repr(payload) for payload in self.payloads]
        return f"Message({', '.join(parts)})"

    @property
    def encrypted(self) -> bool:
        """Whether the body is encrypted (the E bit, RFC 2408, 3.1)."""
        return self.major_version == 1 and bool(self.flags & ENCRYPTED)

    @property
    def exchange_name(self) -> str:
        """The exchange type by the name that it has in this domain of interpretation."""
        exchange = self.exchange_type
        return str(self.doi.exchange(exchange).name) if 0 <= exchange <= 0xFF else str(exchange)

    @property
    def rules(self) -> Rules:
        """The rules by which its payloads are read and written."""
        return self.doi.rules(self.exchange_type, self.dialect)

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed. Raises `EncodeError` for a field that there is not."""
        try:
            return msgspec.structs.replace(self, **changes)
        except TypeError as exc:
            raise EncodeError(str(exc)) from None

    def build(self) -> bytes:
        """The octets. See `build`."""
        return build(self)

    def plaintext(self) -> bytes:
        """The payloads and padding as they are before encryption. Raises `EncodeError`."""
        out = bytearray()
        build_chain("payloads", self.payloads, out, self.rules)
        return bytes(out) + self.padding

    def with_plaintext(self, plaintext: bytes, *, lenient: bool = False) -> Self:
        """This message with its decrypted body: payloads, and the padding that follows the last.

        The ciphertext stays, so that `build` still gives the octets of the wire. Raises `DecodeError`.
        """
        rules = self.doi.rules(self.exchange_type, self.dialect, lenient=lenient)
        first = self.next_payload or 0
        parse_ = parse_chain_lenient if lenient else parse_chain
        octets = octets_argument(plaintext)
        payloads, at = parse_("payloads", first, rules.chain_table("payloads"), octets, 0, len(octets), rules)
        return self.replace(payloads=payloads, padding=octets[at:])

    def problems(self) -> tuple[Problem, ...]:
        """What a lenient parse kept although it contradicts itself; empty for a sound message."""
        return tuple(find_problems(self))

    def to_builtins(self) -> dict[str, Any]:
        """The message as dicts, lists, text and numbers: octets in hex, names where a number has one."""
        doi = self.doi
        out: dict[str, Any] = {
            "doi": doi.name,
            "initiator_cookie": self.initiator_cookie.hex(),
            "responder_cookie": self.responder_cookie.hex(),
            "version": f"{self.major_version}.{self.minor_version}",
            "exchange_type": number_plain(self.exchange_type, type(doi.exchange(self.exchange_type))),
            "flags": number_plain(self.flags, HeaderFlag, flags=True),
            "message_id": f"{self.message_id:08x}",
        }
        if self.dialect != STANDARD:
            out["dialect"] = self.dialect.name
        for name in ("next_payload", "length"):
            if getattr(self, name) is not AUTO:
                out[name] = int(getattr(self, name))
        out["payloads"] = [payload_plain(payload, self.rules) for payload in self.payloads]
        for name in ("ciphertext", "padding", "trailing"):
            if getattr(self, name):
                out[name] = getattr(self, name).hex()
        if self.non_esp_marker:
            out["non_esp_marker"] = True
        return out

    def to_json(self) -> str:
        """The message as JSON text; `from_json` gives it back."""
        return msgspec.json.encode(self.to_builtins()).decode()

    @classmethod
    def from_builtins(
        cls, plain: Any, *, dois: Iterable[DOI] = (), dialects: Iterable[Dialect] = ()
    ) -> Message:
        """The message that `to_builtins` gave. `dois` and `dialects` are yours beside those here.

        Raises `EncodeError`, with the path of what is wrong.
        """
        try:
            return message_from(plain, tuple(dois), tuple(dialects))
        except GsakmpError:
            raise
        except RecursionError:
            raise EncodeError("nested too deep") from None

    @classmethod
    def from_json(
        cls, text: str | bytes, *, dois: Iterable[DOI] = (), dialects: Iterable[Dialect] = ()
    ) -> Message:
        """The message that `to_json` gave. Raises `EncodeError`, with the path of what is wrong."""
        given: Any = text
        if not isinstance(given, str | bytes) or len(given) > limits.JSON_LINE_OCTETS:
            raise EncodeError(f"JSON text of at most {limits.JSON_LINE_OCTETS} characters is wanted")
        try:
            plain = msgspec.json.decode(text)
        except (msgspec.DecodeError, UnicodeError, RecursionError) as exc:
            raise EncodeError(f"no JSON: {exc}") from None
        return cls.from_builtins(plain, dois=dois, dialects=dialects)


# -- octets to messages ------------------------------------------------------------------------------


def octets_argument(octets: Any) -> bytes:
    if not isinstance(octets, bytes | bytearray | memoryview):
        raise EncodeError(f"{type(octets).__name__} where octets (bytes) are wanted")
    if len(octets) > limits.MESSAGE_OCTETS + len(NON_ESP_MARKER):
        raise LimitExceeded(
            f"{len(octets)} octets, more than limits.MESSAGE_OCTETS ({limits.MESSAGE_OCTETS})"
        )
    return bytes(octets)


def parse(
    octets: bytes,
    *,
    port: int = 848,
    doi: DOI | None = None,
    dialect: Dialect = STANDARD,
    lenient: bool = False,
) -> Message:
    """The message in `octets`, the whole payload of a UDP datagram.

    The domain of interpretation is `doi`, or that of an SA payload at the start, or what `port` means:
    exchange 32 is GROUPKEY-PULL on 848 and Quick Mode on 500. On port 4500 the non-ESP marker must come
    first. `dialect` says how the peer differs from the standards.

    Lenient, what contradicts itself is kept as it is (see `Message.problems`), and `build` gives the same
    octets again.

    Raises `DecodeError` (`Truncated`, `TrailingOctets`, `LengthMismatch`, `LimitExceeded`) with path and
    offset.
    """
    if type(octets) is not bytes or len(octets) > limits.MESSAGE_OCTETS:
        octets = octets_argument(octets)
    try:
        return parse_message(octets, port, doi, dialect, lenient)
    except GsakmpError:
        raise
    except RecursionError:
        raise LimitExceeded("nested too deep") from None
    except Exception as exc:
        # The octets may hold keys, so they are not shown.
        raise InternalError(
            f"{type(exc).__name__} in parsing {len(octets)} octets: please report it"
        ) from exc


def parse_message(octets: bytes, port: int, doi: DOI | None, dialect: Dialect, lenient: bool) -> Message:
    at = after_marker(octets) if port == NAT_TRAVERSAL_PORT else 0
    end = len(octets)
    if end - at < HEADER_OCTETS:
        raise Truncated(f"a header has {HEADER_OCTETS} octets, {end - at} are left", "header", at)
    initiator, responder, kind, version, exchange, flags, message_id, length = unpack_header(octets, at)
    if version != VERSION_1_0:
        doi = doi_of_version(version >> 4, doi, at, lenient)
    if doi is None:
        opens_with_sa = kind == SA and not flags & ENCRYPTED and exchange < FIRST_OWN_EXCHANGE
        doi = doi_of_sa(octets, at, port) if opens_with_sa else doi_of_port(port)
    stop, said = (end, AUTO) if at + length == end else extent(length, at, end, lenient)
    if dialect is STANDARD and not lenient:
        rules = doi.standard_rules[exchange]
    else:
        rules = doi.rules(exchange, dialect, lenient=lenient)
    body, ciphertext, link, payloads = at + HEADER_OCTETS, b"", AUTO, ()
    if flags & ENCRYPTED and version >> 4 == 1:
        link, ciphertext = kind, octets[body:stop]
    elif lenient:
        table = rules.chains["payloads"]
        payloads, place = parse_chain_lenient("payloads", kind, table, octets, body, stop, rules)
        link = kind if kind and not payloads else AUTO
        payloads = unlinked(payloads, octets, place, stop)
    else:
        payloads, place = parse_chain("payloads", kind, rules.chains["payloads"], octets, body, stop, rules)
        if place != stop:
            raise TrailingOctets(f"{stop - place} octets left over", "payloads", place)
    exchange = doi.exchange_types[exchange]
    if version == VERSION_1_0 and stop == end and said is AUTO:
        return Message(
            initiator,
            responder,
            exchange,
            flags,
            message_id,
            payloads,
            doi,
            dialect,
            link,
            ciphertext,
            at > 0,
        )
    return Message(
        initiator, responder, exchange, flags, message_id, payloads, doi, dialect, link, ciphertext, at > 0,
        said, octets[stop:], b"", version >> 4, version & 15,
    )  # fmt: skip


def doi_of_version(major: int, doi: DOI | None, at: int, lenient: bool) -> DOI | None:
    """The domain in force, where the major version has a say. Raises `DecodeError` for an unknown one."""
    if major == 2:
        return IKEV2  # RFC 7296, 3.1
    if major != 1 and not lenient:
        raise DecodeError(f"major version {major}, neither 1 nor 2", "major_version", at + 17)
    return doi


def after_marker(octets: bytes) -> int:
    """Where the message starts on port 4500 (RFC 3948, 2)."""
    if octets[:4] == NON_ESP_MARKER:
        return 4
    if octets == NAT_KEEPALIVE:
        raise DecodeError("a NAT keepalive (RFC 3948, 2.3), no message", "", 0)
    if len(octets) < len(NON_ESP_MARKER):
        raise Truncated("too short for the non-ESP marker (RFC 3948, 2.2)", "non_esp_marker", 0)
    raise DecodeError("ESP (RFC 3948, 2.1), no message", "non_esp_marker", 0)


def doi_of_sa(octets: bytes, at: int, port: int) -> DOI:
    """That of the SA payload at the start, where it is one that is known, else that of the port."""
    place = at + HEADER_OCTETS + 4
    if len(octets) < place + 4:
        return doi_of_port(port)
    return DOIS.get(int.from_bytes(octets[place : place + 4], "big"), doi_of_port(port))


def extent(length: int, at: int, end: int, lenient: bool) -> tuple[int, Auto]:
    """Where the message ends, and what its length field says where that is not so."""
    if lenient:
        sound = HEADER_OCTETS <= length <= end - at
        return (at + length if sound else end), (AUTO if sound else length)
    if length < HEADER_OCTETS:
        raise LengthMismatch(f"says {length}, at least {HEADER_OCTETS}", "length", at + 24)
    if at + length > end:
        raise Truncated(f"{length} octets said, {end - at} there", "length", at + 24)
    raise TrailingOctets(f"{end - at - length} octets after the message", "", at + length)


# -- messages to octets ------------------------------------------------------------------------------


def build(message: Message) -> bytes:
    """The octets of `message`, for a UDP datagram.

    Counts, lengths and links that are `AUTO` are worked out; those given are sent as they are, right or
    wrong. Raises `EncodeError` with the path of the field that does not fit.
    """
    if not isinstance(message, Message):
        raise EncodeError(f"{type(message).__name__} where a Message is wanted")
    try:
        return build_message(message)
    except GsakmpError:
        raise
    except Exception as exc:
        raise EncodeError(f"{type(exc).__name__}: {exc}") from None


def build_message(message: Message) -> bytes:
    out = bytearray(NON_ESP_MARKER if message.non_esp_marker else b"")
    start = len(out)
    out += bytes(HEADER_OCTETS)
    payloads = message.payloads
    if message.ciphertext:
        out += message.ciphertext
    else:
        build_chain("payloads", payloads, out, message.rules)
        out += message.padding
    kind, length = message.next_payload, message.length
    if kind is AUTO:
        kind = payloads[0].kind if payloads else 0
    if length is AUTO:
        length = len(out) - start
    initiator, responder = message.initiator_cookie, message.responder_cookie
    version = message.major_version << 4 | message.minor_version
    try:
        if len(initiator) != 8 or len(responder) != 8 or message.minor_version >> 4:
            raise ValueError
        HEADER.pack_into(
            out, start, initiator, responder, kind, version, message.exchange_type, message.flags,
            message.message_id, length,
        )  # fmt: skip
    except (StructError, ValueError, TypeError):
        raise misfit(message, kind, length) from None
    out += message.trailing
    return bytes(out)


def misfit(message: Message, kind: int, length: int) -> EncodeError:
    """The error for a header that could not be built: which field, and why."""
    for name in ("initiator_cookie", "responder_cookie"):
        value = getattr(message, name)
        if not isinstance(value, bytes) or len(value) != 8:
            return EncodeError("a cookie has 8 octets", name)
    numbers: dict[str, tuple[Any, int]] = {
        "next_payload": (kind, 8),
        "major_version": (message.major_version, 4),
        "minor_version": (message.minor_version, 4),
        "exchange_type": (message.exchange_type, 8),
        "flags": (message.flags, 8),
        "message_id": (message.message_id, 32),
        "length": (length, 32),
    }
    for name, (value, bits) in numbers.items():
        if not isinstance(value, int) or not 0 <= value < 1 << bits:
            return EncodeError(f"{value} is no number of {bits} bits", name)
    return EncodeError("the header can't be built")


# -- plain data to messages --------------------------------------------------------------------------

PLAIN_FIELDS: Final = frozenset(
    [
        "doi",
        "dialect",
        "initiator_cookie",
        "responder_cookie",
        "version",
        "exchange_type",
        "flags",
        "message_id",
        "next_payload",
        "length",
        "payloads",
        "ciphertext",
        "padding",
        "trailing",
        "non_esp_marker",
    ]
)


def message_from(plain: Any, dois: tuple[DOI, ...], dialects: tuple[Dialect, ...]) -> Message:
    if not isinstance(plain, Mapping):
        raise EncodeError(f"{type(plain).__name__} where a message's fields belong")
    if unknown := sorted(set(plain) - PLAIN_FIELDS):
        raise EncodeError(f"a message has no field {unknown[0]!r}")
    doi = doi_named(plain.get("doi", "GDOI"), dois)
    named = str(plain.get("dialect", STANDARD.name))
    dialect = next((d for d in dialects if d.name == named), None) or dialect_named(named)
    values: dict[str, Any] = {"doi": doi, "dialect": dialect}
    try:
        major, _, minor = str(plain.get("version", "1.0")).partition(".")
        values.update(major_version=int(major), minor_version=int(minor))
    except ValueError:
        raise EncodeError("a version is two numbers: 1.0", "version") from None
    for name in ("initiator_cookie", "responder_cookie", "ciphertext", "padding", "trailing"):
        if name in plain:
            values[name] = placed(name, octets_from, plain[name])
    for name in ("next_payload", "length"):
        if plain.get(name) is not None:
            values[name] = placed(name, number_from, plain[name])
    exchange = plain.get("exchange_type", 0)
    values["exchange_type"] = placed(
        "exchange_type", doi.exchange_from_text if isinstance(exchange, str) else doi_exchange(doi), exchange
    )
    values["flags"] = placed("flags", lambda p: int(number_from(p, HeaderFlag)), plain.get("flags", 0))
    identifier = plain.get("message_id", "00000000")
    values["message_id"] = int.from_bytes(placed("message_id", octets_from, identifier), "big")
    values["non_esp_marker"] = plain.get("non_esp_marker") is True
    rules = doi.rules(values["exchange_type"], dialect)
    payloads = plain.get("payloads", [])
    if not isinstance(payloads, list):
        raise EncodeError("a list is wanted", "payloads")
    values["payloads"] = tuple(
        placed(f"payloads[{i}]", lambda p: payload_from(p, "payloads", None, rules), item)
        for i, item in enumerate(payloads)
    )
    return Message(**values)


def doi_exchange(doi: DOI) -> Any:
    def convert(plain: Any) -> Any:
        try:
            return doi.exchange(number_from(plain))
        except (ValueError, IndexError):
            raise EncodeError(f"{plain} is no exchange type") from None

    return convert


def placed(name: str, convert: Any, plain: Any) -> Any:
    """``convert(plain)``, an error of which says that it is about `name`."""
    try:
        return convert(plain)
    except EncodeError as exc:
        raise exc.within(name) from None


def doi_named(name: Any, dois: tuple[DOI, ...]) -> DOI:
    known = {doi.name: doi for doi in (*DOIS.values(), IKEV2, *dois)}
    if name not in known:
        raise EncodeError(f"no domain of interpretation {name!r}; there are {', '.join(known)}", "doi")
    return known[name]


# -- contradictions ----------------------------------------------------------------------------------


def find_problems(message: Message) -> Iterable[Problem]:
    from gsakmp.wire.problems import problems  # rarely needed

    if message.length is not AUTO:
        yield Problem("length", f"says {message.length}, the octets hold another number")
    if message.trailing:
        yield Problem("trailing", f"{len(message.trailing)} octets after the message")
    if message.next_payload is not AUTO and not message.encrypted:
        yield Problem("next_payload", f"says {message.next_payload}, which does not follow")
    for index, payload in enumerate(message.payloads):
        for path, text in problems(payload, f"payloads[{index}]"):
            yield Problem(path, text)
