"""Two messages side by side: what is different, field by field.

Fields are those of `gsakmp.views`: the paths of decode's tree, offsets in octets. Lists (payloads, proposals,
attributes) are aligned before they are compared, so that one payload more is one difference and not twenty.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from functools import lru_cache
from itertools import zip_longest
from typing import Final

import msgspec

from gsakmp.captures.opened import ESPContent, Opened
from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.message import Message, build
from gsakmp.reports.words import clean, time_text
from gsakmp.views import Span, message_spans, octet_spans
from gsakmp.wire.spans import octets_text

__all__ = ["IGNORABLE", "Change", "Ignored", "Side", "differences"]

MOST_STEPS: Final = 40_000
"""Of aligning two lists; longer ones are compared by place."""
LONGEST_PATTERN: Final = 200
AROUND: Final = 12
"""Octets that are shown from the first one that differs, where the usual text hides it."""

IGNORABLE: Final = {
    "cookies": ("initiator_cookie", "responder_cookie"),
    "nonces": ("nonce_data",),
    "times": ("time",),
    "addresses": ("source", "destination"),
    "spis": ("spi", "spis"),
    "keys": (
        "KEK_ALGORITHM_KEY", "SIG_ALGORITHM_KEY", "TEK_ALGORITHM_KEY", "TEK_INTEGRITY_KEY",
        "TEK_SOURCE_AUTH_KEY", "key_data", "key_handle", "seed", "sealed",
    ),
    "random": (
        "initiator_cookie", "responder_cookie", "message_id", "nonce_data", "key_exchange_data", "hash_data",
        "signature_data", "address_and_port_hash", "ciphertext", "padding", "time",
    ),
}  # fmt: skip
"""Words for what is different in any two runs; ``random`` has all of it but addresses, SPIs and keys."""


class Side(msgspec.Struct, frozen=True):
    """A field on one side: its path, text and place. `at` is None for what is not in the octets."""

    path: str
    text: str
    at: int | None
    size: int
    octets: str
    """In hex."""


class Change(msgspec.Struct, frozen=True, kw_only=True):
    """A difference. A side is None where there is no such field. `plaintext` says that offsets count from the
    start of what was encrypted."""

    name: str
    a: Side | None
    b: Side | None
    plaintext: bool = False

    @property
    def path(self) -> str:
        """Where, on the side that has it."""
        side = self.a or self.b
        return side.path if side is not None else ""


class Ignored:
    """What is left out: names of fields and attributes, paths with ``*`` (anything) and ``[]`` (any place in
    a list), or words of `IGNORABLE`. A path stands for all that is below it. Raises `ConfigurationError`."""

    def __init__(self, patterns: Iterable[str] = ()) -> None:
        self._names: set[str] = set()
        parts = []
        for pattern in patterns:
            if pattern in IGNORABLE:
                self._names.update(IGNORABLE[pattern])
            elif re.fullmatch(r"[A-Za-z_0-9]+", pattern):
                self._names.add(pattern)
            elif pattern.strip() and len(pattern) <= LONGEST_PATTERN:
                parts.append(expression(pattern.strip()))
            else:
                raise ConfigurationError(f"{clean(pattern, 40)!r} is no path of a field")
        self._paths = re.compile(f"(?:{'|'.join(parts)})(?:[.\\[].*)?") if parts else None

    def __call__(self, path: str) -> bool:
        """Whether a field is left out."""
        return matches(path, frozenset(self._names), self._paths)


def expression(pattern: str) -> str:
    """A pattern as a regular expression that never goes back on what a ``*`` before the last has taken."""
    first, *pieces = (re.escape(piece).replace(r"\[\]", r"\[\d+\]") for piece in pattern.split("*"))
    between = "".join(f"(?>.*?{piece})" for piece in pieces[:-1])
    return first + between + (f".*{pieces[-1]}" if pieces else "")


@lru_cache(maxsize=4096)
def matches(path: str, names: frozenset[str], paths: re.Pattern[str] | None) -> bool:
    """Names count at the end of a path."""
    last = path.rpartition(".")[2].partition("[")[0]
    return last in names or path in names or (paths is not None and paths.fullmatch(path) is not None)


@dataclass(slots=True)
class Node:
    """A field with what it holds."""

    key: str
    span: Span
    octets: bytes
    below: list[Node] = field(default_factory=list)


def differences(
    a: Opened, b: Opened, ignored: Callable[[str], bool] | None = None, *, everything: bool = False
) -> list[Change]:
    """What is different between two messages, in the order of the octets.

    Lengths, counts and links that only follow from the rest are left out unless `everything`; so is the
    ciphertext where both sides could be opened.
    """
    ignored = ignored or Ignored()
    found = list(around(a, b, ignored))
    if (a.datagram.octets, a.plaintext_octets) == (b.datagram.octets, b.plaintext_octets):
        return found
    opened = a.plaintext is not None and b.plaintext is not None
    left, right = nodes_of(a, everything or not opened), nodes_of(b, everything or not opened)
    found += compared(left, right, ignored, everything)
    return found


# -- what is around a message -----------------------------------------------------------------------------


def around(a: Opened, b: Opened, ignored: Callable[[str], bool]) -> Iterator[Change]:
    """Time, addresses, how far it could be opened, checks."""
    for name, read in AROUND_IT.items():
        one, other = read(a), read(b)
        if one != other and not ignored(name):
            yield Change(name=name, a=outside(name, one), b=outside(name, other))


AROUND_IT: Final[dict[str, Callable[[Opened], str]]] = {
    "time": lambda opened: time_text(opened.datagram.time),
    "source": lambda opened: opened.datagram.source,
    "destination": lambda opened: opened.datagram.destination,
    "status": lambda opened: str(opened.status),
    "checks": lambda opened: ", ".join(f"{check.name}: {check.passed}" for check in opened.checks),
    "error": lambda opened: "" if opened.error is None else str(opened.error),
}


def outside(name: str, text: str) -> Side | None:
    return Side(name, clean(text), None, 0, "") if text else None


# -- trees ------------------------------------------------------------------------------------------------


def nodes_of(opened: Opened, ciphertext: bool) -> list[Node]:
    """The fields of a message as trees."""
    message = opened.shown
    try:
        if opened.esp is not None:
            return esp_nodes(opened.esp, opened.datagram.octets)
        if message is not None:
            found = tree(message_spans(message), build(message), hidden(message))
            return [node for node in found if ciphertext or node.span.path != "ciphertext"]
    except GsakmpError:
        pass  # what a lenient parse kept may be more than can be built again
    return tree(octet_spans(opened.datagram.octets), opened.datagram.octets, b"")


def hidden(message: Message) -> bytes:
    return message.plaintext() if message.ciphertext and message.payloads else b""


def tree(spans: Iterable[Span], wire: bytes, plaintext: bytes) -> list[Node]:
    """Spans hung below their containers."""
    roots: list[Node] = []
    above: list[Node] = []
    for span in spans:
        buffer = plaintext if span.plaintext else wire
        node = Node(key_of(span), span, buffer[span.at : span.at + span.size])
        del above[span.depth :]
        (above[-1].below if above else roots).append(node)
        above.append(node)
    return roots


def key_of(span: Span) -> str:
    """By which fields are paired: the name without its place in a list."""
    return re.sub(r"\[\d+\]", "[]", span.name)


def esp_nodes(esp: ESPContent, octets: bytes) -> list[Node]:
    """An ESP packet's fields."""
    found = [leaf("spi", 0, octets[:4]), leaf("sequence_number", 4, octets[4:8])]
    if esp.payload is None:
        return [*found, leaf("encrypted", 8, octets[8:])]
    found += [leaf("payload", 0, esp.payload, plaintext=True)]
    return [*found, leaf("next_header", len(esp.payload), bytes([esp.next_header or 0]), plaintext=True)]


