"""OFT key packets: what `gsakmp.group.rekey.oft` sends, and what its members take apart."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

from gsakmp.crypto import KEK
from gsakmp.errors import DecodeError
from gsakmp.group.rekey.interface import Place
from gsakmp.group.rekey.oft_functions import SECRET_OCTETS, number_of
from gsakmp.payloads import Attribute, KeyPacket, OFTDownloadArray, OFTKey, OFTUpdateArray
from gsakmp.registries import KeyDownloadType, OFTKeyAttribute, OFTValueType

__all__ = [
    "HEAD_OCTETS",
    "KEY_OCTETS",
    "arrays",
    "download_packet",
    "stated",
    "update_packets",
    "vacant",
    "wrapped",
]

HEAD_OCTETS: Final = 4 + 20
"""Octets of an OFT_UPDATE_ARRAY before its keys: the attribute's head and its own."""
KEY_OCTETS: Final = 12 + SECRET_OCTETS
"""Octets of an OFT key; a secret fills whole blocks of every cipher."""


def stated(place: Place, kind: OFTValueType, data: bytes) -> OFTKey:
    """A key of a download array: nothing but the message that it is in encrypts it."""
    return OFTKey(node=number_of(place), value_type=kind, key_data=data)


def vacant(place: Place) -> OFTKey:
    """That there is nobody below a node any longer, which is no secret."""
    return stated(place, OFTValueType.VACANT, bytes(SECRET_OCTETS))


def wrapped(place: Place, kind: OFTValueType, data: bytes, under: Place, key: KEK) -> OFTKey:
    """A key of an update array, encrypted under the node key of `under`."""
    return OFTKey(node=number_of(place), under=number_of(under), value_type=kind, key_data=key.encrypt(data))


def download_packet(epoch: int, root: int, keys: Sequence[OFTKey]) -> KeyPacket:
    """One member's keys, without an SPI."""
    array = OFTDownloadArray(epoch=epoch, root=root, oft_keys=tuple(keys))
    value = Attribute(OFTKeyAttribute.OFT_DOWNLOAD_ARRAY, array)
    return KeyPacket(kd_type=KeyDownloadType.OFT, attributes=(value,))


def update_packets(
    spi: bytes, head: OFTUpdateArray, keys: Sequence[OFTKey], octets: int
) -> tuple[KeyPacket, ...]:
    """The keys in arrays of at most `octets` octets (one key at least), each in a packet of its own, which
    goes into a push of its own. Without keys there is one packet still, which tells the epoch."""
    room = max(1, (octets - HEAD_OCTETS) // KEY_OCTETS)
    return tuple(_update(spi, head, keys[at : at + room]) for at in range(0, max(1, len(keys)), room))


def _update(spi: bytes, head: OFTUpdateArray, keys: Sequence[OFTKey]) -> KeyPacket:
    array = OFTUpdateArray(
        epoch=head.epoch, root=head.root, key_check_value=head.key_check_value, oft_keys=tuple(keys)
    )
    value = Attribute(OFTKeyAttribute.OFT_UPDATE_ARRAY, array)
    return KeyPacket(kd_type=KeyDownloadType.OFT, spi=spi, attributes=(value,))


# -- what came ---------------------------------------------------------------------------------------


def arrays(packets: Sequence[KeyPacket]) -> Iterator[OFTDownloadArray | OFTUpdateArray]:
    """The arrays of OFT packets. Raises `DecodeError` for an attribute that is none, but the public key, and
    for another version."""
    for packet in packets:
        if packet.kd_type != KeyDownloadType.OFT:
            continue
        for attribute in packet.attributes:
            value = attribute.value
            if isinstance(value, OFTDownloadArray | OFTUpdateArray):
                if value.oft_version != 1:
                    raise DecodeError(f"OFT version {value.oft_version} is not 1", "key_packets")
                yield value
            elif attribute.type != OFTKeyAttribute.SIG_ALGORITHM_KEY:
                raise DecodeError("an attribute that is no OFT array", "key_packets")
