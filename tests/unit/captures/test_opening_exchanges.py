"""What the GDOI captures don't have: Quick Mode, errors in the clear, fragments, port 4500, ESP, members that
are evicted by LKH, acknowledgements; made by hand, or by the engines at work."""

from __future__ import annotations

import hashlib
import hmac
from functools import lru_cache

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from gsakmp.captures import Datagram, read
from gsakmp.captures.keyfile import read_keys
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import ExchangeKind, Notified, Opened, Sender, Status
from gsakmp.captures.opening import Opener
from gsakmp.crypto import gcm, system_random
from gsakmp.crypto.esp import seal_esp, sender_iv
from gsakmp.doi import GDOID, IPSEC
from gsakmp.exchanges.fragments import split
from gsakmp.message import NON_ESP_MARKER, Message
from gsakmp.payloads import SA, ESPTransform, Nonce, Proposal
from gsakmp.registries import DOINumber, ESPTransformID, IPsecExchangeType, ProtocolID
from tests.unit.captures.opening_world import LOGS, LONG, datagrams, opened, psk_and_dh, verdicts

MID = 0x01020304
ONE, OTHER = "192.0.2.1", "192.0.2.2"


@lru_cache
def charon() -> tuple[tuple[Datagram, ...], Keyring]:
    capture = tuple(read(LOGS / "strongswan-main.pcap"))
    return capture, read_keys(LOGS / "strongswan-main.log")


def secret(kind: Kind) -> bytes:
    return next(each.octets for each in charon()[1] if each.kind is kind)


class QuickMode:
    """Messages under charon's SA, made with nothing of the library's cryptography (RFC 2409, 5.5)."""

    def __init__(self) -> None:
        self.cookies = charon()[0][-1].octets[:16]
        last = charon()[0][5].octets[-16:]
        self.iv = hashlib.sha256(last + MID.to_bytes(4, "big")).digest()[:16]

    def hash(self, *parts: bytes) -> bytes:
        return hmac.new(secret(Kind.SKEYID_A), b"".join(parts), hashlib.sha256).digest()

    def message(self, hash_data: bytes, payloads: tuple[SA | Nonce, ...], source: str) -> Datagram:
        covered = chain(payloads)
        first = int(payloads[0].kind) if payloads else 0
        head = bytes([first, 0]) + (4 + len(hash_data)).to_bytes(2, "big")
        plain = head + hash_data + covered
        plain += bytes(-len(plain) % 16)
        encryptor = Cipher(AES(secret(Kind.ENCRYPTION_KEY)), CBC(self.iv)).encryptor()
        ciphertext = encryptor.update(plain) + encryptor.finalize()
        self.iv = ciphertext[-16:]
        header = self.cookies + bytes([8, 0x10, 32, 1]) + MID.to_bytes(4, "big")
        octets = header + (28 + len(ciphertext)).to_bytes(4, "big") + ciphertext
        return Datagram(octets, 0, 0, source, 500, OTHER if source == ONE else ONE, 500)

    def three(self) -> list[Datagram]:
        transform = ESPTransform(transform_number=1, transform_id=ESPTransformID.ESP_AES_CBC)
        proposal = Proposal(
            proposal_number=1,
            protocol_id=ProtocolID.PROTO_IPSEC_ESP,
            spi=b"\1\2\3\4",
            transforms=(transform,),
        )
        sa = SA(doi=DOINumber.IPSEC, situation=1, proposals=(proposal,))
        nonces = Nonce(b"i" * 16), Nonce(b"r" * 16)
        mid = MID.to_bytes(4, "big")
        first, second = (sa, nonces[0]), (sa, nonces[1])
        return [
            self.message(self.hash(mid, chain(first)), first, ONE),
            self.message(self.hash(mid, b"i" * 16, chain(second)), second, OTHER),
            self.message(self.hash(b"\0", mid, b"i" * 16, b"r" * 16), (), ONE),
        ]


