"""``gsakmp gcks init``: a folder with a configuration that works, and fresh keys."""

from __future__ import annotations

import json
import os
import shlex
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from gsakmp.crypto import system_random
from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address

__all__ = ["Initial", "write"]

KEY_OCTETS: Final = 32
"""Of the pre-shared key."""

GCKS: Final = """\
# A key server with one group. examples/gcks.toml in gsakmp's source explains every key there is.
# Run it:  gsakmp gcks run {run}
# Ask it:  gsakmp gcks groups --socket {ask}

identity = "fqdn:gcks.{group}.example"

# One key for all members: who has it can pose as the key server. Certificates, as examples/gcks.toml shows
# them, are the better choice beyond a first try.
[[credentials.shared_keys]]
file = "shared.key"

[listen]
addresses = [{address}]
port = {port}
{nat}
[store]
path = "gcks.store"
key_file = "gcks.sealing-key"

[control]
socket = "gcks.sock"

[[groups]]
name = {name}
identity = "{identity}"
forward_rekey = true
backward_rekey = "off"

[[groups.members]]
identity = "fqdn:*.{group}.example"

[[groups.rekey]]
source = {address}
source_port = {port}
destination = {pushes}
destination_port = {port}
encryption = "aes-128-cbc"
signature = "ecdsa-256-sha256"
lifetime = 86400
management = "lkh"  # a tree of keys: when one is put out, the others go on without registering again
acknowledgement = "sha256"

[[groups.data]]
encryption = "aes-gcm-128"
lifetime = 3600

[groups.data.selector]
destination = "ipv4:{data}"
"""

MEMBER: Final = """\
# A member of the group. Copy this file and shared.key to the member, and give it an identity of its own; on
# one host, each member wants a control socket of its own as well.
# Run it:  gsakmp member run member.toml

identity = "fqdn:member-1.{group}.example"

[[credentials.shared_keys]]
file = "shared.key"

[registration]
gcks = ["{host}:{port}"]
gcks_identity = "fqdn:gcks.{group}.example"
group = "{identity}"

[listen]
addresses = [{own}]
port = 0
{nat}
[control]
socket = "member.sock"
"""


ONE_HOST: Final = """
[phase1]
nat_traversal = false  # on one host, key server and members can't both have UDP port 4500

[multicast]
interface = "lo"
"""


@dataclass(frozen=True, slots=True, kw_only=True)
class Initial:
    """What the files are to say."""

    group: str
    address: str
    port: int
    pushes: str
    data: str


def write(folder: Path, initial: Initial) -> list[str]:
    """Make the files; what to say about them. Raises `ConfigurationError`, and nothing was made then but
    perhaps the folder."""
    values = checked(initial)
    if not str(folder).isprintable():  # it is to stand in a comment of one line
        raise ConfigurationError(f"{str(folder)!r}: a folder whose name can be printed is wanted")
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        if any(folder.iterdir()):
            raise ConfigurationError(f"{folder} is not empty; nothing was changed")
        fill(folder, values, made)
    except (OSError, ConfigurationError) as error:
        for path in made:
            path.unlink(missing_ok=True)
        if isinstance(error, OSError):
            raise ConfigurationError(f"{error.filename or folder}: {error.strerror}") from None
        raise
    run, member = (shlex.quote(str(folder / name)) for name in ("gcks.toml", "member.toml"))
    return [
        f"{folder}/gcks.toml         the key server:  gsakmp gcks run {run}",
        f"{folder}/member.toml       a member:        gsakmp member run {member}",
        f"{folder}/shared.key        the key that members share with it; keep it secret",
        f"{folder}/gcks.sealing-key  seals the keys in the store; keep a copy elsewhere",
    ]


def fill(folder: Path, values: dict[str, object], made: list[Path]) -> None:
    """The four files; `made` gets each before it is begun. Raises `OSError` or `ConfigurationError`."""
    from gsakmp.store import generate_key_file

    run, ask = (shlex.quote(str(folder / name)) for name in ("gcks.toml", "gcks.sock"))
    made.append(folder / "gcks.sealing-key")
    generate_key_file(made[-1])
    for name, text, mode in (
        ("shared.key", f"0x{system_random(KEY_OCTETS).hex()}\n", 0o600),
        ("gcks.toml", GCKS.format(run=run, ask=ask, **values), 0o644),
        ("member.toml", MEMBER.format(**values), 0o644),
    ):
        made.append(folder / name)
        put(made[-1], text, mode)


def checked(initial: Initial) -> dict[str, object]:
    """The values for the templates. Raises `ConfigurationError` for what does not belong there."""
    if not (initial.group.isascii() and initial.group.replace("-", "").isalnum()):
        raise ConfigurationError(f"--group {initial.group!r}: ASCII letters, digits and hyphens are wanted")
    address = named("address", initial.address, initial.port)
    hosts = {name: named(name, getattr(initial, name)).host for name in ("pushes", "data")}
    for name, group in hosts.items():
        if not group.is_multicast or group.version != 4:
            raise ConfigurationError(f"--{name} {group}: an IPv4 multicast address (224.0.0.0/4) is wanted")
    if hosts["pushes"] == hosts["data"]:
        raise ConfigurationError(f"--pushes and --data: {hosts['data']} can't be both")
    if address.host.version != 4 or address.port != initial.port:
        raise ConfigurationError(f"--address {initial.address}: an IPv4 address without a port is wanted")
    if address.host.is_unspecified or address.host.is_multicast:
        raise ConfigurationError(
            f"--address {initial.address}: the one address of this host where members find it is wanted"
        )
    host = str(address.host)
    return {
        "group": initial.group,
        "name": json.dumps(initial.group),
        "identity": f"key-id:0x{system_random(4).hex()}",
        "address": json.dumps(host),
        "host": host,
        "own": json.dumps(host if address.host.is_loopback else "0.0.0.0"),
        "nat": ONE_HOST if address.host.is_loopback else "",
        "port": initial.port,
        "pushes": json.dumps(str(hosts["pushes"])),
        "data": str(hosts["data"]),
    }


def named(option: str, text: str, port: int = 0) -> Address:
    """The address that an option gives. Raises `ConfigurationError` with its name."""
    try:
        return Address.from_text(text, port)
    except ConfigurationError as error:
        raise ConfigurationError(f"--{option}: {error}") from None


def put(path: Path, text: str, mode: int) -> None:
    with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, mode), "w", encoding="utf-8") as file:
        file.write(text)
