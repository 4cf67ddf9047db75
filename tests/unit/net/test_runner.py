"""The runner and its sockets, with an engine that echoes, over real sockets on loopback."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket
import struct
from ipaddress import IPv4Address, IPv6Address

import pytest

from gsakmp.errors import ConfigurationError, InternalError, StateError
from gsakmp.exchanges.address import Address, Datagram
from gsakmp.net import udp
from gsakmp.net.clock import steady_clock
from gsakmp.net.multicast import interface_index
from gsakmp.net.options import MulticastOptions
from gsakmp.net.runner import Runner
from gsakmp.net.transport import BATCH, Transport, source_towards
from tests.conftest import skip_or_fail
from tests.unit.net.engines import LOCALHOST, LOOPBACK, Echo, Witness, client, run, until

GROUP_4 = IPv4Address("239.255.77.1")
GROUP_6 = IPv6Address("ff15::4d2")


def runner_of(engine: Echo, *witnesses: Witness, options: MulticastOptions = LOOPBACK) -> Runner:
    return Runner(engine, options, clock=steady_clock(), observers=witnesses, groups=engine.groups)


async def received(sock: socket.socket) -> tuple[bytes, tuple[str, int]]:
    data, source = await asyncio.to_thread(sock.recvfrom, 65_535)
    return data, source[:2]


@pytest.mark.parametrize(
    ("listen", "family", "asked"),
    [
        ("127.0.0.1:0", socket.AF_INET, "127.0.0.1"),
        ("0.0.0.0:0", socket.AF_INET, "127.0.0.1"),
        ("0.0.0.0:0", socket.AF_INET, "127.0.0.53"),
        ("[::1]:0", socket.AF_INET6, "::1"),
        ("[::]:0", socket.AF_INET6, "::1"),
    ],
)
@pytest.mark.parametrize("size", [0, 1, 1500, 65_507])
def test_answers_come_from_the_address_that_was_asked(
    listen: str, family: int, asked: str, size: int
) -> None:
    """The client is on the address that the system would not choose to answer from by itself."""

    async def scenario() -> None:
        engine = Echo()
        runner = runner_of(engine)
        runner.start([Address.from_text(listen)])
        (own,) = runner.transport.addresses
        assert own.port
        with client(family, "127.0.0.1" if family == socket.AF_INET else "::1") as sock:
            sock.sendto(bytes(size), (asked, own.port))
            data, source = await received(sock)
            assert (data, source) == (bytes(size), (asked, own.port))
            ((_, peer, local),) = engine.heard
            assert peer == Address.from_text(sock.getsockname()[0])._replace(port=sock.getsockname()[1])
            assert local == Address.from_text(asked)._replace(port=own.port)
        await runner.stop()

    run(scenario())


def test_several_sockets_and_the_one_that_a_datagram_leaves_from() -> None:
    async def scenario() -> None:
        engine, witness = Echo(), Witness()
        runner = runner_of(engine, witness)
        runner.start([Address(LOCALHOST, 0), Address(LOCALHOST, 0), Address(IPv6Address("::1"), 0)])
        first, second, _ = runner.transport.addresses
        with client() as sock:
            for own in (second, first):
                sock.sendto(b"x", (str(own.host), own.port))
                assert (await received(sock))[1] == (str(own.host), own.port)
            peer = Address(LOCALHOST, sock.getsockname()[1])
            wish = Address(LOCALHOST, second.port)
            for source, expected in ((None, first), (wish, second), (wish._replace(port=9), first)):
                runner.transport.send([Datagram(b"y", peer, source)])
                assert (await received(sock))[1][1] == expected.port
                assert runner.transport.from_where(Datagram(b"y", peer, source)) == expected
        await runner.stop()

    run(scenario())


def test_batches_share_one_commit() -> None:
    async def scenario() -> None:
        engine = Echo()
        runner = runner_of(engine)
        runner.start([Address(LOCALHOST, 0)])
        (own,) = runner.transport.addresses
        with client() as sock:
            for _ in range(BATCH + 10):  # none is read before the loop runs
                sock.sendto(b"x", (str(own.host), own.port))
            await until(lambda: len(engine.heard) == BATCH + 10)
        assert engine.batches == [BATCH, 10]
        await runner.stop()

    run(scenario())


def test_timeouts_and_events() -> None:
    async def scenario() -> None:
        clock = steady_clock()
        start = clock()
        engine, witness = Echo(due=[start + 0.05, start + 0.15, start + 9999]), Witness()
        runner = Runner(engine, LOOPBACK, clock=clock, observers=[witness])
        runner.start([Address(LOCALHOST, 0)])
        await until(lambda: len(engine.timeouts) == 2)
        for due, came in zip((0.05, 0.15), engine.timeouts, strict=True):
            assert due <= came - start < due + 0.1
        with client() as sock:
            sock.sendto(b"x", ("127.0.0.1", runner.transport.addresses[0].port))
            await received(sock)
        assert [event.kind for event in witness.told] == ["DatagramRefused"]
        assert [one.data for one in witness.came] == [one.data for one in witness.went] == [b"x"]
        await runner.stop()

    run(scenario())


def test_an_engine_that_is_always_due_lets_others_work() -> None:
    async def scenario() -> None:
        engine = Echo(due=[0.0], never_done=True)
        runner = runner_of(engine)
        runner.start([Address(LOCALHOST, 0)])
        await asyncio.sleep(0.2)
        assert 10 <= len(engine.timeouts) <= 250
        with client() as sock:
            sock.sendto(b"x", ("127.0.0.1", runner.transport.addresses[0].port))
            await received(sock)
        await runner.stop()

    run(scenario())


def test_a_datagram_that_sets_off_a_bug_is_dropped() -> None:
    async def scenario() -> None:
        engine, witness = Echo(), Witness()
        runner = runner_of(engine, witness)
        runner.start([Address(LOCALHOST, 0)])
        with client() as sock:
            for data in (b"bug", b"x"):
                sock.sendto(data, ("127.0.0.1", runner.transport.addresses[0].port))
            assert (await received(sock))[0] == b"x"
        (trouble,) = witness.troubles
        assert "KeyError" in trouble
        assert "secret" not in trouble
        await runner.stop()

    run(scenario())


def test_nothing_is_sent_once_the_journal_fails() -> None:
    async def scenario() -> None:
        engine, witness = Echo(), Witness()
        runner = runner_of(engine, witness)
        runner.start([Address(LOCALHOST, 0)])

        def fail() -> None:
            raise StateError("the disk is full")

        engine.journal = fail
        with client() as sock:
            for _ in range(2):
                sock.sendto(b"x", ("127.0.0.1", runner.transport.addresses[0].port))
            with pytest.raises(StateError, match="the disk is full"):
                await runner.wait()
            with pytest.raises(StateError, match="the daemon stops: the disk is full"):
                runner.call(lambda now: None)
            engine.journal = lambda: None
            await runner.stop(lambda now: pytest.fail("a farewell would have to be committed"))
            sock.settimeout(0.1)
            with pytest.raises(TimeoutError):
                sock.recv(1)
        assert not witness.went

    run(scenario())


def test_a_bug_in_a_timeout_ends_the_daemon() -> None:
    async def scenario() -> None:
        engine = Echo()
        engine.journal = lambda: [][len("a secret")]
        runner = runner_of(engine)
        runner.start([Address(LOCALHOST, 0)])
        with pytest.raises(InternalError, match=r"IndexError at .*test_runner:") as caught:
            await runner.wait()
        assert "secret" not in str(caught.value)
        await runner.stop()

    run(scenario())


def test_a_clean_stop_sends_the_last_words_and_frees_the_port() -> None:
    async def scenario() -> None:
        engine = Echo()
        runner = runner_of(engine)
        runner.start([Address(LOCALHOST, 0)])
        (own,) = runner.transport.addresses
        asyncio.get_running_loop().call_later(0.05, runner.finish)
        await runner.wait()
        with client() as sock:
            peer = Address(LOCALHOST, sock.getsockname()[1])
            await runner.stop(lambda now: engine.queue.append(Datagram(b"bye", peer)))
            assert (await received(sock))[0] == b"bye"
        await runner.stop()  # again does no harm
        again = runner_of(Echo())
        again.start([own])
        await again.stop()

    run(scenario())


# -- multicast -------------------------------------------------------------------------------------------


def multicast_interface(group: IPv6Address) -> str:
    """An interface on which this machine hears its own IPv6 multicast; loopback often has no route for it."""
    for index, name in socket.if_nameindex():
        with client(socket.AF_INET6, "::") as sender, client(socket.AF_INET6, "::") as listener:
            listener.settimeout(0.2)
            with contextlib.suppress(OSError):
                sender.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF, index)
                request = group.packed + struct.pack("@I", index)
                listener.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_JOIN_GROUP, request)
                sender.sendto(b"?", (str(group), listener.getsockname()[1]))
                if listener.recv(1) == b"?":
                    return name
    skip_or_fail("no interface of this machine takes IPv6 multicast")


@pytest.mark.parametrize("group", [GROUP_4, GROUP_6])
def test_pushes_reach_every_member_on_the_machine(group: IPv4Address | IPv6Address) -> None:
    interface = multicast_interface(group) if isinstance(group, IPv6Address) else "lo"
    anywhere = Address(IPv4Address(0) if group.version == 4 else IPv6Address(0), 0)

    async def scenario() -> None:
        options = MulticastOptions(interface=interface, ttl=3)
        with client(socket.AF_INET6 if group.version == 6 else socket.AF_INET, str(anywhere.host)) as probe:
            port = probe.getsockname()[1]
        pushes = Address(group, port)
        members = [Echo(wanted=(pushes,)) for _ in range(3)]
        runners = [runner_of(engine, options=options) for engine in members]
        sender = runner_of(Echo(answers=False), options=options)
        for runner in (*runners, sender):
            runner.start([anywhere])
        assert all(runner.transport.groups == (pushes,) for runner in runners)
        sender.transport.send([Datagram(b"push", pushes, anywhere._replace(port=848))])
        await until(lambda: all(engine.heard for engine in members))
        for engine in members:
            ((data, source, local),) = engine.heard
            assert (data, local) == (b"push", pushes)
            assert source.port == sender.transport.addresses[0].port
        members[0].wanted = ()
        runners[0].call(lambda now: None)
        assert runners[0].transport.groups == ()
        sender.transport.send([Datagram(b"next", pushes)])
        await until(lambda: all(len(engine.heard) == 2 for engine in members[1:]))
        assert len(members[0].heard) == 1
        for runner in (*runners, sender):
            await runner.stop()

    run(scenario())


def test_who_has_not_joined_hears_nothing() -> None:
    """Linux gives a socket at the unspecified address whatever groups others have joined, unless told."""

    async def scenario() -> None:
        stranger, member = Echo(answers=False), Echo(answers=False)
        outside = runner_of(stranger)
        outside.start([Address(IPv4Address(0), 0)])
        port = outside.transport.addresses[0].port
        member.wanted = (Address(GROUP_4, port),)
        inside = runner_of(member)
        with client() as sock:  # only to have a port to send from
            inside.start([Address(LOCALHOST, 0)])
            inside.transport.send([Datagram(b"push", Address(GROUP_4, port))])
            await until(lambda: member.heard)
            sock.sendto(b"x", ("127.0.0.1", port))
            await until(lambda: stranger.heard)
        assert [data for data, _, _ in stranger.heard] == [b"x"]
        await inside.stop()
        await outside.stop()

    run(scenario())


def test_ttl_loop_and_interface_are_set() -> None:
    sock = udp.UDPSocket.bound(
        Address(LOCALHOST, 0), MulticastOptions(interface="lo", ttl=9, loop=False)
    ).socket
    with sock:
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL) == 9
        assert sock.getsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_LOOP) == 0
    options = MulticastOptions(interface=interface_index("lo"), ttl=8)
    sock = udp.UDPSocket.bound(Address(IPv6Address("::1"), 0), options).socket
    with sock:
        assert sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS) == 8
        index = sock.getsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_IF)
        assert index == socket.if_nametoindex("lo")


def test_a_group_that_cannot_be_joined_is_told_once() -> None:
    async def scenario() -> None:
        engine, witness = Echo(wanted=(Address(LOCALHOST, 0),)), Witness()  # no multicast address
        runner = runner_of(engine, witness)
        runner.start([Address(LOCALHOST, 0)])
        for _ in range(3):
            runner.call(lambda now: None)
        (trouble,) = witness.troubles
        assert trouble.startswith("the group 127.0.0.1:0 can't be joined on interface 'lo'")
        await runner.stop()

    run(scenario())


# -- sockets that have no room, addresses that can't be had ------------------------------------------------


class Full:
    """A socket that has no room until told."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.room = False
        self.sent: list[bytes] = []

    def sendto(self, data: bytes, address: tuple[str, int]) -> int:
        if not self.room:
            raise BlockingIOError(errno.EAGAIN, "no room")
        if data == b"long":
            raise OSError(errno.EMSGSIZE, "too long")
        self.sent.append(data)
        return len(data)

    def __getattr__(self, name: str) -> object:
        return getattr(self.sock, name)


