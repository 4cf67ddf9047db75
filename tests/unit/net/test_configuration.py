"""Configuration files: what is in them arrives, and each error names file, key and what is allowed."""

from __future__ import annotations

import os
import tomllib
from ipaddress import IPv4Address, IPv6Address
from pathlib import Path
from typing import Any

import msgspec
import pytest

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.making import DATA_SAS
from gsakmp.identities import Identity
from gsakmp.net.configuration import load_gcks, load_member
from gsakmp.net.schema import GCKSFile, MemberFile
from gsakmp.net.toml import Document
from gsakmp.registries import AuthenticationMethod, DOINumber
from tests.unit.net.files import (
    EXAMPLES,
    GCKS,
    MEMBER,
    SECRET,
    SHARED_KEY,
    configuration,
    edited,
    folder_of,
    private,
    write,
)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return folder_of(tmp_path)


def gcks_problem(folder: Path, text: str | bytes) -> str:
    path = write(folder / "gcks.toml", text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ConfigurationError) as caught:
        load_gcks(path)
    return told(caught.value, path)


def member_problem(folder: Path, text: str) -> str:
    path = configuration(folder, text)
    with pytest.raises(ConfigurationError) as caught:
        load_member(path)
    return told(caught.value, path)


def told(error: ConfigurationError, path: Path) -> str:
    """What follows the file's name."""
    start = f"{path}: "
    assert str(error).startswith(start), error
    assert SECRET not in str(error)
    return str(error).removeprefix(start)


# -- what is in a file arrives ---------------------------------------------------------------------------


def test_a_gcks(folder: Path) -> None:
    text = edited(
        GCKS,
        "[multicast]\n" if "[multicast]" in GCKS else "[store]",
        '[multicast]\nttl = 7\ninterface = "lo"\n[store]',
    )
    text = edited(text, 'addresses = ["127.0.0.1"]', 'addresses = ["127.0.0.1:1000", "[::1]:2000", "::1"]')
    text = edited(text, "port = 0", "port = 3000")
    found = load_gcks(configuration(folder, text))
    assert found.store == folder / "gcks.store"
    assert found.store_key == folder / "sealing.key"
    assert found.shell.control == folder / "gcks.sock"
    assert found.shell.listen == (
        Address(IPv4Address("127.0.0.1"), 1000),
        Address(IPv6Address("::1"), 2000),
        Address(IPv6Address("::1"), 3000),
    )
    assert (found.shell.multicast.interface, found.shell.multicast.ttl) == ("lo", 7)
    assert found.shell.metrics is None
    assert found.shell.record is None  # off by default
    (policy,) = found.engine.groups
    assert (policy.name, policy.data[0].selector.destination) == ("plant", "ipv4:239.192.0.10")
    phase1 = found.engine.endpoint.phase1
    assert phase1.identity == Identity.from_text("fqdn:gcks.example")
    assert phase1.credentials.pre_shared_key(None, IPv4Address("127.0.0.9")) == SECRET.encode()
    assert [suite.name for suite in phase1.suites] == list(policy.registration.proposals)
    assert phase1.usable_methods == (AuthenticationMethod.PRE_SHARED_KEY,)
    assert not phase1.aggressive_responder
    assert SECRET not in repr(found)


def test_a_member(folder: Path) -> None:
    text = edited(MEMBER, "[phase1]", '[phase1]\naggressive = true\nsa_doi = "ipsec"\nlifetime = 600')
    text = edited(text, "[registration]", "[registration]\nretry = 3")
    found = load_member(configuration(folder, text + '[acceptance]\nprotocols = ["esp"]\n'))
    engine = found.engine
    assert engine.gcks == (Address(IPv4Address("127.0.0.1"), 10848),)
    assert engine.group.data == b"\0\0\x04\xd2"
    assert engine.acceptance.protocols == ("esp",)
    assert engine.retry_seconds == 3
    assert engine.endpoint.aggressive
    phase1 = engine.endpoint.phase1
    assert phase1.peer_identity == Identity.from_text("fqdn:gcks.example")
    assert (phase1.sa_doi, phase1.lifetime_seconds) == (DOINumber.IPSEC, 600)
    assert not found.leave_at_stop


def test_nat_traversal_listens_on_4500_as_well(folder: Path) -> None:
    text = edited(MEMBER, "nat_traversal = false", "nat_traversal = true")
    assert [one.port for one in load_member(configuration(folder, text)).shell.listen] == [0, 4500]


