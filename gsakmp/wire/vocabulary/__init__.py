"""The constructs that the RFC 2408 family needs and `construct` lacks.

Each is a real construct: it parses from a stream and builds into one, so a layout made of these and
of construct's own fields works without any code of ours. That is the *reference*; the generated
code of `gsakmp.wire.generator` is held against it by the tests.

What depends on the domain of interpretation (which class a payload type stands for, how an
attribute is typed) is not written into a layout. The layout names a *table*, and the tables in
force travel in the context as ``rules`` (see `gsakmp.wire.rules`)::

    Proposal.layout.parse(octets, rules=rules)
"""

from construct import (
    Bytes,
    Construct,
    ConstructError,
    GreedyBytes,
    If,
    Int8ub,
    Int16ub,
    Int32ub,
    Rebuild,
    len_,
    this,
)

from gsakmp.wire.vocabulary.base import (
    AUTO,
    SECRET,
    Option,
    TableKey,
    build_octets,
    first_kind_,
    first_size_,
    option,
    parse_exactly,
    plain,
)
from gsakmp.wire.vocabulary.fields import (
    Bits,
    BitSlice,
    Choice,
    Code,
    Flags,
    Inline,
    Octets,
    Reserved,
    SizeOf,
    Suggested,
    Swapped,
    WholeLength,
    bit_word,
)
from gsakmp.wire.vocabulary.layout import Layout
from gsakmp.wire.vocabulary.lists import Array, Attributes, Chain, Elements, Shares

__all__ = [
    "AUTO",
    "SECRET",
    "Array",
    "Attributes",
    "BitSlice",
    "Bits",
    "Bytes",
    "Chain",
    "Choice",
    "Code",
    "Construct",
    "ConstructError",
    "Elements",
    "Flags",
    "GreedyBytes",
    "If",
    "Inline",
    "Int8ub",
    "Int16ub",
    "Int32ub",
    "Layout",
    "Octets",
    "Option",
    "Rebuild",
    "Reserved",
    "Shares",
    "SizeOf",
    "Suggested",
    "Swapped",
    "TableKey",
    "WholeLength",
    "bit_word",
    "build_octets",
    "first_kind_",
    "first_size_",
    "len_",
    "option",
    "parse_exactly",
    "plain",
    "this",
]
