"""A place on loopback, and the configuration of a key server there."""

from __future__ import annotations

import random
from dataclasses import dataclass
from pathlib import Path

from gsakmp.store import generate_key_file
from tests.ports import free_port

SECRET = b"a key that tests on loopback share"


@dataclass(frozen=True)
class Place:
    """Addresses that nothing else uses. `net` is the first three numbers of our 256."""

    folder: Path
    net: tuple[int, int]
    port: int
    pushes: str
    """The multicast group; another for each group of the key server, by its last number."""
    push_port: int

    @classmethod
    def drawn(cls, folder: Path, chance: random.Random) -> Place:
        """At random, where nobody listens."""
        net = chance.randrange(64, 250), chance.randrange(256)
        pushes = f"239.{chance.randrange(192, 252)}.{chance.randrange(1, 255)}"
        return cls(folder, net, free_port(f"127.{net[0]}.{net[1]}.1"), pushes, free_port("0.0.0.0"))

    @property
    def gcks(self) -> str:
        """The key server's address."""
        return f"127.{self.net[0]}.{self.net[1]}.1"

    def address(self, number: int) -> str:
        """That of a member, each its own as far as they go."""
        number += 2
        return f"127.{self.net[0]}.{(self.net[1] + number // 250) % 256}.{2 + number % 250}"

    def multicast(self, group: int) -> str:
        return f"{self.pushes}.{1 + group}"

    @property
    def control(self) -> Path:
        return self.folder / "control"

    @property
    def store(self) -> Path:
        return self.folder / "store"

    @property
    def sealing_key(self) -> Path:
        return self.folder / "sealing.key"

    @property
    def log(self) -> Path:
        return self.folder / "log"

    def write(self, groups: str) -> Path:
        """The configuration file, and the keys that it names. `groups` is its tables for the groups."""
        secret = self.folder / "shared.key"
        secret.touch(mode=0o600)
        secret.write_bytes(SECRET)
        generate_key_file(self.sealing_key)
        file = self.folder / "gcks.toml"
        file.write_text(CONFIGURATION.format(place=self) + groups)
        return file


CONFIGURATION = """
identity = "fqdn:gcks.example"

[credentials]
shared_keys = [{{ file = "shared.key" }}]

[listen]
addresses = ["{place.gcks}"]
port = {place.port}

[multicast]
interface = "lo"
ttl = 0

[phase1]
nat_traversal = false
suites = ["aes-128-sha256-group19"]

[retransmission]
first = 0.5

[store]
path = "store"
key_file = "sealing.key"

[control]
socket = "control"

[log]
file = "log"
format = "json"
level = "warning"
"""
