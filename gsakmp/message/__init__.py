"""Messages: octets of a datagram in, a `Message` out, and back."""

from gsakmp.message.header import HEADER_OCTETS, NAT_KEEPALIVE, NON_ESP_MARKER
from gsakmp.message.model import Message, Problem, build, parse

__all__ = ["HEADER_OCTETS", "NAT_KEEPALIVE", "NON_ESP_MARKER", "Message", "Problem", "build", "parse"]
