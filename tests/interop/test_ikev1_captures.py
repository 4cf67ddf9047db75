"""The IKEv1 captures: every message against the second reader, and every form of it."""

from __future__ import annotations

from typing import Any

import pytest

import gsakmp
from gsakmp.captures import read
from gsakmp.doi import GDOI, IPSEC
from gsakmp.payloads import NATDiscovery
from gsakmp.registries import IPsecExchangeType
from tests.conftest import PCAPS
from tests.independent import read_message
from tests.interop.agree import disagreements
from tests.vectors.check import check_message

NAT_TRAVERSAL = 4500
MESSAGES = {
    "ISAKMP_sa_setup.pcap": 9,
    "ipsec-ikev1-isakmp-aggressive-mode.pcap": 6,
    "ipsec.cap": 11,
    "isakmp4500.pcap": 15,  # 35 frames, less 8 of ARP, 8 of ESP, 4 keepalives
}
"""ISAKMP messages in each capture (pcaps/README.md), ESP and keepalives left out."""


def cases() -> list[Any]:
    out = []
    for name in MESSAGES:
        for datagram in read(PCAPS / "ikev1" / name):
            port = NAT_TRAVERSAL if datagram.destination_port == NAT_TRAVERSAL else 500
            if port == 500 or datagram.octets[:4] == bytes(4):
                out.append(pytest.param(datagram.octets, port, id=f"{name}-{datagram.frame}"))
    return out


def in_the_clear(octets: bytes, port: int) -> bool:
    return not octets[23 if port == NAT_TRAVERSAL else 19] & 1


def test_all_messages_are_here() -> None:
    found = [str(case.id).rpartition("-")[0] for case in cases()]
    assert {name: found.count(name) for name in MESSAGES} == MESSAGES


@pytest.mark.parametrize(("octets", "port"), cases())
def test_every_field_as_the_second_reader_has_it(octets: bytes, port: int) -> None:
    message = gsakmp.parse(octets, port=port)
    assert message.doi is IPSEC
    header = read_message(octets[4:] if port == NAT_TRAVERSAL else octets, 1)
    assert message.initiator_cookie.hex() == header["initiator_cookie"]
    assert message.responder_cookie.hex() == header["responder_cookie"]
    assert message.exchange_type == header["exchange_type"]
    assert message.flags == header["flags"]
    assert message.message_id == header["message_id"]
    assert message.ciphertext.hex() == header["encrypted"]
    assert message.non_esp_marker == (port == NAT_TRAVERSAL)
    assert disagreements(message.payloads, header["payloads"], message.rules) == []
    assert message.build() == octets


@pytest.mark.parametrize(("octets", "port"), [case for case in cases() if in_the_clear(*case.values)][::3])
def test_every_form_and_every_length(octets: bytes, port: int) -> None:
    check_message(octets, port=port)


def test_exchange_32_by_port() -> None:
    """Exchange type 32 is Quick Mode on 500 (RFC 2409, appendix A), GROUPKEY-PULL on 848 (RFC 6407, 5.2)."""
    octets = next(case.values[0] for case in cases() if case.values[0][18] == 32 and case.values[1] == 500)
    assert gsakmp.parse(octets, port=500).exchange_name == "QUICK_MODE"
    assert gsakmp.parse(octets, port=500).exchange_type is IPsecExchangeType.QUICK_MODE
    assert gsakmp.parse(octets, port=848).exchange_name == "GROUPKEY_PULL"
    assert gsakmp.parse(octets, port=500, doi=GDOI).exchange_name == "GROUPKEY_PULL"


def test_type_15_is_a_drafts_nat_d_here() -> None:
    """In frames 3 and 4 of ISAKMP_sa_setup; in GDOI 15 is the SA KEK (RFC 6407, 5.2.1)."""
    for octets in [case.values[0] for case in cases() if str(case.id).startswith("ISAKMP_sa_setup.pcap-")][
        2:4
    ]:
        payloads = gsakmp.parse(octets, port=500).payloads
        assert [payload.kind for payload in payloads[-2:]] == [15, 15]
        assert all(isinstance(payload, NATDiscovery) for payload in payloads[-2:])
        with pytest.raises(gsakmp.DecodeError):
            gsakmp.parse(octets, port=848)


@pytest.mark.parametrize(("octets", "words"), [(b"\xff", "keepalive"), (b"\1\2\3\4" + bytes(40), "ESP")])
def test_what_else_port_4500_carries(octets: bytes, words: str) -> None:
    """RFC 3948, 2.1 and 2.3."""
    for lenient in (False, True):
        with pytest.raises(gsakmp.DecodeError, match=words):
            gsakmp.parse(octets, port=NAT_TRAVERSAL, lenient=lenient)


@pytest.mark.parametrize("octets", [b"", b"\0", bytes(3)])
def test_too_short_for_the_marker(octets: bytes) -> None:
    with pytest.raises(gsakmp.Truncated):
        gsakmp.parse(octets, port=NAT_TRAVERSAL)
