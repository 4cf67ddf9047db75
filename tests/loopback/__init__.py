"""Real sockets on loopback: a key server in a process of its own, which may be killed, and members here.

- `child`: the key servers' processes. `host`: starting and killing them. `control`: asking them.
- `files`: their configuration. `players`: members with sockets.

Everything here is on addresses of 127.0.0.0/8 that are drawn at random, so that nothing else is there: Linux
has all of them on its loopback interface. Multicast goes to a group drawn at random, and stays on `lo`.
"""