def chain(payloads: tuple[SA | Nonce, ...]) -> bytes:
    return Message(exchange_type=IPsecExchangeType.QUICK_MODE, payloads=payloads, doi=IPSEC).plaintext()


def quick(*but: int) -> list[Opened]:
    opener = Opener(charon()[1])
    for datagram in charon()[0][:6]:
        opener.feed(datagram)
    return [opener.feed(d) for number, d in enumerate(QuickMode().three(), 1) if number not in but]


def test_quick_mode() -> None:
    found = quick()
    assert [each.kind for each in found] == [ExchangeKind.QUICK] * 3
    assert [each.step for each in found] == [1, 2, 3]
    assert [each.sender for each in found] == [Sender.INITIATOR, Sender.RESPONDER, Sender.INITIATOR]
    assert [verdicts(each) for each in found] == [{"HASH(1)": True}, {"HASH(2)": True}, {"HASH(3)": True}]
    names = [
        [type(payload).__name__ for payload in each.plaintext.payloads] for each in found if each.plaintext
    ]
    assert names == [["Hash", "SA", "Nonce"]] * 2 + [["Hash"]]


def test_quick_mode_with_a_message_lost() -> None:
    whole = quick()
    without_second = quick(2)
    assert (without_second[1].step, verdicts(without_second[1])) == (3, {"HASH(3)": None})
    (second, third) = quick(1)
    assert second.status is Status.PARTLY
    assert verdicts(third) == {"HASH(3)": None}
    assert third.plaintext_octets == whole[2].plaintext_octets
    assert second.plaintext_octets[16:] == whole[1].plaintext_octets[16:]


def test_an_error_in_the_clear() -> None:
    (refusal,) = [
        each
        for each in Opener().feed_all(read(LOGS.parents[3] / "pcaps" / "ikev1" / "ipsec.cap"))
        if any(isinstance(event, Notified) for event in each.events)
    ][:1]
    (event,) = refusal.events
    assert (refusal.kind, refusal.status) == (ExchangeKind.INFORMATIONAL, Status.CLEAR)
    assert event == Notified(name="NO_PROPOSAL_CHOSEN", error=True, protected=False)


# -- around a message --------------------------------------------------------------------------------------


