"""Messages: octets of a datagram in, a `Message` out, and back."""

from __future__ import annotations

from collections.abc import Iterable
from struct import error as StructError
from typing import Any, Final, NoReturn, Self

import msgspec

from gsakmp import limits
from gsakmp.doi import BY_PORT, DOI, GDOI, IPSEC, STANDARD, Dialect
from gsakmp.errors import (
    ConfigurationError,
    EncodeError,
    GsakmpError,
    InternalError,
    LimitExceeded,
    TrailingOctets,
    Truncated,
)
from gsakmp.limits import MESSAGE_OCTETS
from gsakmp.message.header import (
    ENCRYPTED,
    FIRST_OWN_EXCHANGE,
    HEADER,
    HEADER_OCTETS,
    NAT_TRAVERSAL_PORT,
    NON_ESP_MARKER,
    SA,
    VERSION_1_0,
    after_marker,
    doi_of_sa,
    doi_of_version,
    extent,
    misfit,
    octets_argument,
)
from gsakmp.message.plain import message_plain, message_values
from gsakmp.wire import AUTO, Auto, Payload, Rules
from gsakmp.wire.generator.runtime import build_chain, parse_chain, parse_chain_lenient, unlinked
from gsakmp.wire.problems import problems

__all__ = ["Message", "Problem", "build", "parse"]

unpack_header = HEADER.unpack_from


class Problem(msgspec.Struct, frozen=True):
    """A contradiction that a lenient parse kept: where, and what."""

    path: str
    problem: str

    def __str__(self) -> str:
        return f"{self.path}: {self.problem}" if self.path else self.problem


class OurErrors:
    """An `EncodeError` in the place of whatever a value of the wrong type gives rise to."""

    def __enter__(self) -> None:
        return None

    def __exit__(self, kind: Any, error: BaseException | None, where: Any) -> None:
        if error is None or isinstance(error, GsakmpError | RecursionError):
            return
        if isinstance(error, Exception):
            raise EncodeError(f"a value is not of its field's type: {type(error).__name__}") from None


