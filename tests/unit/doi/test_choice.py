"""Which domain of interpretation is in force: by the SA, the port or the caller (RFC 2408, 2.1 and 3.4)."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.doi import DIALECTS, DOIS, GDOI, IKEV2, IPSEC, ISAKMP, Dialect, dialect_named, doi_of_port
from gsakmp.errors import ConfigurationError, DecodeError, EncodeError, GsakmpError
from gsakmp.message import Message
from gsakmp.payloads import SA, SAKEK, GroupSA, Nonce, UnknownSA
from gsakmp.registries import (
    DOINumber,
    ExchangeType,
    GDOIExchangeType,
    IKEv2ExchangeType,
    IPsecExchangeType,
)


def opening(doi: int, exchange: int = 2, flags: int = 0) -> bytes:
    """A message that starts with an SA of that DOI, and nothing in it."""
    return Message(
        exchange_type=exchange, flags=flags, doi=IPSEC, payloads=(UnknownSA(doi=doi, body=bytes(4)),)
    ).build()


@pytest.mark.parametrize(
    ("doi", "port", "expected"),
    [
        (0, 500, ISAKMP), (1, 500, IPSEC), (2, 500, GDOI), (0, 848, ISAKMP), (1, 848, IPSEC), (2, 848, GDOI),
        (3, 500, IPSEC), (3, 848, GDOI), (2**32 - 1, 848, GDOI), (1, 12345, IPSEC), (3, 12345, IPSEC),
    ],
)  # fmt: skip
def test_the_sa_then_the_port(doi: int, port: int, expected: Any) -> None:
    assert gsakmp.parse(opening(doi), port=port).doi is expected


@pytest.mark.parametrize("own", [ISAKMP, IPSEC, GDOI])
def test_the_caller_goes_before_all(own: Any) -> None:
    for doi in (0, 1, 2, 3):
        for port in (500, 848):
            assert gsakmp.parse(opening(doi), port=port, doi=own).doi is own


def test_an_encrypted_message_names_no_doi() -> None:
    clear = opening(1)
    octets = clear[:19] + b"\1" + clear[20:]
    assert gsakmp.parse(octets, port=848).doi is GDOI
    assert gsakmp.parse(octets, port=500).doi is IPSEC


def test_an_sa_in_gdois_own_exchange_is_the_groups() -> None:
    """In exchanges from 32 on the port has said it already."""
    octets = Message(exchange_type=32, doi=GDOI, payloads=(GroupSA(),)).build()
    message = gsakmp.parse(octets, port=848)
    assert isinstance(message.payloads[0], GroupSA)
    assert message.doi is GDOI
    with pytest.raises(DecodeError):
        gsakmp.parse(octets, port=500)
    phase_1 = Message(exchange_type=2, doi=GDOI, payloads=(SA(doi=2, situation=0),)).build()
    assert isinstance(gsakmp.parse(phase_1).payloads[0], SA)


@pytest.mark.parametrize(
    ("exchange", "ipsec", "gdoi"),
    [
        (2, ExchangeType.IDENTITY_PROTECTION, ExchangeType.IDENTITY_PROTECTION),
        (5, ExchangeType.INFORMATIONAL, ExchangeType.INFORMATIONAL),
        (32, IPsecExchangeType.QUICK_MODE, GDOIExchangeType.GROUPKEY_PULL),
        (33, IPsecExchangeType.NEW_GROUP_MODE, GDOIExchangeType.GROUPKEY_PUSH),
        (35, IPsecExchangeType(35), GDOIExchangeType.GROUPKEY_PUSH_ACK),
        (240, IPsecExchangeType(240), GDOIExchangeType(240)),
    ],
)  # fmt: skip
def test_exchange_types(exchange: int, ipsec: Any, gdoi: Any) -> None:
    """RFC 2408, 3.1: up to 31 they are ISAKMP's, from 32 the DOI's."""
    octets = Message(exchange_type=exchange, doi=IPSEC, payloads=(Nonce(b"n" * 8),)).build()
    on_500, on_848 = gsakmp.parse(octets, port=500), gsakmp.parse(octets, port=848)
    assert (type(on_500.exchange_type), on_500.exchange_type) == (type(ipsec), ipsec)
    assert (type(on_848.exchange_type), on_848.exchange_type) == (type(gdoi), gdoi)
    assert (on_500.exchange_name, on_848.exchange_name) == (ipsec.name, gdoi.name)
    assert on_500.build() == on_848.build() == octets


@pytest.mark.parametrize("doi", [ISAKMP, IPSEC, GDOI, IKEV2])
def test_names_of_exchanges_and_back(doi: Any) -> None:
    for number in range(256):
        member = doi.exchange(number)
        assert member == number
        assert doi.exchange_from_text(member.name) == number
        assert doi.exchange_from_text(member.name.lower().replace("_", "-")) == number
    for wrong in (-1, 256, "x", None, 1.5):
        with pytest.raises(EncodeError):
            doi.exchange(wrong)
    with pytest.raises(EncodeError):
        doi.exchange_from_text("NO_SUCH_EXCHANGE")


def test_ikev2_shares_the_header_and_the_chain() -> None:
    """RFC 7296, 3.1 and 3.2: version 2, payloads stay octets, the encrypted one ends the chain."""
    header = bytes(16) + b"\x21\x20\x23\x08" + bytes(4)
    inside = b"\x2e\0\0\x08abcd" + b"\x23\0\0\x0c" + b"12345678"
    message = gsakmp.parse(header + (28 + len(inside)).to_bytes(4, "big") + inside, port=848)
    assert message.doi is IKEV2
    assert message.exchange_type is IKEv2ExchangeType.IKE_AUTH
    assert [payload.kind for payload in message.payloads] == [0x21, 0x2E]
    assert message.payloads[1].next_payload == 0x23
    assert message.build()[28:] == inside
    assert not message.problems()


def test_numbers_and_ports() -> None:
    assert {number: doi.name for number, doi in DOIS.items()} == {0: "ISAKMP", 1: "IPsec", 2: "GDOI"}
    assert [int(doi.number) for doi in (ISAKMP, IPSEC, GDOI)] == [
        DOINumber.ISAKMP, DOINumber.IPSEC, DOINumber.GDOI]  # fmt: skip
    assert doi_of_port(848) is GDOI
    assert doi_of_port(500) is doi_of_port(4500) is doi_of_port(9) is IPSEC


def test_dialects() -> None:
    assert {dialect_named(name) for name in DIALECTS} == set(DIALECTS.values())
    with pytest.raises(ConfigurationError):
        dialect_named("nobody's")
    nine = Dialect(name="nine", sa_kek_reserved_octets=9)
    kek = SAKEK(protocol=17, source_id_type=11, destination_id_type=11)
    message = Message(exchange_type=33, doi=GDOI, dialect=nine, payloads=(GroupSA(sa_attributes=(kek,)),))
    standard = message.replace(dialect=gsakmp.STANDARD)
    assert len(message.build()) == len(standard.build()) + 5
    assert gsakmp.parse(message.build(), dialect=nine) == message
    kept = kek.replace(reserved2=bytes(8) + b"\1")
    again = gsakmp.parse(message.replace(payloads=(GroupSA(sa_attributes=(kept,)),)).build(), dialect=nine)
    assert again.payloads == (GroupSA(sa_attributes=(kept,)),)


WRONG_ARGUMENTS: list[dict[str, Any]] = [
    {"octets": None}, {"octets": "text"}, {"octets": 5}, {"octets": [1, 2]}, {"octets": ...},
    {"port": "848"}, {"port": None}, {"doi": "GDOI"}, {"doi": 2}, {"dialect": "gdoid"}, {"dialect": None},
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG_ARGUMENTS, ids=str)
@pytest.mark.parametrize("lenient", [False, True])
def test_wrong_arguments(wrong: dict[str, Any], lenient: bool) -> None:
    """No public call raises anything outside `GsakmpError`."""
    given = {"octets": opening(2), **wrong}
    try:
        gsakmp.parse(given.pop("octets"), lenient=lenient, **given)
    except GsakmpError as exc:
        assert str(exc)


def test_any_kind_of_octets() -> None:
    octets = opening(2)
    kinds: list[Any] = [bytearray(octets), memoryview(octets)]
    for same in kinds:
        assert gsakmp.parse(same) == gsakmp.parse(octets)
