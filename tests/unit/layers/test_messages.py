"""The header and the stack: links, lengths, whose tables hold, and what a scapy user does with a packet."""

import pickle
from dataclasses import replace
from typing import Any

import pytest
from scapy.config import conf
from scapy.fields import ConditionalField
from scapy.layers.inet import IP, UDP
from scapy.packet import Padding, Raw, fuzz
from scapy.volatile import VolatileValue

import gsakmp
from gsakmp import layers as L
from gsakmp.layers import Attribute, Header
from gsakmp.layers.fields import value_text
from gsakmp.wire.values import TEXT
from tests.unit.layers.samples import COOKIES, GDOI, OID, SAMPLES, generic

WHOLE = bytes.fromhex(
    # RFC 2408, 3.1 and 3.4 to 3.6: header, SA, proposal with an SPI, transform with a TLV lifetime
    "0001020304050607 0000000000000000 01 10 02 00 00000000 00000054"
    "00 00 0038 00000001 00000001"
    "00 00 002c 01 01 08 01 1112131415161718"
    "00 00 001c 01 01 0000 8001 0007 800e 0080 800b 0001 000c 0004 00015180"
)


def main_mode_1() -> Any:
    transform = L.IKETransform(
        transform_number=1,
        transform_id="KEY_IKE",
        attributes=[
            Attribute(type="ENCRYPTION_ALGORITHM", value="AES_CBC"),
            Attribute(type="KEY_LENGTH", value=128),
            Attribute(type="LIFE_TYPE", value="SECONDS"),
            Attribute(type="LIFE_DURATION", value=86400),
        ],
    )
    proposal = L.Proposal(
        proposal_number=1, protocol_id="PROTO_ISAKMP", spi=bytes(range(0x11, 0x19)), transforms=[transform]
    )
    header = Header(initiator_cookie=bytes(range(8)), exchange_type="IDENTITY_PROTECTION")
    return header / L.SA(doi="IPSEC", situation="SIT_IDENTITY_ONLY", proposals=[proposal])


@pytest.fixture
def settings() -> Any:
    before = conf.contribs["gsakmp"]
    conf.contribs["gsakmp"] = dict(before)
    yield conf.contribs["gsakmp"]
    conf.contribs["gsakmp"] = before


def test_a_proposal_with_an_spi_and_a_lifetime_of_four_octets() -> None:
    """What scapy's own ISAKMP layer gets wrong."""
    assert bytes(main_mode_1()) == WHOLE
    packet = Header(WHOLE)
    proposal = packet[L.SA].proposals[0]
    assert proposal.spi == bytes(range(0x11, 0x19))
    assert [attribute.value for attribute in proposal.transforms[0].attributes] == [7, 128, 1, 86400]
    assert proposal.transforms[0].attributes[3].length == 4
    packet[L.SA].length = packet.message_length = proposal.spi_size = proposal.length = None
    proposal.transforms[0].attributes[3].length = None
    assert bytes(packet) == WHOLE
    proposal.transforms[0].attributes[3].value = 3600
    assert bytes(packet)[-4:] == (3600).to_bytes(4, "big")


def test_payloads_are_linked_and_counted() -> None:
    stack = Header(exchange_type=2) / L.KeyExchange(key_exchange_data=b"abcd") / L.Nonce(nonce_data=b"n" * 8)
    body = generic(b"abcd", 10) + generic(b"n" * 8)
    octets = bytes(stack)
    assert octets[16] == 4
    assert octets[24:28] == (28 + len(body)).to_bytes(4, "big")
    assert octets[28:] == body
    stack[L.Nonce].underlayer.next_payload = 99
    assert bytes(stack)[28] == 99


def test_what_is_given_is_sent_right_or_wrong() -> None:
    packet = Header(next_payload="NONCE", message_length=7) / L.Hash(
        hash_data=b"h", length=200, next_payload=3
    )
    octets = bytes(packet)
    assert (octets[16], octets[24:28], octets[28:32]) == (10, b"\0\0\0\7", b"\x03\0\0\xc8")


