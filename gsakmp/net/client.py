"""Asking a daemon over its control socket: what ``gsakmp gcks status`` and its like do."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import msgspec

from gsakmp.errors import StateError
from gsakmp.net.control import ANSWER_OCTETS

__all__ = ["ask"]

PIECE_OCTETS: Final = 65_536


class Answer(msgspec.Struct):
    """What comes back."""

    ok: bool
    result: Any = None
    error: str = ""


def ask(path: str | os.PathLike[str], command: str, *, seconds: float = 10.0, **arguments: Any) -> Any:
    """Give a command, and return its result as plain values (dictionaries, lists, text, numbers).

    `arguments` are those of `gsakmp.net.commands`; `seconds` is how long each part of the answer may take.
    Raises `StateError` where no daemon answers, or with what it refuses.
    """
    where = Path(path)
    request = msgspec.json.encode({"command": command, **arguments}) + b"\n"
    try:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as sock:
            sock.settimeout(seconds)
            sock.connect(os.fspath(where))
            with suppress(BrokenPipeError, ConnectionResetError):  # it may have said why before it hung up
                sock.sendall(request)
            line = read_line(sock)
    except TimeoutError:
        raise StateError(f"the daemon at {where} does not answer") from None
    except (FileNotFoundError, ConnectionRefusedError):
        raise StateError(f"no daemon listens at {where}; is it running?") from None
    except (OSError, ValueError, AttributeError) as error:  # ValueError: no path; AttributeError: no AF_UNIX
        problem = getattr(error, "strerror", None) or str(error)
        raise StateError(f"the daemon at {where} can't be asked: {problem}") from None
    try:
        answer = msgspec.json.decode(line, type=Answer)
    except (msgspec.MsgspecError, RecursionError):
        raise StateError(f"what answers at {where} is no daemon of ours") from None
    if not answer.ok:
        raise StateError(answer.error or "the daemon refuses, and does not say why")
    return answer.result


def read_line(sock: socket.socket) -> bytes:
    """Up to the end of the line, or of what there is."""
    pieces: list[bytes] = []
    total = 0
    while total <= ANSWER_OCTETS:
        piece = sock.recv(PIECE_OCTETS)
        if not piece:
            break
        pieces.append(piece)
        total += len(piece)
        if piece.endswith(b"\n"):
            break
    return b"".join(pieces)
