"""The README's example, as it stands there."""

# fmt: off
from ipaddress import IPv4Address as Address

import gsakmp
from gsakmp import layers as s
from gsakmp import payloads as p
from gsakmp.registries import GAPAttribute, IPsecAttribute, KEKAttribute


def test_a_groupkey_pull_sa_in_scapy_and_in_the_library() -> None:
    teks = [s.SATEK(protocol_id="GDOI_PROTO_IPSEC_ESP", tek=s.ESPTEK(
        source_id_type="ID_IPV4_ADDR_SUBNET", source_id_data="10.0.0.0/8", destination_id_data=group,
        transform_id="ESP_AES_CBC", spi=spi, attributes=[s.Attribute(type="SA_LIFE_DURATION", value=3600)]))
        for group, spi in [("239.0.0.2", b"tek1"), ("239.0.0.3", b"tek2")]]
    packet = s.Header(exchange_type="GROUPKEY_PULL", message_id=1) / s.GroupSA(sa_attributes=[
        s.SAKEK(protocol="UDP", source_id_type="ID_IPV4_ADDR", source_id_data="10.0.0.1",
                destination_id_port=848, destination_id_data="239.0.0.1",
                attributes=[s.Attribute(type="KEK_ALGORITHM", value="KEK_ALG_AES")]),
        s.GroupAssociatedPolicy(attributes=[s.Attribute(type="ACTIVATION_TIME_DELAY", value=60)]), *teks])

    policies = [p.SATEK(protocol_id=1, tek=p.ESPTEK(
        protocol=0, source_id_type=4, source_id_data=p.Subnet(Address("10.0.0.0"), Address("255.0.0.0")),
        destination_id_data=Address(group), transform_id=12, spi=spi,
        attributes=(p.Attribute(IPsecAttribute.SA_LIFE_DURATION, 3600),)))
        for group, spi in [("239.0.0.2", b"tek1"), ("239.0.0.3", b"tek2")]]
    message = gsakmp.Message(exchange_type=32, message_id=1, payloads=(p.GroupSA(sa_attributes=(
        p.SAKEK(protocol=17, source_id_type=1, source_id_data=Address("10.0.0.1"), destination_id_port=848,
                destination_id_data=Address("239.0.0.1"),
                attributes=(p.Attribute(KEKAttribute.KEK_ALGORITHM, 3),)),
        p.GroupAssociatedPolicy(attributes=(p.Attribute(GAPAttribute.ACTIVATION_TIME_DELAY, 60),)),
        *policies)),))

    assert bytes(packet) == gsakmp.build(message)
    assert s.message_of(packet) == gsakmp.parse(bytes(packet))
