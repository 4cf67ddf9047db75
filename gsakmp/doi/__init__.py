"""Domains of interpretation: what gives the numbers of a message their meaning, and how to add one.

`ISAKMP`, `IPSEC` and `GDOI` are three; `DOI.extended` makes another::

    MINE = GDOI.extended("mine", tek_protocols={200: MyTEK})
    gsakmp.parse(octets, doi=MINE)
"""

from __future__ import annotations

from typing import Final

from gsakmp.doi.dialect import DIALECTS, GDOID, GDOID_BIG_ENDIAN, STANDARD, Dialect, dialect_named
from gsakmp.doi.domain import DOI
from gsakmp.doi.gdoi import GDOI
from gsakmp.doi.ikev2 import IKEV2
from gsakmp.doi.ipsec import IPSEC, ISAKMP

__all__ = [
    "BY_PORT",
    "DIALECTS",
    "DOI",
    "DOIS",
    "GDOI",
    "GDOID",
    "GDOID_BIG_ENDIAN",
    "IKEV2",
    "IPSEC",
    "ISAKMP",
    "STANDARD",
    "Dialect",
    "dialect_named",
    "doi_named",
    "doi_of_port",
]

DOIS: Final = {doi.number: doi for doi in (ISAKMP, IPSEC, GDOI)}
"""The domains of interpretation here, by number."""


BY_PORT: Final = {port: doi for doi in DOIS.values() for port in doi.ports}
"""What a UDP port means; any other means that of IPsec."""


def doi_named(name: str) -> DOI | None:
    """The domain here that has this name, if any; `IKEV2` is one of them."""
    return next((doi for doi in (*DOIS.values(), IKEV2) if doi.name == name), None)


def doi_of_port(port: int) -> DOI:
    """The domain that a UDP port means: GDOI on 848, else that of IPsec."""
    return BY_PORT.get(port, IPSEC)