def test_what_finds_no_room_waits_in_order_and_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(udp, "QUEUED_DATAGRAMS", 5)
    opened = udp.UDPSocket.bound(Address(LOCALHOST, 0), LOOPBACK)
    full = Full(opened.socket)
    monkeypatch.setattr(opened, "socket", full)
    data = [b"0", b"1", b"long", b"3", b"4", b"5", b"6"]
    outcome = [opened.send(Datagram(octets, Address(LOCALHOST, 9))) for octets in data]
    assert outcome == [0] * 5 + [errno.ENOBUFS] * 2
    full.room = True
    assert [(dropped.data, problem) for dropped, problem in opened.flush()] == [(b"long", errno.EMSGSIZE)]
    assert full.sent == [b"0", b"1", b"3", b"4"]
    assert (opened.queued_octets, len(opened.queue)) == (0, 0)
    opened.close()


def test_the_transport_writes_when_there_is_room_again(monkeypatch: pytest.MonkeyPatch) -> None:
    async def scenario() -> None:
        lost: list[str] = []
        transport = Transport(LOOPBACK, lambda batch: None, lambda datagram, reason: lost.append(reason))
        transport.open([Address(LOCALHOST, 0)])
        (opened,) = transport._sockets
        full = Full(opened.socket)
        monkeypatch.setattr(opened, "socket", full)
        transport.send(Datagram(octets, Address(LOCALHOST, 9)) for octets in (b"1", b"long", b"2"))
        await transport.drain(0.05)
        assert full.sent == []
        full.room = True
        await transport.drain(5)
        assert full.sent == [b"1", b"2"]
        assert lost == ["Message too long"]
        transport.close()

    run(scenario())


