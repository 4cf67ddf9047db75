"""The commands. `main` is what ``gsakmp`` runs.

Exit statuses: 0 all went well, 1 some messages were malformed or some lines could not be encoded, 2 wrong
usage or input that can't be read. A reader that goes away (``| head``) ends a command quietly with 141, an
interrupt with 130, as a shell reports programs that SIGPIPE and SIGINT end.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence

from gsakmp import __version__

__all__ = ["main"]


def main(argv: Sequence[str] | None = None) -> int:
    """Run a command line, `sys.argv` unless given, and return the exit status. Raises nothing."""
    for name, mode in (("stdin", "r"), ("stdout", "w"), ("stderr", "w")):
        if getattr(sys, name) is None:  # whoever started us closed it
            setattr(sys, name, open(os.devnull, mode))  # noqa: SIM115  # for as long as we run
    arguments = sys.argv[1:] if argv is None else list(argv)
    if arguments == ["--version"]:  # before anything slow is imported
        print(f"gsakmp {__version__}")
        return 0
    from gsakmp.cli.app import run

    return run(arguments)
