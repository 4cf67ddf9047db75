"""Recorded exchanges of an independent implementation, replayed: our machines take its messages and send, octet
by octet, what it sent, in either part; and what they compute is computed once more without them."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

import gsakmp
from gsakmp.crypto import KeyPair
from gsakmp.crypto.modp import MODP_2048
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.exchanges.phase1 import aggressive, common, grammar, main
from gsakmp.exchanges.phase1.aggressive import AggressiveModeInitiator, AggressiveModeResponder
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.phase1.main import MainModeInitiator, MainModeResponder
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.identities import Identity
from gsakmp.payloads import SA, Identification
from gsakmp.registries import AuthenticationMethod, PayloadType
from tests.unit.crypto.replay import body, sessions, split
from tests.unit.exchanges.phase1 import NOW, pair

SHARED = AuthenticationMethod.PRE_SHARED_KEY
HERE, THERE = Address.from_text("10.0.224.37:848"), Address.from_text("10.0.224.44:848")


class Recording:
    """Phase 1 of a recorded session, and a source of the keys, nonces and cookies that it used."""

    def __init__(self, path: Path) -> None:
        recorded = json.loads(path.read_text())
        messages = [m for m in recorded["messages"] if m["exchange_type"] in (2, 4)]
        self.wire = [bytes.fromhex(message["wire"]) for message in messages]
        self.plain = [bytes.fromhex(m["plaintext_after_header"] or m["wire"][56:]) for m in messages]
        self.aggressive = messages[0]["exchange_type"] == 4
        self.key = recorded["psk"].encode()
        self.shared = next(bytes.fromhex(d["value"]) for d in recorded["derived"] if d["name"] == "g^xy")
        self.cookies = self.wire[1][:8], self.wire[1][8:16]
        opened = [split(wire[16], plain)[0] for wire, plain in zip(self.wire, self.plain, strict=True)]
        self.material = opened[:2] if self.aggressive else opened[2:4]
        self.identities = [self.identified(number) for number in ((0, 1) if self.aggressive else (4, 5))]

    def identified(self, number: int) -> Identity:
        message = gsakmp.parse(self.wire[number])
        if message.encrypted:
            message = message.with_plaintext(self.plain[number])
        return next(Identity.from_payload(p) for p in message.payloads if isinstance(p, Identification))

    def configuration(self, side: int) -> PhaseOneConfiguration:
        return PhaseOneConfiguration(
            identity=self.identities[side],
            credentials=Credentials(shared_keys=(SharedKey(self.key),)),
            suites=(phase1_suite("3des-sha1-group2"),),
            methods=(SHARED,),
            nat_traversal=False,
            dead_peer_detection=False,
            fragmentation=False,
            initial_contact=not self.aggressive,
            allow_weak=True,
        )

    def source(self, side: int, monkeypatch: pytest.MonkeyPatch) -> Callable[[int], bytes]:
        """What `side` (0 the initiator) drew: its cookie, its nonce; and its key pair in the group's place."""
        nonce = body(self.material[side], PayloadType.NONCE)
        public, other = (body(self.material[place], PayloadType.KEY_EXCHANGE) for place in (side, 1 - side))
        monkeypatch.setattr(common, "NONCE", len(nonce))

        class Group:
            name, public_size = "MODP_1024", 128

            def generate(group, random: object) -> KeyPair:
                def agree(received: bytes) -> bytes:
                    assert received == other
                    return self.shared

                return KeyPair(group, public, agree)

        for module in (common, aggressive):
            monkeypatch.setattr(
                module, "diffie_hellman_group", lambda number, allow_weak: Group(), raising=False
            )
        monkeypatch.setattr(KeyPair, "shared", lambda pair, received: pair._agree(received))
        drawn = {8: self.cookies[side], len(nonce): nonce}
        return lambda count: drawn[count]


def recordings() -> list[Any]:
    return [pytest.param(path, id=path.stem) for path in sessions()]


def given(machine: Any, octets: bytes) -> bytes:
    """What the machine answers."""
    step = machine.receive(gsakmp.parse(octets), octets, NOW, HERE, THERE)
    return step.send[0] if step.send else b""


@pytest.mark.parametrize("path", recordings())
def test_we_in_the_initiators_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recording(path)
    kind = AggressiveModeInitiator if recorded.aggressive else MainModeInitiator
    machine: Any = kind(
        recorded.configuration(0), local=HERE, remote=THERE, random=recorded.source(0, monkeypatch), now=NOW
    )
    (offered,) = (p for p in gsakmp.parse(recorded.wire[0]).payloads if isinstance(p, SA))
    machine._offered = offered  # its transform has the number 0, and the lifetime as TV
    sent = [*machine.start(NOW).send]
    for octets in recorded.wire[1::2]:
        sent.append(given(machine, octets))
    assert [octets.hex() for octets in sent if octets] == [octets.hex() for octets in recorded.wire[::2]]
    assert machine.sa.last_block == recorded.wire[-1][-8:]
    assert machine.sa.peer.identity == recorded.identities[1]
    assert machine.sa.extensions.initial_contact == (not recorded.aggressive)


