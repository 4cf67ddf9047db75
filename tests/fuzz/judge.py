"""One message, judged by every form: what a fuzzer calls.

`judge` raises `Disagreement` where the generated code and construct differ, where something comes back
changed, or where anything but a `GsakmpError` is raised.
"""

from __future__ import annotations

from typing import Any, NamedTuple
from zlib import crc32

import gsakmp
from gsakmp.doi import DOI, DOIS, IKEV2, STANDARD, Dialect, dialect_named
from gsakmp.errors import DecodeError, GsakmpError, LimitExceeded, Truncated
from gsakmp.message import Message
from gsakmp.views import message_spans
from tests.vectors import reference

__all__ = ["REASONS", "Context", "Disagreement", "Verdict", "judge"]

REASONS = {
    "limit": "construct knows no limits (gsakmp.limits), which only guard against what is too much",
    "ikev2": "after IKEv2's encrypted payload the link names what is inside it (RFC 7296, 3.2); the "
    "reference for ISAKMP's chains follows it",
}
"""Why the two may differ on whether to take a message."""


class Context(NamedTuple):
    """How a message is read: the arguments of `gsakmp.parse`."""

    port: int = 848
    doi: DOI | None = None
    dialect: Dialect = STANDARD

    def __str__(self) -> str:
        name = self.doi.name if self.doi else "-"
        return f"port={self.port} doi={name} dialect={self.dialect.name}"

    @classmethod
    def from_text(cls, text: str) -> Context:
        """What `str` gave."""
        fields = dict(field.split("=") for field in text.split())
        named = {doi.name: doi for doi in DOIS.values()}
        return cls(int(fields["port"]), named.get(fields["doi"]), dialect_named(fields["dialect"]))


class Verdict(NamedTuple):
    """What came of a message: taken or not, and the reason (of `REASONS`) why construct differs."""

    accepted: bool
    compared: bool
    reason: str = ""


class Disagreement(AssertionError):
    """Two forms that must agree do not."""


STANDARD_CONTEXT = Context()
VIEWED = 8  # of so many messages, one is looked at in the views too, which take their time


def judge(
    octets: bytes, context: Context = STANDARD_CONTEXT, *, construct: bool = True, json: bool = True
) -> Verdict:
    """Hold every form of the message against the others. Raises `Disagreement`."""
    try:
        return judged(octets, context, construct, json)
    except (Disagreement, GsakmpError) as exc:
        raise Disagreement(f"{exc!r} [{context}] {octets.hex()}") from exc
    except Exception as exc:
        raise Disagreement(f"{type(exc).__name__}: {exc} [{context}] {octets.hex()}") from exc


def judged(octets: bytes, context: Context, construct: bool, json: bool) -> Verdict:
    strict, error = attempt(octets, context, lenient=False)
    kept, lenient_error = attempt(octets, context, lenient=True)
    if strict is not None:
        expect(strict.build() == octets, "strict parse, other octets built")
        expect(kept == strict, "lenient parse of a sound message differs")
        expect(not strict.problems(), "problems in a sound message")
    if kept is None:
        check_refused(octets, context, lenient_error)
    else:
        expect(kept.build() == octets, "lenient parse, other octets built")
        expect(
            strict is not None or bool(kept.problems()),
            "nothing wrong, said lenient, with what strict refuses",
        )
        if json:
            again = Message.from_json(kept.to_json(), dialects=[context.dialect])
            expect(again == kept, "JSON gives another message")
        if crc32(octets) % VIEWED == 0:
            check_views(kept, octets)
    if not construct or (kept is None and strict is None and not isinstance(lenient_error, LimitExceeded)):
        return Verdict(strict is not None, False)
    return compare(octets, context, strict, error)


def check_views(message: Message, octets: bytes) -> None:
    """The message can be printed and hashed, and its fields are all its octets, each once and in order."""
    expect(bool(repr(message)) and isinstance(hash(message), int), "no repr")
    place = 0
    for span in message_spans(message):
        shared = span.bits is not None and span.at < place
        if not (span.container or span.plaintext or shared):
            expect(span.at == place, f"{span.path} is shown at {span.at}, not {place}")
            place += span.size
    expect(place == len(octets), f"{place} octets shown of {len(octets)}")


def attempt(octets: bytes, context: Context, *, lenient: bool) -> tuple[Message | None, DecodeError | None]:
    port, doi, dialect = context
    try:
        return gsakmp.parse(octets, port=port, doi=doi, dialect=dialect, lenient=lenient), None
    except DecodeError as exc:
        expect(0 <= exc.offset <= len(octets), f"offset {exc.offset}")
        expect(bool(str(exc)), "an error without words")
        return None, exc


def check_refused(octets: bytes, context: Context, error: DecodeError | None) -> None:
    """A lenient parse may refuse what has no header, what is ESP, and what passes a limit."""
    at = 4 if context.port == 4500 else 0
    headless = len(octets) < at + reference.HEADER_OCTETS and isinstance(error, Truncated)
    no_message = at > 0 and octets[:4] != bytes(4)
    expect(headless or no_message or isinstance(error, LimitExceeded), f"lenient parse refused: {error!r}")


def compare(octets: bytes, context: Context, strict: Message | None, error: DecodeError | None) -> Verdict:
    body = octets[4:] if context.port == 4500 else octets
    rules = rules_of(body, context)
    version, chain, refusal = body[17] >> 4, None, None
    try:
        header = reference.parse_header(body, rules)
        if header.message_length != len(body) or version not in (1, 2):
            raise reference.ConstructError("the header contradicts the octets")
        if not (version == 1 and header.flags & 1):
            chain = reference.parse_chain(int(header.next_payload), body[reference.HEADER_OCTETS :], rules)
    except reference.ConstructError as exc:
        refusal = exc
    if (strict is None) != (refusal is not None):
        reason = excuse(strict, error)
        expect(bool(reason), f"generated code: {error!r}; construct: {refusal!r}")
        return Verdict(strict is not None, True, reason)
    if strict is not None and chain is not None:
        check_values(strict, chain)
    return Verdict(strict is not None, True)


def rules_of(body: bytes, context: Context) -> Any:
    """The rules that are in force for this message: RFC 2408, 3.4 and the port (see `gsakmp.parse`)."""
    if body[17] >> 4 == 2:
        return IKEV2.rules(body[18])
    doi = context.doi
    if doi is None:
        doi = DOIS[2] if context.port == 848 else DOIS[1]
        plain_sa = body[16] == 1 and not body[19] & 1 and body[18] < 32
        if plain_sa and len(body) >= 36:
            doi = DOIS.get(int.from_bytes(body[32:36], "big"), doi)
    return doi.rules(body[18], context.dialect)


def excuse(strict: Message | None, error: DecodeError | None) -> str:
    if isinstance(error, LimitExceeded):
        return "limit"
    if strict is not None and strict.doi is IKEV2 and strict.payloads and strict.payloads[-1].next_payload:
        return "ikev2"
    return ""


def check_values(message: Message, chain: Any) -> None:
    expect(len(chain) == len(message.payloads), "another number of payloads")
    for index, (payload, found) in enumerate(zip(message.payloads, chain, strict=True)):
        differences = reference.differences(payload, found, message.rules, f"payloads[{index}]")
        expect(not differences, "; ".join(differences))


def expect(true: bool, problem: str) -> None:
    if not true:
        raise Disagreement(problem)