def test_port_4500_has_messages_esp_and_keepalives() -> None:
    plain = opened(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram, alone in zip(datagrams(LONG), plain, strict=True):
        floated = Datagram(
            NON_ESP_MARKER + datagram.octets,
            0,
            datagram.time,
            datagram.source_address,
            4500,
            datagram.destination_address,
            4500,
        )
        found = opener.feed(floated if datagram.frame > 4 else datagram)
        assert found.plaintext_octets == alone.plaintext_octets
        assert found.checks == alone.checks
    assert opener.feed(Datagram(b"\xff", destination_port=4500)).message is None
    esp = opener.feed(Datagram(bytes(range(1, 40)), destination_port=4500))
    assert (esp.kind, esp.status) == (ExchangeKind.ESP, Status.SEALED)


def test_a_message_in_fragments() -> None:
    plain = opened(LONG)
    opener = Opener(psk_and_dh(LONG))
    for datagram, alone in zip(datagrams(LONG), plain, strict=True):
        pieces = split(datagram.octets, 100) if datagram.frame in (5, 10) else (datagram.octets,)
        found = [
            opener.feed(
                Datagram(
                    piece,
                    0,
                    datagram.time,
                    datagram.source_address,
                    848,
                    datagram.destination_address,
                    848,
                )
            )
            for piece in pieces
        ]
        assert all("fragment" in each.reason for each in found[:-1])
        assert found[-1].plaintext_octets == alone.plaintext_octets
        assert found[-1].checks == alone.checks
        assert found[-1].message is not None
        assert found[-1].message.build() == pieces[-1]


def test_what_was_in_fragments_is_of_the_given_dialect() -> None:
    opener = Opener(dialect=GDOID)
    pieces = split(datagrams(LONG)[0].octets, 60)
    found = [opener.feed(replaced(datagrams(LONG)[0], piece)) for piece in pieces][-1]
    assert found.plaintext is not None
    assert found.plaintext.dialect is GDOID


def test_octets_without_addresses() -> None:
    opener = Opener(psk_and_dh(LONG))
    for datagram, alone in zip(datagrams(LONG), opened(LONG), strict=True):
        found = opener.feed(datagram.octets)
        assert (found.plaintext_octets, found.checks) == (alone.plaintext_octets, alone.checks)
        assert (found.step, found.sender) == (alone.step, alone.sender)


def test_a_malformed_message_is_told_and_disturbs_nothing() -> None:
    opener = Opener(psk_and_dh(LONG))
    for datagram, alone in zip(datagrams(LONG), opened(LONG), strict=True):
        broken = opener.feed(replaced(datagram, datagram.octets[:-1]))
        assert broken.status is Status.MALFORMED
        assert broken.error is not None
        short = opener.feed(
            Datagram(datagram.octets[:20], source_address=ONE, destination_port=848, missing=30)
        )
        assert short.status is Status.MALFORMED
        found = opener.feed(datagram)
        assert (found.plaintext_octets, found.checks) == (alone.plaintext_octets, alone.checks)


def replaced(datagram: Datagram, octets: bytes) -> Datagram:
    return Datagram(octets, 0, 0, datagram.source_address, 848, datagram.destination_address, 848)


# -- ESP ---------------------------------------------------------------------------------------------------


def esp_packet(spi: bytes, number: int, key: bytes) -> bytes:
    cipher = gcm(ESPTransformID.ESP_AES_GCM_16, 128)
    return seal_esp(cipher, key, spi, number, sender_iv(1, 16, number), 59, b"payload")


def test_esp_by_a_tek_of_the_key_file_wherever_it_travels() -> None:
    spi, key = b"\x0a\x0b\x0c\x0d", system_random(20)
    opener = Opener(Keyring([Secret(Kind.TEK, "0a0b0c0d/ESP_AES_GCM_16", key)]))
    places = (
        {"protocol": 50},
        {"source_port": 4500, "destination_port": 4500},
        {"source_port": 9, "destination_port": 18_481},
    )
    for number, place in enumerate(places, 1):
        datagram = Datagram(esp_packet(spi, number, key), source_address=ONE, **place)
        found = opener.feed(datagram)
        assert (found.kind, found.status, found.sa) == (ExchangeKind.ESP, Status.OPENED, "0a0b0c0d")
        assert found.plaintext_octets == b"payload"
        assert verdicts(found) == {"ICV": True, "replay": True}
    altered = bytearray(esp_packet(spi, 9, key))
    altered[20] ^= 1
    wrong = opener.feed(Datagram(bytes(altered), protocol=50))
    assert (wrong.status, verdicts(wrong)) == (Status.WRONG_KEY, {"ICV": False})
    assert opener.feed(Datagram(b"\1\2\3", protocol=50)).status is Status.MALFORMED


@pytest.mark.parametrize(
    ("numbers", "expected"),
    [
        ([1, 2, 3], [True, True, True]),
        ([2, 1, 2, 1], [True, True, False, False]),
        ([1, 70, 1, 6, 7, 7, 71], [True, True, None, None, True, False, True]),
        ([1, 1000, 937, 936], [True, True, True, None]),
    ],
)
def test_replayed_packets(numbers: list[int], expected: list[bool | None]) -> None:
    spi, key = b"\x0a\x0b\x0c\x0d", system_random(20)
    opener = Opener(Keyring([Secret(Kind.TEK, "0a0b0c0d", key)]))
    found = [
        opener.feed(Datagram(esp_packet(spi, number, key), source_address=ONE, protocol=50))
        for number in numbers
    ]
    assert [verdicts(each)["replay"] for each in found] == expected
    other = opener.feed(Datagram(esp_packet(spi, 1, key), source_address=OTHER, protocol=50))
    assert verdicts(other)["replay"] is True  # each sender counts for itself
