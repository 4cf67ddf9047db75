"""What generated code calls: the loops over chains and sequences, and the errors.

Everything here works on a buffer and two offsets, never on slices of slices: ``buf`` holds the whole
message, a field ends at ``end``, and an error's offset is one into ``buf``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from struct import Struct
from struct import error as StructError
from typing import Any, Final

import msgspec

from gsakmp import limits
from gsakmp.errors import (
    DecodeError,
    EncodeError,
    LengthMismatch,
    LimitExceeded,
    TrailingOctets,
    Truncated,
)
from gsakmp.limits import PAYLOADS_PER_CHAIN
from gsakmp.wire.element import UnknownPayload, Unlinked

Parser = Callable[[bytes, int, int, Any], Any]
Fields = tuple[tuple[str, int], ...]
"""Neighbouring fixed fields: name and octets."""

HEADER: Final = Struct(">BBH")
unpack_header, pack_header, pack_header_into = HEADER.unpack_from, HEADER.pack, HEADER.pack_into
replace = msgspec.structs.replace
pack_words = Struct(">HH").pack
HEADER_SPACE: Final = bytes(HEADER.size)

WORDWISE_OCTETS: Final = 256
"""Up to here a list of attributes is unpacked whole; longer ones hold keys, not numbers."""
UNPACK_WORDS: Final = tuple(Struct(f">{n}I").unpack_from for n in range(WORDWISE_OCTETS // 4 + 1))


# -- errors ------------------------------------------------------------------------------------------


def short(at: int, end: int, fields: Fields) -> Truncated:
    """The octets from `at` to `end` don't hold `fields`: an error for the first that does not fit."""
    for name, octets in fields:
        if end - at < octets:
            return Truncated(f"{octets} octets needed, {max(end - at, 0)} left", name, at)
        at += octets
    return Truncated("the octets end too early", fields[-1][0], at)


def past(name: str, at: int, size: int, end: int) -> Truncated:
    """The field `name` says that it has `size` octets, which pass the end."""
    return Truncated(f"{size} octets said, {max(end - at, 0)} left", name, at)


def wrong_length(at: int, length: int, end: int) -> DecodeError:
    """The header at `at` gives a payload length that can't be."""
    if length < 4:
        return LengthMismatch(f"says {length}, at least 4", "length", at + 2)
    return Truncated(f"{length} octets said, {end - at} left", "length", at + 2)


def left_over(at: int, end: int) -> TrailingOctets:
    """The fields end before the octets do."""
    return TrailingOctets(f"{end - at} octets left over", "", at)


def mismatch(name: str, said: int, found: int, at: int) -> LengthMismatch:
    """The count or length `name` contradicts the octets."""
    return LengthMismatch(f"says {said}, the octets hold {found}", name, at)


def too_many(name: str, bound: str, at: int) -> LimitExceeded:
    """More items than `bound` of `gsakmp.limits` allows."""
    return LimitExceeded(f"more than limits.{bound} ({getattr(limits, bound)})", name, at)


def too_deep(name: str, at: int) -> LimitExceeded:
    """More levels inside one another than are allowed."""
    return LimitExceeded(f"nested deeper than limits.NESTING ({limits.NESTING})", name, at)


# -- octets to elements ------------------------------------------------------------------------------


def parse_value(value_type: Any, buf: bytes, at: int, end: int, name: str) -> Any:
    """The value of a `ValueType` field."""
    try:
        return value_type.decode(buf[at:end])
    except ValueError as exc:
        raise LengthMismatch(str(exc), name, at) from None


def parse_chain(
    name: str, kind: int, table: Any, buf: bytes, at: int, end: int, rules: Any
) -> tuple[tuple[Any, ...], int]:
    """The payloads linked from `at` on, the first of type `kind`, and where they end."""
    inner = rules.inner
    if inner is None:
        raise too_deep(name, at)
    items: list[Any] = []
    try:
        while kind:
            if end - at < 4:
                if at == end and items and items[-1].kind in table.last:
                    items[-1] = replace(items[-1], next_payload=kind)
                    break
                raise Truncated(f"a header needs 4 octets, {end - at} are left", "", at)
            after, reserved, length = unpack_header(buf, at)
            stop = at + length
            if stop > end or length < 4:
                raise wrong_length(at, length, end)
            item = table[kind](buf, at + 4, stop, inner)
            items.append(replace(item, reserved=reserved) if reserved else item)
            at, kind = stop, after
    except DecodeError as exc:
        raise exc.within(f"{name}[{len(items)}]") from None
    if len(items) > PAYLOADS_PER_CHAIN:
        raise too_many(name, "PAYLOADS_PER_CHAIN", at)
    return tuple(items), at


