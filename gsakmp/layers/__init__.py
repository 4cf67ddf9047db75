"""Scapy packets of every message: ``from gsakmp.layers import *`` is all that a scapy user types.

::

    from scapy.all import *
    from gsakmp.layers import *

    packet = IP(dst="10.0.0.1") / UDP() / Header(exchange_type="GROUPKEY_PULL") / GroupSA(sa_attributes=[
        SAKEK(protocol="UDP", destination_id_data="239.1.1.1", destination_id_port=848),
    ])
    packet.show2()

The classes have the names of `gsakmp.payloads`, their fields those of the definitions. Counts, lengths, sizes
and links are None until given, and worked out when the packet is built. Numbers that a registry names are
taken and shown by name; addresses, ranges and names are text. Importing this binds UDP 848, 500 and 4500 (see
`gsakmp.layers.bindings`); IKE version 2 stays with scapy's own layer.

A peer that differs from the standards on the wire is named once for a session or once for a message::

    conf.contribs["gsakmp"]["dialect"] = "gdoid"
    Header(octets, dialect="gdoid")

scapy is licensed under GPL-2.0-only: whoever ships this module with it ships under that licence.
"""

from gsakmp.layers import packets
from gsakmp.layers.base import packet_class
from gsakmp.layers.bindings import bind_ports, unbind_ports
from gsakmp.layers.conversion import message_of, packet_of
from gsakmp.layers.packets import *  # noqa: F403  # the names are listed there

__all__ = ["bind_ports", "message_of", "packet_class", "packet_of", "unbind_ports"]
__all__ += packets.__all__

bind_ports()
