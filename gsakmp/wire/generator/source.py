"""Python source as it grows: lines, indentation, and the objects that the lines name."""

from __future__ import annotations

import keyword
from collections.abc import Iterator
from contextlib import contextmanager
from struct import Struct
from typing import Any

__all__ = ["Source", "letters"]


class Source:
    """Lines of a function and the namespace that it is compiled in."""

    def __init__(self, namespace: dict[str, Any]) -> None:
        self.lines: list[str] = []
        self.namespace = namespace
        self.depth = 1

    def emit(self, *lines: str) -> None:
        """Add lines at the present depth."""
        self.lines += ["    " * self.depth + line for line in lines]

    @contextmanager
    def block(self, opening: str) -> Iterator[None]:
        """Lines inside, one level deeper, follow `opening`."""
        self.emit(opening)
        self.depth += 1
        yield
        self.depth -= 1

    def name(self, wanted: str, value: Any) -> str:
        """A name by which the source can speak of `value`."""
        name = wanted if not keyword.iskeyword(wanted) else wanted + "_"
        while name in self.namespace and self.namespace[name] is not value:
            name += "_"
        self.namespace[name] = value
        return name

    def struct(self, code: str, method: str) -> str:
        """The name of a method of the big-endian struct `code`."""
        wanted = f"{method.removesuffix('_from')}_{letters(code)}"
        if wanted not in self.namespace:
            self.namespace[wanted] = getattr(Struct(">" + code), method)
        return wanted


def letters(code: str) -> str:
    """A struct code as part of a name: ``8s8sB`` is ``8s8sB``; it holds nothing but letters and digits."""
    return "".join(c for c in code if c.isalnum())
