"""The daemons around the engines: everything that does input and output.

- `daemon`: a GCKS and a member as daemons. `shell`: what they have in common.
- `runner`: drives an engine. `transport`, `udp`, `multicast`, `packetinfo`: its sockets. `clock`: its time.
- `configuration`: files into what engines take. `schema`: tables; `toml`, `keys`, `files`: reading them.
- `control`, `commands`: the Unix socket and what it understands; `client`: asking there.
- `logs`, `metrics`, `recorder`: what watches a runner. `views`: what engines tell about themselves.
"""
