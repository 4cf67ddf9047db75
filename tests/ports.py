"""UDP ports that nobody has."""

from __future__ import annotations

import os
import socket
from contextlib import ExitStack
from typing import Final

__all__ = ["free_block", "free_port"]

BLOCK: Final = 20
BLOCKS: Final = range(22_000, 32_000, BLOCK)
"""First ports. No system gives any of these to who asks for just a port (Linux begins at 32768)."""


def free_port(host: str = "127.0.0.1") -> int:
    """One port. Whoever takes it between now and its use makes the test fail, which is as likely as that a
    program draws this very port on this very address."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind((host, 0))
        return int(sock.getsockname()[1])


def free_block() -> int:
    """The first of 20 ports in a row. Each process begins to look at another place, so that two that look at
    the same time don't find the same."""
    for turn in range(len(BLOCKS)):
        first = BLOCKS[(os.getpid() + turn) % len(BLOCKS)]
        with ExitStack() as held:
            try:
                for port in range(first, first + BLOCK):
                    sock = held.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
                    sock.bind(("", port))
            except OSError:
                continue
            return first
    raise AssertionError("every port is taken")