def parse_chain_lenient(
    name: str, kind: int, table: Any, buf: bytes, at: int, end: int, rules: Any
) -> tuple[tuple[Any, ...], int]:
    """`parse_chain`, which keeps what contradicts itself.

    A wrong length or a link that leads nowhere stays in its payload; a payload that can't be read
    becomes an `UnknownPayload` that says why.
    """
    inner = rules.inner
    if inner is None:
        raise too_deep(name, at)
    items: list[Any] = []
    while kind and end - at >= 4:
        after, reserved, length = unpack_header(buf, at)
        stop = min(at + max(length, 4), end)
        place = f"{name}[{len(items)}]"
        try:
            item = table[kind](buf, at + 4, stop, inner)
        except LimitExceeded as exc:
            raise exc.within(place) from None
        except DecodeError as exc:
            item = UnknownPayload(kind, buf[at + 4 : stop], str(exc.within(place)))
        if reserved:
            item = replace(item, reserved=reserved)
        if stop - at != length:
            item = replace(item, length=length)
        items.append(item)
        at, kind = stop, after
        if len(items) > limits.PAYLOADS_PER_CHAIN:
            raise too_many(name, "PAYLOADS_PER_CHAIN", at)
    if kind and items:
        items[-1] = replace(items[-1], next_payload=kind)
    return tuple(items), at


def unlinked(items: tuple[Any, ...], buf: bytes, at: int, end: int) -> tuple[Any, ...]:
    """`items`, and what is left after them as octets that nothing announces."""
    return items if at == end else (*items, Unlinked(buf[at:end]))


def parse_attributes(name: str, table: Any, buf: bytes, at: int, end: int, rules: Any) -> tuple[Any, ...]:
    """Attributes that fill the octets, typed by `table`.

    Short lists of numbers are read as words of four octets, all at once: most attributes are one word
    (TV), and most of those were seen before.
    """
    inner = rules.inner
    if inner is None:
        raise too_deep(name, at)
    size = end - at
    try:
        if size <= WORDWISE_OCTETS and not size & 3 and table.holds_numbers:
            words = UNPACK_WORDS[size >> 2](buf, at)
            known = tuple(map(table.cache.get, words))
            if all(known):
                return known
            items: list[Any] = table.parse_words(words, known, buf, end, inner)
        else:
            items = []
            table.parse_into(items, buf, at, end, inner)
    except DecodeError as exc:
        raise exc.within(name) from None
    if len(items) > limits.ATTRIBUTES_PER_PAYLOAD:
        raise too_many(name, "ATTRIBUTES_PER_PAYLOAD", at)
    return tuple(items)


def parse_elements(
    name: str, parse: Parser, head: tuple[int, int, str], buf: bytes, at: int, end: int, rules: Any
) -> tuple[Any, ...]:
    """Elements that hold their own length, to the end. `head` is that field's place, octets and name."""
    inner = rules.inner
    if inner is None:
        raise too_deep(name, at)
    place, octets, field = head
    items: list[Any] = []
    try:
        while at < end:
            if end - at < place + octets:
                raise Truncated(f"{place + octets} octets needed, {end - at} left", "", at)
            length = int.from_bytes(buf[at + place : at + place + octets], "big")
            stop = at + length
            if length < place + octets:
                raise LengthMismatch(f"says {length}, at least {place + octets}", field, at + place)
            if stop > end:
                raise Truncated(f"{length} octets said, {end - at} left", field, at + place)
            items.append(parse(buf, at, stop, inner))
            at = stop
    except DecodeError as exc:
        raise exc.within(f"{name}[{len(items)}]") from None
    if len(items) > limits.ELEMENTS_PER_PAYLOAD:
        raise too_many(name, "ELEMENTS_PER_PAYLOAD", at)
    return tuple(items)


def parse_shares(
    name: str, parse: Parser, count: int, buf: bytes, at: int, end: int, rules: Any
) -> tuple[Any, ...]:
    """`count` elements that share the octets from `at` to `end` equally."""
    inner = rules.inner
    if inner is None:
        raise too_deep(name, at)
    if count > limits.ELEMENTS_PER_PAYLOAD:
        raise too_many(name, "ELEMENTS_PER_PAYLOAD", at)
    if not count:
        return ()
    share, rest = divmod(end - at, count)
    if rest:
        raise LengthMismatch(f"{end - at} octets are no equal shares for {count}", name, at)
    items: list[Any] = []
    try:
        for start in range(at, end, share) if share else [at] * count:
            items.append(parse(buf, start, start + share, inner))
    except DecodeError as exc:
        raise exc.within(f"{name}[{len(items)}]") from None
    return tuple(items)


