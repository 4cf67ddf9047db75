"""ASN.1 as plain words, for views. Nothing here decides anything: what can't be read says so."""

from __future__ import annotations

__all__ = ["name_text", "names_text", "oid_text"]

UNREADABLE = "not readable as DER"
LONGEST = 4096  # octets that are read for a view; no name that means anything is longer


def name_text(der: bytes) -> str:
    """A distinguished name (RFC 5280, 4.1.2.4)."""
    if len(der) > LONGEST:
        return UNREADABLE
    from asn1crypto import x509  # slow to import, and few messages hold a name

    try:
        return str(x509.Name.load(der, strict=True).human_friendly)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return UNREADABLE


def names_text(der: bytes) -> str:
    """A general name (RFC 5280, 4.2.1.6): its sort and its value."""
    if len(der) > LONGEST:
        return UNREADABLE
    from asn1crypto import x509

    try:
        name = x509.GeneralName.load(der, strict=True)
        value = name.chosen.human_friendly if name.name == "directory_name" else name.native
        return f"{name.name}: {value}"
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return UNREADABLE


def oid_text(der: bytes) -> str:
    """An object identifier in dotted form."""
    if len(der) > LONGEST:
        return UNREADABLE
    from asn1crypto import core

    try:
        return str(core.ObjectIdentifier.load(der, strict=True).dotted)
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return UNREADABLE