def test_a_payload_followed_by_octets_announces_nothing() -> None:
    octets = bytes(Header() / L.Hash(hash_data=b"h") / Raw(b"padding") / L.Nonce(nonce_data=b"n"))
    assert octets[28] == 0
    assert int.from_bytes(octets[24:28], "big") == len(octets)


@pytest.mark.parametrize(
    ("port", "exchange", "kind", "name"),
    [
        (848, "GROUPKEY_PULL", 1, "GroupSA"),
        (848, "GROUPKEY_PUSH", 1, "GroupSA"),
        (848, 35, 1, "GroupSA"),
        (848, "IDENTITY_PROTECTION", 1, "SA"),
        (500, "QUICK_MODE", 1, "SA"),
        (848, "GROUPKEY_PULL", 15, "SAKEK"),
        (500, 2, 15, "NATDiscovery"),
        (500, 2, 16, "NATOriginalAddress"),
        (848, "GROUPKEY_PUSH", 12, "GroupDelete"),
        (500, "INFORMATIONAL", 12, "Delete"),
        (500, 2, 17, "UnknownPayload"),
        (848, 32, 17, "KeyDownload"),
    ],
)
def test_the_port_and_the_exchange_say_what_a_type_is(port: int, exchange: Any, kind: int, name: str) -> None:
    sample = next((each for each in SAMPLES if each.name == name), None)
    assert sample is not None
    header = Header(exchange_type=exchange, next_payload=kind)
    datagram = bytes(IP() / UDP(sport=port, dport=port) / header / Raw(generic(sample.octets)))
    payload = IP(datagram)[Header].payload
    assert type(payload).__name__ == name
    assert bytes(payload) == generic(sample.octets)
    assert kind == payload.kind


def test_the_doi_of_the_first_sa_counts_more_than_the_port() -> None:
    nat = L.NATDiscovery(kind=15, address_and_port_hash=b"hash")
    sent = UDP(sport=848, dport=848) / Header(exchange_type=2) / L.SA(doi="IPSEC") / nat
    found = UDP(bytes(sent))[Header]
    assert found.doi is gsakmp.IPSEC
    assert type(found.payload.payload) is L.NATDiscovery
    other = sent.copy()
    other[L.SA].doi = "GDOI"
    assert type(UDP(bytes(other))[Header].payload.payload) is not L.NATDiscovery


def test_exchange_types_have_the_names_of_the_doi() -> None:
    assert Header(exchange_type="GROUPKEY_PULL").exchange_type == 32
    assert Header(exchange_type="QUICK_MODE").exchange_type == 32
    assert Header(exchange_type=32, doi="GDOI").sprintf("%Header.exchange_type%") == "GROUPKEY_PULL"
    assert Header(exchange_type=32, doi="IPsec").sprintf("%Header.exchange_type%") == "QUICK_MODE"
    assert Header(exchange_type=239).sprintf("%Header.exchange_type%") == "239"
    with pytest.raises(gsakmp.EncodeError, match="NO_SUCH"):
        Header(exchange_type="NO_SUCH")


def test_an_encrypted_body_stays_octets() -> None:
    body = generic(b"abcd", 10) + generic(b"n" * 8)
    octets = bytes(Header(flags="ENCRYPTION", next_payload="KEY_EXCHANGE") / Raw(body))
    packet = Header(octets)
    assert type(packet.payload) is Raw
    assert packet.payload.load == body
    assert "(encrypted)" in packet.summary()
    packet.flags = 0
    assert type(Header(bytes(packet)).payload) is L.KeyExchange


