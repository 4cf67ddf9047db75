"""Where a failure becomes an exit status and one line on standard error."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Final, TextIO

from gsakmp.errors import GsakmpError
from gsakmp.wire.spans import printable

__all__ = ["MALFORMED", "SOUND", "STATUSES", "UNUSABLE", "complain", "guarded", "paragraphs"]

SOUND: Final = 0
MALFORMED: Final = 1
UNUSABLE: Final = 2
INTERRUPTED: Final = 130
PIPE_CLOSED: Final = 141
DEBUG: Final = "GSAKMP_DEBUG"
"""Set in the environment, it lets a bug end in a traceback."""
STATUSES: Final = (
    "Exit status: 0 if all is well, 1 if a message is malformed, a key does not fit or a check is wrong, 2 "
    "for wrong usage or a file that can't be read to its end."
)
"""For the help of what opens captures."""


def paragraphs(*texts: str) -> str:
    """Texts for the end of a command's help, one below the other."""
    return "\n\n".join(texts)


def guarded(command: Callable[[], int]) -> int:
    """The status of `command`, or what its failure means; a message of one line goes to stderr."""
    try:
        status = command()
        sys.stdout.flush()
    except BrokenPipeError:
        status = PIPE_CLOSED
        silence(sys.stdout)
    except KeyboardInterrupt:
        status = INTERRUPTED
    except GsakmpError as exc:
        status = UNUSABLE
        complain(str(exc))
    except OSError as exc:  # stdout is a full disk, a terminal went away
        status = UNUSABLE
        complain(f"standard output: {exc.strerror or exc}")
        silence(sys.stdout)
    except Exception as exc:
        if os.environ.get(DEBUG):
            raise
        status = UNUSABLE
        complain(f"a bug here, please report it: {type(exc).__name__}: {exc}")
    try:
        sys.stderr.flush()
    except OSError:
        silence(sys.stderr)
    return status


def complain(problem: str) -> None:
    """Say it on standard error, in one line."""
    try:
        print(f"gsakmp: {printable(problem)}", file=sys.stderr)
    except OSError:
        silence(sys.stderr)


def silence(stream: TextIO) -> None:
    """Let what is still buffered go nowhere, so that the interpreter's own flush at the end succeeds."""
    try:
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)
    except (OSError, ValueError):  # not a real file: nothing is flushed at the end
        pass
