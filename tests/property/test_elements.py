"""Each element class, made from its definition: there and back by every form."""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from gsakmp import limits, payloads
from gsakmp.doi import DIALECTS, GDOI, IPSEC
from gsakmp.errors import DecodeError, LimitExceeded
from gsakmp.registries import GDOIExchangeType
from gsakmp.wire import Element, Payload, Rules, codec
from gsakmp.wire.plain import attribute_from, attribute_plain, element_from, element_plain
from tests.strategies import attributes, elements
from tests.vectors import reference
from tests.vectors.check import built, check_element_lengths

NO_WIRE = {"Element", "Payload", "Attribute", "UnknownPayload", "Unlinked"}
CLASSES = [
    cls
    for name in payloads.__all__
    if isinstance(cls := getattr(payloads, name), type) and issubclass(cls, Element) and name not in NO_WIRE
]
RULES = {dialect: GDOI.rules(GDOIExchangeType.GROUPKEY_PULL, dialect) for dialect in DIALECTS.values()}
MOST = bytes(6) + limits.ELEMENTS_PER_PAYLOAD.to_bytes(2, "big")
"""A Delete of as many SPIs as are taken, of no octets each."""
TOO_MANY = bytes(6) + (limits.ELEMENTS_PER_PAYLOAD + 1).to_bytes(2, "big")
TOO_MANY_MISSING = bytes(5) + b"\1" + TOO_MANY[6:]
RULES_IN_FORCE = st.sampled_from([*RULES.values(), GDOI.rules(2), IPSEC.rules(2)])


def parsed(cls: Any, octets: bytes, rules: Rules) -> Any:
    return codec(cls).parse(octets, 0, len(octets), rules)


def frameless(element: Any) -> Any:
    """A payload without what its header says, which is no part of its body."""
    return element.replace(reserved=0) if isinstance(element, Payload) else element


def test_every_payload_class_is_here() -> None:
    assert len(CLASSES) > 40
    assert payloads.SAKEK in CLASSES


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=40)
@given(data=st.data())
def test_forms_of_an_element_agree(cls: Any, data: st.DataObject) -> None:
    rules = data.draw(RULES_IN_FORCE)
    element = frameless(data.draw(elements(cls, rules)))
    octets = built(element, rules)
    kind = {"kind": element.kind} if "kind" in cls.__struct_fields__ else {}
    assert parsed(cls, octets, rules).replace(**kind) == element
    found = reference.parse_body(cls, octets, rules, getattr(element, "kind", 0))
    assert reference.differences(element, found, rules) == []
    assert cls.layout.build(found, rules=rules) == octets
    assert cls.layout.build(reference.full(element, rules), rules=rules) == octets
    assert element_from(cls, element_plain(element, rules), rules).replace(**kind) == element
    assert element.replace() == element
    assert hash(element.replace()) == hash(element)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=5)
@given(data=st.data())
def test_every_other_length_is_judged_as_construct_does(cls: Any, data: st.DataObject) -> None:
    rules = data.draw(RULES_IN_FORCE)
    check_element_lengths(cls, built(data.draw(elements(cls, rules)), rules), rules)


@pytest.mark.parametrize("cls", CLASSES, ids=lambda cls: cls.__name__)
@settings(max_examples=40)
@given(octets=st.binary(max_size=64), rules=RULES_IN_FORCE)
@example(octets=MOST, rules=IPSEC.rules(2))
@example(octets=TOO_MANY, rules=IPSEC.rules(2))
@example(octets=TOO_MANY_MISSING, rules=IPSEC.rules(2))
def test_any_octets_are_judged_as_construct_does(cls: Any, octets: bytes, rules: Rules) -> None:
    check_one(cls, octets, rules)


def check_one(cls: Any, octets: bytes, rules: Rules) -> None:
    try:
        element = parsed(cls, octets, rules)
    except LimitExceeded as exc:
        check_limit(cls, octets, rules, exc)
        return
    except DecodeError as exc:
        with pytest.raises(reference.ConstructError):
            reference.parse_body(cls, octets, rules)
        assert 0 <= exc.offset <= len(octets)
        return
    assert built(element, rules) == octets
    found = reference.parse_body(cls, octets, rules, getattr(element, "kind", 0))
    assert reference.differences(element, found, rules) == []
    assert longest(found) <= limits.ELEMENTS_PER_PAYLOAD


def check_limit(cls: Any, octets: bytes, rules: Rules, error: LimitExceeded) -> None:
    """So few octets pass one limit only, by a count of items that are empty or not there. Construct, which has
    no limits, finds as many, or that they are not there; the count then stands somewhere before them."""
    most = limits.ELEMENTS_PER_PAYLOAD
    assert f"limits.ELEMENTS_PER_PAYLOAD ({most})" in error.problem
    assert 0 <= error.offset <= len(octets)
    try:
        found = reference.parse_body(cls, octets, rules)
    except reference.ConstructError:
        before = octets[: error.offset]
        assert any(int.from_bytes(before[at : at + 2], "big") > most for at in range(len(before) - 1))
    else:
        assert longest(found) > most


def longest(found: Any) -> int:
    """The items of the longest list in what construct has parsed."""
    if isinstance(found, dict):
        return max(map(longest, found.values()), default=0)
    return max(len(found), *map(longest, found)) if isinstance(found, list) and found else 0


# -- attribute tables --------------------------------------------------------------------------------

TABLES = {table.name: (key, table) for doi in (GDOI, IPSEC) for key, table in doi.tables.attributes.items()}


@pytest.mark.parametrize("name", sorted(TABLES))
@settings(max_examples=150)
@given(data=st.data())
def test_attributes_of_each_table(name: str, data: st.DataObject) -> None:
    key, table = TABLES[name]
    rules, holder = GDOI.rules(GDOIExchangeType.GROUPKEY_PULL), holder_of(key)
    expected = tuple(data.draw(st.lists(attributes(table, rules), max_size=4)))
    element = holder.replace(attributes=expected)
    octets = built(element, rules)
    assert parsed(type(holder), octets, rules).attributes == expected
    found = reference.parse_body(type(holder), octets, rules, getattr(element, "kind", 0))
    assert reference.differences(element, found, rules) == []
    for attribute in expected:
        assert attribute_from(attribute_plain(attribute, table, rules), table, rules) == attribute


def holder_of(key: Any) -> Any:
    """An element whose attributes are those of the table."""
    if isinstance(key, tuple):
        return payloads.KeyPacket(kd_type=key[1])
    return {
        "IKE": payloads.IKETransform(transform_number=1, transform_id=1),
        "IPsec": payloads.ESPTransform(transform_number=1, transform_id=1),
        "lifetime": payloads.ResponderLifetime(),
        "mode-config": payloads.ConfigurationAttributes(configuration_type=1),
        "SA KEK": payloads.SAKEK(
            protocol=17, source_id_type=1, source_id_data=IPv4Address(1), destination_id_type=0
        ),
        "SA TEK": payloads.IEC61850TEK(),
        "GAP": payloads.GroupAssociatedPolicy(),
    }[key]
