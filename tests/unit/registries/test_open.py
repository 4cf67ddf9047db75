"""Open registries: what is assigned has its name, every other number that fits is a member too."""

from __future__ import annotations

import copy
import enum
import gc
import importlib
import pickle
import pkgutil
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsakmp import registries
from gsakmp.errors import EncodeError
from gsakmp.registries import (
    ALL,
    AuthenticationMethod,
    GDOIExchangeType,
    HeaderFlag,
    IPsecSituation,
    KEKAttribute,
    NotifyType,
    OpenEnum,
    OpenFlag,
    PayloadType,
)

ENUMS = [cls for cls in ALL if issubclass(cls, OpenEnum)]
FLAGS = [cls for cls in ALL if issubclass(cls, OpenFlag)]


def by_name(cls: type) -> str:
    return cls.__name__


def test_a_member_is_its_number() -> None:
    member = KEKAttribute.KEK_KEY_LIFETIME
    assert isinstance(member, int)
    assert (member, int(member), member.value, hash(member)) == (4, 4, 4, hash(4))
    assert type(member.value) is int
    assert {4: "found"}[member] == "found"
    assert member.to_bytes(2, "big") == b"\x00\x04"
    assert (member.reference, member.form) == ("RFC 3547", "V")
    assert (member.named, member.assigned) == (True, True)


@pytest.mark.parametrize(
    ("cls", "value", "name"),
    [
        (KEKAttribute, 77, "UNASSIGNED_77"),
        (KEKAttribute, 127, "UNASSIGNED_127"),
        (KEKAttribute, 128, "PRIVATE_USE_128"),
        (KEKAttribute, 255, "PRIVATE_USE_255"),
        (KEKAttribute, 256, "UNASSIGNED_256"),
        (KEKAttribute, 0, "RESERVED_0"),
        (NotifyType, 40960, "RESERVED_40960"),
        (PayloadType, 133, "PRIVATE_USE_133"),
    ],
)
def test_other_numbers_are_members_named_after_their_range(
    cls: type[OpenEnum], value: int, name: str
) -> None:
    member = cls(value)
    assert isinstance(member, cls)
    assert (member.name, member.value, hash(member)) == (name, value, hash(value))
    assert member == value
    assert (member.named, member.assigned, member.reference, member.form) == (False, False, "", None)
    assert repr(member) == f"<{cls.__name__}.{name}: {value}>"
    assert type(member.value) is int


@pytest.mark.parametrize("value", [-1, 1 << 16, 1 << 99, "4", 4.5, None, b"\x04", [4]])
def test_what_does_not_fit_the_field_is_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="KEKAttribute"):
        KEKAttribute(value)


def test_members_of_no_name_are_not_kept() -> None:
    def alive() -> int:
        gc.collect()
        return sum(type(thing) is KEKAttribute for thing in gc.get_objects())

    before = len(KEKAttribute._value2member_map_), len(KEKAttribute.__members__), len(list(KEKAttribute))
    kept = alive()
    for value in range(300, 3000):
        KEKAttribute(value)
        KEKAttribute.lookup[value]
    after = len(KEKAttribute._value2member_map_), len(KEKAttribute.__members__), len(list(KEKAttribute))
    assert after == before
    assert alive() <= kept + 10  # whatever other tests keep alive
    assert set(KEKAttribute.lookup) == set(KEKAttribute)


@pytest.mark.parametrize("member", [KEKAttribute.SIG_ALGORITHM, KEKAttribute(77), HeaderFlag(0x81)])
@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickled_and_copied(member: OpenEnum | OpenFlag, protocol: int) -> None:
    for again in (
        pickle.loads(pickle.dumps(member, protocol)),
        copy.copy(member),
        copy.deepcopy([member])[0],
    ):
        assert type(again) is type(member)
        assert (again, again.name) == (member, member.name)


@pytest.mark.parametrize("cls", ALL, ids=by_name)
def test_lookup_is_the_class(cls: type[OpenEnum] | type[OpenFlag]) -> None:
    table = cls.lookup
    assert cls.lookup is table
    values = {member.value for member in cls} | set(range(256)) | {(1 << cls.width) - 1}
    for value in values:
        found = table[value]
        assert type(found) is cls
        assert (found, found.name, found.value) == (cls(value), cls(value).name, value)
        if value in cls._value2member_map_:
            assert found is cls(value)


@pytest.mark.parametrize("cls", [cls for cls in ALL if cls.width == 8], ids=by_name)
def test_lookup_of_an_octet_is_a_tuple(cls: type[OpenEnum]) -> None:
    assert type(cls.lookup) is tuple
    assert len(cls.lookup) == 256


@pytest.mark.parametrize(
    "text", ["KEK_KEY_LIFETIME", "kek-key-lifetime", " Kek Key Lifetime ", "4", "0x4", "0X0004", "004"]
)
def test_from_text(text: str) -> None:
    assert KEKAttribute.from_text(text) is KEKAttribute.KEK_KEY_LIFETIME


@pytest.mark.parametrize("text", ["PRIVATE_USE_200", "private-use-200", "UNASSIGNED_200", "200", "0xc8"])
def test_from_text_of_what_has_no_name(text: str) -> None:
    assert KEKAttribute.from_text(text) == KEKAttribute(200)


