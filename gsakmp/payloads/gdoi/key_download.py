"""The Key Download payload (RFC 6407, 5.6)."""

from typing import Annotated

from gsakmp.registries import KeyDownloadType, PayloadType
from gsakmp.wire import (
    AUTO,
    Attribute,
    Attributes,
    Auto,
    Bytes,
    Code,
    Element,
    Elements,
    Int8ub,
    Int16ub,
    Payload,
    Rebuild,
    WholeLength,
    len_,
    this,
)

__all__ = ["KeyDownload", "KeyPacket"]


class KeyPacket(Element, spec="RFC 6407, 5.6", title="Key Packet"):
    """The keys of one SA: a TEK, the KEK, an array of LKH keys, or a member's sender ids."""

    kd_type: Annotated[KeyDownloadType, Code(Int8ub, KeyDownloadType), "what is downloaded"]
    reserved: Annotated[int, Int8ub, "zero"] = 0
    kd_length: Annotated[Auto, WholeLength(Int16ub), "octets of the whole key packet"] = AUTO
    spi_size: Annotated[Auto, Rebuild(Int8ub, len_(this.spi)), "octets"] = AUTO
    spi: Annotated[bytes, Bytes(this.spi_size), "that of an SA KEK or SA TEK; none for sender ids"] = b""
    attributes: Annotated[
        tuple[Attribute, ...], Attributes("key packet", key=this.kd_type), "key packet attributes"
    ] = ()


class KeyDownload(Payload, kind=PayloadType.KEY_DOWNLOAD, spec="RFC 6407, 5.6", title="Key Download (KD)"):
    """The keys of a group."""

    key_packet_count: Annotated[Auto, Rebuild(Int16ub, len_(this.key_packets)), "packets that follow"] = AUTO
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    key_packets: Annotated[tuple[KeyPacket, ...], Elements(KeyPacket), "the key packets"] = ()
