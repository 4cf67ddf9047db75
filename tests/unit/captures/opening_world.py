"""Captures and the secrets that open them."""

from __future__ import annotations

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from gsakmp.captures import Datagram, read
from gsakmp.captures.keyring import Keyring, Kind, Secret
from gsakmp.captures.opened import Opened
from gsakmp.captures.opening import Opener
from tests.conftest import PCAPS

LOGS = Path(__file__).parent / "logs"
SESSIONS = sorted(path.stem for path in (PCAPS / "gdoi").glob("*.json"))
LONG = "gdoi-pull-push-aes-cbc-sha256-rsa2048"
THREE_DES = "gdoi-pull-push-3des-sha1-rsa1024"
GAP = "gdoi-pull-gap"


@lru_cache
def recorded(name: str) -> dict[str, Any]:
    """What the daemon itself says of a session."""
    found: dict[str, Any] = json.loads((PCAPS / "gdoi" / f"{name}.json").read_text())
    return found


def logged(name: str, value: str) -> bytes:
    return next(bytes.fromhex(each["value"]) for each in recorded(name)["derived"] if each["name"] == value)


def cookies(name: str) -> str:
    second = recorded(name)["messages"][1]
    return f"{second['icookie']}:{second['rcookie']}"


def psk_and_dh(name: str) -> Keyring:
    """The pre-shared key and g^xy: of the daemon's private values none was logged."""
    return Keyring(
        [
            Secret(Kind.PSK, "*", recorded(name)["psk"].encode()),
            Secret(Kind.DH_SHARED, cookies(name), logged(name, "g^xy")),
        ]
    )


def some(name: str, *kinds: Kind) -> Keyring:
    """The daemon's own values of these kinds, and nothing else."""
    names = {
        Kind.SKEYID: "SKEYID",
        Kind.SKEYID_A: "SKEYID_a",
        Kind.SKEYID_D: "SKEYID_d",
        Kind.SKEYID_E: "SKEYID_e",
        Kind.ENCRYPTION_KEY: "key",
        Kind.DH_SHARED: "g^xy",
    }
    return Keyring(Secret(kind, cookies(name), logged(name, names[kind])) for kind in kinds)


@lru_cache
def datagrams(name: str) -> tuple[Datagram, ...]:
    return tuple(read(PCAPS / "gdoi" / f"{name}.pcap"))


def opened(name: str, keyring: Keyring | None = None, **options: Any) -> list[Opened]:
    opener = Opener(psk_and_dh(name) if keyring is None else keyring, **options)
    return list(opener.feed_all(datagrams(name)))


def verdicts(found: Opened) -> dict[str, bool | None]:
    return {check.name: check.passed for check in found.checks if check.name != "policy"}


def without(name: str, *numbers: int) -> list[Opened]:
    """The session with some frames lost; the result by the frames that are left."""
    opener = Opener(psk_and_dh(name))
    return [opener.feed(datagram) for datagram in datagrams(name) if datagram.frame not in numbers]


def at(found: list[Opened], frame: int) -> Opened:
    return next(each for each in found if each.datagram.frame == frame)


def flipped(datagram: Datagram, place: int) -> Datagram:
    """The datagram with one bit of the octet at `place` turned over."""
    octets = bytearray(datagram.octets)
    octets[place] ^= 1
    return Datagram(
        bytes(octets),
        datagram.frame,
        datagram.time,
        datagram.source_address,
        datagram.source_port,
        datagram.destination_address,
        datagram.destination_port,
    )