def test_the_dialect_of_one_message_or_of_all(settings: Any) -> None:
    kek = L.SAKEK(protocol=17, source_id_type=1, source_id_data="10.0.0.1", destination_id_data="10.0.0.2")
    tek = L.ESPTEK(source_id_type=1, source_id_data="10.0.0.1", destination_id_data="10.0.0.2")
    group = L.GroupSA(sa_attributes=[kek, L.SATEK(protocol_id=1, tek=tek)])
    plain, daemon = Header(exchange_type=32) / group, Header(exchange_type=32, dialect="gdoid") / group
    assert len(bytes(daemon)) == len(bytes(plain)) + 2  # six reserved octets, not four
    assert b"\x04\x01\0\0\x0a" in bytes(daemon)  # a TEK's address, reversed
    found = Header(bytes(daemon), dialect=gsakmp.GDOID)[L.GroupSA]
    assert found.sa_attributes[1].tek.source_id_data == "10.0.0.1"
    assert bytes(found.underlayer) == bytes(daemon)
    settings["dialect"] = "gdoid"
    assert Header(bytes(daemon)).dialect is gsakmp.GDOID
    assert bytes(Header(exchange_type=32) / group) == bytes(daemon)
    settings["doi"] = "IPsec"
    assert Header(bytes(plain)).doi is gsakmp.IPSEC


def test_numbers_by_name_and_unknown_ones_survive() -> None:
    transform = L.ESPTransform(transform_id="esp-aes-cbc")
    assert transform.transform_id == 12
    assert transform.sprintf("%ESPTransform.transform_id% %r,ESPTransform.transform_id%") == "ESP_AES_CBC 12"
    assert L.ESPTransform(transform_id=200).sprintf("%ESPTransform.transform_id%") == "200"
    assert Header(flags="ENCRYPTION|COMMIT").flags == 3
    assert Header(flags=0x81).sprintf("%Header.flags%") == "ENCRYPTION|0x80"
    with pytest.raises(gsakmp.EncodeError, match="NO_SUCH"):
        L.ESPTransform(transform_id="NO_SUCH")


@pytest.mark.parametrize(
    ("fields", "octets", "shown"),
    [
        ({"type": 8, "value": 2}, "8008 0002", "KE_OAKLEY_GROUP"),
        ({"type": "KEK_ALGORITHM", "value": "KEK_ALG_AES"}, "8002 0003", "KEK_ALG_AES"),
        ({"type": "KEK_ALGORITHM", "value": 99}, "8002 0063", "99"),
        ({"type": "KEK_KEY_LIFETIME", "value": 60}, "0004 0004 0000003c", "60"),
        ({"type": "KEK_KEY_LIFETIME", "value": 60, "basic": True}, "8004 003c", "60"),
        ({"type": "KEK_KEY_LIFETIME", "value": 60, "length": 2}, "0004 0002 003c", "60"),
        ({"type": "KEK_KEY_LIFETIME", "value": 1 << 40}, "0004 0006 010000000000", str(1 << 40)),
        ({"type": "KEK_KEY_LIFETIME", "value": b"\1", "length": 9}, "0004 0009 01", "01"),
        ({"type": 300, "value": 7}, "812c 0007", "300"),
        ({"type": 300, "value": b"ab"}, "012c 0002 6162", "6162"),
        ({"type": 300, "value": "text"}, "012c 0004 74657874", "text"),
    ],
)
def test_attributes_by_name_number_and_form(fields: dict[str, Any], octets: str, shown: str) -> None:
    kek = L.SAKEK(attributes=[Attribute(**fields)])
    assert bytes(kek).endswith(bytes.fromhex(octets))
    assert bytes(kek.attributes[0]) == bytes.fromhex(octets)
    assert shown in kek.show(dump=True)
    assert isinstance(kek.attributes[0].type, int)


def test_an_attribute_alone_knows_no_names() -> None:
    assert bytes(Attribute(type=1, value=2)) == bytes.fromhex("80010002")
    with pytest.raises(gsakmp.EncodeError, match="attributes of a payload"):
        bytes(Attribute(type="KEK_ALGORITHM", value=1))
    with pytest.raises(gsakmp.EncodeError, match="65535"):
        bytes(L.SAKEK(attributes=[Attribute(type="KEK_ALGORITHM", value=70000)]))


