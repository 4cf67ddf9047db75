"""Metrics: read back with Prometheus's own parser, over HTTP, from the loop's state."""

from __future__ import annotations

import asyncio
import urllib.request
from ipaddress import IPv4Address, IPv6Address

import pytest
from prometheus_client.parser import text_string_to_metric_families

from gsakmp.errors import ConfigurationError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net import metrics as module
from gsakmp.net.metrics import GroupView, Metrics, MetricsServer, SAView, View, asked_on
from gsakmp.net.udp import Received
from gsakmp.peers import events
from tests.unit.net.engines import LOCALHOST, run

HERE = Address(LOCALHOST, 848)
VIEW = View(
    groups=(
        GroupView(
            name='pl"ant',
            identity="key-id:0x000004d2",
            members=3,
            rekeys_sent=5,
            acknowledgements=14,
            sas=(
                SAView(
                    kind="kek",
                    spi="00ff",
                    algorithm="aes-128-cbc ecdsa-256",
                    lifetime_seconds=86400,
                    remaining_seconds=86000.5,
                    rekey_in_seconds=85400.5,
                    sequence_number=5,
                ),
                SAView(kind="tek", spi="0a0b0c0d", algorithm="ESP aes-gcm-128", remaining_seconds=60),
            ),
        ),
    ),
    isakmp_sas=2,
    retransmissions=4,
    refused={"hash": 1, "replay": 2},
)
SA = {"group": 'pl"ant', "kind": "kek", "spi": "00ff"}


def samples(text: str) -> dict[tuple[str, tuple[tuple[str, str], ...]], float]:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def value(text: str, name: str, **labels: str) -> float:
    return samples(text)[f"gsakmp_{name}", tuple(sorted(labels.items()))]


def test_what_operators_look_at() -> None:
    metrics = Metrics(lambda: VIEW)
    metrics.received([Received(b"1234", HERE, HERE), Received(b"1", HERE, HERE)], 0.0)
    metrics.sent([Datagram(b"123456", HERE)], 0.0)
    metrics.dropped(Datagram(b"", HERE), "Message too long", 0.0)
    metrics.happened(events.MemberLeft(group="plant", member="fqdn:a"), 0.0)
    metrics.troubled("", 0.0)
    text = metrics.text()
    assert value(text, "group", group='pl"ant', identity="key-id:0x000004d2") == 1
    assert value(text, "group_members", group='pl"ant') == 3
    assert value(text, "rekeys_sent_total", group='pl"ant') == 5
    assert value(text, "acknowledgements_total", group='pl"ant') == 14
    assert value(text, "sa", **SA, algorithm="aes-128-cbc ecdsa-256") == 1
    assert value(text, "sa_lifetime_seconds", **SA) == 86400
    assert value(text, "sa_remaining_seconds", **SA) == 86000.5
    assert value(text, "sa_rekey_in_seconds", **SA) == 85400.5
    assert value(text, "sa_sequence_number", **SA) == 5
    assert value(text, "sa_remaining_seconds", **{**SA, "kind": "tek", "spi": "0a0b0c0d"}) == 60
    assert value(text, "isakmp_sas") == 2
    assert value(text, "retransmissions_total") == 4
    assert value(text, "datagrams_refused_total", cause="replay") == 2
    assert value(text, "recording") == 0
    assert value(text, "datagrams_received_total") == 2
    assert value(text, "octets_received_total") == 5
    assert value(text, "octets_sent_total") == 6
    assert value(text, "datagrams_dropped_total", reason="Message too long") == 1
    assert value(text, "events_total", kind="MemberLeft") == 1
    assert value(text, "trouble_total") == 1


def test_a_member_has_its_own() -> None:
    group = GroupView(name="g", identity="g", rekeys_received=7)
    text = Metrics(lambda: View(groups=(group,), registered=True, recording=True)).text()
    assert value(text, "registered") == 1
    assert value(text, "recording") == 1
    assert value(text, "rekeys_received_total", group="g") == 7
    assert not [
        name for name, _ in samples(text) if name in {"gsakmp_group_members", "gsakmp_rekeys_sent_total"}
    ]


def test_labels_that_outsiders_choose_are_bounded() -> None:
    metrics = Metrics(View)
    for number in range(1000):
        metrics.dropped(Datagram(b"", HERE), f"reason {number}", 0.0)
    found = {name: count for name, count in samples(metrics.text()).items() if "dropped" in name[0]}
    assert len([name for name in found if name[0].endswith("_total")]) == module.REASONS + 1
    assert value(metrics.text(), "datagrams_dropped_total", reason="other") == 1000 - module.REASONS


def test_a_scrape_asks_the_loop() -> None:
    async def scenario() -> None:
        threads = []

        def view() -> View:
            asyncio.get_running_loop()  # raises anywhere but on the loop
            threads.append(True)
            return VIEW

        metrics = Metrics(asked_on(asyncio.get_running_loop(), view))
        server = MetricsServer(Address(LOCALHOST, 0), metrics.registry)
        text = await asyncio.to_thread(fetched, server.port)
        assert value(text, "group_members", group='pl"ant') == 3
        assert threads == [True]
        assert value(metrics.text(), "isakmp_sas") == 2  # and from the loop itself
        await server.close()
        with pytest.raises(OSError, match="refused"):
            await asyncio.to_thread(fetched, server.port)

    run(scenario())


def fetched(port: int) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        return str(answer.read().decode())


def test_a_loop_that_is_busy_or_gone_gives_an_empty_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "ASK_SECONDS", 0.05)
    asks = []

    async def scenario() -> None:
        ask = asked_on(asyncio.get_running_loop(), lambda: VIEW)
        asks.append(ask)
        busy = asyncio.get_running_loop().run_in_executor(None, ask)
        import time

        time.sleep(0.3)  # the loop does nothing else meanwhile
        assert await busy == View()
        assert await asyncio.to_thread(ask) == VIEW

    run(scenario())

    async def later() -> None:
        assert await asyncio.to_thread(asks[0]) == View()

    run(later())


@pytest.mark.parametrize("host", [IPv4Address("0.0.0.0"), IPv4Address("192.0.2.2"), IPv6Address("::")])
def test_loopback_alone(host: IPv4Address | IPv6Address) -> None:
    with pytest.raises(ConfigurationError, match="on a loopback address alone"):
        MetricsServer(Address(host, 0), Metrics(View).registry)


def test_a_port_that_is_taken() -> None:
    async def scenario() -> None:
        first = MetricsServer(Address(LOCALHOST, 0), Metrics(View).registry)
        with pytest.raises(ConfigurationError, match="metrics can't be given on"):
            MetricsServer(Address(LOCALHOST, first.port), Metrics(View).registry)
        await first.close()

    run(scenario())
