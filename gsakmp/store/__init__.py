"""What must survive a crash, on SQLite: a `gsakmp.group.records.Journal` whose keys are sealed.

- `sql`: the store. `writing` and `reading`: changes to rows, rows to states. `rows`: records and rows.
  `batches`: changes put together. `policies`: what is kept for the record.
- `connecting`: how SQLite is set. `schema`, `migrations`: the tables, and how an old file becomes a new one.
- `failures`: other libraries' exceptions as ours.
- `sealing`: keys at rest. `files`: permissions, and the lock that keeps a second key server out.
- `backups`: copies, and why a copy does not simply go on where it was made.
"""

from __future__ import annotations

from gsakmp.store.sealing import generate_key_file, read_key_file
from gsakmp.store.sql import PolicyRecord, SQLStore

__all__ = ["PolicyRecord", "SQLStore", "generate_key_file", "read_key_file"]
