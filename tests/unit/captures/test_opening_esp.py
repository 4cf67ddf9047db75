"""ESP packets under TEKs of a key file and of a group: which algorithms they are under, and what was checked."""

from __future__ import annotations

import hashlib
import hmac
import os
from collections.abc import Callable

import pytest
from cryptography.hazmat.decrepit.ciphers.algorithms import TripleDES
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.captures import Datagram
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import Check, DataSALearnt, Opened, Status
from gsakmp.captures.opening import Opener
from gsakmp.captures.opening.draft import Draft
from gsakmp.captures.opening.known import DataState
from gsakmp.captures.opening.pull import Brought
from gsakmp.crypto.esp_suites import ESPSuite
from gsakmp.errors import GsakmpError
from gsakmp.group.sa import DataSA, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationAlgorithm, EncapsulationMode, ESPTransformID, TEKProtocolID
from gsakmp.reports.story import Teller
from tests.unit.captures.opening_world import verdicts

SPI = "0a0b0c0d"
KEY = bytes(range(1, 25))
INTEGRITY_KEY = bytes(range(20))
TEXT = b"A" * 300

Algorithm = Callable[[bytes], AES | TripleDES]


def packet(
    number: int, payload: bytes, cipher: Algorithm = AES, block: int = 16, key: bytes = KEY, icv: bool = True
) -> bytes:
    """A packet made with nothing of the library (RFC 4303, 2; HMAC-SHA-1-96 by RFC 2404)."""
    pad = -(len(payload) + 2) % block
    plaintext = payload + bytes(range(1, pad + 1)) + bytes([pad, 17])
    iv = os.urandom(block)
    encryptor = Cipher(cipher(key), CBC(iv)).encryptor()
    head = bytes.fromhex(SPI) + number.to_bytes(4, "big") + iv
    covered = head + encryptor.update(plaintext) + encryptor.finalize()
    return covered + (hmac.new(INTEGRITY_KEY, covered, hashlib.sha1).digest()[:12] if icv else b"")


def keyring(name: str = SPI, integrity: str = SPI) -> Keyring:
    return Keyring([Secret(Kind.TEK, name, KEY), Secret(Kind.TEK_INTEGRITY, integrity, INTEGRITY_KEY)])


def feed(opener: Opener, octets: bytes) -> Opened:
    return opener.feed(Datagram(octets, source_address="192.0.2.1", protocol=50))


@pytest.mark.parametrize(("cipher", "block"), [(AES, 16), (TripleDES, 8)])
def test_the_padding_tells_the_cipher_of_24_octets(cipher: Algorithm, block: int) -> None:
    """AES with 192 bits and 3DES share the length of their keys and here the HMAC."""
    ambiguous = 0
    for _ in range(60):
        opener = Opener(keyring())
        for number in range(1, 4):
            found = feed(opener, packet(number, TEXT, cipher, block))
            assert verdicts(found)["ICV"] is True
            assert found.esp is not None
            if found.status is Status.SEALED:
                ambiguous += 1
                assert "several algorithms" in found.reason
            else:
                assert found.esp.payload == TEXT
    assert ambiguous < 20


def test_what_the_padding_can_t_tell_is_not_shown_and_the_next_packet_tells_it() -> None:
    """A packet that both ciphers open to one without padding."""
    as_other = ESPSuite(ESPTransformID.ESP_3DES, AuthenticationAlgorithm.HMAC_SHA, None, KEY, INTEGRITY_KEY)
    payload = b"A" * 46
    octets = packet(1, payload)
    while not no_padding(as_other, octets):  # one of 256, and the pad length is the next but last octet
        octets = packet(1, payload)
    opener = Opener(keyring())
    first = feed(opener, octets)
    assert (first.status, verdicts(first)["ICV"], first.plaintext_octets) == (Status.SEALED, True, b"")
    named = feed(Opener(keyring(f"{SPI}/ESP_AES_CBC")), octets)
    assert (named.status, named.plaintext_octets) == (Status.OPENED, payload)
    second = feed(opener, packet(2, b"A" * 50))
    while second.status is Status.SEALED:
        second = feed(opener, packet(2, b"A" * 50))
    assert second.plaintext_octets == b"A" * 50
    assert feed(opener, octets).plaintext_octets == payload  # though a replay


def no_padding(suite: ESPSuite, octets: bytes) -> bool:
    try:
        return len(suite.open(octets).payload) == len(octets) - 8 - 8 - 12 - 2
    except GsakmpError:
        return False


def test_a_name_tells_the_algorithms() -> None:
    for _ in range(20):
        found = feed(Opener(keyring(f"{SPI}/ESP_AES_CBC", f"{SPI}/HMAC_SHA")), packet(1, TEXT))
        assert (found.status, found.plaintext_octets) == (Status.OPENED, TEXT)
    wrong = feed(Opener(keyring(f"{SPI}/ESP_3DES", f"{SPI}/HMAC_SHA2_256")), packet(1, TEXT))
    assert (wrong.status, wrong.reason) == (Status.SEALED, "of AH, or of unknown algorithms")


