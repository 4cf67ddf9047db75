"""The names of a certificate, octet for octet, as another parser of DER finds them."""

from __future__ import annotations

import datetime

import pytest
from asn1crypto import x509 as asn1
from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.serialization import Encoding

from gsakmp.exchanges import certificate_contents
from gsakmp.exchanges.certificate_contents import examined, subject_octets

KEY = ec.generate_private_key(ec.SECP256R1())
DAY = datetime.datetime(2030, 1, 1, tzinfo=datetime.UTC)
NAMES = {
    "empty": "",
    "short": "CN=a",
    "of two octets of length": f"CN={'a' * 64},O={'b' * 64},OU={'c' * 64}",
    "of three": ",".join(f"OU={number:064d}" for number in range(5)),
    "of several values": "CN=a+OU=b,DC=example",
    "not ASCII": "CN=Bücher,C=DE",
}


def certified(subject: str, issuer: str, serial: int) -> x509.Certificate:
    builder = x509.CertificateBuilder(
        issuer_name=x509.Name.from_rfc4514_string(issuer),
        subject_name=x509.Name.from_rfc4514_string(subject),
        public_key=KEY.public_key(),
        serial_number=serial,
        not_valid_before=DAY,
        not_valid_after=DAY + datetime.timedelta(days=1),
    )
    return builder.sign(KEY, SHA256())


@pytest.mark.parametrize("issuer", NAMES)
@pytest.mark.parametrize("subject", NAMES)
def test_names_as_another_parser_finds_them(subject: str, issuer: str) -> None:
    for serial in (1, 1 << 158):
        found = certified(NAMES[subject], NAMES[issuer], serial)
        fields = asn1.Certificate.load(found.public_bytes(Encoding.DER))["tbs_certificate"]
        said = examined(found)
        assert said.subject == subject_octets(found) == fields["subject"].dump()
        assert said.issuer == fields["issuer"].dump()


def test_what_is_no_sequence_is_refused() -> None:
    whole = certified("CN=a", "CN=b", 1).tbs_certificate_bytes
    for octets in (b"", b"\x30", b"\x30\x00", whole[:-1], whole[:40], b"\x30\x84\xff\xff\xff\xff"):
        with pytest.raises(ValueError, match=r"TBSCertificate|cut off"):
            certificate_contents._elements(octets)