@pytest.mark.parametrize(
    ("id_type", "text", "octets"),
    [
        ("ID_IPV4_ADDR", "192.0.2.1", "c0000201"),
        ("ID_IPV4_ADDR_SUBNET", "192.0.2.0/24", "c0000200ffffff00"),
        ("ID_IPV4_ADDR_SUBNET", "192.0.2.0/255.0.255.0", "c0000200ff00ff00"),
        ("ID_IPV4_ADDR_RANGE", "192.0.2.1-192.0.2.9", "c0000201c0000209"),
        ("ID_IPV6_ADDR", "2001:db8::1", "20010db8000000000000000000000001"),
        ("ID_IPV6_ADDR_SUBNET", "2001:db8::/32", "20010db8" + "0" * 24 + "ffffffff" + "0" * 24),
        ("ID_FQDN", "gcks.example", b"gcks.example".hex()),
        ("ID_KEY_ID", b"group 1", b"group 1".hex()),
        (77, b"\0\1", "0001"),
    ],
)
def test_identities_as_text(id_type: Any, text: Any, octets: str) -> None:
    packet = L.Identification(id_type=id_type, identification_data=text)
    assert bytes(packet)[8:].hex() == octets
    found = L.Identification(bytes(packet))
    assert found.identification_data == text
    shown = text.hex() if isinstance(text, bytes) else text
    assert shown in found.show(dump=True)


def test_an_identity_that_is_none_is_refused_on_build_and_kept_on_dissection() -> None:
    with pytest.raises(gsakmp.EncodeError, match="IPv4"):
        bytes(L.Identification(id_type="ID_IPV4_ADDR", identification_data="10.0.0"))
    found = L.Identification(generic(b"\1\0\0\0abc"))
    assert found.identification_data == b"abc"
    assert bytes(found) == generic(b"\1\0\0\0abc")


def test_changes_deep_inside_are_in_the_octets() -> None:
    group = next(sample for sample in GDOI if sample.name == "GroupSA")
    packet = Header(bytes(Header(exchange_type=32) / group.packet.copy()))
    before = bytes(packet)
    packet[L.GroupSA].sa_attributes[2].tek.attributes[1].value = 7
    assert bytes(packet) != before
    assert bytes(packet)[-4:] == bytes([0, 0, 0, 7])
    copy = packet.copy()
    copy[L.GroupSA].sa_attributes[2].tek.attributes[1].value = 8
    assert bytes(packet)[-1] == 7
    assert bytes(copy)[-1] == 8
    packet[L.GroupSA].sa_attributes.pop()
    assert len(bytes(packet)) < len(before)


def test_a_copy_is_read_by_its_own_fields() -> None:
    packet = L.KeyPacket(kd_type="TEK", attributes=[Attribute(type=1, value=b"key")])
    copy = packet.copy()
    copy.kd_type = "KEK"
    assert packet.attributes[0].sprintf("%Attribute.type%") == "TEK_ALGORITHM_KEY"
    assert copy.attributes[0].sprintf("%Attribute.type%") == "KEK_ALGORITHM_KEY"


def test_unknown_types_in_a_nested_chain_and_reserved_octets_are_kept() -> None:
    kek = b"\x11\1\0\0\0\1\0\0\0" + COOKIES + b"\1\2\3\4"  # two octets for each field of POP (RFC 3547)
    octets = generic(b"\0\0\0\2\0\0\0\0\0\xc8\0\0" + generic(b"?", 15) + generic(kek), 0)
    packet = L.GroupSA(octets)
    assert packet.sa_attributes[0].kind == 200
    assert packet.sa_attributes[1].reserved2 == b"\1\2\3\4"
    packet.sa_attribute_next_payload = packet.sa_attributes[0].next_payload = None
    assert bytes(packet) == octets


def test_a_value_that_text_would_not_give_back_stays_octets() -> None:
    lossy = replace(TEXT, decode=lambda octets: octets.decode("ascii").strip())
    assert value_text(lossy, b"text") == "text"
    assert value_text(lossy, b"text ") == b"text "


