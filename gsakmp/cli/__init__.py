"""The commands. `main` is what ``gsakmp`` runs.

Exit statuses: 0 all went well, 1 some messages were malformed, a check was wrong or some lines could not be
encoded, 2 wrong usage, input that can't be read or output that can't be written. A reader that goes away
(``| head``) ends a command quietly with 141, an interrupt with 130, as a shell reports programs that SIGPIPE
and SIGINT end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Final, TextIO

from gsakmp import __version__

__all__ = ["main"]

STDERR: Final = 2


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` unless given, and return the exit status. Raises nothing."""
    for name, number in (("stdin", 0), ("stdout", 1), ("stderr", 2)):
        if getattr(sys, name) is None:
            setattr(sys, name, stand_in(number))
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"]:  # before anything slow is imported
        from gsakmp.cli.status import guarded

        return guarded(say_version)
    from gsakmp.cli.app import run

    return run(arguments)


def say_version() -> int:
    print(f"gsakmp {__version__}")
    return 0


def stand_in(number: int) -> TextIO:
    """A stream in the place of one that whoever started us has closed: nothing to read, and what is written
    fails, but for complaints, which nobody wants to hear then. Its number is taken, so that no file that is
    opened later gets what is meant for it."""
    wanted = os.O_WRONLY if number == STDERR else os.O_RDONLY
    opened = os.open(os.devnull, wanted)
    if opened != number:
        os.dup2(opened, number)
        os.close(opened)
    return open(number, "w" if number else "r", closefd=False)  # for as long as we run
