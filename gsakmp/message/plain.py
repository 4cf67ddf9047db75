"""Messages as plain data and back, for JSON. See `gsakmp.wire.plain` for how fields look."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Final

from gsakmp import limits
from gsakmp.doi import DIALECTS, DOI, DOIS, IKEV2, STANDARD, Dialect
from gsakmp.errors import EncodeError
from gsakmp.registries import HeaderFlag
from gsakmp.wire import AUTO
from gsakmp.wire.plain import number_from, number_plain, octets_from, payload_from, payload_plain

if TYPE_CHECKING:
    from gsakmp.message.model import Message

__all__ = ["message_plain", "message_values"]


def message_plain(message: Message) -> dict[str, Any]:
    """The message as dicts, lists, text and numbers."""
    doi, rules = message.doi, message.rules
    out: dict[str, Any] = {
        "doi": doi.name,
        "initiator_cookie": message.initiator_cookie.hex(),
        "responder_cookie": message.responder_cookie.hex(),
        "version": f"{message.major_version}.{message.minor_version}",
        "exchange_type": number_plain(message.exchange_type, type(doi.exchange(message.exchange_type))),
        "flags": number_plain(message.flags, HeaderFlag, flags=True),
        "message_id": f"{message.message_id:08x}",
    }
    if message.dialect != STANDARD:
        out["dialect"] = message.dialect.name
    for name in ("next_payload", "length"):
        if getattr(message, name) is not AUTO:
            out[name] = int(getattr(message, name))
    out["payloads"] = [payload_plain(payload, rules) for payload in message.payloads]
    for name in ("ciphertext", "padding", "trailing"):
        if getattr(message, name):
            out[name] = getattr(message, name).hex()
    if message.non_esp_marker:
        out["non_esp_marker"] = True
    return out


PLAIN_FIELDS: Final = frozenset(
    [
        "doi",
        "dialect",
        "initiator_cookie",
        "responder_cookie",
        "version",
        "exchange_type",
        "flags",
        "message_id",
        "next_payload",
        "length",
        "payloads",
        "ciphertext",
        "padding",
        "trailing",
        "non_esp_marker",
    ]
)


def message_values(plain: Any, dois: tuple[DOI, ...], dialects: tuple[Dialect, ...]) -> dict[str, Any]:
    """The fields of the message that `message_plain` gave. Raises `EncodeError`, with a path."""
    if not isinstance(plain, Mapping):
        raise EncodeError(f"{type(plain).__name__} where a message's fields belong")
    if unknown := sorted(map(str, set(plain) - PLAIN_FIELDS)):
        raise EncodeError(f"a message has no field {unknown[0]!r}")
    doi = doi_named(plain.get("doi", "GDOI"), dois)
    known = {dialect.name: dialect for dialect in (*DIALECTS.values(), *dialects)}
    dialect = known.get(str(plain.get("dialect", STANDARD.name)))
    if dialect is None:
        raise EncodeError(f"no such dialect; there are {', '.join(known)}", "dialect")
    values: dict[str, Any] = {"doi": doi, "dialect": dialect}
    try:
        major, _, minor = str(plain.get("version", "1.0")).partition(".")
        values.update(major_version=int(major), minor_version=int(minor))
    except ValueError:
        raise EncodeError("a version is two numbers: 1.0", "version") from None
    for name in ("initiator_cookie", "responder_cookie", "ciphertext", "padding", "trailing"):
        if name in plain:
            values[name] = placed(name, octets_from, plain[name])
    for name in ("next_payload", "length"):
        if plain.get(name) is not None:
            values[name] = placed(name, number_from, plain[name])
    exchange = plain.get("exchange_type", 0)
    values["exchange_type"] = placed("exchange_type", lambda p: exchange_from(p, doi), exchange)
    values["flags"] = placed("flags", lambda p: int(number_from(p, HeaderFlag)), plain.get("flags", 0))
    identifier = plain.get("message_id", "00000000")
    values["message_id"] = int.from_bytes(placed("message_id", octets_from, identifier), "big")
    values["non_esp_marker"] = plain.get("non_esp_marker") is True
    rules = doi.rules(values["exchange_type"], dialect)
    payloads = plain.get("payloads", [])
    if not isinstance(payloads, list) or len(payloads) > limits.PAYLOADS_PER_CHAIN:
        raise EncodeError(f"a list is wanted, of {limits.PAYLOADS_PER_CHAIN} at most", "payloads")
    values["payloads"] = tuple(
        placed(f"payloads[{i}]", lambda p: payload_from(p, "payloads", None, rules), item)
        for i, item in enumerate(payloads)
    )
    return values


def exchange_from(plain: Any, doi: DOI) -> Any:
    return doi.exchange_from_text(plain) if isinstance(plain, str) else doi.exchange(number_from(plain))


def placed(name: str, convert: Any, plain: Any) -> Any:
    """``convert(plain)``, an error of which says that it is about `name`."""
    try:
        return convert(plain)
    except EncodeError as exc:
        raise exc.within(name) from None


def doi_named(name: Any, dois: tuple[DOI, ...]) -> DOI:
    known = {doi.name: doi for doi in (*DOIS.values(), IKEV2, *dois)}
    if not isinstance(name, str) or name not in known:
        raise EncodeError(f"no domain of interpretation {name!r}; there are {', '.join(known)}", "doi")
    return known[name]
