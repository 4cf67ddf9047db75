"""The tables, and what is asked of LKH with a million members."""

from __future__ import annotations

import platform
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from importlib.metadata import version
from statistics import median
from typing import Final

from benchmarks.rekey.changes import AT_ONCE, FLOOR, KINDS, OURS, SLOW_SIGNATURES, Changed
from benchmarks.rekey.measuring import Found
from benchmarks.rekey.signing import SIGNATURES
from benchmarks.rekey.structures import FLAT

__all__ = ["as_json", "change_tables", "head", "size_table", "targets"]

TARGET: Final = "lkh, degree 4"
TARGET_MEMBERS: Final = 1_000_000
TIMES, OCTETS, SECONDS = 2.0, 100.0, 10.0
SHORT: Final = {"ecdsa-256-sha256": "ECDSA", "rsa-2048-sha256": "RSA"}
MILLION: Final = 1_000_000
TEN: Final = 10.0
WITHOUT: Final = "the same if no message were encoded and encrypted"
SIZES_NOTE: Final = """\
resident: octets for a member by which a fresh process has grown once the structure is made and saved, and
all else is given back. start: the structure made for all at once. save: written as a whole. leave, log,
commit: of one more leave made durable, the octets that the algorithm says to persist, those that SQLite's
log grows by, and the time until the disk has them. load: from the file, out of the system's cache, to an
algorithm that answers. Times here are by the wall clock, but for "busy", the processor's part of a load."""


def head(processor: int | None) -> str:
    """How it was measured."""
    place = "not pinned to one processor" if processor is None else f"pinned to processor {processor}"
    software = f"python {platform.python_version()}, cryptography {version('cryptography')}"
    return f"""\
{software}, machine {platform.machine()}; {place}.
Each structure is in a process of its own. Times are the processor's, medians over the rounds, the collector
off; single joins and leaves come {AT_ONCE} in a row. "plan" is the algorithm's part, wraps included. "ECDSA"
and "RSA" are all of it: planned, and each push built, signed ({" or ".join(SIGNATURES.values())}) and
encrypted, as the GCKS does. "times" is how long that takes for one turn of the bare cryptography of the very
same change, in turns with it: as many wraps (AES-128 in CBC mode, each under another key) and as many
signatures over as many octets, called straight on pyca/cryptography, and nothing else. "flat" is how many
times as long flat rekeying with own keys takes for the same change; its batches at {TARGET_MEMBERS} members
are taken to last as one leave does, which has a wrap for each who stays, too. RSA is left out beyond
{SLOW_SIGNATURES} pushes. Octets are those of all pushes, ISAKMP header included. Flat with re-pull sends one
push, and all who stay register again."""


def change_tables(found: Sequence[Found]) -> str:
    """For each kind of change, all structures of all sizes."""
    tables = [change_table(kind, found) for kind in KINDS]
    return "\n\n".join(table for table in tables if table)


def change_table(kind: str, found: Sequence[Found]) -> str:
    title = f"{kind:<17}{'members':>9}{'wraps':>8}{'pushes':>8}{'octets':>11}{'plan':>10}"
    for signature in SHORT.values():
        title += f"{signature:>11}{'times':>7}"
    title += f"{'flat':>10}"
    lines = []
    for one in found:
        changed = of_kind(one, kind)
        if changed is not None:
            lines.append(row(one, changed, flat_time(kind, one.members, found)))
    return "\n".join([title, "-" * len(title), *lines]) if lines else ""


def row(one: Found, changed: Changed, flat: float | None) -> str:
    line = (
        f"{one.case.name:<17}{one.members:>9}{median(changed.wraps):>8.0f}{median(changed.pushes):>8.0f}"
        f"{median(changed.octets):>11.0f}{shown(median(changed.planned)):>10}"
    )
    for name in SHORT:
        measured = changed.signed.get(name)
        if measured is None:
            line += f"{'':>11}{'':>7}"
        else:
            line += f"{shown(median(measured.rounds[OURS])):>11}{measured.ratio(OURS, FLOOR):>7.2f}"
    if flat is not None and one.case.name != FLAT:
        times = flat / spent_on(changed)
        line += f"{times:>10.2f}" if times < TEN else f"{times:>10,.0f}"
    return line.rstrip()


