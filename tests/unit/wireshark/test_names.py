"""What the fields of the Wireshark dissector are called."""

import re
from typing import Annotated

import pytest

from gsakmp import payloads
from gsakmp.doi import GDOI, IPSEC, ISAKMP
from gsakmp.errors import ConfigurationError
from gsakmp.payloads.gdoi.tables import GAP_ATTRIBUTES, KEK_ATTRIBUTES
from gsakmp.wire import GreedyBytes, Payload
from gsakmp.wireshark import dissector, filters
from gsakmp.wireshark.names import attribute_name, element_name, label


@pytest.mark.parametrize(("cls", "name"), [
    (payloads.SAKEK, "gdoi.sak"), (payloads.SATEK, "gdoi.sat"), (payloads.GroupAssociatedPolicy, "gdoi.gap"),
    (payloads.KeyDownload, "gdoi.kd"), (payloads.SequenceNumber, "gdoi.seq"), (payloads.NATDiscovery, "gdoi.nat_d"),
    (payloads.ESPTEK, "gdoi.esp_tek"), (payloads.IEC61850TEK, "gdoi.iec_61850_tek"), (payloads.SA, "gdoi.sa"),
    (payloads.GroupSA, "gdoi.group_sa"), (payloads.LKHUpdateArray, "gdoi.lkh_update_array"),
    (payloads.IKETransform, "gdoi.ike_transform"), (payloads.Header, "gdoi.header"),
    (payloads.ResponderLifetime, "gdoi.responder_lifetime"), (payloads.OIDIdentity, "gdoi.oid_identity"),
])  # fmt: skip
def test_elements(cls: type, name: str) -> None:
    assert element_name(cls) == name


def test_attributes() -> None:
    assert attribute_name(payloads.SAKEK, KEK_ATTRIBUTES, 2) == "gdoi.sak.kek_algorithm"
    assert (
        attribute_name(payloads.GroupAssociatedPolicy, GAP_ATTRIBUTES, 1) == "gdoi.gap.activation_time_delay"
    )


def test_texts() -> None:
    assert label("source_id_type") == "Source ID type"
    assert label("kd_length") == "KD length"


def test_every_name_is_one_that_wireshark_takes() -> None:
    found = filters()
    for field in found:
        assert re.fullmatch(r"gdoi(\.[a-z0-9_]+)+", field.name)
        assert ".." not in field.name
    assert len({field.name for field in found}) == len(found) > 500


def test_what_the_definitions_have_is_there() -> None:
    """A name for every field and every attribute, by a count that knows nothing of the generator."""
    names = {field.name for field in filters()}
    for cls in (
        payloads.SAKEK,
        payloads.KeyPacket,
        payloads.LKHKey,
        payloads.IEC61850TEK,
        payloads.Notification,
    ):
        for name in set(cls.layout._subcons) - {"attributes"}:
            assert f"{element_name(cls)}.{name}" in names
    for number, _ in KEK_ATTRIBUTES:
        assert attribute_name(payloads.SAKEK, KEK_ATTRIBUTES, number) in names


def test_two_classes_with_one_name_are_refused() -> None:
    class Sak(Payload, kind=200, spec="an example"):
        """Called as the SA KEK is."""

        octets_: Annotated[bytes, GreedyBytes, "anything"] = b""

    with pytest.raises(ConfigurationError, match=r"are both gdoi\.sak in Wireshark"):
        dissector([ISAKMP, IPSEC, GDOI.extended("GDOI", payloads=[Sak])])