def leaf(name: str, at: int, octets: bytes, plaintext: bool = False) -> Node:
    span = Span(
        depth=0, path=name, name=name, at=at, size=len(octets), text=octets_text(octets), plaintext=plaintext
    )
    return Node(name, span, octets)


# -- comparing --------------------------------------------------------------------------------------------


def compared(
    a: Sequence[Node], b: Sequence[Node], ignored: Callable[[str], bool], everything: bool
) -> Iterator[Change]:
    """The differences of two lists of fields."""
    for one, other in paired(a, b):
        if any(left_out(node, ignored) for node in (one, other) if node is not None):
            continue
        if one is None or other is None:
            node = one or other
            if node is not None and (everything or node.below or not node.span.implied):
                yield Change(
                    name=node.span.name,
                    a=None if one is None else side(one.span, one.octets),
                    b=None if other is None else side(other.span, other.octets),
                    plaintext=node.span.plaintext,
                )
        elif one.below or other.below:
            inner = list(compared(one.below, other.below, ignored, everything))
            yield from inner
            if not inner and one.span.text and other.span.text and differ(one, other):
                yield change(one, other)  # an attribute, whose parts only repeat what it says
        elif differ(one, other) and (everything or not (one.span.implied and other.span.implied)):
            yield change(one, other)


