"""Opening captures: messages decrypted and checked, the keys that they carry learnt and used.

`Opener` takes datagrams in the order of the capture and gives a `gsakmp.captures.opened.Opened` for each.
With one phase-1 secret it opens a group's whole life: the registration under that ISAKMP SA, every push under
the keys that came with it, and those that follow, and the ESP packets of the group.

It is a witness, not a party: it changes nothing, takes weak algorithms, and goes on where a peer would give
up. What is not authentic it shows, and learns nothing from.
"""

from __future__ import annotations

from gsakmp.captures.opening.opener import Opener

__all__ = ["Opener"]
