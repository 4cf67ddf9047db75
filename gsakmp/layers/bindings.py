"""Which UDP ports lead to these packets, and how they get on with scapy's own layers there.

848 was free. On 500, and on 4500 behind the non-ESP marker, scapy sends every message to its IKEv2, which
hands those of version 1 on to its ISAKMP. Here every message goes to `Header`, which hands those of version
2 on to scapy's IKEv2. ESP and NAT keepalives on 4500 are told apart by scapy before that, and stay so.
"""

from __future__ import annotations

from scapy.contrib.ikev2 import IKEv2
from scapy.layers.inet import UDP
from scapy.layers.ipsec import NON_ESP
from scapy.packet import bind_bottom_up, bind_top_down, split_bottom_up, split_top_down

from gsakmp.layers.header import Header

__all__ = ["bind_ports", "unbind_ports"]

IKE_PORT = 500
GDOI_PORT = 848


def bind_ports() -> None:
    """Give UDP 500, 848 and 4500 to `Header`. Importing `gsakmp.layers` does this."""
    unbind_ports()
    for way in ("sport", "dport"):
        split_bottom_up(UDP, IKEv2, **{way: IKE_PORT})
        bind_bottom_up(UDP, Header, **{way: IKE_PORT})
        bind_bottom_up(UDP, Header, **{way: GDOI_PORT})
    split_bottom_up(NON_ESP, IKEv2)
    bind_bottom_up(NON_ESP, Header)
    bind_top_down(UDP, Header, sport=GDOI_PORT, dport=GDOI_PORT)


def unbind_ports() -> None:
    """Give 500 and 4500 back to scapy's own layers, and leave 848."""
    for way in ("sport", "dport"):
        split_bottom_up(UDP, IKEv2, **{way: IKE_PORT})
        split_bottom_up(UDP, Header, **{way: IKE_PORT})
        split_bottom_up(UDP, Header, **{way: GDOI_PORT})
        bind_bottom_up(UDP, IKEv2, **{way: IKE_PORT})
    split_bottom_up(NON_ESP, Header)
    split_bottom_up(NON_ESP, IKEv2)
    bind_bottom_up(NON_ESP, IKEv2)
    split_top_down(UDP, Header)
