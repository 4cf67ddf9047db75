"""Starts key servers in processes of their own, and kills them."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path
from typing import Self

from tests.loopback.control import answers

LOOK = 0.003
"""Seconds between two looks at whether it answers."""
PATIENCE = 30.0
"""Seconds that a process may take to start or to end."""
ROOT = Path(__file__).resolve().parents[2]


class Host:
    """`tests.loopback.child` as a process, an asynchronous context manager. One key server at a time."""

    def __init__(self, folder: Path) -> None:
        self.errors = folder / "stderr"
        """What any of them has written to standard error; nothing, if all is well."""
        self.running: int | None = None
        """The process of the key server."""
        self._process: asyncio.subprocess.Process | None = None

    async def __aenter__(self) -> Self:
        with self.errors.open("wb") as errors:
            self._process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", "tests.loopback.child"),
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=errors,
                cwd=ROOT,
            )
        return self

    async def __aexit__(self, *error: object) -> None:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        self.signal()
        process.stdin.close()
        try:
            await asyncio.wait_for(process.wait(), PATIENCE)
        except TimeoutError:
            process.kill()
            await process.wait()

    async def start(self, configuration: Path, fault: str = "") -> int:
        """A key server; its process's number. It may take a while to answer."""
        assert self.running is None
        self.running = int(await self._order("start", str(configuration), *([fault] if fault else [])))
        return self.running

    def signal(self, number: signal.Signals = signal.SIGKILL) -> None:
        """Kill the key server, or tell it something. The number can't be another process's before `reap`."""
        if self.running is not None:
            os.kill(self.running, number)

    @property
    def ended(self) -> bool:
        """Whether the key server has ended, and waits to be reaped (proc(5))."""
        if self.running is None:
            return True
        stat = Path(f"/proc/{self.running}/stat").read_text()
        return stat.rpartition(")")[2].split()[0] == "Z"

    async def ready(self, control: Path, seconds: float) -> bool:
        """Whether somebody answers at the control socket within that time, and before the end."""
        loop = asyncio.get_running_loop()
        end = loop.time() + seconds
        while loop.time() < end and not self.ended:
            if await answers(control):
                return True
            await asyncio.sleep(LOOK)
        return False

    async def reap(self) -> int:
        """Wait for the key server's end: its exit status, or the signal's number, negative."""
        assert self.running is not None
        status = int(await self._order("reap", str(self.running)))
        self.running = None
        return status

    async def _order(self, *fields: str) -> str:
        process = self._process
        assert process is not None
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("\t".join(fields).encode() + b"\n")
        answer = await asyncio.wait_for(process.stdout.readline(), PATIENCE)
        if not answer:
            raise AssertionError(f"the processes' host is gone: {self.errors.read_text()}")
        return answer.decode().strip()