def test_certificates(folder: Path) -> None:
    text = edited(
        MEMBER,
        SHARED_KEY,
        'private_key = "pump-7.key"\ncertificates = ["pump-7.pem"]\nauthorities = ["authority.pem"]\n'
        'revocation_lists = ["authority.crl"]\n',
    )
    phase1 = load_member(configuration(folder, text)).engine.endpoint.phase1
    assert phase1.usable_methods == (AuthenticationMethod.ECDSA_SHA256_P256,)
    credentials = phase1.credentials
    assert [found.subject.rfc4514_string() for found in credentials.certificates] == ["CN=pump-7"]
    assert [found.subject.rfc4514_string() for found in credentials.authorities] == ["CN=authority"]
    assert len(credentials.revocation_lists) == 1


@pytest.mark.parametrize(
    ("written", "key"),
    [
        (b"text\n", b"text"),
        (b"two words \r\n", b"two words "),
        (b"0x00ff10\n", b"\0\xff\x10"),
        ("Schlüssel".encode(), "Schlüssel".encode()),
    ],
)
def test_shared_keys(folder: Path, written: bytes, key: bytes) -> None:
    private(folder / "shared.key", written)
    credentials = load_member(configuration(folder, MEMBER)).engine.endpoint.phase1.credentials
    assert credentials.pre_shared_key(None, IPv4Address("127.0.0.1")) == key


def test_an_inline_key_wants_a_private_file(folder: Path) -> None:
    path = configuration(folder, edited(MEMBER, 'file = "shared.key"', f'key = "{SECRET}"'))
    path.chmod(0o644)
    with pytest.raises(ConfigurationError) as caught:
        load_member(path)
    assert told(caught.value, path).startswith("credentials.shared_keys[0].key: ")
    assert "chmod 600" in str(caught.value)
    path.chmod(0o600)
    credentials = load_member(path).engine.endpoint.phase1.credentials
    assert credentials.shared_keys[0].key == SECRET.encode()


# -- the examples ----------------------------------------------------------------------------------------


def test_the_gcks_example_loads(folder: Path) -> None:
    path = write(folder / "gcks.toml", (EXAMPLES / "gcks.toml").read_bytes())
    found = load_gcks(path)
    assert [policy.name for policy in found.engine.groups] == ["plant"]
    assert len(found.engine.endpoint.phase1.usable_methods) == 2


def test_the_member_example_loads_and_fits_the_gcks(folder: Path) -> None:
    member = load_member(write(folder / "member.toml", (EXAMPLES / "member.toml").read_bytes())).engine
    gcks = load_gcks(write(folder / "gcks.toml", (EXAMPLES / "gcks.toml").read_bytes())).engine
    assert member.group.to_text() == gcks.groups[0].identity
    assert member.endpoint.phase1.peer_identity == gcks.endpoint.phase1.identity
    assert set(member.endpoint.phase1.suites) & set(gcks.endpoint.phase1.suites)


@pytest.mark.parametrize(("example", "form"), [("gcks.toml", GCKSFile), ("member.toml", MemberFile)])
def test_what_an_example_calls_a_default_is_one(example: str, form: Any) -> None:
    """Lines ``# key = value`` in the tables that have defaults, compared with those of the schema."""
    table: list[str] = []
    compared = 0
    for line in (EXAMPLES / example).read_text().splitlines():
        if line.removeprefix("# ").startswith("["):  # tables that are off are there as comments
            table = line.strip("#[] ").split(".")
            continue
        name, _, rest = line.removeprefix("# ").partition(" = ")
        if not line.startswith("# ") or not name.isidentifier() or "..." in rest:
            continue
        try:
            value = tomllib.loads(f"value = {rest}")["value"]
        except tomllib.TOMLDecodeError:
            continue
        fields = {found.encode_name: found for found in msgspec.structs.fields(kind_at(form, table))}
        assert name in fields, (table, name)
        default = fields[name].default
        if default is msgspec.NODEFAULT or default is None:
            continue  # an example for something that has no default
        default = list(default) if isinstance(default, tuple) else default
        if table[:1] != ["credentials"] and name != "certificate":  # those are examples
            assert value == default, (table, name)
            compared += 1
    assert compared >= 20


