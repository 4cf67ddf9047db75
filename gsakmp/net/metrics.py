"""Prometheus metrics, in a registry of the daemon's own, on a loopback port.

What changes with each event is counted as it happens; what is a state (members, SPIs, lifetimes) is asked of
the engine when Prometheus comes, on the daemon's own loop.
"""

from __future__ import annotations

import asyncio
import concurrent.futures
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from threading import Thread, get_ident
from typing import Final
from wsgiref.simple_server import WSGIServer

from prometheus_client import CollectorRegistry, Counter, generate_latest, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net.runner import Observer
from gsakmp.net.udp import Received
from gsakmp.peers import events

__all__ = ["GroupView", "Metrics", "MetricsServer", "SAView", "View", "asked_on"]

ASK_SECONDS: Final = 5.0
"""How long a scrape waits for the daemon's loop."""
REASONS: Final = 64
"""Words that a peer's behaviour can add as a label; those on top are counted as "other"."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SAView:
    """An SA as metrics have it. Seconds from now on."""

    kind: str
    """``kek`` or ``tek``."""
    spi: str
    algorithm: str
    remaining_seconds: float
    lifetime_seconds: float | None = None
    """What it had at its start, where that is known."""
    rekey_in_seconds: float | None = None
    sequence_number: int | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class GroupView:
    """A group as metrics have it."""

    name: str
    identity: str
    members: int | None = None
    """Of a GCKS, and so the next two."""
    rekeys_sent: int = 0
    acknowledgements: int = 0
    rekeys_received: int | None = None
    """Of a member."""
    sas: tuple[SAView, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class View:
    """A daemon as metrics have it."""

    groups: tuple[GroupView, ...] = ()
    isakmp_sas: int = 0
    retransmissions: int = 0
    refused: dict[str, int] = field(default_factory=dict)
    registered: bool | None = None
    """Of a member."""
    recording: bool = False


class Metrics(Observer):
    """Counts what a runner tells, and shows what `view` gives. `registry` is the daemon's alone."""

    def __init__(self, view: Callable[[], View]) -> None:
        self.registry = CollectorRegistry(auto_describe=False)
        counter = self._counter
        self._received = counter("datagrams_received", "Datagrams that came")
        self._sent = counter("datagrams_sent", "Datagrams given to the network")
        self._dropped = counter("datagrams_dropped", "Datagrams that could not be sent", "reason")
        self._octets_received = counter("octets_received", "UDP payload that came")
        self._octets_sent = counter("octets_sent", "UDP payload given to the network")
        self._events = counter("events", "What has happened, by kind of event", "kind")
        self._trouble = counter("trouble", "Failures outside the protocol, and bugs")
        self._reasons: set[str] = set()
        self.registry.register(StateCollector(view))

    def text(self) -> str:
        """All of it in Prometheus's text format. Call it where `view` may be called."""
        return generate_latest(self.registry).decode()

    def received(self, batch: Sequence[Received], now: float) -> None:
        """See `Observer.received`."""
        self._received.inc(len(batch))
        self._octets_received.inc(sum(len(one.data) for one in batch))

    def sent(self, datagrams: Sequence[Datagram], now: float) -> None:
        """See `Observer.sent`."""
        self._sent.inc(len(datagrams))
        self._octets_sent.inc(sum(len(one.data) for one in datagrams))

    def dropped(self, datagram: Datagram, reason: str, now: float) -> None:
        """See `Observer.dropped`."""
        if len(self._reasons) < REASONS:
            self._reasons.add(reason)
        self._dropped.labels(reason if reason in self._reasons else "other").inc()

    def happened(self, event: events.Event, now: float) -> None:
        """See `Observer.happened`."""
        self._events.labels(event.kind).inc()

    def troubled(self, problem: str, now: float) -> None:
        """See `Observer.troubled`."""
        self._trouble.inc()

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(f"gsakmp_{name}", text, labels, registry=self.registry)


class StateCollector(Collector):
    """Makes metrics of a `View` at each scrape."""

    def __init__(self, view: Callable[[], View]) -> None:
        self._view = view

    def collect(self) -> Iterable[Metric]:
        """See prometheus_client."""
        view = self._view()
        yield gauge("isakmp_sas", "ISAKMP SAs (category 1)", view.isakmp_sas)
        yield gauge("recording", "Whether traffic and its secrets are recorded", int(view.recording))
        if view.registered is not None:
            yield gauge("registered", "Whether the member has the group's keys", int(view.registered))
        yield counted("retransmissions", "Messages sent again", view.retransmissions)
        refused = CounterMetricFamily(
            "gsakmp_datagrams_refused", "Datagrams that came and were dropped, by cause", labels=["cause"]
        )
        for cause, number in view.refused.items():
            refused.add_metric([cause], number)
        yield refused
        yield from group_metrics(view.groups)
        yield from sa_metrics(view.groups)


