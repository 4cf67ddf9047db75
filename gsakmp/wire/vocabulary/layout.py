"""The Struct of a class's fields."""

from __future__ import annotations

from typing import Any

from construct import Construct, Container, ExplicitError, Rebuild, Struct
from construct.core import evaluate

from gsakmp.wire.vocabulary.base import plain
from gsakmp.wire.vocabulary.fields import Suggested, WholeLength

__all__ = ["Layout"]


class Layout(Struct):
    """A Struct that checks what it reads: computed fields must agree, a whole length must be whole."""

    def __init__(
        self,
        title: str,
        spec: str,
        *subcons: Construct,
        words: frozenset[str] = frozenset(),
        secrets: frozenset[str] = frozenset(),
    ) -> None:
        super().__init__(*subcons)
        self.title, self.spec = title, spec
        self.words, self.secrets = words, secrets  # hidden words of bits; fields that hold keys

    def _parse(self, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        value = super()._parse(stream, context, path)
        inner = Container(_=context, _params=context._params, **value)
        for sub in self.subcons:
            con = plain(sub)
            if isinstance(con, WholeLength) and value[sub.name] != stream.tell() - start:
                raise ExplicitError(
                    f"length {value[sub.name]} is not the whole", path=f"{path} -> {sub.name}"
                )
            if isinstance(con, Rebuild) and not isinstance(con, Suggested):
                expected = evaluate(con.func, inner)
                if value[sub.name] != expected:
                    problem = f"{value[sub.name]} where {expected} follows from the rest"
                    raise ExplicitError(problem, path=f"{path} -> {sub.name}")
        return value

    def _build(self, obj: Any, stream: Any, context: Any, path: str) -> Any:
        start = stream.tell()
        built = super()._build(obj, stream, context, path)
        end = stream.tell()
        whole = next((i for i, sub in enumerate(self.subcons) if isinstance(plain(sub), WholeLength)), None)
        if whole is not None:
            stream.seek(start + sum(sub._sizeof(context, path) for sub in self.subcons[:whole]))
            plain(self.subcons[whole]).word._build(end - start, stream, context, path)
            stream.seek(end)
        return built
