"""From definitions to straight-line Python: `codec` gives the parsers and the builder of a class."""

from gsakmp.wire.generator.compiled import BUILDERS, Codec, codec

__all__ = ["BUILDERS", "Codec", "codec"]