def test_what_cannot_be_sent_is_told_and_nothing_else_happens() -> None:
    async def scenario() -> None:
        witness = Witness()
        runner = runner_of(Echo(), witness)
        runner.start([Address(LOCALHOST, 0)])
        runner.transport.send(
            [
                Datagram(bytes(65_508), Address(LOCALHOST, 9)),
                Datagram(b"x", Address(IPv6Address("::1"), 9)),
                Datagram(b"x", Address(IPv4Address("255.255.255.255"), 9)),
            ]
        )
        reasons = [reason for _, reason in witness.lost]
        assert reasons[:2] == ["Message too long", "Address family not supported by protocol"]
        assert len(reasons) == 3
        await runner.stop()

    run(scenario())


def test_a_source_that_is_gone_does_not_stop_an_answer() -> None:
    async def scenario() -> None:
        witness = Witness()
        runner = runner_of(Echo(), witness)
        runner.start([Address(IPv4Address(0), 0)])
        with client() as sock:
            peer = Address(LOCALHOST, sock.getsockname()[1])
            runner.transport.send([Datagram(b"x", peer, Address(IPv4Address("198.51.100.77"), 848))])
            assert (await received(sock))[0] == b"x"
        assert witness.lost == []
        await runner.stop()

    run(scenario())