@pytest.mark.parametrize("path", recordings())
def test_we_in_the_responders_place(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recorded = Recording(path)
    configuration = recorded.configuration(1)
    options: Any = {
        "local": THERE,
        "remote": HERE,
        "random": recorded.source(1, monkeypatch),
        "now": NOW,
    }
    first, cookie = recorded.wire[0], recorded.cookies[1]
    machine: Any
    if recorded.aggressive:
        machine = AggressiveModeResponder(configuration, **options)
        sent = []
        received = recorded.wire[::2]
    else:
        machine = MainModeResponder(configuration, first, responder_cookie=cookie, **options)
        sent = [main.answer_offer(configuration, gsakmp.parse(first), first, cookie)]
        received = recorded.wire[2::2]
    sent += [given(machine, octets) for octets in received]
    assert [octets.hex() for octets in sent if octets] == [octets.hex() for octets in recorded.wire[1::2]]
    assert machine.sa.last_block == recorded.wire[-1][-8:]
    assert machine.sa.peer.identity == recorded.identities[0]
    assert machine.sa.lifetime_seconds == (3600 if "loopback" in path.stem else 60)


@pytest.mark.parametrize("path", recordings())
def test_the_grammars_know_the_recorded_messages(path: Path) -> None:
    recorded = Recording(path)
    tables = (
        [grammar.AGGRESSIVE_1, grammar.aggressive_2(SHARED), grammar.aggressive_3(SHARED, True)]
        if recorded.aggressive
        else [
            *(grammar.MAIN_1, grammar.MAIN_2, grammar.MAIN_3, grammar.MAIN_4),
            *(grammar.main_5(SHARED), grammar.main_6(SHARED)),
        ]
    )
    for table, wire, plain in zip(tables, recorded.wire, recorded.plain, strict=True):
        message = gsakmp.parse(wire)
        table.check(message.with_plaintext(plain) if message.encrypted else message)


# -- the same without us -------------------------------------------------------------------------------


def prf(key: bytes, *parts: bytes) -> bytes:
    return hmac.new(key, b"".join(parts), hashlib.sha256).digest()


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_everything_computed_anew(aggressive: bool) -> None:
    """SKEYID and its children, the IV, HASH_I and HASH_R (RFC 2409, 5 and appendix B), from the octets of the
    wire, the pre-shared key and the responder's private value, with Python's own HMAC and `pow`."""
    exchange = pair(suites=("aes-128-sha256-group14",), aggressive=aggressive)
    responder: Any = exchange.run(until=1 if aggressive else 3).receiver(3)
    theirs, drawn = responder._random, []

    def watched(count: int) -> bytes:
        drawn.append(theirs(count))
        return drawn[-1]

    responder._random = watched
    exchange.run()
    (private,) = (int.from_bytes(octets, "big") for octets in drawn if len(octets) == 40)

    wire = exchange.sent
    chains = [split(octets[16], octets[28:])[0] for octets in wire if not octets[19] & 1]
    of_initiator, of_responder = chains[:2] if aggressive else chains[2:4]
    gxi, gxr = (body(chain, PayloadType.KEY_EXCHANGE) for chain in (of_initiator, of_responder))
    ni, nr = (body(chain, PayloadType.NONCE) for chain in (of_initiator, of_responder))
    assert int.from_bytes(gxr, "big") == pow(2, private, MODP_2048)
    gxy = pow(int.from_bytes(gxi, "big"), private, MODP_2048).to_bytes(256, "big")
    cookies, sa = wire[1][:16], body(chains[0], PayloadType.SA)

    skeyid = prf(b"a key of some length", ni, nr)
    skeyid_d = prf(skeyid, gxy, cookies, b"\0")
    skeyid_a = prf(skeyid, skeyid_d, gxy, cookies, b"\1")
    skeyid_e = prf(skeyid, skeyid_a, gxy, cookies, b"\2")
    for machine in (exchange.initiator, exchange.responder):
        keys = machine.sa.keys
        assert (keys.skeyid_d, keys.skeyid_a, keys.skeyid_e) == (skeyid_d, skeyid_a, skeyid_e)

    iv = hashlib.sha256(gxi + gxr).digest()[:16]
    for number in (2,) if aggressive else (4, 5):
        decryptor = Cipher(AES(skeyid_e[:16]), CBC(iv)).decryptor()
        plain = decryptor.update(wire[number][28:]) + decryptor.finalize()
        iv = wire[number][-16:]
        chains.append(split(wire[number][16], plain)[0])
    identity_i = body(of_initiator if aggressive else chains[-2], PayloadType.IDENTIFICATION)
    identity_r = body(of_responder if aggressive else chains[-1], PayloadType.IDENTIFICATION)
    hash_i = prf(skeyid, gxi, gxr, cookies, sa, identity_i)
    hash_r = prf(skeyid, gxr, gxi, cookies[8:], cookies[:8], sa, identity_r)
    from_initiator, from_responder = (chains[-1], of_responder) if aggressive else chains[-2:]
    assert body(from_initiator, PayloadType.HASH) == hash_i
    assert body(from_responder, PayloadType.HASH) == hash_r
    assert exchange.initiator.sa.last_block == iv