def left_out(node: Node, ignored: Callable[[str], bool]) -> bool:
    """By its path, or, of an attribute, by its type's name."""
    span = node.span
    return ignored(span.path) or (span.path.endswith("]") and ignored(span.name.partition(" ")[0]))


def differ(one: Node, other: Node) -> bool:
    """Bits are told by their text, for their octets hold others, too."""
    if one.span.bits is not None and other.span.bits is not None:
        return one.span.text != other.span.text
    return one.octets != other.octets


def change(one: Node, other: Node) -> Change:
    a, b = side(one.span, one.octets), side(other.span, other.octets)
    if a.text == b.text:
        place = next(
            (i for i, pair in enumerate(zip(one.octets, other.octets, strict=False)) if pair[0] != pair[1]),
            min(len(one.octets), len(other.octets)),
        )
        a, b = (
            msgspec.structs.replace(
                each, text=f"... {octets[place : place + AROUND].hex()} ... from octet {place}"
            )
            for each, octets in ((a, one.octets), (b, other.octets))
        )
    return Change(name=one.span.name, a=a, b=b, plaintext=one.span.plaintext)


def side(span: Span, octets: bytes) -> Side:
    """A field on one side."""
    text = span.text or (f"{span.size} octets" if span.container else octets_text(octets))
    return Side(span.path, clean(text), span.at, span.size, octets.hex())


Couple = tuple[Node | None, Node | None]


def paired(a: Sequence[Node], b: Sequence[Node]) -> Iterator[Couple]:
    """What goes with what; None for nothing. Fields that are the same octets go together first."""
    if [node.key for node in a] == [node.key for node in b]:
        yield from zip(a, b, strict=True)
        return
    if len(a) * len(b) > MOST_STEPS:
        yield from zip_longest(a, b)
        return
    for tag, i, j, k, m in operations(
        [(node.key, node.octets) for node in a], [(node.key, node.octets) for node in b]
    ):
        if tag == "equal":
            yield from zip(a[i:j], b[k:m], strict=True)
        else:
            yield from by_name(a[i:j], b[k:m])


def by_name(a: Sequence[Node], b: Sequence[Node]) -> Iterator[Couple]:
    """What is left over, by name alone."""
    for tag, i, j, k, m in operations([node.key for node in a], [node.key for node in b]):
        if tag == "equal":
            yield from zip(a[i:j], b[k:m], strict=True)
        else:
            yield from ((node, None) for node in a[i:j])
            yield from ((None, node) for node in b[k:m])


def operations(a: Sequence[Hashable], b: Sequence[Hashable]) -> list[tuple[str, int, int, int, int]]:
    """How one list becomes the other, as `difflib` has it."""
    return list(SequenceMatcher(None, a, b, autojunk=False).get_opcodes())
