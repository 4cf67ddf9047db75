"""A domain of interpretation (RFC 2408, 2.1) as an object: what gives numbers their meaning."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

from gsakmp.doi.dialect import STANDARD, Dialect
from gsakmp.errors import ConfigurationError, EncodeError
from gsakmp.registries import ExchangeType
from gsakmp.wire import AttributeTable, Rules, Tables, Variants

__all__ = ["DOI", "by_kind"]

FIRST_OWN_EXCHANGE = 32  # RFC 2408, 3.1: 32 to 239 are the DOI's own
EXCHANGE_NAME = 100  # characters of an exchange's name that are looked at
DIALECTS_KEPT = 64  # sets of rules that a domain keeps ready, beside the standard's


def by_kind(classes: Iterable[Any]) -> dict[int, Any]:
    """Payload classes by every payload type that they have."""
    return {int(kind): cls for cls in classes for kind in cls.kinds}


def also_for(chains: Mapping[Any, Mapping[int, Any]], old: int, new: int) -> dict[Any, Any]:
    """`chains` in which a payload that names the domain `new` is laid out as one that names `old` (the SA and
    Delete payloads start with the number of their domain)."""
    out = {}
    for name, entries in chains.items():
        out[name] = dict(entries)
        for kind, entry in entries.items():
            if isinstance(entry, Variants) and old in entry.cases:
                out[name][kind] = replace(entry, cases={**entry.cases, new: entry.cases[old]})
    return out


@dataclass(frozen=True, eq=False)
class DOI:
    """One domain of interpretation.

    `exchanges` names the exchange types from 32 on. `tables` say what payload types, protocols, attribute
    types and identities stand for; `exchange_tables`, for some exchanges, what they stand for there
    instead. `ports` are the UDP ports that mean it. Make another with `extended`.
    """

    number: int
    name: str
    title: str
    exchanges: Any
    tables: Tables
    exchange_tables: Mapping[int, Tables] = field(default_factory=dict)
    ports: frozenset[int] = frozenset()
    spec: str = ""
    first_own_exchange: int = FIRST_OWN_EXCHANGE
    """The exchange types below are ISAKMP's."""

    def __repr__(self) -> str:
        return f"<DOI {self.name}>"

    def __copy__(self) -> DOI:
        """Itself."""
        return self

    def __deepcopy__(self, memo: object) -> DOI:
        """Itself: a domain is compared by identity, and never changes."""
        return self

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        """By its name, so that messages can be pickled. Raises `ConfigurationError` for one of your own."""
        from gsakmp.doi import doi_named

        if doi_named(self.name) is not self:
            raise ConfigurationError(
                f"{self.name} is a domain of your own: pickle octets, and parse them anew"
            )
        return doi_named, (self.name,)

    @cached_property
    def exchange_types(self) -> tuple[Any, ...]:
        """Every exchange type, by number, as a member of its registry (RFC 2408, 3.1)."""
        own, start = self.exchanges.lookup, self.first_own_exchange
        return tuple((ExchangeType.lookup if n < start else own)[n] for n in range(256))

    def exchange(self, number: int) -> Any:
        """The exchange type as a member of its registry. Raises `EncodeError` for what is no octet."""
        if number not in range(0x100):
            raise EncodeError(f"no exchange type: a number from 0 to 255, not {str(number)[:20]}")
        return self.exchange_types[number]

    def exchange_from_text(self, text: str) -> Any:
        """The exchange type of that name or number. Raises `EncodeError`."""
        wanted = text[:EXCHANGE_NAME].upper().replace("-", "_")
        member = next((m for m in self.exchange_types if m.name == wanted), None)
        if member is not None:
            return member
        number = self.exchanges.from_text(text)
        return self.exchange(int(number))

    def rules(self, exchange_type: int, dialect: Dialect = STANDARD, *, lenient: bool = False) -> Rules:
        """The rules for reading and writing messages of that exchange."""
        if dialect is STANDARD and not lenient:
            return self.standard_rules[exchange_type]
        own = int(exchange_type) if exchange_type in self.exchange_tables else None
        key = own, dialect, lenient
        found = self._other_rules.get(key)
        if found is None:
            found = Rules(self.tables_of(exchange_type), dialect, lenient=lenient)
            if len(self._other_rules) < DIALECTS_KEPT:
                self._other_rules[key] = found
        return found

    @cached_property
    def standard_rules(self) -> tuple[Rules, ...]:
        """`rules` by exchange type in the standard dialect, strict: what nearly every message needs, at the
        price of an index."""
        common = Rules(self.tables, STANDARD)
        own = {number: Rules(self.tables_of(number), STANDARD) for number in self.exchange_tables}
        return tuple(own.get(number, common) for number in range(256))

    @cached_property
    def _other_rules(self) -> dict[tuple[Any, ...], Rules]:
        return {}

    def tables_of(self, exchange_type: int) -> Tables:
        """The tables in force in messages of that exchange."""
        there = self.exchange_tables.get(exchange_type)
        if there is None:
            return self.tables
        return self.tables.with_tables(there.chains, there.choices, there.attributes)

    def extended(
        self,
        name: str,
        *,
        number: int | None = None,
        payloads: Iterable[Any] = (),
        sa_attributes: Iterable[Any] = (),
        protocols: Mapping[int, Any] | None = None,
        tek_protocols: Mapping[int, Any] | None = None,
        identities: Mapping[int, Any] | None = None,
        notifications: Mapping[int, Any] | None = None,
        attributes: Mapping[Any, AttributeTable] | None = None,
        key_packets: Mapping[int, AttributeTable] | None = None,
        exchanges: Any = None,
        ports: Iterable[int] = (),
    ) -> DOI:
        """This domain with additions of your own; what is not given stays.

        `payloads` and `sa_attributes` are payload classes. `protocols` are transform classes by protocol
        id, `tek_protocols` element classes by TEK protocol id, `identities` and `notifications` value types
        or element classes by ID type and notify type. `attributes` are attribute tables by the name that
        an ``Attributes(...)`` field gives, `key_packets` such tables by KD type.

        Raises `ConfigurationError` for what can't be part of a domain.
        """
        payloads, sa_attributes = tuple(payloads), tuple(sa_attributes)
        for cls in (*payloads, *sa_attributes):
            if not getattr(cls, "kinds", ()):
                raise ConfigurationError(
                    f"{cls.__name__} has no kind: class {cls.__name__}(Payload, kind=...)"
                )
        tables = self.tables.with_tables(
            chains={
                "payloads": by_kind(payloads),
                "SA attributes": by_kind(sa_attributes),
                **{("transforms", p): by_kind([cls]) for p, cls in (protocols or {}).items()},
            },
            choices={
                "TEK protocol": tek_protocols or {},
                "identification": identities or {},
                "TEK source": identities or {},
                "notification": notifications or {},
            },
            attributes={
                **(attributes or {}),
                **{("key packet", kind): table for kind, table in (key_packets or {}).items()},
            },
        )
        if number is None:
            number = self.number
        return replace(
            self,
            name=name,
            number=number,
            tables=replace(tables, chains=also_for(tables.chains, self.number, number)),
            exchanges=exchanges or self.exchanges,
            ports=frozenset(ports) or self.ports,
        )
