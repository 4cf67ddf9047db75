"""The tables of the configuration files, as TOML has them. `gsakmp.net.configuration` makes sense of them."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec

from gsakmp.group.policy import Credential, GroupPolicy
from gsakmp.net.options import LogFormat, LogLevel

__all__ = [
    "CredentialsTable",
    "DaemonTable",
    "GCKSFile",
    "LimitsTable",
    "MemberFile",
    "PhaseOneTable",
    "RetransmissionTable",
]

Text = Annotated[str, msgspec.Meta(min_length=1)]
Port = Annotated[int, msgspec.Meta(ge=0, le=65_535)]
Seconds = Annotated[float, msgspec.Meta(gt=0, le=86_400)]
SecondsOrNever = Annotated[float, msgspec.Meta(ge=0, le=86_400)]


class Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table whose keys are all known."""


class ListenTable(Table, frozen=True, kw_only=True):
    """Our own addresses."""

    addresses: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=64)] = ("0.0.0.0",)
    """``192.0.2.1``, ``2001:db8::1``, ``[2001:db8::1]:848``; ``0.0.0.0`` and ``::`` are all there are."""
    port: Port = 848
    """Of those that name none. 0: any free one."""


class MulticastTable(Table, frozen=True, kw_only=True):
    """How multicast is sent and received."""

    interface: Text | Annotated[int, msgspec.Meta(ge=1)] | None = None
    ttl: Annotated[int, msgspec.Meta(ge=0, le=255)] = 1
    loop: bool = True


class SharedKeyTable(Table, frozen=True, kw_only=True):
    """A pre-shared key, in a file or inline, and with whom it is shared."""

    identity: str = ""
    address: str = ""
    file: Text | None = None
    key: Text | None = None


class CredentialsTable(Table, frozen=True, kw_only=True):
    """With what we prove who we are, and by what we believe peers. All are names of files."""

    private_key: Text | None = None
    passphrase_file: Text | None = None
    certificates: tuple[Text, ...] = ()
    authorities: tuple[Text, ...] = ()
    revocation_lists: tuple[Text, ...] = ()
    shared_keys: tuple[SharedKeyTable, ...] = ()


class PhaseOneTable(Table, frozen=True, kw_only=True):
    """Phase 1."""

    suites: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=64)] | None = None
    """None: those that the groups' registration policies name."""
    methods: Annotated[tuple[Credential, ...], msgspec.Meta(min_length=1)] | None = None
    lifetime: Annotated[int, msgspec.Meta(ge=60, le=0xFFFF_FFFF)] = 86_400
    """Seconds."""
    aggressive: bool = False
    """A member: begin with Aggressive Mode. A GCKS: answer to it."""
    sa_doi: Literal["gdoi", "ipsec"] = "gdoi"
    """The DOI in the SA payload (RFC 6407, 2.1); some peers want IPsec's."""
    nat_traversal: bool = True
    fragmentation: bool = True
    initial_contact: bool = False
    dead_peer_interval: SecondsOrNever = 30.0
    """0: never ask."""
    keepalive: SecondsOrNever = 20.0


class RetransmissionTable(Table, frozen=True, kw_only=True):
    """`gsakmp.exchanges.retransmission.RetransmissionPolicy`."""

    first: Seconds = 2.0
    factor: Annotated[float, msgspec.Meta(ge=1, le=10)] = 1.8
    tries: Annotated[int, msgspec.Meta(ge=0, le=20)] = 5
    maximum: Seconds = 30.0


class LimitsTable(Table, frozen=True, kw_only=True):
    """Bounds of `gsakmp.peers.configuration.EndpointConfiguration`."""

    half_open: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 1000
    half_open_per_source: Annotated[int, msgspec.Meta(ge=1, le=1_000_000)] = 16
    isakmp_sas: Annotated[int, msgspec.Meta(ge=1, le=10_000_000)] = 100_000
    exchange_seconds: Seconds = 60.0
    fragment_octets: Annotated[int, msgspec.Meta(ge=256, le=65_507)] = 1200


class StoreTable(Table, frozen=True, kw_only=True):
    """What survives a crash, and the key that seals it."""

    path: Text
    key_file: Text


class ControlTable(Table, frozen=True, kw_only=True):
    """The Unix socket."""

    socket: Text


class LogTable(Table, frozen=True, kw_only=True):
    """Logs."""

    format: LogFormat = "console"
    level: LogLevel = "info"
    file: Text | None = None


class MetricsTable(Table, frozen=True, kw_only=True):
    """Prometheus."""

    address: Text


class RecordTable(Table, frozen=True, kw_only=True):
    """Recording of traffic and secrets."""

    folder: Text


class DaemonTable(Table, frozen=True, kw_only=True):
    """What both files have."""

    identity: Text
    credentials: CredentialsTable
    dialect: Text = "standard"
    allow_weak: bool = False
    listen: ListenTable = ListenTable()
    multicast: MulticastTable = MulticastTable()
    phase1: PhaseOneTable = PhaseOneTable()
    retransmission: RetransmissionTable = RetransmissionTable()
    limits: LimitsTable = LimitsTable()
    control: ControlTable | None = None
    log: LogTable = LogTable()
    metrics: MetricsTable | None = None
    record: RecordTable | None = None


class GCKSFile(DaemonTable, frozen=True, kw_only=True):
    """A key server's file."""

    store: StoreTable
    groups: Annotated[tuple[GroupPolicy, ...], msgspec.Meta(min_length=1, max_length=1000)]


class RegistrationTable(Table, frozen=True, kw_only=True):
    """Where and how a member registers."""

    gcks: Annotated[tuple[Text, ...], msgspec.Meta(min_length=1, max_length=16)]
    gcks_identity: Text | None = None
    group: Text
    sender_ids: Annotated[int, msgspec.Meta(ge=0, le=0xFFFF)] = 0
    retry: Seconds = 10.0
    acknowledgement_jitter: Annotated[float, msgspec.Meta(ge=0, le=5)] = 1.0
    leave_at_stop: bool = False
    module: Text | None = None
    """The folder of the module that holds NARK's seeds (``gsakmp nark-module``)."""


class MemberFile(DaemonTable, frozen=True, kw_only=True):
    """A member's file."""

    registration: RegistrationTable
    acceptance: dict[str, Any] = {}
    """`gsakmp.group.acceptance.Acceptance`, converted apart: it checks itself, and can't know its place."""
