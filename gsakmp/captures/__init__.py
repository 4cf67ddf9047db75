"""Capture files: octets in, UDP datagrams out, and back.

`read` gives the datagrams of a pcap or pcapng file, one at a time, whatever its link layer; `write`
makes a pcap file of datagrams. Nothing here knows what the datagrams say.
"""

from __future__ import annotations

from gsakmp.captures.datagram import Counts, Datagram, Reason
from gsakmp.captures.reader import PORTS, Capture, read
from gsakmp.captures.writer import write

__all__ = ["PORTS", "Capture", "Counts", "Datagram", "Reason", "read", "write"]
