"""The arrays of an OFT key packet: one-way function trees (gsakmp, private use).

`gsakmp.group.rekey.oft` says what is computed from them. No standard has these; RFC 6407 leaves the numbers
to private use.
"""

from typing import Annotated, Final

from gsakmp.registries import OFTValueType
from gsakmp.wire import (
    AUTO,
    SECRET,
    Auto,
    Bytes,
    Code,
    Element,
    GreedyBytes,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    Shares,
    len_,
    this,
)

__all__ = ["OFTDownloadArray", "OFTKey", "OFTUpdateArray"]

SPEC: Final = "gsakmp, private use"


class OFTKey(Element, spec=SPEC, title="OFT Key"):
    """What is said of one node of the tree.

    A node is named by its place, which it keeps for good: node number `i` from the left, from 0 on, of level
    `l`, leaves being level 0, is (2i + 1) * 2^l. The keys of an array have equal shares of it, as LKH keys
    have.
    """

    node: Annotated[int, Int32ub, "the node"]
    under: Annotated[int, Int32ub, "the node whose key encrypts the data, 0 where none does"] = 0
    value_type: Annotated[OFTValueType, Code(Int8ub, OFTValueType), "what the data is"] = (
        OFTValueType.BLINDED_SECRET
    )
    reserved: Annotated[int, Int8ub, "zero"] = 0
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    key_data: Annotated[bytes, GreedyBytes, "32 octets; zeros where the node is vacant", SECRET] = b""


class OFTDownloadArray(Element, spec=SPEC, title="OFT Download Array"):
    """What one member is given when it registers: its leaf's secret, then the blinded secret of each node
    beside its path to the root. A member whose leaf is not in the tree yet gets the leaf's secret alone, and
    0 for the root."""

    oft_version: Annotated[int, Int8ub, "1"] = 1
    oft_key_count: Annotated[Auto, Rebuild(Int16ub, len_(this.oft_keys)), "keys that follow"] = AUTO
    reserved: Annotated[int, Int8ub, "zero"] = 0
    epoch: Annotated[int, Int32ub, "which group KEK it is, counted by the GCKS"] = 0
    root: Annotated[int, Int32ub, "the node that the KEK is made of"] = 0
    oft_keys: Annotated[tuple[OFTKey, ...], Shares(OFTKey, this.oft_key_count), "leaf first"] = ()


class OFTUpdateArray(Element, spec=SPEC, title="OFT Update Array"):
    """What has changed in the tree, or some of it: a change may take several pushes, each with an array of
    the same epoch, root and key check value."""

    oft_version: Annotated[int, Int8ub, "1"] = 1
    oft_key_count: Annotated[Auto, Rebuild(Int16ub, len_(this.oft_keys)), "keys that follow"] = AUTO
    reserved: Annotated[int, Int8ub, "zero"] = 0
    epoch: Annotated[int, Int32ub, "which group KEK the change leads to"] = 0
    root: Annotated[int, Int32ub, "the node that the KEK is made of"] = 0
    key_check_value: Annotated[bytes, Bytes(8), "tells the root's secret from any other"] = bytes(8)
    oft_keys: Annotated[tuple[OFTKey, ...], Shares(OFTKey, this.oft_key_count), "the lowest first"] = ()
