"""Key servers as processes: ``python -m tests.loopback.child`` starts and reaps them as its input says.

One that has imported everything forks, and the child becomes a key server with nothing from before but the
code. So a start takes milliseconds, and hundreds of kills a minute or two. Lines in, fields parted by tabs::

    start <configuration file> [<fault>]    the answer is the process's number
    reap <number>                           waits for its end: how it ended, as `subprocess` says it

The end of input kills what still runs.
"""

from __future__ import annotations

import faulthandler
import gc
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from typing import Any

from gsakmp.errors import GsakmpError
from gsakmp.group.records import Change
from gsakmp.net import daemon
from gsakmp.store import SQLStore


class LateStore(SQLStore):
    """A broken one: it says that changes are durable, and writes them when the next ones come. The crash test
    must find it out."""

    _held: Sequence[Change] = ()

    def commit(self, changes: Sequence[Change]) -> None:
        held, self._held = self._held, list(changes)
        super().commit(held)


FAULTS: dict[str, dict[str, Any]] = {"": {}, "late": {"SQLStore": LateStore}}


def serve(configuration: str, fault: str) -> int:
    """Be a key server until told to stop; the exit status."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for descriptor in (0, 1):
        os.dup2(nothing, descriptor)
    faulthandler.register(signal.SIGUSR1)  # for whoever finds one that hangs
    for name, value in FAULTS[fault].items():
        setattr(daemon, name, value)
    try:
        daemon.run_gcks(configuration)
    except GsakmpError as error:
        print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
        return 1
    return 0


def start(configuration: str, fault: str) -> int:
    number = os.fork()
    if number:
        return number
    status = 2
    try:
        status = serve(configuration, fault)
    except BaseException:
        sys.excepthook(*sys.exc_info())
    finally:
        sys.stderr.flush()
        os._exit(status)


def main() -> None:
    running: set[int] = set()
    gc.collect()
    gc.freeze()  # what is there stays shared with the children
    while line := sys.stdin.readline():
        match line.rstrip("\n").split("\t"):
            case ["start", configuration, *fault]:
                number = start(configuration, "".join(fault))
                running.add(number)
                print(number, flush=True)
            case ["reap", number]:
                _, status = os.waitpid(int(number), 0)
                running.discard(int(number))
                print(os.waitstatus_to_exitcode(status), flush=True)
            case _:
                raise SystemExit(f"no such order: {line!r}")
    for number in running:
        with suppress(ProcessLookupError):
            os.kill(number, signal.SIGKILL)
            os.waitpid(number, 0)


if __name__ == "__main__":
    main()