def gauge(name: str, text: str, value: float) -> GaugeMetricFamily:
    return GaugeMetricFamily(f"gsakmp_{name}", text, value=value)


def counted(name: str, text: str, value: float) -> CounterMetricFamily:
    return CounterMetricFamily(f"gsakmp_{name}", text, value=value)


def group_metrics(groups: Sequence[GroupView]) -> Iterable[Metric]:
    """Who is in the groups, and how often they were rekeyed."""
    info = GaugeMetricFamily("gsakmp_group", "1 for each group", labels=["group", "identity"])
    members = GaugeMetricFamily("gsakmp_group_members", "Members registered", labels=["group"])
    rekeys = CounterMetricFamily("gsakmp_rekeys_sent", "Pushes, not their repetitions", labels=["group"])
    acknowledgements = CounterMetricFamily(
        "gsakmp_acknowledgements", "Acknowledgements of pushes (RFC 8263)", labels=["group"]
    )
    received = CounterMetricFamily("gsakmp_rekeys_received", "Pushes taken over", labels=["group"])
    for group in groups:
        info.add_metric([group.name, group.identity], 1)
        if group.rekeys_received is not None:
            received.add_metric([group.name], group.rekeys_received)
        if group.members is not None:
            members.add_metric([group.name], group.members)
            rekeys.add_metric([group.name], group.rekeys_sent)
            acknowledgements.add_metric([group.name], group.acknowledgements)
    return (info, members, rekeys, acknowledgements, received)


def sa_metrics(groups: Sequence[GroupView]) -> Iterable[Metric]:
    """The SAs of categories 2 (kek) and 3 (tek)."""
    labels = ["group", "kind", "spi"]
    info = GaugeMetricFamily("gsakmp_sa", "1 for each SA", labels=[*labels, "algorithm"])
    lifetime = GaugeMetricFamily("gsakmp_sa_lifetime_seconds", "Lifetime at its start", labels=labels)
    remaining = GaugeMetricFamily("gsakmp_sa_remaining_seconds", "Lifetime that is left", labels=labels)
    rekey = GaugeMetricFamily("gsakmp_sa_rekey_in_seconds", "Until it is replaced", labels=labels)
    number = GaugeMetricFamily("gsakmp_sa_sequence_number", "Of the last push under it", labels=labels)
    for group in groups:
        for sa in group.sas:
            key = [group.name, sa.kind, sa.spi]
            info.add_metric([*key, sa.algorithm], 1)
            if sa.lifetime_seconds is not None:
                lifetime.add_metric(key, sa.lifetime_seconds)
            remaining.add_metric(key, sa.remaining_seconds)
            if sa.rekey_in_seconds is not None:
                rekey.add_metric(key, sa.rekey_in_seconds)
            if sa.sequence_number is not None:
                number.add_metric(key, sa.sequence_number)
    return (info, lifetime, remaining, rekey, number)


class MetricsServer:
    """Answers Prometheus from threads of its own; `asked_on` has the daemon's loop make the view for them."""

    def __init__(self, address: Address, registry: CollectorRegistry) -> None:
        """Raises `ConfigurationError` where the port can't be had, or is not on loopback."""
        if not address.host.is_loopback:
            raise ConfigurationError(f"metrics are given on a loopback address alone, not on {address.host}")
        try:
            started = start_http_server(address.port, str(address.host), registry)
        except OSError as error:
            raise ConfigurationError(f"metrics can't be given on {address}: {error.strerror}") from None
        self._server: WSGIServer = started[0]
        self._thread: Thread = started[1]
        self.port: int = self._server.server_port

    async def close(self) -> None:
        """Stop answering."""
        await asyncio.to_thread(self._server.shutdown)
        self._server.server_close()
        await asyncio.to_thread(self._thread.join, ASK_SECONDS)


def asked_on(loop: asyncio.AbstractEventLoop, view: Callable[[], View]) -> Callable[[], View]:
    """`view`, run on `loop` whoever calls; an empty one where the loop does not answer. Call it on `loop`."""
    own = get_ident()

    async def there() -> View:
        return view()

    def ask() -> View:
        if get_ident() == own:
            return view()
        asked = there()
        try:
            answer = asyncio.run_coroutine_threadsafe(asked, loop)
        except RuntimeError:  # the loop is closed
            asked.close()
            return View()
        try:
            return answer.result(ASK_SECONDS)
        except (concurrent.futures.TimeoutError, concurrent.futures.CancelledError):
            answer.cancel()
            return View()

    return ask