def kind_at(form: Any, table: list[str]) -> Any:
    """The struct of a table of the file."""
    if table == ["acceptance"]:
        return Acceptance
    kind: Any = msgspec.inspect.type_info(form)
    for name in table:
        field = next(found for found in kind.fields if found.encode_name == name)
        kind = field.type
        while not isinstance(kind, msgspec.inspect.StructType):
            if isinstance(kind, msgspec.inspect.Metadata):
                kind = kind.type
            elif isinstance(kind, msgspec.inspect.UnionType):
                kind = next(one for one in kind.types if not isinstance(one, msgspec.inspect.NoneType))
            else:
                kind = kind.item_type
    return kind.cls


# -- errors ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('identity = "fqdn:gcks.example"', "", "identity: this key is missing; it is a text that is not empty"),
        ('"fqdn:gcks.example"', '"gcks.example"', "identity: 'gcks.example' is no identity: one is type:data"),
        ('"fqdn:gcks.example"', "7", "identity: 7 is not allowed; it is a text that is not empty"),
        ('"fqdn:gcks.example"', '""', "identity: '' is not allowed; it is a text that is not empty"),
        ("port = 0", "port = 65536", "listen.port: 65536 is not allowed; it is a whole number of at least 0 and of at most 65535"),
        ("port = 0", 'port = "848"', "listen.port: '848' is not allowed; it is a whole number"),
        ("port = 0", "prot = 848", "listen.prot: there is no such key; a table of addresses, port"),
        ('["127.0.0.1"]', '["127.0.0.1", "localhost"]', "listen.addresses[1]: 'localhost' is no IP address"),
        ('["127.0.0.1"]', '["127.0.0.1:99999"]', "listen.addresses[0]: '127.0.0.1:99999': '99999' is no UDP port"),
        ('["127.0.0.1"]', '["239.1.1.1"]', "listen.addresses[0]: 239.1.1.1 is a multicast address"),
        ('["127.0.0.1"]', "[]", "listen.addresses: an array of 0 is not allowed; it is an array, each of it a text"),
        ('["127.0.0.1"]', '"127.0.0.1"', "listen.addresses: '127.0.0.1' is not allowed; it is an array"),
        ("nat_traversal = false", "nat_traversal = 0", "phase1.nat_traversal: 0 is not allowed; it is true or false"),
        ("nat_traversal = false", 'suites = ["aes-128-md6-group19"]', "phase1.suites[0]: "),
        ("nat_traversal = false", 'methods = ["password"]', "phase1.methods[0]: 'password' is not allowed; it is one of 'ecdsa-256', 'ecdsa-384', 'ecdsa-521', 'pre-shared-key', 'rsa-signature'"),
        ("nat_traversal = false", 'methods = ["ecdsa-256"]', "phase1: there is no key for any of the authentication methods"),
        ("nat_traversal = false", 'suites = ["3des-sha1-group2"]', "phase1: 3des-sha1-group2 is weak"),
        ("[store]", '[store]\nformat = "sqlite"', "store.format: there is no such key; a table of path, key_file"),
        ("[store]", "[multicast]\nttl = 256\n[store]", "multicast.ttl: 256 is not allowed; it is a whole number of at least 0 and of at most 255"),
        ("[store]", '[multicast]\ninterface = "none0"\n[store]', "multicast.interface: there is no interface 'none0'; there are lo (1)"),
        ("[store]", "[multicast]\ninterface = 99999\n[store]", "multicast.interface: there is no interface 99999; there are lo (1)"),
        ("[store]", '[metrics]\naddress = "192.0.2.1:9848"\n[store]', "metrics.address: 192.0.2.1:9848 is not allowed; it is a loopback address"),
        ("[store]", '[log]\nlevel = "loud"\n[store]', "log.level: 'loud' is not allowed; it is one of 'debug', 'error', 'info', 'warning'"),
        ("[store]", "[retransmission]\nfirst = 50\n[store]", "retransmission: retransmission: 0 < first <= maximum"),
        ("[store]", "[retransmission]\nfirst = nan\n[store]", "retransmission.first: "),
        ("[store]", "[limits]\nhalf_open = 0\n[store]", "limits.half_open: 0 is not allowed; it is a whole number of at least 1"),
        ("[store]", 'dialect = "x"\n[store]', "phase1.dialect: there is no such key"),
        ('file = "shared.key"', 'file = "none.key"', "credentials.shared_keys[0].file: the shared key file "),
        ('file = "shared.key"', 'file = "."', "credentials.shared_keys[0].file: the shared key file "),
        ('file = "shared.key"', "", "credentials.shared_keys[0]: a shared key has either file or key"),
        ('file = "shared.key"', "key = 77777", "credentials.shared_keys[0].key: this is not what it must be; it is a text that is not empty"),
        ('"127.0.0.0/8"', '"127.0.0.1/8"', "credentials.shared_keys[0]: '127.0.0.1/8' is no address and no network"),
        ('"127.0.0.0/8"', '"127.0.0.0/8"\nsecret = "x"', "credentials.shared_keys[0].secret: there is no such key; a table of identity, address, file, key"),
        (f"[credentials]\n{SHARED_KEY}", f'credentials = "{SECRET}"', "credentials: this is not what it must be; it is a table of private_key"),
        (SHARED_KEY, f'shared_keys = ["{SECRET}"]', "credentials.shared_keys[0]: this is not what it must be; it is a table of identity, address, file, key"),
        (SHARED_KEY, "", "credentials: there is neither a private_key with certificates nor any of shared_keys"),
        (SHARED_KEY, 'certificates = ["gcks.pem"]', "credentials.private_key: this key is missing"),
        (SHARED_KEY, 'private_key = "gcks.key"', "credentials.certificates: this key is missing"),
        (SHARED_KEY, 'private_key = "gcks.key"\ncertificates = ["gcks.pem"]', "credentials.authorities: this key is missing"),
        (SHARED_KEY, 'private_key = "pump-7.key"\ncertificates = ["gcks.pem"]\nauthorities = ["authority.pem"]', "credentials: the first certificate is not that of the private key"),
        (SHARED_KEY, 'private_key = "gcks.pem"\ncertificates = ["gcks.pem"]\nauthorities = ["authority.pem"]', "credentials.private_key: others may read or change the private key file"),
        (SHARED_KEY, 'private_key = "shared.key"\ncertificates = ["gcks.pem"]\nauthorities = ["authority.pem"]', "credentials.private_key: "),
        (SHARED_KEY, 'certificates = ["shared.key"]', "credentials.certificates[0]: the file "),
        (SHARED_KEY, 'revocation_lists = ["gcks.pem"]', "credentials.revocation_lists[0]: the file "),
        (SHARED_KEY, 'passphrase_file = "shared.key"', "credentials.passphrase_file: there is no private_key that it could open"),
        ('name = "plant"', "", "groups[0].name: this key is missing; it is a text"),
        ('name = "plant"', 'name = "plant"\nforward_rekey = "yes"', "groups[0].forward_rekey: 'yes' is not allowed; it is true or false"),
        ('name = "plant"', 'name = "plant"\nbackward_rekey = "on"', "groups[0].backward_rekey: 'on' is not allowed; it is one of 'new-data-keys', 'new-kek', 'off'"),
        ("[[groups.rekey]]", '[[groups.rekey]]\nencryption = "rot13"', "groups[0]: group 'plant': rekey[0]: "),
        ("[[groups.rekey]]", "[[groups.rekey]]\nlifetime = 1.5", "groups[0].rekey[0].lifetime: 1.5 is not allowed; it is a whole number"),
        ("[[groups.data]]", "[[groups.data]]\nsender_id_bits = 9", "groups[0].data[0].sender_id_bits: 9 is not allowed; it is one of 8, 12, 16"),
        ("[[groups.data]]", '[[groups.data]]\nencryption = "aes-gcm-256"', "groups[0]: group 'plant': "),
        ('"key-id:0x000004d2"', '"key-id:0xzz"', "groups[0]: group 'plant': 'key-id:0xzz' is no identity"),
    ],
)  # fmt: skip
def test_errors_of_a_gcks(folder: Path, old: str, new: str, problem: str) -> None:
    found = gcks_problem(folder, edited(GCKS, old, new))
    assert found.startswith(problem), found


