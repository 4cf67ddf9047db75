"""The Certificate and Certificate Request payloads (RFC 2408, 3.9 and 3.10)."""

from typing import TYPE_CHECKING, Annotated
from warnings import catch_warnings

from gsakmp.errors import DecodeError
from gsakmp.payloads.asn1 import name_text
from gsakmp.registries import CertificateEncoding, PayloadType
from gsakmp.wire import Code, GreedyBytes, Int8ub, Payload

if TYPE_CHECKING:
    from cryptography.x509 import Certificate as X509Certificate

__all__ = ["Certificate", "CertificateRequest"]

X509 = frozenset({CertificateEncoding.X509_SIGNATURE, CertificateEncoding.X509_KEY_EXCHANGE})


class Certificate(Payload, kind=PayloadType.CERTIFICATE, spec="RFC 2408, 3.9"):
    """A certificate, or something else that shows whose key is whose."""

    certificate_encoding: Annotated[CertificateEncoding, Code(Int8ub, CertificateEncoding), "its encoding"]
    certificate_data: Annotated[bytes, GreedyBytes, "the certificate, in that encoding"] = b""

    def x509(self) -> "X509Certificate":
        """The X.509 certificate. Raises `DecodeError` where the data is none."""
        from cryptography import x509  # slow to import, and few messages hold a certificate

        try:
            return x509.load_der_x509_certificate(self.certificate_data)
        except (ValueError, TypeError, x509.InvalidVersion) as exc:
            raise DecodeError(f"no X.509 certificate: {exc}", "certificate_data") from None

    def readings(self) -> dict[str, str]:
        """Subject, issuer, serial number and validity of an X.509 certificate."""
        if self.certificate_encoding not in X509:
            return {}
        try:
            with catch_warnings(action="ignore"):  # of what is odd in a certificate, which is only shown
                return {"certificate_data": self.described()}
        except (DecodeError, ValueError, TypeError) as exc:
            return {"certificate_data": str(exc)}

    def described(self) -> str:
        """What an X.509 certificate says of itself. Raises `DecodeError`."""
        found = self.x509()
        days = f"{found.not_valid_before_utc:%Y-%m-%d} to {found.not_valid_after_utc:%Y-%m-%d}"
        subject, issuer = found.subject.rfc4514_string(), found.issuer.rfc4514_string()
        return f"{subject}; issued by {issuer}; serial {found.serial_number:x}; {days}"


class CertificateRequest(Payload, kind=PayloadType.CERTIFICATE_REQUEST, spec="RFC 2408, 3.10"):
    """A wish for the other side's certificate, by a given authority if one is named."""

    certificate_type: Annotated[CertificateEncoding, Code(Int8ub, CertificateEncoding), "the encoding wanted"]
    certificate_authority: Annotated[
        bytes, GreedyBytes, "DER name of an acceptable authority, or nothing"
    ] = b""

    def readings(self) -> dict[str, str]:
        """The authority's name as text."""
        if self.certificate_type not in X509 or not self.certificate_authority:
            return {}
        return {"certificate_authority": name_text(self.certificate_authority)}
