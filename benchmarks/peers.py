"""The library and its peers: how each parses and builds a whole message.

What each does: the library and construct check every length and count; the hand-written parser checks what
its docstring says, and makes plain integers and octets where the library makes addresses and registry
members; scapy's layer checks next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from construct import Int32ub, Rebuild, Struct, this

import gsakmp
from benchmarks import facts, handwritten
from benchmarks.cases import Case
from gsakmp.doi import DOI, doi_of_port
from gsakmp.payloads import SA
from gsakmp.payloads.isakmp.header import Header
from gsakmp.registries import PayloadType
from gsakmp.wire import Chain, Rules, Variants

__all__ = ["LIBRARY", "Peer", "peers_of"]

LIBRARY: Final = "gsakmp"
HEADER_OCTETS: Final = 28


@dataclass(frozen=True, slots=True)
class Peer:
    """`facts` is what a parsed message says; `to_build` makes of one what `build` is to be timed with."""

    name: str
    parse: Callable[[Any], Any]
    build: Callable[[Any], bytes]
    facts: Callable[[Any], Any]
    to_build: Callable[[Any], Any] = lambda parsed: parsed


def library(case: Case) -> Peer:
    port = case.port
    return Peer(LIBRARY, lambda octets: gsakmp.parse(octets, port=port), gsakmp.build, facts.of_library)


def whole_layout() -> Any:
    """The reference layouts put together: the header's fields, then the chain of payloads."""
    *fields, _ = Header.layout.subcons
    length = "message_length" / Rebuild(Int32ub, lambda _: 0)
    return Struct(*fields, length, "payloads" / Chain(this.next_payload, "payloads"))


def construct_rules(doi: DOI, exchange: int) -> Rules:
    """The rules of an exchange, in which an SA payload of phase 1 is an SA: construct need not look at its
    DOI field first."""
    rules = doi.rules(exchange)
    if not isinstance(rules.tables.chains["payloads"][PayloadType.SA], Variants):
        return rules
    return Rules(rules.tables.with_tables(chains={"payloads": {PayloadType.SA: SA}}), rules.dialect)


def construct(case: Case) -> Peer:
    """construct alone, with the library's own layouts. The message's length, the one number that only the
    whole can tell, is put in afterwards."""
    layout = whole_layout()
    all_rules = [construct_rules(doi_of_port(case.port), exchange) for exchange in range(256)]

    def parse(octets: bytes) -> Any:
        return layout.parse(octets, rules=all_rules[octets[18]])

    def build(message: Any) -> bytes:
        octets = layout.build(message, rules=all_rules[message.exchange_type])
        return bytes(octets[:24] + len(octets).to_bytes(4, "big") + octets[28:])

    return Peer("construct", parse, build, facts.of_construct)


def written_by_hand(case: Case) -> Peer:
    gdoi = case.port == 848

    def parse(octets: bytes) -> Any:
        return handwritten.parse_message(octets, gdoi)

    return Peer("by hand", parse, handwritten.build_message, facts.of_handwritten)


def scapy(case: Case) -> Peer:
    """scapy's own ISAKMP layer. What it builds is what it dissected, with everything that it remembers of the
    octets forgotten and every automatic field automatic again. (A packet made from keywords takes longer
    still: scapy first copies it.)"""
    from scapy.layers.isakmp import ISAKMP

    return Peer("scapy", ISAKMP, bytes, facts.of_scapy, to_build=facts.forgetful)


def peers_of(case: Case) -> list[Peer]:
    """The library first, then those that cover the case."""
    makers = [library, construct, written_by_hand, *([scapy] if case.scapy else [])]
    return [maker(case) for maker in makers]