def test_two_groups_need_two_names_and_identities(folder: Path) -> None:
    group = GCKS[GCKS.index("[[groups]]") :]
    assert gcks_problem(folder, GCKS + group).startswith(
        "groups[1].name: groups[0] has the name 'plant' already"
    )
    other = edited(group, '"plant"', '"other"')
    found = gcks_problem(folder, GCKS + other)
    assert found.startswith("groups[1].identity: groups[0] has the identity 'key-id:0x000004d2' already")
    many = ", ".join(f'"fqdn:sender{number}.example"' for number in range(DATA_SAS + 1))
    found = gcks_problem(folder, edited(GCKS, "[[groups.data]]", f"[[groups.data]]\nsenders = [{many}]"))
    assert found.startswith(f"groups[0]: plant: {DATA_SAS + 1} data SAs, one message has room for {DATA_SAS}")


@pytest.mark.parametrize(
    ("old", "new", "problem"),
    [
        ('["127.0.0.1:10848"]', "[]", "registration.gcks: an array of 0 is not allowed"),
        ('["127.0.0.1:10848"]', '["127.0.0.1:x"]', "registration.gcks[0]: '127.0.0.1:x': 'x' is no UDP port"),
        ('"key-id:0x000004d2"', '"4d2"', "registration.group: '4d2' is no identity"),
        ('"key-id:0x000004d2"', '"key-id:0x4d2f"', "registration.group: 'key-id:0x4d2f' is no group: a group identifier has four octets"),
        ("[registration]", "[registration]\nsender_ids = -1", "registration.sender_ids: -1 is not allowed; it is a whole number of at least 0"),
        ('"fqdn:gcks.example"', '"x"', "registration.gcks_identity: 'x' is no identity"),
        ("[registration]", "[registration]\nretry = 0", "registration.retry: 0 is not allowed; it is a number above 0"),
        ("[phase1]", '[acceptance]\nkek_ciphers = ["rot13"]\n[phase1]', "acceptance: 'rot13' is none of aes-128-cbc"),
        ("[phase1]", '[acceptance]\nrekey = "maybe"\n[phase1]', "acceptance.rekey: 'maybe' is not allowed; it is one of 'forbidden', 'optional', 'required'"),
        ("[phase1]", '[store]\npath = "x"\n[phase1]', "store: there is no such key; a table of identity, credentials, "),
        ('gcks_identity = "fqdn:gcks.example"\n', "", "registration.gcks_identity: this key is missing; without it"),
    ],
)  # fmt: skip
def test_errors_of_a_member(folder: Path, old: str, new: str, problem: str) -> None:
    found = member_problem(folder, edited(MEMBER, old, new))
    assert found.startswith(problem), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        (
            'identity = "a"\nidentity = "b"\n',
            "this is not TOML: Cannot overwrite a value (at line 2, column 15)",
        ),
        ("identity = \n", "this is not TOML: Invalid value (at line 1, column 12)"),
        (b"identity = '\xff'\n", "octet 12 is not UTF-8"),
        ("x = " + "[" * 100_000, "this is nested too deeply"),
        ("", "identity: this key is missing"),
    ],
)
def test_what_is_no_toml(folder: Path, text: str | bytes, problem: str) -> None:
    assert gcks_problem(folder, text).startswith(problem)


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o666])
def test_secrets_that_others_may_read(folder: Path, mode: int) -> None:
    (folder / "shared.key").chmod(mode)
    found = member_problem(folder, MEMBER)
    assert found.startswith("credentials.shared_keys[0].file: others may read or change the shared key file")
    assert f"mode {mode:04o}" in found