def parse_array(name: str, count: int, size: int, buf: bytes, at: int, end: int) -> tuple[bytes, ...]:
    """`count` octet strings of `size` octets."""
    if count > limits.ELEMENTS_PER_PAYLOAD:
        raise too_many(name, "ELEMENTS_PER_PAYLOAD", at)
    if at + count * size > end:
        raise Truncated(f"{count} of {size} octets said, {end - at} left", name, at)
    return tuple(buf[i : i + size] for i in range(at, at + count * size, size)) if size else (b"",) * count


# -- elements to octets ------------------------------------------------------------------------------


def build_chain(name: str, items: Sequence[Any], out: bytearray, rules: Any) -> None:
    """Append `items` with their headers, each linked to the next."""
    builders = rules.builders
    index, last = 0, len(items) - 1
    try:
        for item in items:
            start = len(out)
            if item.__class__ is Unlinked:
                out += item.octets
                index += 1
                continue
            out += HEADER_SPACE
            builders[item.__class__](item, out, rules)
            length, after = item.length, item.next_payload
            if length is None:
                length = len(out) - start
            if after is None:
                after = items[index + 1].kind if index < last else 0
            pack_header_into(out, start, after, item.reserved, length)
            index += 1
    except EncodeError as exc:
        raise exc.within(f"{name}[{index}]") from None
    except StructError:
        problem = f"next payload {after}, reserved {item.reserved} and length {length} do not fit a header"
        raise EncodeError(problem, f"{name}[{index}]") from None


def build_elements(
    name: str, cls: Any, items: Sequence[Any], out: bytearray, rules: Any, first: int = 0
) -> None:
    """Append the elements one after the other."""
    build = rules.builders[cls]
    index = first
    try:
        for item in items:
            if item.__class__ is not cls and not isinstance(item, cls):
                raise EncodeError(f"{type(item).__name__} is no {cls.__name__}")
            build(item, out, rules)
            index += 1
    except EncodeError as exc:
        raise exc.within(f"{name}[{index}]") from None


def build_shares(name: str, cls: Any, items: Sequence[Any], out: bytearray, rules: Any) -> None:
    """Append elements that must all have the same size, since only that tells them apart again."""
    start = len(out)
    build_elements(name, cls, items[:1], out, rules)
    share = len(out) - start
    build_elements(name, cls, items[1:], out, rules, 1)
    if len(out) - start != share * len(items):
        raise EncodeError(f"elements of different sizes can't share the {len(out) - start} octets", name)


def build_attributes(name: str, table: Any, items: Sequence[Any], out: bytearray, rules: Any) -> None:
    """Append the attributes."""
    basics = table.basics
    index = 0
    try:
        for item in items:
            # The common case, TV as the table has it, stands here; the table does the others.
            if item.basic is None and item.type in basics and 0 <= item.value <= 0xFFFF:
                out += pack_words(basics[item.type], item.value)
            else:
                table.build_into(item, out, rules)
            index += 1
    except EncodeError as exc:
        raise exc.within(f"{name}[{index}]") from None
    except TypeError:
        raise table.misfit(item, True).within(f"{name}[{index}]") from None


def build_array(name: str, size: int, items: Sequence[bytes], out: bytearray) -> None:
    """Append octet strings of `size` octets each."""
    for index, item in enumerate(items):
        if len(item) != size:
            raise EncodeError(f"{len(item)} octets where each has {size}", f"{name}[{index}]")
        out += item


def build_choice(
    name: str, table: str, key: int, value: Any, out: bytearray, rules: Any, *, swap: bool = False
) -> None:
    """Append the value of a field that `table` describes; `swap` reverses its addresses."""
    try:
        out += rules.choice_octets(table, key, value, swap=swap)
    except EncodeError as exc:
        raise exc.within(name) from None


def first_kind(items: Sequence[Any]) -> int:
    """The payload type of the first of `items`, 0 where there is none."""
    return int(items[0].kind) if items else 0


def first_size(items: Sequence[bytes]) -> int:
    """The octets of the first of `items`, 0 where there is none."""
    return len(items[0]) if items else 0


def swapped(value: int, octets: int) -> int:
    """The integer with its octets in reverse order."""
    return int.from_bytes(value.to_bytes(octets, "big"), "little")
