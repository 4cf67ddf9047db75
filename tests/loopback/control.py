"""Asks a key server that may be killed before it answers."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

ANSWER = 16 * 1024 * 1024


async def answers(path: Path) -> bool:
    """Whether somebody listens at the control socket."""
    try:
        _, writer = await asyncio.open_unix_connection(path)
    except OSError:
        return False
    writer.close()
    return True


async def ask(path: Path, command: str, **arguments: Any) -> dict[str, Any] | None:
    """The answer as it came, None if none came in full: then nothing is known about what became of it."""
    try:
        reader, writer = await asyncio.open_unix_connection(path, limit=ANSWER)
    except OSError:
        return None
    try:
        writer.write(json.dumps({"command": command, **arguments}).encode() + b"\n")
        line = await reader.readline()
    except OSError:
        return None
    finally:
        writer.close()
    if not line.endswith(b"\n"):
        return None
    answer: dict[str, Any] = json.loads(line)
    return answer