def test_hide_defaults_leaves_the_octets() -> None:
    packet = Header(WHOLE)
    packet.hide_defaults()
    assert "minor_version" not in packet.fields
    assert "exchange_type" in packet.fields
    assert bytes(packet) == WHOLE


def test_show2_has_what_show_leaves_open() -> None:
    packet = main_mode_1()
    assert "message_length= None" in packet.show(dump=True)
    text = packet.show2(dump=True)
    assert f"message_length= {len(WHOLE)}" in text
    assert "next_payload= SA" in text
    assert "spi_size  = 8" in text
    assert "LIFE_DURATION" in text
    assert "spi       = 1112131415161718" in text


def test_summary_and_command() -> None:
    packet = IP() / UDP() / main_mode_1()
    assert packet.summary().endswith("IDENTITY_PROTECTION / SA")
    assert packet.summary().startswith("IP / UDP 127.0.0.1:848 > 127.0.0.1:848 / ")
    made = eval(main_mode_1().command(), {**vars(L)})
    assert bytes(made) == WHOLE


def test_pickled_and_compared() -> None:
    packet = Header(WHOLE)
    assert bytes(pickle.loads(pickle.dumps(packet))) == WHOLE
    assert packet == Header(WHOLE)
    other = Header(WHOLE)
    other[L.SA].proposals[0].spi = b"another!"
    assert packet != other
    assert packet[L.SA].layers() == [L.SA]


def test_an_answer_is_recognized() -> None:
    asked = Header(initiator_cookie=b"initiate", exchange_type=2) / L.Nonce(nonce_data=b"1")
    answer = Header(initiator_cookie=b"initiate", responder_cookie=b"responds", exchange_type=2)
    assert answer.answers(asked)
    assert answer.hashret() == asked.hashret() == b"initiate"
    assert not Header(initiator_cookie=b"someone.").answers(asked)


@pytest.mark.parametrize("sample", SAMPLES, ids=lambda sample: sample.name)
def test_fuzz_changes_what_is_not_given(sample: Any) -> None:
    cls = type(sample.packet)
    fuzzed = fuzz(cls())
    random = [name for name, value in fuzzed.default_fields.items() if isinstance(value, VolatileValue)]
    plain = [
        f.name
        for f in cls.fields_desc
        if f.default is not None and not (f.islist or isinstance(f, ConditionalField))
    ]
    assert random == plain
    assert len({bytes(fuzzed) for _ in range(20)}) > 1 or not plain
    given = fuzz(Header(initiator_cookie=COOKIES[:8]) / cls(bytes(sample.packet)))
    assert bytes(given)[:8] == COOKIES[:8]
    assert fuzzed.show(dump=True)


def test_lists_in_a_field_make_several_packets() -> None:
    many = [bytes(packet)[-1] for packet in L.SequenceNumber(sequence_number=[1, 2, 3])]
    assert many == [1, 2, 3]
    header = Header(exchange_type=["BASE", 4], flags=[0, "ENCRYPTION"])
    assert "exchange_type= [1, 4]" in header.show(dump=True)
    assert {bytes(packet)[18:20] for packet in header} == {b"\1\0", b"\1\1", b"\4\0", b"\4\1"}


def test_what_follows_the_message_is_padding() -> None:
    packet = Header(WHOLE + b"extra")
    assert packet.lastlayer() == Padding(b"extra")
    packet.message_length = None
    assert bytes(packet) == WHOLE + b"extra"
    assert len(packet[L.SA].proposals) == 1


def test_octets_that_do_not_fit_are_refused() -> None:
    with pytest.raises(gsakmp.EncodeError, match="8 belong"):
        bytes(Header(initiator_cookie=b"short"))
    with pytest.raises(gsakmp.EncodeError, match="2 octets"):
        bytes(L.Hash(hash_data=bytes(70000)))
    with pytest.raises(ValueError, match="situation"):
        bytes(L.GroupSA(situation=1 << 32))
    with pytest.raises(AttributeError):
        Header(no_such_field=1)
    assert bytes(L.OIDIdentity(oid=OID))[0] == len(OID)
