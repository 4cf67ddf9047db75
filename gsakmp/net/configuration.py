"""Configuration files into what engines and daemons take. ``examples/`` has a commented file for each role.

Paths in a file start at the file's own folder. Every problem is a `ConfigurationError` that names the file,
the key, what is there and what is allowed.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final, TypeVar

from gsakmp.doi import dialect_named
from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.exchanges.address import Address
from gsakmp.exchanges.credentials import Credentials
from gsakmp.exchanges.group_grammar import group_identity
from gsakmp.exchanges.phase1.configuration import PhaseOneConfiguration
from gsakmp.exchanges.retransmission import RetransmissionPolicy
from gsakmp.group.acceptance import Acceptance
from gsakmp.group.checks import required_registration_strength
from gsakmp.group.phase1_suites import CREDENTIALS, PhaseOneSuite, key_strength, phase1_suite
from gsakmp.group.policy import GroupPolicy, RegistrationPolicy
from gsakmp.identities import Identity
from gsakmp.net.keys import read_credentials
from gsakmp.net.multicast import interface_index
from gsakmp.net.nark import module_process
from gsakmp.net.options import LogOptions, MulticastOptions, ShellOptions
from gsakmp.net.schema import DaemonTable, GCKSFile, MemberFile
from gsakmp.net.toml import Document, read_document
from gsakmp.peers.configuration import EndpointConfiguration, GCKSConfiguration, MemberConfiguration
from gsakmp.peers.gcks import check_groups
from gsakmp.registries import AuthenticationMethod, DOINumber

__all__ = ["GCKSDaemonConfiguration", "MemberDaemonConfiguration", "load_gcks", "load_member"]

NAT_PORT: Final = 4500
"""RFC 3947, 4: where peers go that see a NAT."""

T = TypeVar("T")
FilePath = str | os.PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class GCKSDaemonConfiguration:
    """A key server's file."""

    engine: GCKSConfiguration
    shell: ShellOptions
    store: Path
    """Of the store."""
    store_key: Path
    """The file with the key that seals it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MemberDaemonConfiguration:
    """A member's file."""

    engine: MemberConfiguration
    shell: ShellOptions
    leave_at_stop: bool = False
    """Whether a member that is stopped leaves the group; the GCKS then rekeys, if policy says so."""


def load_gcks(path: FilePath) -> GCKSDaemonConfiguration:
    """The configuration of a GCKS. Raises `ConfigurationError`."""
    table, document = read_document(Path(path).absolute(), GCKSFile)
    check_groups(table.groups, document.at)
    for index, policy in enumerate(table.groups):
        with document.at(f"groups[{index}].identity"):
            named_group(policy.identity)
    registrations = [policy.registration for policy in table.groups]
    endpoint = endpoint_configuration(table, document, registrations, peer=None)
    check_credentials(table.groups, endpoint.phase1, document)
    return GCKSDaemonConfiguration(
        engine=GCKSConfiguration(endpoint=endpoint, groups=table.groups),
        shell=shell_options(table, document),
        store=document.file(table.store.path),
        store_key=document.file(table.store.key_file),
    )


def load_member(path: FilePath) -> MemberDaemonConfiguration:
    """The configuration of a member. Raises `ConfigurationError`."""
    table, document = read_document(Path(path).absolute(), MemberFile)
    wanted = table.registration
    if wanted.gcks_identity is None:  # RFC 6407, 3.1 and 7.2.6: each GCKS is listed, and by its identity
        raise document.error(
            "registration.gcks_identity",
            "this key is missing; without it, whoever has a certificate or a key could pass for the GCKS",
        )
    with document.at("registration.gcks_identity"):
        peer = Identity.from_text(wanted.gcks_identity)
    endpoint = endpoint_configuration(table, document, [RegistrationPolicy()], peer=peer)
    with document.at("registration.group"):
        group = named_group(wanted.group)
    return MemberDaemonConfiguration(
        engine=MemberConfiguration(
            endpoint=endpoint,
            gcks=addresses(wanted.gcks, "registration.gcks", document, port=848),
            group=group,
            acceptance=document.converted(table.acceptance, Acceptance, "acceptance"),
            sender_ids=wanted.sender_ids,
            acknowledgement_jitter=wanted.acknowledgement_jitter,
            retry_seconds=wanted.retry,
            module=module_process(document.file(wanted.module)).request if wanted.module else None,
        ),
        shell=shell_options(table, document),
        leave_at_stop=wanted.leave_at_stop,
    )


def check_credentials(
    groups: Iterable[GroupPolicy], phase1: PhaseOneConfiguration, document: Document
) -> None:
    """Each group can be registered for: some credential of ours is as strong as its keys (RFC 6407, 7.1.2).
    That of a member shows only when it comes."""
    credentials = phase1.credentials
    strengths = {
        method: max(8 * len(shared.key) for shared in credentials.shared_keys)
        if method == AuthenticationMethod.PRE_SHARED_KEY
        else key_strength(credentials.signing_key(method))
        for method in phase1.usable_methods
    }
    for index, policy in enumerate(groups):
        wanted = {CREDENTIALS[name] for name in policy.registration.credentials}
        bits = max((strengths[method] for method in strengths if method in wanted), default=0)
        needed = required_registration_strength(policy)
        if bits < needed:
            raise document.error(
                f"groups[{index}].registration",
                f"its keys need {needed} bits, and the strongest credential that it allows has {bits}; "
                "a pre-shared key has 8 for each octet (RFC 6407, 7.1.2)",
            )


