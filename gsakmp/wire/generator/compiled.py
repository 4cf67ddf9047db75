"""The generated code of an element class: made when first needed, kept, and readable.

``codec(Proposal).__source__`` is what runs.
"""

from __future__ import annotations

import linecache
from collections.abc import Callable
from functools import cache, cached_property
from typing import Any

from gsakmp.errors import DecodeError, EncodeError
from gsakmp.wire.generator import build, parse, runtime
from gsakmp.wire.generator.check import check_definition

__all__ = ["BUILDERS", "Codec", "codec"]

Parser = Callable[[bytes, int, int, Any], Any]
Builder = Callable[[Any, bytearray, Any], None]

RUNTIME = {
    name: getattr(runtime, name)
    for name in [
        "build_array",
        "build_attributes",
        "build_chain",
        "build_choice",
        "build_elements",
        "build_shares",
        "first_kind",
        "first_size",
        "left_over",
        "mismatch",
        "parse_array",
        "parse_attributes",
        "parse_chain",
        "parse_chain_lenient",
        "parse_elements",
        "parse_shares",
        "parse_value",
        "past",
        "short",
        "swapped",
        "unlinked",
    ]
}


class Codec:
    """The parsers and the builder of one class."""

    def __init__(self, cls: Any) -> None:
        check_definition(cls, frozenset(RUNTIME))
        self.cls = cls

    def compiled(self, source: str, namespace: dict[str, Any], variant: str) -> Any:
        """The function that `source` defines, with its source at hand for tracebacks and readers."""
        place = f"<gsakmp {self.cls.__name__} {variant}>"
        linecache.cache[place] = (len(source), None, source.splitlines(True), place)
        exec(compile(source, place, "exec"), namespace)  # source made from definitions alone
        function = namespace[source.split("(", 1)[0].removeprefix("def ")]
        function.__source__ = source
        return function

    def parser(self, *, lenient: bool, open_end: bool = False) -> Any:
        """A parser made anew."""
        namespace: dict[str, Any] = {**RUNTIME, "DecodeError": DecodeError, "ZERO": b"\0"}
        source = parse.parser_source(self.cls, namespace, lenient=lenient, open_end=open_end)
        return self.compiled(source, namespace, "lenient" if lenient else "parse")

    @cached_property
    def parse(self) -> Parser:
        """``(buf, at, end, rules)`` to the element in ``buf[at:end]``. Raises `DecodeError`."""
        parser: Parser = self.parser(lenient=False)
        return parser

    @cached_property
    def parse_lenient(self) -> Parser:
        """As `parse`, keeping numbers that contradict the octets."""
        parser: Parser = self.parser(lenient=True)
        return parser

    @cached_property
    def open(self) -> Any:
        """As `parse`, to the element and where it ends."""
        return self.parser(lenient=False, open_end=True)

    @cached_property
    def open_lenient(self) -> Any:
        """As `open`, lenient."""
        return self.parser(lenient=True, open_end=True)

    @cached_property
    def build(self) -> Builder:
        """``(element, out, rules)``: appends the octets to the bytearray. Raises `EncodeError`."""
        namespace: dict[str, Any] = {**RUNTIME, "misfit": build.misfit, "BUILD_ERRORS": build.BUILD_ERRORS}
        builder: Builder = self.compiled(build.builder_source(self.cls, namespace), namespace, "build")
        return builder

    @property
    def __source__(self) -> str:
        functions: tuple[Any, ...] = self.parse, self.parse_lenient, self.build
        return "\n\n".join(function.__source__ for function in functions)


@cache
def codec(cls: Any) -> Codec:
    """The generated code of the element class `cls`."""
    return Codec(cls)


class Builders(dict[Any, Builder]):
    """Element class to builder, filled in as classes turn up."""

    def __missing__(self, cls: Any) -> Builder:
        if not hasattr(cls, "layout"):
            raise EncodeError(f"{cls.__name__} has no layout")
        builder = self[cls] = codec(cls).build
        return builder


BUILDERS = Builders()
"""The builder of each element class."""