def test_a_tek_of_an_sa_without_integrity_is_written_and_read() -> None:
    """`gsakmp keys --capture` writes ``tek SPI/ESP_AES_CBC`` for it, and nothing else."""
    opener = Opener(Keyring([Secret(Kind.TEK, f"{SPI}/ESP_AES_CBC", KEY)]))
    found = feed(opener, packet(1, TEXT, icv=False))
    assert (found.status, found.plaintext_octets) == (Status.OPENED, TEXT)
    assert found.checks == (Check("ICV", None, "this SA has no integrity check"),)


def test_without_integrity_nothing_is_said_to_be_right_and_nothing_is_remembered() -> None:
    opener = Opener(Keyring([Secret(Kind.TEK, f"{SPI}/ESP_AES_CBC", KEY)]))
    high = bytearray(packet(0xFFFF_FFF0, TEXT, icv=False))
    high[40] ^= 1
    for octets in (bytes(high), bytes(high), packet(1, TEXT, icv=False), packet(1, TEXT, icv=False)):
        found = feed(opener, octets)
        assert (found.status, verdicts(found)) == (Status.OPENED, {"ICV": None})


def test_a_period_is_told_with_its_first_packet_that_is_right() -> None:
    suite = ESPSuite(ESPTransformID.ESP_AES_CBC, AuthenticationAlgorithm.HMAC_SHA, 192, KEY, INTEGRITY_KEY)
    news = DataSALearnt(
        sa=SPI, protocol="ESP", group="", source="", destination="ipv4:239.1.1.1", transform="ESP_AES_CBC",
        integrity="HMAC_SHA", key_length=192, lifetime_seconds=60, holders=(), sequence="0a0b0c00", period=13,
    )  # fmt: skip
    opener = Opener()
    opener._book._latest.put(bytes.fromhex(SPI), DataState(bytes.fromhex(SPI), (suite,), news=news))
    altered = bytearray(packet(1, TEXT))
    altered[-1] ^= 1
    wrong = feed(opener, bytes(altered))
    assert (verdicts(wrong), wrong.events) == ({"ICV": False}, ())
    assert feed(opener, packet(2, TEXT)).events == (news,)
    assert feed(opener, packet(3, TEXT)).events == ()


def data_sa(destination: str, key: bytes) -> DataSA:
    return DataSA(
        protocol=TEKProtocolID.GDOI_PROTO_IPSEC_ESP, spi=bytes.fromhex(SPI),
        selector=TrafficSelector(protocol=0, source=None, source_port=0, destination=Identity.from_text(f"ipv4:{destination}"), destination_port=0),
        transform_id=ESPTransformID.ESP_AES_CBC, key_length=192, integrity=AuthenticationAlgorithm.HMAC_SHA,
        mode=EncapsulationMode.TUNNEL, algorithm_key=key, integrity_key=INTEGRITY_KEY, created_at=0.0,
        lifetime_seconds=3600,
    )  # fmt: skip


def test_spi_and_destination_tell_a_multicast_sa_from_others() -> None:
    """RFC 4301, 4.1: two groups may have chosen one SPI."""
    one, other, later = "239.1.1.1", "239.2.2.2", KEY[::-1]
    opener, teller = Opener(), Teller()

    def brought(group: str, *sas: DataSA) -> None:
        draft = Draft.of(0, Datagram(b"push", time=1), None)
        opener._book.add_data(draft, Brought(data=list(sas)), group, (f"fqdn:{group}",))
        teller.add(draft.done())

    def told(number: int, destination: str, key: bytes) -> Opened:
        datagram = Datagram(
            packet(number, TEXT, key=key), time=number, source_address="192.0.2.1",
            destination_address=destination, protocol=50,
        )  # fmt: skip
        found = opener.feed(datagram)
        teller.add(found)
        return found

    brought("a", data_sa(one, KEY))
    assert told(1, one, KEY).group == "a"
    brought("b", data_sa(other, later))
    for number, destination, key, group in ((2, one, KEY, "a"), (2, other, later, "b"), (3, one, KEY, "a")):
        found = told(number, destination, key)
        assert (found.status, found.failed, found.group) == (Status.OPENED, False, group)
    brought("a", data_sa(one, later))
    assert told(1, one, later).status is Status.OPENED
    sas = teller.story().data_sas
    assert [(sa.destination, sa.packets, sa.state) for sa in sas] == [
        (f"ipv4:{one}", 3, "replaced"),
        (f"ipv4:{other}", 1, "alive"),
        (f"ipv4:{one}", 1, "alive"),
    ]
    assert [[holder.member for holder in sa.holders] for sa in sas] == [["fqdn:a"], ["fqdn:b"], ["fqdn:a"]]
