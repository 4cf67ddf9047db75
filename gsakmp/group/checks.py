"""Whether a group's policy makes sense, before anybody is let in.

What the GSA paper demands is checked here: SA2 at least as strong as SA3, and SA1 at least as strong as
all that it carries. Like is compared with like: what hides with what hides, what proves with what proves.
Each refusal names both sides, by their place in the policy, and the rule.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv6Address, ip_address
from math import isfinite
from typing import Final

import msgspec
from msgspec.structs import fields

from gsakmp.crypto import kek_cipher
from gsakmp.errors import ConfigurationError
from gsakmp.group.period_checks import check_period_policies
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, RekeyPolicy
from gsakmp.group.rekey_checks import check_rekey_algorithm
from gsakmp.group.suites import KEK_CIPHERS, SIGNATURES, data_selectors, data_suite, rekey_suite
from gsakmp.identities import NAMES, Identity

__all__ = ["check_policy", "required_registration_strength"]

SECONDS: Final = 0xFFFF_FFFF
"""Longest lifetime: KEK_KEY_LIFETIME has 4 octets (RFC 6407, 5.3.4)."""
DELAY: Final = 0xFFFF
"""Longest ATD and DTD: they are TV attributes (RFC 6407, 5.4)."""
RETRANSMISSIONS: Final = 16
"""More would be a flood, and say nothing new."""
JOINERS_WAIT: Final = 240
"""Seconds that a joiner can wait for data SAs: our members register again after 300."""
PORTS: Final = 0xFFFF
LEVEL: Final = 112
"""Bits that RFC 6407, 6 wants of whatever is used. Who allows weak algorithms has all of them in one class:
what reaches no further is not compared."""
BESIDE: Final = 128
"""RFC 6407, 6.1 makes RSA with 2048 bits (112 bits of strength) mandatory beside AES with 128, so a signature
of `LEVEL` may stand beside authentication of this strength, else that policy could not be loaded."""
WITH_PORTS: Final = frozenset({6, 17, 33, 132, 136})
"""IP protocols that have ports: TCP, UDP, DCCP, SCTP, UDP-Lite (IANA protocol-numbers)."""

_CREDENTIALS: Final = {"ecdsa-256": 128, "ecdsa-384": 192, "ecdsa-521": 256}
"""Bits by RFC 5114, 4. What a pre-shared or an RSA key is worth shows only in the key itself."""
_SA2_RULE: Final = (
    "a rekey SA must be at least as strong as the data SAs that it carries (GSA paper; RFC 6407, 7.3)"
)
_SA1_RULE: Final = (
    "a registration SA must be at least as strong as the SAs that it carries (GSA paper; RFC 6407, 7.1.2)"
)


@dataclass(frozen=True, slots=True)
class Claim:
    """What one part of the policy wants of the SAs that carry it."""

    verb: str
    """``encrypts``, ``signs`` or ``authenticates``."""
    place: str
    name: str
    bits: int

    @property
    def text(self) -> str:
        """The claim as a refusal says it."""
        return f"{self.place} {self.verb} with {self.name} ({self.bits} bits)"


def check_policy(policy: GroupPolicy) -> None:
    """Raises `ConfigurationError` for a policy that contradicts itself, with the group's name and the place
    in it; and for SAs that are weaker than those that they carry."""
    with _within(f"group {policy.name!r}"):
        _check_types(policy)
        if not policy.name:
            raise ConfigurationError("a group needs a name")
        Identity.from_text(policy.identity)
        _check_registration(policy)
        for index, member in enumerate(policy.members):
            with _within(f"members[{index}]"):
                _check_member(member)
        for index, rekey in enumerate(policy.rekey):
            with _within(f"rekey[{index}]"):
                _check_rekey(rekey, policy)
        for index, data in enumerate(policy.data):
            with _within(f"data[{index}]"):
                _check_data(data, policy)
        _check_together(policy)
        _check_sender_ids(policy)
        check_period_policies(policy)
        _check_rekey_strength(policy)
        _check_registration_strength(policy)


def required_registration_strength(policy: GroupPolicy) -> int:
    """Bits that an ISAKMP SA must have to carry the group's SAs; 0 where weak algorithms are allowed and none
    goes beyond `LEVEL`. For an established SA, whose credential shows only then."""
    bits = max((claim.bits for claim in _claims(policy)), default=0)
    return 0 if policy.allow_weak and bits <= LEVEL else bits


# -- the types -----------------------------------------------------------------------------------------


def _check_types(policy: GroupPolicy) -> None:
    """Values are of the types that are declared: msgspec looks when it decodes a file, not when Python code
    makes an object."""
    try:
        msgspec.convert(msgspec.to_builtins(policy, builtin_types=(bytes,)), GroupPolicy, strict=True)
    except msgspec.ValidationError as error:
        problem, _, path = str(error).partition(" - at `$.")
        raise ConfigurationError(": ".join(filter(None, (path.rstrip("`"), problem)))) from None
    except (TypeError, RecursionError) as error:  # of an object that no file could hold
        raise ConfigurationError(str(error)) from None


# -- the parts -----------------------------------------------------------------------------------------


def _check_registration(policy: GroupPolicy) -> None:
    with _within("registration"):
        if not policy.registration.credentials or not policy.registration.proposals:
            raise ConfigurationError("needs a credential and a proposal at least")
        for name in policy.registration.proposals:
            if phase1_suite(name).weak and not policy.allow_weak:
                raise ConfigurationError(f"{name} is weak, and off unless weak algorithms are allowed")


def _check_member(member: MemberPolicy) -> None:
    if not member.identity and not member.certificate:
        raise ConfigurationError("needs a pattern for an identity or a certificate")
    if not member.identity:
        return
    kind, colon, data = member.identity.partition(":")
    if not colon or not data or kind not in NAMES:
        types = ", ".join(NAMES)
        raise ConfigurationError(f"{member.identity!r} is no pattern: one is type:data, a type is {types}")
    if "*" not in data:
        Identity.from_text(member.identity)


def _check_rekey(rekey: RekeyPolicy, policy: GroupPolicy) -> None:
    if rekey.transport == "null":
        return
    suite = rekey_suite(rekey, allow_weak=policy.allow_weak)
    cipher = kek_cipher(suite.encryption, suite.key_length, allow_weak=policy.allow_weak)
    check_rekey_algorithm(rekey, cipher)
    _check_lifetime(rekey.lifetime, rekey.rollover_margin)
    _check_address(rekey)
    if not 0 <= rekey.retransmissions <= RETRANSMISSIONS:
        raise ConfigurationError(f"retransmissions are 0 to {RETRANSMISSIONS}, not {rekey.retransmissions}")
    if not (isfinite(rekey.retransmission_interval) and rekey.retransmission_interval > 0):
        raise ConfigurationError("retransmission_interval must be positive")
    lasts = rekey.retransmissions * rekey.retransmission_interval
    if lasts >= rekey.rollover_margin > 0:
        raise ConfigurationError(
            f"retransmissions go on for {lasts:g} seconds, and the KEK that they need may end after the "
            f"{rekey.rollover_margin} of rollover_margin"
        )
    if rekey.silent_rekeys < 1:
        raise ConfigurationError("silent_rekeys is at least 1")
    if rekey.drop_silent and rekey.acknowledgement == "none":
        raise ConfigurationError("drop_silent needs acknowledgements, else everybody is silent (RFC 8263)")


def _check_address(rekey: RekeyPolicy) -> None:
    source = _address(rekey.source, "source")
    if not 0 <= rekey.source_port <= PORTS or not 0 < rekey.destination_port <= PORTS:
        raise ConfigurationError("a port is 1 to 65535, source_port perhaps 0 for any")
    if rekey.transport == "unicast":
        if rekey.destination:
            raise ConfigurationError(
                f"a unicast push goes to each member's own address, not to {rekey.destination}"
            )
        return
    destination = _address(rekey.destination, "destination")
    if not destination.is_multicast:
        raise ConfigurationError(f"a multicast push needs a multicast address, not {destination}")
    if source.version != destination.version:
        raise ConfigurationError(f"source {source} and destination {destination} are of two families")
    if source.is_multicast:
        raise ConfigurationError(f"source {source} is a multicast address, which nothing comes from")


def _address(text: str, name: str) -> IPv4Address | IPv6Address:
    try:
        return ip_address(text)
    except ValueError:
        raise ConfigurationError(f"{name} {text!r} is no IP address") from None


def _check_lifetime(lifetime: int, margin: int) -> None:
    if not 0 < lifetime <= SECONDS:
        raise ConfigurationError(f"a lifetime is 1 to {SECONDS} seconds, not {lifetime}")
    if not 0 <= margin < lifetime:
        raise ConfigurationError(
            f"rollover_margin {margin} must be shorter than the lifetime of {lifetime} seconds"
        )


def _check_data(data: DataPolicy, policy: GroupPolicy) -> None:
    suite = data_suite(data, allow_weak=policy.allow_weak)
    if suite.counter_mode and not suite.authentication:
        raise ConfigurationError(f"{data.encryption} must not go without integrity (RFC 3686, 2.1)")
    if data.periods is None:
        _check_lifetime(data.lifetime, data.rollover_margin)
    if data.rollover_margin and policy.activation_delay >= data.rollover_margin:
        raise ConfigurationError(
            f"activation_delay {policy.activation_delay} reaches beyond rollover_margin "
            f"{data.rollover_margin}: the old SA would end before anybody sends with the new one"
        )
    if data.senders and data.selector.source:
        raise ConfigurationError("senders and selector.source both say whose traffic it is")
    if len(set(data.senders)) != len(data.senders):
        raise ConfigurationError("a sender is there twice")
    selector = data.selector
    if not 0 <= selector.protocol <= 0xFF:
        raise ConfigurationError(f"selector.protocol {selector.protocol} is no IP protocol")
    for port in (selector.source_port, selector.destination_port):
        if not 0 <= port <= PORTS:
            raise ConfigurationError(f"selector: {port} is no port")
        if port and selector.protocol not in WITH_PORTS:
            raise ConfigurationError(f"selector: port {port}, and IP protocol {selector.protocol} has none")
    data_selectors(data)


def _check_together(policy: GroupPolicy) -> None:
    """What no single part shows."""
    pushes = any(rekey.transport != "null" for rekey in policy.rekey)
    if not pushes and not policy.data:
        raise ConfigurationError("neither a rekey SA nor a data SA (RFC 6407, 5.2.1)")
    if policy.backward_rekey != "off" and not pushes:
        raise ConfigurationError(
            f"backward_rekey {policy.backward_rekey!r} needs a rekey SA: new data SAs come by push "
            "(RFC 6407, 7.4.2)"
        )
    if policy.hide_policy_from_leaver and not (policy.forward_rekey and pushes):
        raise ConfigurationError(
            "hide_policy_from_leaver needs forward_rekey and a rekey SA (RFC 6407, 7.4.1)"
        )
    _check_batch(policy, pushes)
    activation, deactivation = policy.activation_delay, policy.deactivation_delay
    if not (0 <= activation <= DELAY and 0 <= deactivation <= DELAY):
        raise ConfigurationError(f"activation_delay and deactivation_delay are 0 to {DELAY} seconds")
    if deactivation < activation:
        raise ConfigurationError(
            f"deactivation_delay {deactivation} is shorter than activation_delay {activation}: traffic would "
            "stop between the two (RFC 6407, 5.4.1)"
        )


def _check_batch(policy: GroupPolicy, pushes: bool) -> None:
    interval, backward = policy.batch_interval, policy.backward_rekey != "off"
    if not (isfinite(interval) and interval >= 0):
        raise ConfigurationError("batch_interval is a number of seconds, or 0 to rekey at once")
    if not interval:
        return
    if not pushes or not (policy.forward_rekey or backward):
        raise ConfigurationError("batch_interval needs a rekey SA, and forward_rekey or backward_rekey")
    if backward and interval > JOINERS_WAIT:
        raise ConfigurationError(
            f"batch_interval {interval:g}: with backward_rekey joiners wait so long for data SAs, and those "
            f"that wait for more than {JOINERS_WAIT} seconds register again"
        )
    lifetimes = [rekey.lifetime for rekey in policy.rekey if rekey.transport != "null"]
    shortest = min([*lifetimes, *(data.lifetime for data in policy.data)])
    if interval >= shortest:
        raise ConfigurationError(
            f"batch_interval {interval:g} must be shorter than each lifetime, and one is {shortest} seconds"
        )


def _check_sender_ids(policy: GroupPolicy) -> None:
    """One width for all SAs, since a sender has the same ids in all of them (RFC 6407, 5.6.4.1)."""
    default = next(part.default for part in fields(DataPolicy) if part.name == "sender_id_bits")
    first: tuple[int, int] | None = None
    for index, data in enumerate(policy.data):
        bits = data.sender_id_bits
        if not data_suite(data, allow_weak=policy.allow_weak).counter_mode:
            if bits != default:
                raise ConfigurationError(
                    f"data[{index}]: sender_id_bits {bits} without a counter mode, which alone has "
                    "sender ids (RFC 6054)"
                )
        elif first is None:
            first = index, bits
        elif first[1] != bits:
            raise ConfigurationError(
                f"data[{first[0]}] has sender ids of {first[1]} bits and data[{index}] of {bits}: a member's "
                "are of one width for all its SAs (RFC 6407, 5.6.4.1)"
            )


# -- strengths -----------------------------------------------------------------------------------------


def _rekey_claims(policy: GroupPolicy) -> Iterator[tuple[Claim, Claim]]:
    """What each SA2 encrypts and signs with."""
    for index, rekey in enumerate(policy.rekey):
        if rekey.transport != "null":
            cipher, signature = KEK_CIPHERS[rekey.encryption], SIGNATURES[rekey.signature]
            yield (
                Claim("encrypts", f"rekey[{index}]", rekey.encryption, cipher.strength),
                Claim("signs", f"rekey[{index}]", rekey.signature, signature.strength),
            )


def _data_claims(policy: GroupPolicy) -> Iterator[tuple[Claim, Claim]]:
    """What each SA3 encrypts and authenticates with; 0 bits for what it does not."""
    for index, data in enumerate(policy.data):
        suite = data_suite(data, allow_weak=policy.allow_weak)
        place = f"data[{index}]"
        yield (
            Claim("encrypts", place, data.encryption, suite.confidentiality),
            Claim("authenticates", place, data.integrity or data.encryption, suite.authentication),
        )


def _claims(policy: GroupPolicy) -> Iterator[Claim]:
    for pair in (*_rekey_claims(policy), *_data_claims(policy)):
        yield from pair


def _enough(bits: int, needed: int, policy: GroupPolicy) -> bool:
    return bits >= needed or (policy.allow_weak and needed <= LEVEL)


def _check_rekey_strength(policy: GroupPolicy) -> None:
    """SA2 carries SA3's keys, whichever SA2 a member is served by."""
    for encrypts, signs in _rekey_claims(policy):
        for hides, proves in _data_claims(policy):
            if not _enough(encrypts.bits, hides.bits, policy):
                raise ConfigurationError(
                    f"{encrypts.text} what {hides.place} protects with {hides.name} ({hides.bits} bits): "
                    f"{_SA2_RULE}"
                )
            beside = signs.bits >= LEVEL and proves.bits <= BESIDE
            if not beside and not _enough(signs.bits, proves.bits, policy):
                raise ConfigurationError(
                    f"{signs.text} what {proves.place} authenticates with {proves.name} "
                    f"({proves.bits} bits): {_SA2_RULE}"
                )