def named_group(text: str) -> Identity:
    """The identity of a group, which a member can ask for (RFC 6407, 5.1). Raises `ConfigurationError`."""
    identity = Identity.from_text(text)
    try:
        return group_identity(identity.payload())
    except GsakmpError as error:
        raise ConfigurationError(f"{text!r} is no group: {error}") from None


def endpoint_configuration(
    table: DaemonTable, document: Document, registrations: list[RegistrationPolicy], peer: Identity | None
) -> EndpointConfiguration:
    """Phase 1 and its bounds."""
    with document.at("retransmission"):
        retransmission = RetransmissionPolicy(
            first=table.retransmission.first,
            factor=table.retransmission.factor,
            tries=table.retransmission.tries,
            maximum=table.retransmission.maximum,
        )
    credentials = read_credentials(table.credentials, document, allow_weak=table.allow_weak)
    return EndpointConfiguration(
        phase1=phase1_configuration(table, document, registrations, credentials, peer),
        retransmission=retransmission,
        aggressive=table.phase1.aggressive,
        dead_peer_interval=table.phase1.dead_peer_interval,
        half_open=table.limits.half_open,
        half_open_per_source=table.limits.half_open_per_source,
        isakmp_sas=table.limits.isakmp_sas,
        exchange_seconds=table.limits.exchange_seconds,
        fragment_octets=table.limits.fragment_octets,
        keepalive_seconds=table.phase1.keepalive,
    )


def phase1_configuration(
    table: DaemonTable,
    document: Document,
    registrations: list[RegistrationPolicy],
    credentials: Credentials,
    peer: Identity | None,
) -> PhaseOneConfiguration:
    """What the file says of phase 1; suites and methods that it does not name are those of the groups."""
    with document.at("identity"):
        identity = Identity.from_text(table.identity)
    with document.at("dialect"):
        dialect = dialect_named(table.dialect)
    wanted = table.phase1
    offered = suites(table, document, registrations)
    named = wanted.methods or in_order(name for policy in registrations for name in policy.credentials)
    with document.at("phase1"):
        return PhaseOneConfiguration(
            identity=identity,
            credentials=credentials,
            suites=offered,
            methods=tuple(CREDENTIALS[name] for name in named),
            peer_identity=peer,
            sa_doi=DOINumber.GDOI if wanted.sa_doi == "gdoi" else DOINumber.IPSEC,
            lifetime_seconds=wanted.lifetime,
            nat_traversal=wanted.nat_traversal,
            dead_peer_detection=bool(wanted.dead_peer_interval),
            fragmentation=wanted.fragmentation,
            initial_contact=wanted.initial_contact,
            dialect=dialect,
            allow_weak=table.allow_weak,
            aggressive_responder=wanted.aggressive,
        )


def suites(
    table: DaemonTable, document: Document, registrations: list[RegistrationPolicy]
) -> tuple[PhaseOneSuite, ...]:
    if table.phase1.suites is None:
        return tuple(phase1_suite(name) for name in in_order(n for p in registrations for n in p.proposals))
    found = []
    for index, name in enumerate(table.phase1.suites):
        with document.at(f"phase1.suites[{index}]"):
            found.append(phase1_suite(name))
    return tuple(found)


def in_order(names: Iterable[T]) -> tuple[T, ...]:
    return tuple(dict.fromkeys(names))


def shell_options(table: DaemonTable, document: Document) -> ShellOptions:
    """Sockets, files, logs."""
    listen = addresses(table.listen.addresses, "listen.addresses", document, port=table.listen.port)
    if table.phase1.nat_traversal:
        listen += tuple(address._replace(port=NAT_PORT) for address in listen)
    multicast = MulticastOptions(
        interface=table.multicast.interface or "", ttl=table.multicast.ttl, loop=table.multicast.loop
    )
    with document.at("multicast.interface"):
        interface_index(multicast.interface)
    log = table.log
    return ShellOptions(
        file=document.path,
        listen=tuple(dict.fromkeys(listen)),
        multicast=multicast,
        control=document.file(table.control.socket) if table.control is not None else None,
        log=LogOptions(
            format=log.format,
            level=log.level,
            file=document.file(log.file) if log.file is not None else None,
        ),
        metrics=metrics_address(table, document),
        record=document.file(table.record.folder) if table.record is not None else None,
    )


def metrics_address(table: DaemonTable, document: Document) -> Address | None:
    if table.metrics is None:
        return None
    with document.at("metrics.address"):
        address = Address.from_text(table.metrics.address, 9848)
        if not address.host.is_loopback:
            raise ConfigurationError(f"{address} is not allowed; it is a loopback address, as 127.0.0.1:9848")
        return address


def addresses(names: Iterable[str], key: str, document: Document, *, port: int) -> tuple[Address, ...]:
    """Addresses of a list, with the port of those that name none."""
    found = []
    for index, name in enumerate(names):
        with document.at(f"{key}[{index}]"):
            address = Address.from_text(name, port)
            if address.host.is_multicast:
                raise ConfigurationError(f"{name} is a multicast address, and one host is meant")
            found.append(address)
    return tuple(found)
