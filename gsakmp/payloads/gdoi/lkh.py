"""The arrays of an LKH key packet (RFC 6407, 5.6.3)."""

from typing import Annotated

from gsakmp.registries import KEKAlgorithm
from gsakmp.wire import (
    AUTO,
    SECRET,
    Auto,
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

__all__ = ["LKHDownloadArray", "LKHKey", "LKHUpdateArray"]


class LKHKey(Element, spec="RFC 6407, 5.6.3.1", title="LKH Key"):
    """The key of one node of the tree.

    Nothing says how long its data is: the keys of an array have equal shares of it, as they have when one
    KEK_ALGORITHM is used for all (RFC 6407, 5.3.2).
    """

    lkh_id: Annotated[int, Int16ub, "the node"]
    key_type: Annotated[KEKAlgorithm, Code(Int8ub, KEKAlgorithm), "the cipher that the key is for"]
    reserved: Annotated[int, Int8ub, "zero"] = 0
    key_creation_date: Annotated[int, Int32ub, "seconds since 1970 in UTC, 0 for no start"] = 0
    key_expiration_date: Annotated[int, Int32ub, "seconds since 1970 in UTC, 0 for no end"] = 0
    key_handle: Annotated[int, Int32ub, "tells the keys of one node apart"] = 0
    key_data: Annotated[bytes, GreedyBytes, "an IV if the mode needs one, then the key", SECRET] = b""


class LKHDownloadArray(Element, spec="RFC 6407, 5.6.3.1", title="LKH Download Array"):
    """The keys of one member, from its leaf to the group KEK."""

    lkh_version: Annotated[int, Int8ub, "1"] = 1
    lkh_key_count: Annotated[Auto, Rebuild(Int16ub, len_(this.lkh_keys)), "keys that follow"] = AUTO
    reserved: Annotated[int, Int8ub, "zero"] = 0
    lkh_keys: Annotated[tuple[LKHKey, ...], Shares(LKHKey, this.lkh_key_count), "leaf first"] = ()


class LKHUpdateArray(Element, spec="RFC 6407, 5.6.3.2", title="LKH Update Array"):
    """New keys along a path to the root, each encrypted under the one before it, the first under the key
    that the head names."""

    lkh_version: Annotated[int, Int8ub, "1"] = 1
    lkh_key_count: Annotated[Auto, Rebuild(Int16ub, len_(this.lkh_keys)), "keys that follow"] = AUTO
    reserved: Annotated[int, Int8ub, "zero"] = 0
    lkh_id: Annotated[int, Int16ub, "the node whose key encrypts the first key"] = 0
    reserved2: Annotated[int, Int16ub, "zero"] = 0
    key_handle: Annotated[int, Int32ub, "which key of that node"] = 0
    lkh_keys: Annotated[tuple[LKHKey, ...], Shares(LKHKey, this.lkh_key_count), "towards the root"] = ()
