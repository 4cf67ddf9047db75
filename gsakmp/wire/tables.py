"""What a domain of interpretation brings: which number stands for which layout.

There are three sorts of tables:

- *chains*: payload types, each standing for a payload class;
- *choices*: numbers of any other field, each standing for the layout of the field that it governs;
- *attributes*: attribute tables.

A table may have variants by number (the transforms of protocol 1): its key is then a pair.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from gsakmp.errors import Truncated
from gsakmp.wire.attributes import AttributeTable
from gsakmp.wire.vocabulary import TableKey

__all__ = ["Tables", "Variants"]

Entry = Any
"""An element class, a `Variants` (chains only) or a `ValueType` (choices only)."""


@dataclass(frozen=True, eq=False)
class Variants:
    """A payload type whose layout depends on its first field: `cases` by that number, else `other`.

    `octets` is the size of the field (4: the DOI of an SA payload).
    """

    octets: int
    cases: Mapping[int, Any]
    other: Any

    def of(self, buf: bytes, at: int, end: int) -> Any:
        """The class for the body in ``buf[at:end]``."""
        if end - at < self.octets:
            raise Truncated(f"{self.octets} octets needed, {end - at} left", "", at)
        return self.cases.get(int.from_bytes(buf[at : at + self.octets], "big"), self.other)

    def classes(self) -> Iterator[Any]:
        """Each class once."""
        yield from dict.fromkeys([*self.cases.values(), self.other])


@dataclass(frozen=True)
class Tables:
    """What a domain of interpretation brings: see the module's head for the three sorts."""

    chains: Mapping[TableKey, Mapping[int, Entry]] = field(default_factory=dict)
    choices: Mapping[str, Mapping[int, Entry]] = field(default_factory=dict)
    attributes: Mapping[TableKey, AttributeTable] = field(default_factory=dict)
    last: frozenset[int] = frozenset()
    """Payload types that end a chain whatever their header announces (IKEv2's encrypted payloads)."""

    def with_tables(
        self,
        chains: Mapping[TableKey, Mapping[int, Entry]] | None = None,
        choices: Mapping[str, Mapping[int, Entry]] | None = None,
        attributes: Mapping[TableKey, AttributeTable] | None = None,
    ) -> Tables:
        """These tables with entries added or replaced, table by table."""
        return Tables(
            merged(self.chains, chains or {}),
            merged(self.choices, choices or {}),
            {**self.attributes, **(attributes or {})},
            self.last,
        )


def merged(old: Mapping[Any, Mapping[int, Entry]], new: Mapping[Any, Mapping[int, Entry]]) -> dict[Any, Any]:
    return {**old, **{name: {**old.get(name, {}), **entries} for name, entries in new.items()}}