@pytest.mark.parametrize("written", [b"", b"\n", b"0x\n", b"0x123\n", b"0xzz\n"])
def test_shared_keys_that_are_none(folder: Path, written: bytes) -> None:
    private(folder / "shared.key", written)
    assert member_problem(folder, MEMBER).startswith("credentials.shared_keys[0].file: ")


@pytest.mark.parametrize("name", ["none.toml", ".", "fifo", "zero\0"])
def test_files_that_are_none(folder: Path, name: str) -> None:
    os.mkfifo(folder / "fifo")  # reading it must not wait for a writer
    with pytest.raises(ConfigurationError, match="the configuration file"):
        load_gcks(f"{folder}/{name}")


def test_a_file_without_end_is_not_read(folder: Path) -> None:
    with (folder / "long.toml").open("wb") as file:
        file.truncate(1 << 30)
    with pytest.raises(ConfigurationError, match="is longer than"):
        load_gcks(folder / "long.toml")


def test_a_pre_shared_key_too_short_for_the_groups_keys(folder: Path) -> None:
    """RFC 6407, 7.1.2: what would be refused to every member is told at the start."""
    private(folder / "short.key", b"0x0102030405060708\n")
    text = edited(GCKS, "shared.key", "short.key")
    assert gcks_problem(folder, text) == (
        "groups[0].registration: its keys need 128 bits, and the strongest credential that it allows has 64; "
        "a pre-shared key has 8 for each octet (RFC 6407, 7.1.2)"
    )


def test_the_home_folder_of_nobody(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"gcks\.toml: '~nobody-of-that-name/store' is the home"):
        Document(tmp_path / "gcks.toml").file("~nobody-of-that-name/store")