def of_kind(one: Found, kind: str) -> Changed | None:
    return next((changed for changed in one.changes if changed.kind == kind), None)


def spent_on(changed: Changed) -> float:
    """Nanoseconds with the first signature; without pushes, of the plan."""
    measured = changed.signed.get(next(iter(SHORT)))
    return median(changed.planned if measured is None else measured.rounds[OURS])


def flat_time(kind: str, members: int, found: Sequence[Found]) -> float | None:
    for one in found:
        if one.case.name == FLAT and one.members == members:
            changed = of_kind(one, kind) or of_kind(one, KINDS[0])
            return None if changed is None else spent_on(changed)
    return None


def shown(nanoseconds: float) -> str:
    if nanoseconds < MILLION:
        return f"{nanoseconds / 1000:.0f} us"
    if nanoseconds < 1000 * MILLION:
        return f"{nanoseconds / MILLION:.2f} ms"
    return f"{nanoseconds / MILLION / 1000:.2f} s"


def size_table(found: Sequence[Found]) -> str:
    """Memory and disk. `SIZES_NOTE` says what the columns are."""
    title = (
        f"{'memory and disk':<17}{'members':>9}{'resident':>10}{'start':>9}{'save':>9}{'file':>10}"
        f"{'leave':>9}{'log':>8}{'commit':>10}{'load':>9}{'busy':>9}"
    )
    lines = [title, "-" * len(title)]
    for one in found:
        disk = one.stored
        lines.append(
            f"{one.case.name:<17}{one.members:>9}{one.octets_per_member:>10.0f}{one.start_seconds:>7.2f} s"
            f"{disk.save_seconds:>7.2f} s{disk.file_octets / 2**20:>6.1f} MiB{disk.leave_octets:>7.0f} B"
            f"{disk.log_octets / 1024:>5.0f} KiB{disk.leave_milliseconds:>7.2f} ms{disk.load_seconds:>7.2f} s"
            f"{disk.load_processor:>7.2f} s"
        )
    return "\n".join([*lines, SIZES_NOTE])


def targets(found: Sequence[Found]) -> str:
    """What a million members ask for; empty where they were not measured."""
    one = next((it for it in found if it.case.name == TARGET and it.members == TARGET_MEMBERS), None)
    if one is None:
        return ""
    leave = of_kind(one, KINDS[0])
    signed = {} if leave is None else leave.signed
    lines = [f"targets ({TARGET}, {TARGET_MEMBERS} members)"]
    for name, measured in signed.items():
        what = f"leave, times its wraps and {SIGNATURES[name]} signatures"
        lines.append(said(what, measured.ratio(OURS, FLOOR), TIMES, ""))
        if leave is not None:
            lines.append(f"    {WITHOUT:<56}{leave.without_messages(name):>8.2f}")
    lines.append(said("resident octets for a member", one.octets_per_member, OCTETS, ""))
    lines.append(said("loaded from disk", one.stored.load_seconds, SECONDS, " s"))
    return "\n".join(lines)


def said(what: str, value: float, most: float, unit: str) -> str:
    return f"  {what:<52}<= {most:g}{unit:<3}{value:>8.2f}{unit:<3}{'met' if value <= most else 'NOT MET'}"


def as_json(found: Sequence[Found]) -> list[Mapping[str, object]]:
    """Everything."""
    return [
        {
            "algorithm": one.case.name,
            "members": one.members,
            "start_seconds": one.start_seconds,
            "octets_per_member": one.octets_per_member,
            "stored": asdict(one.stored),
            "changes": [changed.plain() for changed in one.changes],
        }
        for one in found
    ]
