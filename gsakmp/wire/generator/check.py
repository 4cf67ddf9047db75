"""What a definition must keep to, so that generated code and construct mean the same by it.

A class that does not is refused when its code is first needed, with a reason: better than a message that is
silently read or written otherwise than it was declared.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from gsakmp.errors import ConfigurationError
from gsakmp.wire import members as m
from gsakmp.wire.element import Payload, UnknownPayload, Unlinked

__all__ = ["check_definition"]

LOCAL_NAMES: Final = frozenset(
    [
        "start",
        "stop",
        "tables",
        "len",
        "any",
        "bytes",
        "out",
        "x",
        "exc",
        "rules",
        "dialect",
        "buf",
        "at",
        "end",
        "DecodeError",
    ]
)
"""What generated code calls its own things."""
LOCAL_PREFIXES: Final = ("at_", "unpack_", "pack_", "pack_into_", "word_", "parse_", "build_")
HEADER_NAMES: Final = frozenset({"kind", "reserved", "next_payload", "length", "octets", "problem"})
"""What every payload has from its generic header, or may have from a lenient parse."""


def check_definition(cls: Any, taken: frozenset[str]) -> None:
    """Raise `ConfigurationError` for a class whose fields can't be read and written as declared. `taken` are
    the names that its code uses."""
    members = m.members_of(cls)
    for problem in problems(cls, members, taken):
        raise ConfigurationError(f"{cls.__name__}: {problem}")


def problems(cls: Any, members: tuple[m.Member, ...], taken: frozenset[str]) -> Iterator[str]:
    names = [member.name for member in members]
    own_header = issubclass(cls, Payload) and cls not in (UnknownPayload, Unlinked)
    for index, member in enumerate(members):
        name = member.name
        if name in LOCAL_NAMES | taken or name.startswith(LOCAL_PREFIXES):
            yield f"{name}: the name means something else in generated code"
        if own_header and name in HEADER_NAMES:
            yield f"{name}: every payload has one from its generic header"
        if takes_the_rest(member.form) and index < len(members) - 1:
            yield f"{name} takes all that is left, and {names[index + 1]} follows"
        if member.computed is m.WHOLE and any(before.octets is None for before in members[:index]):
            yield f"{name}: before a length of the whole, every field has a fixed size and is no bits"
        if member.size_of is not None:
            yield from sized(member, members[index + 1 :])
        yield from form_problems(member, names[:index])


def sized(length: m.Member, after: tuple[m.Member, ...]) -> Iterator[str]:
    """A length that is worked out from another field must be what delimits that field."""
    of = next((member for member in after if member.name == length.size_of), None)
    size = getattr(of.form, "size", None) if of is not None else None
    if not (isinstance(size, m.Expression) and str(size) == length.name):
        yield f"{length.name}: {length.size_of} must come after it, and have it as its size"


def form_problems(member: m.Member, before: list[str]) -> Iterator[str]:
    form, name = member.form, member.name
    key = getattr(form, "key", None)
    if key is not None and str(key) not in before:
        yield f"{name}: what picks its table must be a field before it, not {key}"
    if isinstance(form, m.IntegerForm):
        if member.condition is not None and (form.swapped_by or member.computed is not None):
            yield f"{name}: a field that is not always there can be neither swapped nor computed"
        width = getattr(form.registry, "width", None)
        if form.registry is not None and (width is None or width < 8 * form.octets):
            yield f"{name}: its registry must be an open one, of at least {8 * form.octets} bits"
    if isinstance(form, m.ReservedForm) and isinstance(form.size, m.Expression):
        yield f"{name}: reserved octets have a size that is known, or the dialect's"
    if isinstance(form, m.InlineForm) and any(inner.computed is m.WHOLE for inner in m.members_of(form.of)):
        yield f"{name}: an element that gives its own length can't stand in line"


def takes_the_rest(form: m.Form) -> bool:
    """Whether the field ends only where the element does."""
    if isinstance(form, m.AttributesForm | m.ChainForm | m.ElementsForm | m.SharesForm):
        return True
    return isinstance(form, m.OctetsForm | m.ChoiceForm | m.ReservedForm) and form.size is None
