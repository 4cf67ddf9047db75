"""Keys, certificates and configurations to load, made in a folder."""

from __future__ import annotations

import datetime
import re
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from gsakmp.store import generate_key_file

EXAMPLES = Path(__file__).resolve().parents[3] / "examples"
SECRET = "correct horse battery staple"
NOW = datetime.datetime.now(datetime.UTC)

SHARED_KEY = '[[credentials.shared_keys]]\naddress = "127.0.0.0/8"\nfile = "shared.key"\n'
GCKS = f"""
identity = "fqdn:gcks.example"
[credentials]
{SHARED_KEY}
[listen]
addresses = ["127.0.0.1"]
port = 0
[phase1]
nat_traversal = false
[store]
path = "gcks.store"
key_file = "sealing.key"
[control]
socket = "gcks.sock"
[[groups]]
name = "plant"
identity = "key-id:0x000004d2"
[[groups.members]]
identity = "fqdn:*.plant.example"
[[groups.rekey]]
destination = "239.192.0.1"
destination_port = 10848
[[groups.data]]
[groups.data.selector]
destination = "ipv4:239.192.0.10"
"""
MEMBER = f"""
identity = "fqdn:pump-7.plant.example"
[registration]
gcks = ["127.0.0.1:10848"]
gcks_identity = "fqdn:gcks.example"
group = "key-id:0x000004d2"
[credentials]
{SHARED_KEY}
[listen]
addresses = ["127.0.0.1"]
port = 0
[phase1]
nat_traversal = false
[control]
socket = "member.sock"
"""


def folder_of(folder: Path) -> Path:
    """A folder with every file that the configurations here and the examples name."""
    private(folder / "shared.key", SECRET.encode() + b"\n")
    generate_key_file(folder / "sealing.key")
    authority = ec.generate_private_key(ec.SECP256R1())
    issuer = name("authority")
    write(folder / "authority.pem", certificate(issuer, issuer, authority, authority, authority=True))
    for who in ("gcks", "pump-7"):
        key = ec.generate_private_key(ec.SECP256R1())
        private(folder / f"{who}.key", key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
        write(folder / f"{who}.pem", certificate(name(who), issuer, key, authority))
    revoked = x509.CertificateRevocationListBuilder().issuer_name(issuer).last_update(NOW)
    revoked = revoked.next_update(NOW + datetime.timedelta(days=1))
    write(folder / "authority.crl", revoked.sign(authority, hashes.SHA256()).public_bytes(Encoding.PEM))
    return folder


def name(common: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, common)])


def certificate(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signer: ec.EllipticCurvePrivateKey,
    *,
    authority: bool = False,
) -> bytes:
    builder = x509.CertificateBuilder(issuer, subject, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(NOW).not_valid_after(NOW + datetime.timedelta(days=1))
    builder = builder.add_extension(x509.BasicConstraints(ca=authority, path_length=None), critical=True)
    return builder.sign(signer, hashes.SHA256()).public_bytes(Encoding.PEM)


def write(path: Path, octets: bytes) -> Path:
    path.write_bytes(octets)
    return path


def private(path: Path, octets: bytes) -> Path:
    path.touch(mode=0o600)
    return write(path, octets)


def configuration(folder: Path, text: str, name: str = "daemon.toml") -> Path:
    return write(folder / name, text.encode())


def edited(text: str, old: str, new: str) -> str:
    """`text` with one thing in it replaced; it must be there."""
    assert len(re.findall(re.escape(old), text)) >= 1, old
    return text.replace(old, new, 1)