def _check_registration_strength(policy: GroupPolicy) -> None:
    claims = list(_claims(policy))
    for index, name in enumerate(policy.registration.proposals):
        bits = phase1_suite(name).strength
        if claim := _too_strong(bits, claims, policy):
            raise ConfigurationError(
                f"registration.proposals[{index}] is {name} ({bits} bits), while {claim.text}: {_SA1_RULE}"
            )
    proofs = [claim for claim in claims if claim.verb != "encrypts"]
    for name in policy.registration.credentials:
        bits = _CREDENTIALS.get(name, 0)
        if bits and (claim := _too_strong(bits, proofs, policy)):
            raise ConfigurationError(
                f"registration.credentials has {name} ({bits} bits), while {claim.text}: {_SA1_RULE}"
            )


def _too_strong(bits: int, claims: Iterable[Claim], policy: GroupPolicy) -> Claim | None:
    """The strongest of the claims, if `bits` are not enough for it."""
    strongest = max(claims, key=lambda claim: claim.bits, default=None)
    return None if strongest is None or _enough(bits, strongest.bits, policy) else strongest


@contextmanager
def _within(place: str) -> Iterator[None]:
    """Puts the place in front of what is refused inside."""
    try:
        yield
    except ConfigurationError as error:
        raise ConfigurationError(f"{place}: {error}") from None
