"""Which policy a member takes (RFC 6407, 3.3), and what its status says."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import msgspec
import pytest

from gsakmp.errors import ConfigurationError, PolicyRefused
from gsakmp.group.member import Acceptance
from gsakmp.group.sa import GSA
from gsakmp.group.strengths import data_strength, rekey_strength
from gsakmp.registries import (
    AHTransformID,
    AuthenticationAlgorithm,
    ESPTransformID,
    KEKAlgorithm,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)
from tests.unit.group.member_world import GCM, SUITE, World, data, rekey

PLAIN = GSA(rekey=(rekey(1),), data=(data(10),))
AES_256 = rekey(1, suite=replace(SUITE, key_length=256), key=bytes(48))
TRIPLE_DES = rekey(
    1, suite=replace(SUITE, encryption=KEKAlgorithm.KEK_ALG_3DES, key_length=192), key=bytes(range(32))
)
AH = data(
    10,
    protocol=TEKProtocolID.GDOI_PROTO_IPSEC_AH,
    transform_id=AHTransformID.AH_SHA2_256,
    key_length=None,
    integrity=AuthenticationAlgorithm.HMAC_SHA2_256,
)
NULL = data(10, transform_id=ESPTransformID.ESP_NULL, key_length=None)
UNCHECKED = data(10, integrity=None)
RSA = replace(
    SUITE,
    signature=SigAlgorithm.SIG_ALG_RSA,
    signature_hash=SigHashAlgorithm.SIG_HASH_SHA256,
    signature_key_length=2_048,
)


@pytest.mark.parametrize(
    ("acceptance", "offered"),
    [
        ({}, PLAIN),
        ({}, GSA(data=(data(10),))),
        ({}, GSA(data=(AH,))),
        ({}, GSA(data=(NULL,))),
        ({}, GSA(rekey=(rekey(1, suite=RSA),))),
        ({"rekey": "required"}, PLAIN),
        ({"rekey": "forbidden"}, GSA(data=(data(10),))),
        ({"kek_strength": 256}, GSA(rekey=(AES_256,))),
        ({"tek_strength": 128, "integrity_strength": 128}, PLAIN),
        ({"integrity_strength": 0}, GSA(data=(UNCHECKED,))),
        ({"kek_ciphers": ("aes-128-cbc",), "signatures": ("ecdsa-256-sha256",)}, PLAIN),
        ({"data_ciphers": ("aes-cbc-128",), "data_integrity": ("hmac-sha256",)}, PLAIN),
        ({"data_ciphers": ("aes-gcm-128",)}, GSA(data=(AH,))),
        ({"destinations": ("239.2.0.0/16", "239.1.0.0/16")}, PLAIN),
        ({"destinations": ("239.1.0.0/16",)}, GSA(data=(data(10, to="ipv4-subnet:239.1.2.0/24"),))),
        ({"destinations": ("239.1.0.0/16",)}, GSA(data=(data(10, to="ipv4-range:239.1.0.0-239.1.255.255"),))),
        ({"destinations": ("ff05::/16",)}, GSA(data=(data(10, to="ipv6-subnet:ff05::/64"),))),
        ({"rekey_destinations": ("239.192.0.0/16",)}, PLAIN),
        ({"allow_weak": True}, GSA(rekey=(TRIPLE_DES,))),
        ({"longest_tek_lifetime": 3_600, "longest_kek_lifetime": 86_400}, PLAIN),
    ],
)
def test_taken(acceptance: dict[str, Any], offered: GSA) -> None:
    World(Acceptance(**acceptance)).consider(offered)


@pytest.mark.parametrize(
    ("acceptance", "offered", "problem"),
    [
        ({"rekey": "required"}, GSA(data=(data(10),)), "no Rekey SA"),
        ({"rekey": "forbidden"}, PLAIN, "a Rekey SA"),
        ({"kek_strength": 256}, PLAIN, "aes-128-cbc is worth 128 bits, at least 256"),
        ({"signature_strength": 129}, PLAIN, "ecdsa-256-sha256 is worth 128"),
        ({"signature_strength": 113}, GSA(rekey=(rekey(1, suite=RSA),)), "rsa-2048-sha256 is worth 112"),
        ({"tek_strength": 192}, PLAIN, "aes-cbc-128 is worth 128"),
        ({"tek_strength": 1}, GSA(data=(AH,)), "AH is worth 0"),
        ({"tek_strength": 1}, GSA(data=(NULL,)), "null is worth 0"),
        ({}, GSA(data=(UNCHECKED,)), r"integrity \(aes-cbc-128\) is worth 0"),
        ({"integrity_strength": 192}, PLAIN, r"integrity \(hmac-sha256\) is worth 128"),
        ({"kek_ciphers": ("aes-256-cbc",)}, PLAIN, "uses aes-128-cbc"),
        ({"signatures": ("ecdsa-384-sha384",)}, PLAIN, "uses ecdsa-256-sha256"),
        ({"data_ciphers": ("aes-gcm-128",)}, PLAIN, "uses aes-cbc-128"),
        ({"data_ciphers": ("aes-gcm-128",)}, GSA(data=(NULL,)), "uses null"),
        ({"data_integrity": ("hmac-sha384",)}, PLAIN, "uses hmac-sha256"),
        ({"protocols": ("ah",)}, PLAIN, "protocol esp"),
        ({"protocols": ("esp",)}, GSA(data=(AH,)), "protocol ah"),
        ({"longest_kek_lifetime": 86_399}, PLAIN, "86400 seconds"),
        ({"longest_tek_lifetime": 3_599}, PLAIN, "3600 seconds"),
        ({"destinations": ("239.2.0.0/16",)}, PLAIN, "239.1.1.1"),
        (
            {"destinations": ("239.1.1.0/24",)},
            GSA(data=(data(10, to="ipv4-subnet:239.1.0.0/16"),)),
            "239.1.0.0/16",
        ),
        (
            {"destinations": ("239.1.1.0/24",)},
            GSA(data=(data(10, to="ipv4-range:239.1.1.0-239.1.2.0"),)),
            "239.1.2.0",
        ),
        ({"destinations": ("::/0",)}, PLAIN, "239.1.1.1"),
        ({"destinations": ("0.0.0.0/0",)}, GSA(data=(data(10, to="fqdn:group.example"),)), "group.example"),
        ({"rekey_destinations": ("239.193.0.0/16",)}, PLAIN, "239.192.1.1"),
        ({}, GSA(rekey=(TRIPLE_DES,)), "weak"),
    ],
)
def test_refused(acceptance: dict[str, Any], offered: GSA, problem: str) -> None:
    world = World(Acceptance(**acceptance))
    with pytest.raises(PolicyRefused, match=problem):
        world.consider(offered)


def test_push_is_held_to_the_same() -> None:
    world = World(Acceptance(destinations=("239.1.0.0/16",), rekey="required"))
    world.register(rekey=[rekey(1)], data=[data(10)])
    with pytest.raises(PolicyRefused, match=r"239\.2\.0\.1"):
        world.push(1, 1, data=[data(20, to="ipv4:239.2.0.1")])
    world.push(1, 1, data=[data(20)])  # a push needs no SA KEK


def test_acceptance_of_the_moment_counts() -> None:
    world = World()
    world.register(rekey=[rekey(1)], data=[data(10)])
    world.member.acceptance = Acceptance(tek_strength=256)
    with pytest.raises(PolicyRefused):
        world.push(1, 1, data=[data(20)])


@pytest.mark.parametrize(
    "wrong",
    [
        {"kek_ciphers": ("aes",)},
        {"signatures": ("rsa",)},
        {"data_ciphers": ("aes-128-cbc",)},
        {"data_integrity": ("sha256",)},
        {"destinations": ("239.0.0.0/33",)},
        {"rekey_destinations": ("239.1.1.1/8",)},
        {"sources": ("10.0.0.1",)},
    ],
)
def test_configuration_that_names_nothing(wrong: dict[str, Any]) -> None:
    with pytest.raises(ConfigurationError):
        Acceptance(**wrong)


def test_acceptance_from_toml() -> None:
    text = b'rekey = "required"\ndestinations = ["239.0.0.0/8"]\nkek_strength = 128\n'
    read = msgspec.toml.decode(text, type=Acceptance)
    assert read == Acceptance(rekey="required", destinations=("239.0.0.0/8",), kek_strength=128)
    with pytest.raises(msgspec.ValidationError):
        msgspec.toml.decode(b"kek_strenght = 128\n", type=Acceptance)


def test_strengths_of_what_came() -> None:
    assert rekey_strength(replace(RSA, signature_key_length=3_071)).signature == 112
    assert rekey_strength(replace(RSA, signature_key_length=3_072)).signature == 128
    assert rekey_strength(replace(RSA, signature_key_length=0)).signature == 128  # SHA-256's
    with pytest.raises(PolicyRefused):
        rekey_strength(replace(RSA, signature_key_length=1_000))
    gcm = data_strength(data(10, transform=GCM))
    assert (gcm.confidentiality, gcm.integrity, gcm.counter_mode) == (128, 128, True)
    assert data_strength(AH).confidentiality == 0
    with pytest.raises(PolicyRefused):
        data_strength(data(10, transform_id=200))
    with pytest.raises(PolicyRefused):
        data_strength(data(10, integrity=200))


def test_status() -> None:
    world = World(spread=20.0)
    world.register(rekey=[rekey(1)], data=[data(10, transform=GCM)], seq=4, sids=[2, 3], atd=5, dtd=10)
    world.push(1, 6)
    status = world.member.status(world.now + 2)
    assert (status.registered_at, status.rekeys, status.sender_ids) == (1_000.0, 1, (2, 3))
    assert (status.activation_delay, status.deactivation_delay) == (5, 10)
    assert (status.registration, status.registration_in) == ("gap-in-sequence", 8.0)
    (kek,), (tek,) = status.rekey, status.data
    assert (kek.encryption, kek.signature, kek.sequence_number) == ("aes-128-cbc", "ecdsa-256-sha256", 6)
    assert (kek.destination, kek.remaining_seconds) == ("ipv4:239.192.1.1", 86_398)
    assert (tek.cipher, tek.lifecycle, tek.sends, tek.counter_mode) == ("aes-gcm-128", "pending", True, True)