@pytest.mark.parametrize(
    "text",
    [
        *("", "KEK", "65536", "0x10000", "-1", "4.0", "1_0", "0x", "²", "UNASSIGNED_", "UNASSIGNED_99999"),
        *("UNASSIGNED_RESERVED_5", pytest.param("9" * 99, id="long"), pytest.param("9" * 9999, id="longer")),
    ],
)
def test_from_text_refuses_and_says_what_it_takes(text: str) -> None:
    with pytest.raises(EncodeError) as caught:
        KEKAttribute.from_text(text)
    assert "KEK_ACK_REQUESTED" in str(caught.value)
    assert "0 to 65535" in str(caught.value)
    assert len(str(caught.value)) < 500


@pytest.mark.parametrize("value", [-1, 1 << 32, pytest.param(10**5000, id="huge"), "x", None])
def test_to_text_refuses(value: Any) -> None:
    with pytest.raises(EncodeError, match="no KEKAttribute"):
        KEKAttribute.to_text(value)
    with pytest.raises(EncodeError, match="no IPsecSituation"):
        IPsecSituation.to_text(value)


@pytest.mark.parametrize("text", [4, None, b"4"])
def test_from_text_takes_text(text: Any) -> None:
    for cls in (KEKAttribute, HeaderFlag):
        with pytest.raises(EncodeError):
            cls.from_text(text)


@given(data=st.data(), cls=st.sampled_from(ALL))
def test_text_there_and_back(data: st.DataObject, cls: type[OpenEnum] | type[OpenFlag]) -> None:
    value = data.draw(st.integers(0, (1 << cls.width) - 1) | st.sampled_from([m.value for m in cls]))
    text = cls.to_text(value)
    assert cls.from_text(text) == value
    assert cls.from_text(text.lower().replace("_", "-")) == value
    assert cls.from_text(str(value)) == cls.from_text(hex(value)) == value


@given(st.text(max_size=12) | st.from_regex(r"[A-Z_]{0,12}[0-9x]{0,6}", fullmatch=True))
def test_any_text_is_a_member_or_an_encode_error(text: str) -> None:
    for cls in (KEKAttribute, HeaderFlag):
        try:
            found = cls.from_text(text)
        except EncodeError:
            continue
        assert type(found) is cls


@pytest.mark.parametrize("cls", ENUMS, ids=by_name)
def test_every_declaration_is_whole(cls: type[OpenEnum]) -> None:
    assert cls.width in (8, 16, 32)
    assert cls.source
    assert cls.__doc__
    assert cls.__doc__ != OpenEnum.__doc__
    assert len(cls.__members__) == len({member.value for member in cls}), "an alias"
    for member in cls:
        assert 0 <= member.value < 1 << cls.width
        assert member.name == member.name.upper()
        assert member.reference or member is GDOIExchangeType.KNOWN_UNREGISTERED_USE
        assert member.form in (None, "B", "V")
    for first, last in cls.private + cls.reserved:
        assert 0 <= first <= last < 1 << cls.width
    assert cls.extra <= {member.value for member in cls}
    forms = {member.form for member in cls}
    assert forms == {None} or None not in forms, "a form for some attributes only"


def test_all_holds_every_class_and_the_package_every_name() -> None:
    found = set()
    for module in pkgutil.iter_modules(registries.__path__):
        names = vars(importlib.import_module(f"gsakmp.registries.{module.name}"))
        found |= {
            thing
            for thing in names.values()
            if isinstance(thing, enum.EnumType) and issubclass(thing, OpenEnum | OpenFlag)
        }
    assert set(ALL) == found - {OpenEnum, OpenFlag}
    assert {cls.__name__ for cls in ALL} | {"ALL", "OpenEnum", "OpenFlag"} == set(registries.__all__)
    assert all(hasattr(registries, name) for name in registries.__all__)


def test_what_only_drafts_use_has_a_name_but_nobody_assigned_it() -> None:
    for member in (PayloadType.FRAGMENT, AuthenticationMethod.XAUTH_INIT_PRE_SHARED):
        assert (member.named, member.assigned) == (True, False)
        assert not member.reference.startswith("RFC")
    assert NotifyType.R_U_THERE.assigned, "IANA does not list it, but RFC 3706 does"
    assert not GDOIExchangeType.KNOWN_UNREGISTERED_USE.assigned


def test_flags_keep_unknown_bits() -> None:
    flags = HeaderFlag(0x81)
    assert (flags, hash(flags)) == (0x81, hash(0x81))
    assert HeaderFlag.ENCRYPTION in flags
    assert (flags & ~HeaderFlag.ENCRYPTION) == 0x80
    assert ~HeaderFlag.ENCRYPTION == 0xFE
    assert HeaderFlag(7).named
    assert not flags.named
    assert HeaderFlag.to_text(0x81) == "ENCRYPTION|0x80"
    assert HeaderFlag.to_text(0) == "0"
    assert HeaderFlag.from_text("commit | encryption|0x80") == 0x83


@pytest.mark.parametrize("cls", FLAGS, ids=by_name)
@pytest.mark.parametrize("value", ["wide", "1", None, 1.5])
def test_flags_refuse_what_does_not_fit(cls: type[OpenFlag], value: Any) -> None:
    with pytest.raises(ValueError, match=cls.__name__):
        cls(1 << cls.width if value == "wide" else value)


def test_base_classes_have_no_lookup() -> None:
    for cls in (OpenEnum, OpenFlag):
        assert not hasattr(cls, "lookup")


def test_flags_do_not_grow() -> None:
    before = len(IPsecSituation._value2member_map_)
    for value in range(0, 1 << 32, 1 << 20):
        assert IPsecSituation(value) == IPsecSituation.lookup[value] == value
        ~IPsecSituation(value)
    assert len(IPsecSituation._value2member_map_) == before
