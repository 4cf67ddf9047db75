"""Python values and expressions as Lua source. It keeps to what Lua 5.1 to 5.4 have in common."""

from __future__ import annotations

import ast
from collections.abc import Mapping
from typing import Any, Final

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m

__all__ = ["Raw", "condition_source", "expression_source", "literal", "text"]

WIDTH: Final = 110
OPERATORS: Final[dict[type, str]] = {ast.Add: "+", ast.Sub: "-", ast.Mult: "*", ast.Mod: "%"}
COMPARISONS: Final[dict[type, str]] = {
    ast.Eq: "==", ast.NotEq: "~=", ast.Lt: "<", ast.LtE: "<=", ast.Gt: ">", ast.GtE: ">=",
}  # fmt: skip
BITWISE: Final[dict[type, str]] = {
    ast.BitAnd: "band", ast.BitOr: "bor", ast.BitXor: "bxor", ast.LShift: "lshift", ast.RShift: "rshift",
}  # fmt: skip
FUNCTIONS: Final = frozenset({"first_kind", "first_size"})
"""Functions of the runtime that expressions may call, beside ``len``."""
KEYWORDS: Final = frozenset(
    ["and", "break", "do", "else", "elseif", "end", "false", "for", "function", "goto", "if", "in", "local",
     "nil", "not", "or", "repeat", "return", "then", "true", "until", "while"]
)  # fmt: skip


class Raw(str):
    """Lua source, to stand as it is."""

    __slots__ = ()


def text(value: str) -> str:
    """A string: every character beyond printable ASCII escaped by its UTF-8 octets."""
    out = []
    for octet in value.encode("utf-8"):
        char = chr(octet)
        out.append("\\" + char if char in '\\"' else char if 0x20 <= octet < 0x7F else f"\\{octet:03}")
    return f'"{"".join(out)}"'


def key(value: Any) -> str:
    if isinstance(value, str) and value.isidentifier() and value.isascii() and value not in KEYWORDS:
        return value
    return f"[{text(value) if isinstance(value, str) else int(value)}]"


def literal(value: Any, indent: int = 0) -> str:
    """A value as a Lua expression: a mapping or a sequence is a table, in one line if it fits."""
    if isinstance(value, Raw):
        return str(value)
    if value is None:
        return "nil"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int):
        return str(int(value))
    if isinstance(value, str):
        return text(value)
    if isinstance(value, bytes):
        return '"' + "".join(f"\\{octet:03}" for octet in value) + '"'
    if isinstance(value, Mapping):
        pairs = [(f"{key(name)} = ", item) for name, item in value.items() if item is not None]
    elif isinstance(value, list | tuple):
        pairs = [("", False if item is None else item) for item in value]
    else:
        raise ConfigurationError(f"{type(value).__name__} has no form in Lua")
    return table([(head, literal(item, indent + 1)) for head, item in pairs], indent)


def table(items: list[tuple[str, str]], indent: int) -> str:
    pieces = [head + item for head, item in items]
    line = "{" + ", ".join(pieces) + "}"
    if len(line) + 2 * indent <= WIDTH and "\n" not in line:
        return line
    inner = "  " * (indent + 1)
    lines = [""]
    for piece in pieces:
        full = len(lines[-1]) + len(piece) + 2 > WIDTH - len(inner)
        if lines[-1] and (full or "\n" in piece + lines[-1]):
            lines.append("")
        lines[-1] += f" {piece}," if lines[-1] else f"{piece},"
    return "{\n" + "\n".join(inner + line for line in lines) + "\n" + "  " * indent + "}"


# -- expressions of the definitions ------------------------------------------------------------------


def expression_source(expression: m.Expression) -> str:
    """An expression over an element's fields, which are in the Lua table `v`. Raises `ConfigurationError`."""
    return translated(ast.parse(str(expression), mode="eval").body, frozenset(expression.names))


def condition_source(expression: m.Expression) -> str:
    """The same as a Lua truth value: in Lua, 0 is true."""
    return truth(ast.parse(str(expression), mode="eval").body, frozenset(expression.names))


def truth(node: ast.expr, names: frozenset[str]) -> str:
    match node:
        case ast.BoolOp(op=op, values=values):
            word = " and " if isinstance(op, ast.And) else " or "
            return f"({word.join(truth(value, names) for value in values)})"
        case ast.UnaryOp(op=ast.Not(), operand=operand):
            return f"(not {truth(operand, names)})"
        case ast.Compare(left=left, ops=[op], comparators=[right]) if type(op) in COMPARISONS:
            return f"({translated(left, names)} {COMPARISONS[type(op)]} {translated(right, names)})"
    return f"({translated(node, names)} ~= 0)"


def translated(node: ast.expr, names: frozenset[str]) -> str:
    match node:
        case ast.Constant(value=int(value)):
            return str(int(value))
        case ast.Name(id=name) if name in names:
            return f"v.{name}"
        case ast.BinOp(left=left, op=op, right=right):
            return operation(op, translated(left, names), translated(right, names))
        case ast.Call(func=ast.Name(id="len"), args=[of]):
            return f"#{translated(of, names)}"
        case ast.Call(func=ast.Name(id=name), args=[of]) if name in FUNCTIONS:
            return f"{name}({translated(of, names)})"
    raise ConfigurationError(f"{ast.unparse(node)} has no form in Lua")


def operation(op: ast.operator, left: str, right: str) -> str:
    if isinstance(op, ast.FloorDiv):
        return f"floor({left} / {right})"
    if type(op) in OPERATORS:
        return f"({left} {OPERATORS[type(op)]} {right})"
    if type(op) in BITWISE:
        return f"{BITWISE[type(op)]}({left}, {right})"
    raise ConfigurationError(f"{type(op).__name__} has no form in Lua")