OUR_ERRORS: Final = OurErrors()


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
        given: Any = self  # which may hold what its types forbid; a repr must not raise
        cookies = (given.initiator_cookie, given.responder_cookie)
        hexed = [cookie.hex() if isinstance(cookie, bytes) else repr(cookie) for cookie in cookies]
        parts = [self.exchange_name, f"cookies={':'.join(hexed)}"]
        if given.message_id:
            parts.append(f"message_id={given.message_id:#010x}" if isinstance(given.message_id, int) else "?")
        parts += [f"ciphertext=<{len(self.ciphertext)} octets>"] if self.ciphertext else []
        parts += [repr(payload) for payload in given.payloads] if isinstance(given.payloads, tuple) else ["?"]
        return f"Message({', '.join(parts)})"

    @property
    def encrypted(self) -> bool:
        """Whether the body is encrypted (the E bit, RFC 2408, 3.1)."""
        return self.major_version == 1 and bool(self.flags & ENCRYPTED)

    @property
    def exchange_name(self) -> str:
        """The exchange type by the name that it has in this domain of interpretation."""
        exchange: Any = self.exchange_type
        known = isinstance(exchange, int) and 0 <= exchange <= 0xFF
        return str(self.doi.exchange(exchange).name) if known else repr(exchange)

    @property
    def rules(self) -> Rules:
        """The rules by which its payloads are read and written."""
        doi, dialect = self.doi, self.dialect
        if dialect is STANDARD:
            return doi.standard_rules[self.exchange_type]
        return doi.rules(self.exchange_type, dialect)

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
        with OUR_ERRORS:
            build_chain("payloads", self.payloads, out, self.rules)
            return bytes(out) + self.padding

    def with_plaintext(self, plaintext: bytes, *, lenient: bool = False) -> Self:
        """This message with its decrypted body: payloads, and the padding that follows the last.

        The ciphertext stays and wins: `build` still gives the octets of the wire, whatever becomes of the
        payloads. Raises `DecodeError`.
        """
        octets = octets_argument(plaintext)
        with OUR_ERRORS:
            rules = self.doi.rules(self.exchange_type, self.dialect, lenient=lenient)
            table, first = rules.chains["payloads"], self.next_payload or 0
            parse_ = parse_chain_lenient if lenient else parse_chain
            payloads, at = parse_("payloads", first, table, octets, 0, len(octets), rules)
            return self.replace(payloads=payloads, padding=octets[at:])

    def problems(self) -> tuple[Problem, ...]:
        """What a lenient parse kept although it contradicts itself; empty for a sound message.

        Raises `EncodeError` for values that are not of their fields' types.
        """
        with OUR_ERRORS:
            return tuple(find_problems(self))

    def to_builtins(self) -> dict[str, Any]:
        """The message as dicts, lists, text and numbers: octets in hex, names where a number has one.

        Raises `EncodeError` for values that are not of their fields' types.
        """
        with OUR_ERRORS:
            return message_plain(self)

    def to_json(self) -> str:
        """The message as JSON text; `from_json` gives it back. Raises `EncodeError` as `to_builtins` does."""
        with OUR_ERRORS:
            return msgspec.json.encode(message_plain(self)).decode()

    @classmethod
    def from_builtins(
        cls, plain: Any, *, dois: Iterable[DOI] = (), dialects: Iterable[Dialect] = ()
    ) -> Message:
        """The message that `to_builtins` gave. `dois` and `dialects` are yours beside those here.

        Raises `EncodeError`, with the path of what is wrong.
        """
        try:
            with OUR_ERRORS:
                return cls(**message_values(plain, tuple(dois), tuple(dialects)))
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

    Lenient, it keeps what contradicts itself (see `Message.problems`), and `build` gives the octets again.

    Raises `DecodeError` (`Truncated`, `TrailingOctets`, `LengthMismatch`, `LimitExceeded`) with path and
    offset.
    """
    if type(octets) is not bytes or len(octets) > MESSAGE_OCTETS:
        octets = octets_argument(octets)
    if port.__class__ is not int or dialect is not STANDARD or (doi is not None and doi.__class__ is not DOI):
        check_arguments(port, doi, dialect)
    try:
        at, end = after_marker(octets) if port == NAT_TRAVERSAL_PORT else 0, len(octets)
        if end - at < HEADER_OCTETS:
            raise Truncated(f"a header has {HEADER_OCTETS} octets, {end - at} are left", "header", at)
        initiator, responder, kind, version, exchange, flags, message_id, length = unpack_header(octets, at)
        if version != VERSION_1_0:
            doi = doi_of_version(version >> 4, doi, at, lenient)
        if doi is None:
            doi = BY_PORT.get(port, IPSEC)
            if kind == SA and not flags & ENCRYPTED and exchange < FIRST_OWN_EXCHANGE:
                doi = doi_of_sa(octets, at, doi)
        stop, said = (end, AUTO) if at + length == end else extent(length, at, end, lenient)
        body, link, ciphertext = at + HEADER_OCTETS, AUTO, b""
        payloads: tuple[Payload, ...] = ()
        if flags & ENCRYPTED and version >> 4 == 1:
            link, ciphertext = kind, octets[body:stop]
        elif lenient:
            link, payloads = parse_body_lenient(kind, octets, body, stop, doi, exchange, dialect)
        else:
            rules = doi.standard_rules[exchange] if dialect is STANDARD else doi.rules(exchange, dialect)
            chain = rules.chains["payloads"]
            payloads, place = parse_chain("payloads", kind, chain, octets, body, stop, rules)
            if place != stop:
                raise TrailingOctets(f"{stop - place} octets left over", "payloads", place)
        exchange = doi.exchange_types[exchange]
        if version == VERSION_1_0 and said is AUTO and stop == end:
            if link is AUTO and not at:
                return Message(initiator, responder, exchange, flags, message_id, payloads, doi, dialect)
            return Message(initiator, responder, exchange, flags, message_id, payloads, doi, dialect,
                           link, ciphertext, at > 0)  # fmt: skip
        return Message(initiator, responder, exchange, flags, message_id, payloads, doi, dialect, link,
                       ciphertext, at > 0, said, octets[stop:], b"", version >> 4, version & 15)  # fmt: skip
    except GsakmpError:
        raise
    except Exception as exc:
        raise_unforeseen(exc, len(octets))


def raise_unforeseen(exc: Exception, count: int) -> NoReturn:
    """What a parser did not expect, as an error of ours; the octets may hold keys, so they are not shown."""
    if isinstance(exc, RecursionError):
        raise LimitExceeded("nested too deep") from None
    raise InternalError(f"{type(exc).__name__} in parsing {count} octets; please report it") from exc


def check_arguments(port: Any, doi: Any, dialect: Any) -> None:
    """Raises `ConfigurationError` for what is no port, domain or dialect."""
    for name, value, wanted in (("port", port, int), ("doi", doi, DOI | None), ("dialect", dialect, Dialect)):
        if not isinstance(value, wanted):
            raise ConfigurationError(f"{name}: {type(value).__name__} where {wanted} is wanted")


def parse_body_lenient(
    kind: int, octets: bytes, at: int, end: int, doi: DOI, exchange: int, dialect: Dialect
) -> tuple[Auto, tuple[Payload, ...]]:
    """What the header's link says where it leads nowhere, and the payloads."""
    rules = doi.rules(exchange, dialect, lenient=True)
    payloads, place = parse_chain_lenient("payloads", kind, rules.chains["payloads"], octets, at, end, rules)
    return kind if kind and not payloads else AUTO, unlinked(payloads, octets, place, end)


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
        if message.exchange_type not in range(0x100):
            raise EncodeError("no exchange type, a number of 8 bits", "exchange_type") from None
        raise EncodeError(f"{type(exc).__name__}: {exc}") from None


def build_message(message: Message) -> bytes:
    start = len(NON_ESP_MARKER) if message.non_esp_marker else 0
    out = bytearray(start + HEADER_OCTETS)  # the marker is zero, the header filled in below
    payloads, ciphertext = message.payloads, message.ciphertext
    if ciphertext:
        out += ciphertext
    elif payloads and message.encrypted:
        raise EncodeError("the encryption bit is set: these payloads would go out in the clear", "ciphertext")
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


# -- contradictions ----------------------------------------------------------------------------------


def find_problems(message: Message) -> Iterable[Problem]:
    if message.length is not AUTO:
        yield Problem("length", f"says {message.length}, the octets hold another number")
    if message.major_version not in (1, 2):
        yield Problem("major_version", f"{message.major_version}, neither 1 nor 2")
    if message.trailing:
        yield Problem("trailing", f"{len(message.trailing)} octets after the message")
    if message.next_payload is not AUTO and not message.encrypted:
        yield Problem("next_payload", f"says {message.next_payload}, which does not follow")
    for index, payload in enumerate(message.payloads):
        for path, text in problems(payload, f"payloads[{index}]", message.rules):
            yield Problem(path, text)
