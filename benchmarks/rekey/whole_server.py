"""A whole `GroupServer`: what it holds for its members, and what evicting one costs, store and all."""

from __future__ import annotations

import multiprocessing
from collections.abc import Sequence
from dataclasses import dataclass
from ipaddress import IPv4Address
from itertools import pairwise
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from time import perf_counter, thread_time_ns
from typing import Final

from benchmarks.rekey.measuring import resident
from benchmarks.rekey.structures import Case, group_policy, member
from benchmarks.timing import uncollected
from gsakmp.doi import STANDARD
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, Selector
from gsakmp.group.server import GroupServer
from gsakmp.peers.pushing import PushBuilders
from gsakmp.store import SQLStore

__all__ = ["Evicted", "serve", "table"]

SEALING_KEY: Final = bytes(32)
AT_ONCE: Final = 500
"""Registrations of one commit."""
EVICTIONS: Final = 20
FIRST_MEMBER: Final = int(IPv4Address("10.0.0.1"))
START: Final = 1_700_000_000.0
SECONDS: Final = 100.0
"""Between two evictions on the server's clock: what they replaced is forgotten before the next."""


@dataclass(frozen=True, slots=True)
class Evicted:
    """Microseconds of one eviction: `decided` in the group's server, the algorithm's plan included; `built`
    for its pushes; `stored` for the commit; these of the processor, and `elapsed` all by the wall clock."""

    name: str
    members: int
    octets_per_member: float
    admitted: float
    decided: float
    built: float
    stored: float
    elapsed: float
    pushes: float
    restart_seconds: float


def serve(case: Case, members: int, *, apart: bool = True) -> Evicted:
    """`apart`: in a process of its own."""
    if not apart:
        return served(case, members)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(served, (case, members))


def policy_of(case: Case, members: int) -> GroupPolicy:
    settings = case.settings(members)
    rekey = group_policy(
        "ecdsa-256-sha256",
        management=case.management,
        eviction=settings.eviction,
        degree=settings.degree,
        trees=settings.trees,
        lifetime=604_800,
    )
    return GroupPolicy(
        name="benchmark",
        identity="key-id:0x000004d2",
        members=(MemberPolicy(identity="fqdn:*.example"),),
        rekey=(rekey,),
        data=(DataPolicy(selector=Selector(destination="ipv4:239.192.0.2"), lifetime=604_800),),
    )


def served(case: Case, members: int) -> Evicted:
    policy = policy_of(case, members)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "store"
        with SQLStore(path, SEALING_KEY) as store:
            server = GroupServer(policy, None, now=START)
            admit(server, store, range(1), START)
            before = resident()
            spent = admit(server, store, range(1, members), START)
            grown = resident() - before
            rows = evictions(server, store, range(min(EVICTIONS, members // 2)))
        seconds = restart(policy, path)
    decided, built, stored, elapsed, pushes = (median(column) for column in zip(*rows, strict=True))
    admitted = spent / max(1, members - 1)
    return Evicted(
        case.name, members, grown / members, admitted, decided, built, stored, elapsed, pushes, seconds
    )


def admit(server: GroupServer, store: SQLStore, numbers: range, now: float) -> float:
    """All of them, without what comes before it on the wire; microseconds of the processor."""
    start = thread_time_ns()
    for number in numbers:
        who = member(number)
        server.admit(server.offer(who, now, sender=False), who, address(number), 0, "", now)
        if number % AT_ONCE == 0:
            settle(server, store)
    settle(server, store)
    return (thread_time_ns() - start) / 1000


def address(number: int) -> str:
    return str(IPv4Address(FIRST_MEMBER + number))


def settle(server: GroupServer, store: SQLStore) -> None:
    store.commit(server.take_changes())
    server.take_events()


def evictions(server: GroupServer, store: SQLStore, numbers: range) -> Sequence[tuple[float, ...]]:
    """One member after the other: decided, built, stored, elapsed, pushes."""
    rows, builders, now = [], PushBuilders(), START
    with uncollected():
        for number in numbers:
            now += SECONDS
            server.handle_timeout(now)
            settle(server, store)
            began, times = perf_counter(), [thread_time_ns()]
            server.evict(member(number), now)
            changes, pushes = server.take_changes(), server.take_pushes()
            times.append(thread_time_ns())
            for push in pushes:
                builders.build(push, STANDARD, allow_weak=False)
            times.append(thread_time_ns())
            store.commit(changes)
            times.append(thread_time_ns())
            elapsed = 1e6 * (perf_counter() - began)
            server.take_events()
            steps = [(end - start) / 1000 for start, end in pairwise(times)]
            rows.append((*steps, elapsed, float(len(pushes))))
    return rows


def restart(policy: GroupPolicy, path: Path) -> float:
    """Seconds from the store's file to a server that serves."""
    start = perf_counter()
    with SQLStore(path, SEALING_KEY) as store:
        GroupServer(policy, store.load()[policy.name], now=START + SECONDS * (EVICTIONS + 1))
    return perf_counter() - start


def table(found: Sequence[Evicted]) -> str:
    head = (
        f"{'whole server':<14}{'members':>9}{'resident':>10}{'admit':>9}{'evict':>10}"
        f"{'decided':>9}{'pushes':>8}{'built':>9}{'stored':>9}{'restart':>9}"
    )
    lines = [head, "-" * len(head)]
    for one in found:
        whole = one.decided + one.built + one.stored
        lines.append(
            f"{one.name:<14}{one.members:>9}{one.octets_per_member:>10.0f}{one.admitted:>6.0f} us"
            f"{whole / 1000:>7.2f} ms{one.decided / whole:>8.0%} {one.pushes:>8.0f}{one.built / whole:>8.0%} "
            f"{one.stored / whole:>8.0%} {one.restart_seconds:>7.2f} s"
        )
    return "\n".join(lines)
