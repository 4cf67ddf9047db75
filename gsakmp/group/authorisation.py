"""Whether somebody may be in a group: the policy's patterns, and what phase 1 proved (RFC 6407, 3.4)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Final

from cryptography import x509

from gsakmp.errors import ConfigurationError, PolicyRefused
from gsakmp.group.checks import required_registration_strength
from gsakmp.group.phase1_suites import CREDENTIALS
from gsakmp.group.policy import GroupPolicy, MemberPolicy
from gsakmp.identities import Identity
from gsakmp.registries import AuthenticationMethod

__all__ = ["Admissions", "admitted", "matches"]

WITHOUT_CASE: Final = frozenset({"fqdn", "user-fqdn"})
"""Types of identity in which upper and lower case are one: the names of DNS."""

TEXT_NAMES: Final = (x509.DNSName, x509.RFC822Name, x509.UniformResourceIdentifier, x509.IPAddress)
"""Kinds of alternative names that a pattern can be about."""


def admitted(policy: GroupPolicy, identity: Identity, certificate: x509.Certificate | None) -> MemberPolicy:
    """The first entry of `policy.members` that fits the identity that phase 1 has proved, and the certificate
    that proved it (None for a pre-shared key). An entry with both patterns wants both to fit.

    Raises `PolicyRefused` for a stranger.
    """
    return Admissions(policy).admitted(identity, certificate)


class Admissions:
    """Whom a policy admits. Entries that are for one identity are looked up: a list of thousands is not
    walked for each who comes."""

    def __init__(self, policy: GroupPolicy) -> None:
        self.policy = policy
        self._places: dict[Identity | str, int] = {}
        self._patterns: list[tuple[int, MemberPolicy]] = []
        for place, member in enumerate(policy.members):
            one = _one_identity(member)
            if one is not None:
                self._places.setdefault(one, place)
            elif member.identity or member.certificate:
                self._patterns.append((place, member))

    def admitted(self, identity: Identity, certificate: x509.Certificate | None) -> MemberPolicy:
        """See the function `admitted`."""
        found = self._places.get(_folded(identity))
        for place, member in self._patterns:
            if found is not None and place > found:
                break
            if _fits(member, identity, certificate):
                return member
        if found is None:
            raise PolicyRefused(f"{identity} may not be a member of the group {self.policy.name!r}")
        return self.policy.members[found]

    def check_sa(self, suite: str, method: AuthenticationMethod, strength: int) -> None:
        """Whether an established ISAKMP SA may carry this group's registration: a key server's phase 1 serves
        all its groups, each of which may want more. `strength` is in bits, those of its weakest part.

        Raises `PolicyRefused` with what is wanted.
        """
        name, wanted = self.policy.name, self.policy.registration
        if suite not in wanted.proposals:
            raise PolicyRefused(f"{name!r} is not registered for under {suite}")
        if method not in {CREDENTIALS[name] for name in wanted.credentials}:
            raise PolicyRefused(f"{name!r} wants another credential than {method.name}")
        if strength < self._least_strength:
            raise PolicyRefused(
                f"an ISAKMP SA of {strength} bits for {name!r}, whose keys need {self._least_strength} "
                "(RFC 6407, 7.1.2)"
            )

    @cached_property
    def _least_strength(self) -> int:
        return required_registration_strength(self.policy)


def _fits(member: MemberPolicy, identity: Identity, certificate: x509.Certificate | None) -> bool:
    if member.identity and not _identity_fits(member.identity, identity):
        return False
    return not member.certificate or _certificate_fits(member.certificate, certificate)


def _one_identity(member: MemberPolicy) -> Identity | str | None:
    """The identity that an entry is for, as `_folded` has it; None for patterns, and where a certificate has
    its say."""
    if not member.identity or member.certificate or "*" in member.identity:
        return None
    try:
        return _folded(Identity.from_text(member.identity))
    except ConfigurationError:
        return None


def _folded(identity: Identity) -> Identity | str:
    """Two identities are one if this is the same."""
    name = isinstance(identity.data, str) and identity.to_text()
    return name.lower() if name and name.partition(":")[0] in WITHOUT_CASE else identity


def matches(pattern: str, text: str) -> bool:
    """Whether the text is the pattern, in which each ``*`` stands for any characters, none included. It takes
    time in proportion to both, whatever they are."""
    first, *rest = pattern.split("*")
    if not rest:
        return text == pattern
    last = rest.pop()
    if len(text) < len(first) + len(last) or not (text.startswith(first) and text.endswith(last)):
        return False
    at, end = len(first), len(text) - len(last)
    for part in rest:
        found = text.find(part, at, end)
        if found < 0:
            return False
        at = found + len(part)
    return True


def _identity_fits(pattern: str, identity: Identity) -> bool:
    kind, _, wanted = pattern.partition(":")
    found_kind, _, found = identity.to_text().partition(":")
    if kind != found_kind:
        return False
    if kind in WITHOUT_CASE:
        # Octets that are no name are shown in hex, which is not what a pattern for names is about.
        return isinstance(identity.data, str) and matches(wanted.lower(), found.lower())
    if "*" in wanted:
        return matches(wanted, found)
    return Identity.from_text(pattern) == identity


def _certificate_fits(pattern: str, certificate: x509.Certificate | None) -> bool:
    """A pattern with ``=`` is for the subject, any other for an alternative name: so that a star never
    reaches from one sort of name into the other."""
    if certificate is None:
        return False
    if "=" in pattern:
        try:
            return matches(pattern, certificate.subject.rfc4514_string())
        except ValueError:
            return False
    return any(matches(pattern.lower(), name.lower()) for name in _alternative_names(certificate))


def _alternative_names(certificate: x509.Certificate) -> Iterator[str]:
    """DNS names, mail addresses, URIs and IP addresses; none where the extension is missing or broken."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        for name in names:
            if isinstance(name, TEXT_NAMES):
                yield str(name.value)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, ValueError):
        return