def test_a_port_that_is_taken() -> None:
    async def scenario() -> None:
        with client() as sock:
            port = sock.getsockname()[1]
            runner = runner_of(Echo())
            with pytest.raises(ConfigurationError, match=rf"127.0.0.1:{port} .*another program has UDP port"):
                runner.start([Address(LOCALHOST, 0), Address(LOCALHOST, port)])
            assert runner.transport.addresses == ()
            await runner.stop()

    run(scenario())


def test_a_port_that_is_taken_at_every_address() -> None:
    async def scenario() -> None:
        first, second = runner_of(Echo()), runner_of(Echo())
        first.start([Address(IPv4Address(0), 0)])
        with pytest.raises(ConfigurationError, match="another program has UDP port"):
            second.start(first.transport.addresses)
        await second.stop()
        await first.stop()

    run(scenario())


@pytest.mark.parametrize(
    ("listen", "interface", "problem"),
    [
        ("198.51.100.77:0", "lo", "198.51.100.77:0 can't be listened on: Cannot assign requested address"),
        ("127.0.0.1:0", "none0", "there is no interface 'none0'; there are lo"),
        (None, "lo", "there is no address to listen on"),
    ],
)
def test_addresses_that_cannot_be_had(listen: str | None, interface: str, problem: str) -> None:
    async def scenario() -> None:
        runner = runner_of(Echo(), options=MulticastOptions(interface=interface))
        with pytest.raises(ConfigurationError) as caught:
            runner.start([Address.from_text(listen)] if listen else [])
        assert str(caught.value).startswith(problem)
        await runner.stop()

    run(scenario())


def test_the_address_that_routes_choose() -> None:
    assert source_towards(Address(IPv4Address("127.0.0.1"), 848)) == LOCALHOST
    assert source_towards(Address(IPv6Address("::1"), 0)) == IPv6Address("::1")


def test_the_clock_is_wall_time_that_does_not_jump(monkeypatch: pytest.MonkeyPatch) -> None:
    import time

    before = time.time()
    clock = steady_clock()
    assert before <= clock() <= time.time()
    monkeypatch.setattr(time, "time", lambda: 0.0)  # somebody sets the system's clock
    assert before <= clock() <= before + 5
