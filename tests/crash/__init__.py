"""A key server that is killed (SIGKILL) again and again: nothing is used twice, nothing acknowledged is lost.

``python -m tests.crash.run --kills 300`` does it 300 times and tells what it saw. A kill is the end of a
process, not of the machine: what the system was given to write is written. That SQLite waits for the disk is
its own promise (`synchronous=FULL`), and not tried here.

- `trial`: the key server, the members, and when to kill. `judge`: what must hold, from outside.
- `wire`: a bystander who records every push. `run`: the command.
"""
