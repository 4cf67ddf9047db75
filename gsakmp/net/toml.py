"""TOML files into typed objects, with errors that name file, key, what is there and what is allowed."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, TypeVar

import msgspec
from msgspec import inspect

from gsakmp.errors import ConfigurationError, GsakmpError
from gsakmp.net.files import read_file
from gsakmp.wire.spans import printable

__all__ = ["Document", "read_document"]

T = TypeVar("T")

FILE_OCTETS: Final = 8 * 1024 * 1024
"""Of a configuration: 10,000 members by name take one."""
SHOWN: Final = 60
"""Characters of a wrong value that an error quotes."""
PATH: Final = re.compile(r"^(?P<problem>.*?)(?: - at `\$(?P<path>.*)`)?$", re.DOTALL)
STEP: Final = re.compile(r"\.?([^.\[\]]+)|\[(\d+|\.\.\.)\]")
FIELD: Final = re.compile(r"field `(.*)`", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Document:
    """A configuration file, for errors about what stands in it."""

    path: Path

    def error(self, key: str, problem: str) -> ConfigurationError:
        """The error for a key; the empty key is the file as a whole."""
        return ConfigurationError(": ".join(part for part in (str(self.path), key, problem) if part))

    @contextmanager
    def at(self, key: str) -> Iterator[None]:
        """Whatever is raised inside is about this key."""
        try:
            yield
        except GsakmpError as error:
            raise self.error(key, str(error)) from None

    def converted(self, data: Any, form: type[T], key: str = "") -> T:
        """Values that stand at `key` as an object of `form`. Raises `ConfigurationError`."""
        try:
            return msgspec.convert(data, form, strict=True)
        except msgspec.ValidationError as error:
            place, problem = explained(error, data, form)
            raise self.error(".".join(part for part in (key, place) if part), problem) from None
        except GsakmpError as error:  # of an object that checks itself
            raise self.error(key, str(error)) from None
        except RecursionError:
            raise self.error(key, "this is nested too deeply") from None

    def file(self, name: str) -> Path:
        """A path in the file: relative ones start at the file's own folder. Raises `ConfigurationError`."""
        try:
            return (self.path.parent / Path(name).expanduser()).absolute()
        except RuntimeError:  # ~somebody
            raise self.error("", f"{name!r} is the home folder of nobody that is known here") from None


def read_document(path: Path, form: type[T]) -> tuple[T, Document]:
    """The file at `path` as an object of `form`. Raises `ConfigurationError`."""
    document = Document(path)
    octets = read_file(path, "configuration", limit=FILE_OCTETS)
    try:
        data = tomllib.loads(octets.decode())
    except UnicodeDecodeError as error:
        raise document.error("", f"octet {error.start} is not UTF-8, as TOML must be") from None
    except tomllib.TOMLDecodeError as error:
        raise document.error("", f"this is not TOML: {error}") from None
    except RecursionError:
        raise document.error("", "this is nested too deeply") from None
    return document.converted(data, form), document


def explained(error: msgspec.ValidationError, data: Any, form: Any) -> tuple[str, str]:
    """The key that an error is about, and the problem with what is there and what is allowed."""
    found = PATH.match(str(error))
    problem, path = (found["problem"], found["path"] or "") if found else (str(error), "")
    value, kind = followed(path, data, inspect.type_info(form))
    key = path.lstrip(".")
    named = FIELD.search(problem)
    if named is not None and "unknown field" in problem:
        return join(key, named[1]), f"there is no such key; {allowed(kind)}"
    if named is not None and "missing" in problem:
        wanted = field_type(kind, named[1])
        return join(key, named[1]), f"this key is missing; it is {allowed(wanted)}"
    if key == "credentials" or key.startswith("credentials.shared_keys"):
        return key, f"this is not what it must be; it is {allowed(kind)}"  # it may be a key: never quoted
    return key, f"{shown(value)} is not allowed; it is {allowed(kind)}"


def join(key: str, name: str) -> str:
    name = printable(name)[:SHOWN]
    return f"{key}.{name}" if key else name


def shown(value: Any) -> str:
    """A value as its file has it, or nearly so: tables and arrays by their kind."""
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list):
        return f"an array of {len(value)}"
    if isinstance(value, bool):
        return str(value).lower()
    text = repr(value) if isinstance(value, str | int | float) else str(value)
    return text if len(text) <= SHOWN else text[:SHOWN] + "..."


def followed(path: str, data: Any, kind: Any) -> tuple[Any, Any]:
    """The value and the type at a path such as ``.groups[0].data``; what leads nowhere is None."""
    for name, index in STEP.findall(path):
        kind = plain(kind)
        if name:
            data = data.get(name) if isinstance(data, dict) else None
            kind = field_type(kind, name)
        elif index.isdigit():
            data = data[int(index)] if isinstance(data, list) and int(index) < len(data) else None
            kind = getattr(kind, "item_type", None)
        else:
            data, kind = None, getattr(kind, "value_type", None)
    return data, plain(kind)


def plain(kind: Any) -> Any:
    """The type without what is only said about it, and without None, which TOML can't have."""
    if isinstance(kind, inspect.Metadata):
        return plain(kind.type)
    if isinstance(kind, inspect.UnionType):
        types = [one for one in kind.types if not isinstance(one, inspect.NoneType)]
        if len(types) == 1:
            return plain(types[0])
    return kind


def field_type(kind: Any, name: str) -> Any:
    return next(
        (field.type for field in getattr(plain(kind), "fields", ()) if field.encode_name == name), None
    )


def allowed(kind: Any) -> str:
    """What a type takes, in words."""
    match plain(kind):
        case inspect.StructType(fields=fields):
            return f"a table of {', '.join(field.encode_name for field in fields)}"
        case inspect.VarTupleType(item_type=item) | inspect.ListType(item_type=item):
            return f"an array, each of it {allowed(item)}"
        case inspect.LiteralType(values=values):
            return f"one of {', '.join(map(repr, values))}"
        case inspect.UnionType(types=types):
            return " or ".join(allowed(one) for one in types if not isinstance(one, inspect.NoneType))
        case inspect.BoolType():
            return "true or false"
        case inspect.IntType() as number:
            return f"a whole number{bounds(number)}"
        case inspect.FloatType() as number:
            return f"a number{bounds(number)}"
        case inspect.StrType(min_length=least):
            return "a text that is not empty" if least else "a text"
    return "another sort of value"


def bounds(kind: inspect.IntType | inspect.FloatType) -> str:
    """The limits of a number."""
    parts = [
        f"{words} {limit:g}" if abs(limit) < 1e6 else f"{words} {int(limit)}"
        for words, limit in (
            ("of at least", kind.ge),
            ("above", kind.gt),
            ("of at most", kind.le),
            ("below", kind.lt),
        )
        if limit is not None
    ]
    return " " + " and ".join(parts) if parts else ""
