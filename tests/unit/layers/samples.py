"""One sample of each class: as a packet, as an object of the library, and as octets.

The octets are written out from the pictures in the RFCs, field by field, not taken from either of the two.
A payload's stand without the generic header.
"""

from __future__ import annotations

from ipaddress import IPv4Address
from typing import Any, NamedTuple

from scapy.packet import Packet

from gsakmp import layers, payloads
from gsakmp.registries import (
    AHTransformID,
    CertificateEncoding,
    DOINumber,
    EncapsulationMode,
    EncryptionAlgorithm,
    ESPTransformID,
    GAPAttribute,
    GDOIIDType,
    IEC62351Authentication,
    IEC62351Confidentiality,
    IKEAttribute,
    IPCOMPTransformID,
    IPProtocol,
    IPsecAttribute,
    IPsecLifeType,
    ISAKMPTransformID,
    KEKAlgorithm,
    KEKAttribute,
    KeyDownloadType,
    LifeType,
    LKHKeyAttribute,
    MARKSAttribute,
    ModeConfigAttribute,
    ModeConfigType,
    NotifyType,
    OFTValueType,
    PayloadType,
    PeriodConstruction,
    ProtocolID,
    SATEKAttribute,
    TEKKeyAttribute,
    TEKProtocolID,
)

NOT_WORKED_OUT = ("basic", "labeled_domain")
P, L = payloads, layers
A, B = layers.Attribute, payloads.Attribute

COOKIES = bytes(range(16))
OID = bytes.fromhex("06032b0601")
MULTICAST = "239.192.1.7"


class Sample(NamedTuple):
    packet: Any
    element: Any
    octets: bytes

    @property
    def name(self) -> str:
        return str(type(self.element).__name__)


def sample(packet: Any, element: Any, octets: str) -> Sample:
    return Sample(packet, element, bytes.fromhex(octets))


def same(name: str, octets: str, /, **fields: Any) -> Sample:
    """A class that takes the same values in both."""
    return sample(getattr(L, name)(**fields), getattr(P, name)(**fields), octets)


def generic(body: bytes, next_payload: int = 0, reserved: int = 0) -> bytes:
    """`body` behind the generic payload header (RFC 2408, 3.2)."""
    return bytes([next_payload, reserved]) + (len(body) + 4).to_bytes(2, "big") + body


def without_numbers(packet: Any) -> Any:
    """Every number that can be worked out set to None, however deep."""
    for field in packet.fields_desc:
        value = packet.fields.get(field.name)
        if field.default is None and isinstance(value, int) and field.name not in NOT_WORKED_OUT:
            setattr(packet, field.name, None)
        for item in value if isinstance(value, list) else [value]:
            if isinstance(item, Packet):
                without_numbers(item)
    if packet.payload:
        without_numbers(packet.payload)
    return packet


OPAQUE = [
    same(
        "Certificate",
        "04 308201",
        certificate_encoding=CertificateEncoding(4),
        certificate_data=b"\x30\x82\x01",
    ),
    same(
        "CertificateRequest",
        "04 3000",
        certificate_type=CertificateEncoding(4),
        certificate_authority=b"\x30\0",
    ),
    same(
        "Fragment",
        "0102 03 01 aabb",
        fragment_id=0x102,
        fragment_number=3,
        last_fragment=1,
        fragment_data=b"\xaa\xbb",
    ),
    same("Hash", "00112233", hash_data=b"\x00\x11\x22\x33"),
    same("KeyExchange", "c0ffee", key_exchange_data=b"\xc0\xff\xee"),
    same("Nonce", "0102030405060708", nonce_data=bytes(range(1, 9))),
    same("ProofOfPossession", "5109", pop_data=b"\x51\x09"),
    same("SequenceNumber", "00000102", sequence_number=0x102),
    same("Signature", "5161", signature_data=b"\x51\x61"),
    same("VendorID", "afcad713", vendor_id=b"\xaf\xca\xd7\x13"),
    same("NATDiscovery", "d15c", address_and_port_hash=b"\xd1\x5c"),
    same("UnknownPayload", "c0de", kind=200, octets=b"\xc0\xde"),
    same("UnknownSA", "00000063 00000001 aa", doi=99, body=b"\0\0\0\1\xaa"),
]

TRANSFORMS = [
    sample(
        L.Transform(
            transform_number=1, transform_id=9, attributes=[A(type=1, value=2), A(type=2, value=b"\x07")]
        ),
        P.Transform(transform_number=1, transform_id=9, attributes=(B(1, 2), B(2, b"\x07"))),
        "01 09 0000 8001 0002 0002 0001 07",
    ),
    sample(
        L.IKETransform(
            transform_number=1,
            transform_id="KEY_IKE",
            attributes=[
                A(type="ENCRYPTION_ALGORITHM", value="AES_CBC"),
                A(type="KEY_LENGTH", value=256),
                A(type="LIFE_TYPE", value="SECONDS"),
                A(type="LIFE_DURATION", value=28800),
            ],
        ),
        P.IKETransform(
            transform_number=1,
            transform_id=ISAKMPTransformID.KEY_IKE,
            attributes=(
                B(IKEAttribute.ENCRYPTION_ALGORITHM, EncryptionAlgorithm.AES_CBC),
                B(IKEAttribute.KEY_LENGTH, 256),
                B(IKEAttribute.LIFE_TYPE, LifeType.SECONDS),
                B(IKEAttribute.LIFE_DURATION, 28800),
            ),
        ),
        "01 01 0000 8001 0007 800e 0100 800b 0001 000c 0004 00007080",
    ),
    sample(
        L.AHTransform(
            transform_number=2, transform_id="AH_SHA", attributes=[A(type="SA_LIFE_DURATION", value=3600)]
        ),
        P.AHTransform(
            transform_number=2,
            transform_id=AHTransformID.AH_SHA,
            attributes=(B(IPsecAttribute.SA_LIFE_DURATION, 3600),),
        ),
        "02 03 0000 0002 0004 00000e10",
    ),
    sample(
        L.ESPTransform(
            transform_number=1,
            transform_id="ESP_AES_CBC",
            attributes=[A(type="ENCAPSULATION_MODE", value="TUNNEL")],
        ),
        P.ESPTransform(
            transform_number=1,
            transform_id=ESPTransformID.ESP_AES_CBC,
            attributes=(B(IPsecAttribute.ENCAPSULATION_MODE, EncapsulationMode(1)),),
        ),
        "01 0c 0000 8004 0001",
    ),
    sample(
        L.IPCOMPTransform(transform_number=1, transform_id="IPCOMP_DEFLATE"),
        P.IPCOMPTransform(transform_number=1, transform_id=IPCOMPTransformID(2)),
        "01 02 0000",
    ),
]

ESP_TRANSFORM = TRANSFORMS[3]

PROPOSAL = sample(
    L.Proposal(
        proposal_number=1,
        protocol_id="PROTO_IPSEC_ESP",
        spi=b"\xca\xfe\xba\xbe",
        transforms=[ESP_TRANSFORM.packet, ESP_TRANSFORM.packet.copy()],
    ),
    P.Proposal(
        proposal_number=1,
        protocol_id=ProtocolID.PROTO_IPSEC_ESP,
        spi=b"\xca\xfe\xba\xbe",
        transforms=(ESP_TRANSFORM.element, ESP_TRANSFORM.element),
    ),
    "01 03 04 02 cafebabe" + generic(ESP_TRANSFORM.octets, 3).hex() + generic(ESP_TRANSFORM.octets).hex(),
)

LABEL = sample(
    L.SensitivityLabel(level=b"\1\2\3\0", level_length=3, categories=b"\xff\0\0\0", category_length=5),
    P.SensitivityLabel(level=b"\1\2\3\0", level_length=3, categories=b"\xff\0\0\0", category_length=5),
    "0003 0000 01020300 0005 0000 ff000000",
)

ISAKMP = [
    PROPOSAL,
    LABEL,
    sample(
        L.SA(
            doi="IPSEC",
            situation="SIT_IDENTITY_ONLY|SIT_SECRECY",
            labeled_domain=7,
            secrecy=LABEL.packet.copy(),
            proposals=[PROPOSAL.packet.copy()],
        ),
        P.SA(
            doi=DOINumber.IPSEC,
            situation=3,
            labeled_domain=7,
            secrecy=LABEL.element,
            proposals=(PROPOSAL.element,),
        ),
        "00000001 00000003 00000007" + LABEL.octets.hex() + generic(PROPOSAL.octets).hex(),
    ),
    sample(
        L.Identification(
            id_type="ID_IPV4_ADDR_SUBNET", protocol_id="UDP", port=500, identification_data="10.1.0.0/16"
        ),
        P.Identification(
            id_type=GDOIIDType.ID_IPV4_ADDR_SUBNET,
            protocol_id=IPProtocol.UDP,
            port=500,
            identification_data=P.Subnet(IPv4Address("10.1.0.0"), IPv4Address("255.255.0.0")),
        ),
        "04 11 01f4 0a010000 ffff0000",
    ),
    sample(
        L.OIDIdentity(oid=OID, oid_payload=b"\x81\x00"),
        P.OIDIdentity(oid=OID, oid_payload=b"\x81\x00"),
        "05 06032b0601 0002 8100",
    ),
    sample(
        L.Notification(
            doi="IPSEC",
            protocol_id="PROTO_ISAKMP",
            notify_message_type="R_U_THERE",
            spi=COOKIES,
            notification_data=7,
        ),
        P.Notification(
            doi=DOINumber.IPSEC,
            protocol_id=ProtocolID(1),
            notify_message_type=NotifyType.R_U_THERE,
            spi=COOKIES,
            notification_data=7,
        ),
        "00000001 01 10 8d28" + COOKIES.hex() + "00000007",
    ),
    sample(
        L.ResponderLifetime(
            attributes=[A(type="SA_LIFE_TYPE", value="SECONDS"), A(type="SA_LIFE_DURATION", value=60)]
        ),
        P.ResponderLifetime(
            attributes=(
                B(IPsecAttribute.SA_LIFE_TYPE, IPsecLifeType.SECONDS),
                B(IPsecAttribute.SA_LIFE_DURATION, 60),
            )
        ),
        "8001 0001 0002 0004 0000003c",
    ),
    sample(
        L.Delete(doi="IPSEC", protocol_id="PROTO_IPSEC_ESP", spis=[b"\0\0\0\1", b"\0\0\0\2"]),
        P.Delete(doi=DOINumber.IPSEC, protocol_id=ProtocolID(3), spis=(b"\0\0\0\1", b"\0\0\0\2")),
        "00000001 03 04 0002 00000001 00000002",
    ),
    sample(
        L.GroupDelete(doi="GDOI", protocol_id="GDOI_PROTO_IPSEC_ESP", spis=[bytes(4)]),
        P.GroupDelete(doi=DOINumber.GDOI, protocol_id=TEKProtocolID(1), spis=(bytes(4),)),
        "00000002 01 04 0001 00000000",
    ),
    sample(
        L.NATOriginalAddress(id_type="ID_IPV4_ADDR", address="192.0.2.1"),
        P.NATOriginalAddress(id_type=GDOIIDType(1), address=IPv4Address("192.0.2.1")),
        "01 000000 c0000201",
    ),
    sample(
        L.ConfigurationAttributes(
            configuration_type="REPLY",
            identifier=5,
            attributes=[
                A(type="INTERNAL_IP4_ADDRESS", value="10.0.0.9"),
                A(type="APPLICATION_VERSION", value="v1"),
            ],
        ),
        P.ConfigurationAttributes(
            configuration_type=ModeConfigType(2),
            identifier=5,
            attributes=(
                B(ModeConfigAttribute.INTERNAL_IP4_ADDRESS, IPv4Address("10.0.0.9")),
                B(ModeConfigAttribute.APPLICATION_VERSION, "v1"),
            ),
        ),
        "02 00 0005 0001 0004 0a000009 0007 0002 7631",
    ),
]

LKH_KEYS = [
    sample(
        L.LKHKey(lkh_id=n, key_type="KEK_ALG_AES", key_handle=9, key_data=bytes([n]) * 4),
        P.LKHKey(lkh_id=n, key_type=KEKAlgorithm.KEK_ALG_AES, key_handle=9, key_data=bytes([n]) * 4),
        f"000{n} 03 00 00000000 00000000 00000009 0{n}0{n}0{n}0{n}",
    )
    for n in (1, 2)
]
BOTH_KEYS = LKH_KEYS[0].octets.hex() + LKH_KEYS[1].octets.hex()

DOWNLOAD = sample(
    L.LKHDownloadArray(lkh_keys=[key.packet.copy() for key in LKH_KEYS]),
    P.LKHDownloadArray(lkh_keys=tuple(key.element for key in LKH_KEYS)),
    "01 0002 00" + BOTH_KEYS,
)

KEY_PACKET = sample(
    L.KeyPacket(
        kd_type="LKH", spi=COOKIES, attributes=[A(type="LKH_DOWNLOAD_ARRAY", value=DOWNLOAD.packet.copy())]
    ),
    P.KeyPacket(
        kd_type=KeyDownloadType.LKH,
        spi=COOKIES,
        attributes=(B(LKHKeyAttribute.LKH_DOWNLOAD_ARRAY, DOWNLOAD.element),),
    ),
    "03 00 0045 10" + COOKIES.hex() + "0001 002c" + DOWNLOAD.octets.hex(),
)

PERIOD_SEED = sample(
    L.PeriodSeed(level=2, seed_index=3, seed=bytes([7]) * 32),
    P.PeriodSeed(level=2, seed_index=3, seed=bytes([7]) * 32),
    "02 00 0000 00000003" + "07" * 32,
)

PERIOD_SEEDS = sample(
    L.PeriodSeeds(seeds=[PERIOD_SEED.packet.copy()]),
    P.PeriodSeeds(seeds=(PERIOD_SEED.element,)),
    "0001 0000" + PERIOD_SEED.octets.hex(),
)

PERIODS = [
    PERIOD_SEED,
    PERIOD_SEEDS,
    sample(
        L.PeriodSequence(
            construction="BIDIRECTIONAL_HASH_CHAIN", first_start=9, period_seconds=60, period_count=8
        ),
        P.PeriodSequence(
            construction=PeriodConstruction.BIDIRECTIONAL_HASH_CHAIN,
            first_start=9,
            period_seconds=60,
            period_count=8,
        ),
        "01 02 0000 00000009 0000003c 00000008",
    ),
    sample(
        L.PeriodInterval(first_period=3, last_period=5),
        P.PeriodInterval(first_period=3, last_period=5),
        "00000003 00000005",
    ),
    sample(
        L.SealedSeeds(public_value=b"once", sealed=b"secret"),
        P.SealedSeeds(public_value=b"once", sealed=b"secret"),
        "01 00 0004" + b"once".hex() + b"secret".hex(),
    ),
    sample(
        L.KeyPacket(
            kd_type="MARKS",
            spi=b"\1\2\3\0",
            attributes=[A(type="PERIOD_SEEDS", value=PERIOD_SEEDS.packet.copy())],
        ),
        P.KeyPacket(
            kd_type=KeyDownloadType.MARKS,
            spi=b"\1\2\3\0",
            attributes=(B(MARKSAttribute.PERIOD_SEEDS, PERIOD_SEEDS.element),),
        ),
        "f1 00 0039 04 01020300 0003 002c" + PERIOD_SEEDS.octets.hex(),
    ),
]

TEK_KEY_PACKET = sample(
    L.KeyPacket(kd_type="TEK", spi=b"\0\0\1\1", attributes=[A(type="TEK_ALGORITHM_KEY", value=b"key!")]),
    P.KeyPacket(
        kd_type=KeyDownloadType.TEK,
        spi=b"\0\0\1\1",
        attributes=(P.Attribute(TEKKeyAttribute.TEK_ALGORITHM_KEY, b"key!"),),
    ),
    "01 00 0011 04 00000101 0001 0004 6b657921",
)


def ipsec_tek(name: str, transform: str, element_transform: Any, number: str) -> Sample:
    fields = {"source_id_port": 0, "destination_id_port": 5000, "spi": b"\0\0\1\1"}
    return sample(
        getattr(L, name)(
            protocol="UDP",
            source_id_type="ID_IPV4_ADDR_SUBNET",
            source_id_data="10.0.0.0/8",
            destination_id_type="ID_IPV4_ADDR",
            destination_id_data=MULTICAST,
            transform_id=transform,
            attributes=[A(type="SA_LIFE_TYPE", value="SECONDS"), A(type="SA_LIFE_DURATION", value=86400)],
            **fields,
        ),
        getattr(P, name)(
            protocol=IPProtocol.UDP,
            source_id_type=GDOIIDType.ID_IPV4_ADDR_SUBNET,
            source_id_data=P.Subnet(IPv4Address("10.0.0.0"), IPv4Address("255.0.0.0")),
            destination_id_type=GDOIIDType.ID_IPV4_ADDR,
            destination_id_data=IPv4Address(MULTICAST),
            transform_id=element_transform,
            attributes=(
                B(IPsecAttribute.SA_LIFE_TYPE, IPsecLifeType.SECONDS),
                B(IPsecAttribute.SA_LIFE_DURATION, 86400),
            ),
            **fields,
        ),
        # RFC 6407, 5.5.1 with errata 3598 and 3599
        f"11 04 0000 08 0a000000 ff000000 01 1388 04 efc00107 {number} 00000101 8001 0001 0002 0004 00015180",
    )


ESP_TEK = ipsec_tek("ESPTEK", "ESP_AES_CBC", ESPTransformID.ESP_AES_CBC, "0c")

SA_TEK = sample(
    L.SATEK(protocol_id="GDOI_PROTO_IPSEC_ESP", tek=ESP_TEK.packet.copy()),
    P.SATEK(protocol_id=TEKProtocolID.GDOI_PROTO_IPSEC_ESP, tek=ESP_TEK.element),
    "01" + ESP_TEK.octets.hex(),
)

SA_KEK = sample(
    L.SAKEK(
        protocol="UDP",
        source_id_type="ID_IPV4_ADDR",
        source_id_port=848,
        source_id_data="10.0.0.1",
        destination_id_type="ID_IPV4_ADDR",
        destination_id_port=848,
        destination_id_data=MULTICAST,
        spi=COOKIES,
        attributes=[A(type="KEK_ALGORITHM", value="KEK_ALG_AES"), A(type="KEK_KEY_LIFETIME", value=86400)],
    ),
    P.SAKEK(
        protocol=IPProtocol.UDP,
        source_id_type=GDOIIDType.ID_IPV4_ADDR,
        source_id_port=848,
        source_id_data=IPv4Address("10.0.0.1"),
        destination_id_port=848,
        destination_id_data=IPv4Address(MULTICAST),
        spi=COOKIES,
        attributes=(
            B(KEKAttribute.KEK_ALGORITHM, KEKAlgorithm.KEK_ALG_AES),
            B(KEKAttribute.KEK_KEY_LIFETIME, 86400),
        ),
    ),
    "11 01 0350 04 0a000001 01 0350 04 efc00107" + COOKIES.hex() + "00000000 8002 0003 0004 0004 00015180",
)

GAP = sample(
    L.GroupAssociatedPolicy(attributes=[A(type="ACTIVATION_TIME_DELAY", value=60)]),
    P.GroupAssociatedPolicy(attributes=(B(GAPAttribute.ACTIVATION_TIME_DELAY, 60),)),
    "8001 003c",
)

OFT_KEYS = [
    sample(
        L.OFTKey(node=n, under=5, value_type="LEAF_SECRET", key_data=bytes([n]) * 4),
        P.OFTKey(node=n, under=5, value_type=OFTValueType.LEAF_SECRET, key_data=bytes([n]) * 4),
        f"0000000{n} 00000005 01 00 0000 0{n}0{n}0{n}0{n}",
    )
    for n in (1, 2)
]
BOTH_OFT_KEYS = OFT_KEYS[0].octets.hex() + OFT_KEYS[1].octets.hex()

GDOI = [
    *LKH_KEYS[:1],
    *OFT_KEYS[:1],
    sample(
        L.OFTDownloadArray(epoch=6, root=8, oft_keys=[key.packet.copy() for key in OFT_KEYS]),
        P.OFTDownloadArray(epoch=6, root=8, oft_keys=tuple(key.element for key in OFT_KEYS)),
        "01 0002 00 00000006 00000008" + BOTH_OFT_KEYS,
    ),
    sample(
        L.OFTUpdateArray(
            epoch=6, root=8, key_check_value=b"8 octets", oft_keys=[key.packet.copy() for key in OFT_KEYS]
        ),
        P.OFTUpdateArray(
            epoch=6, root=8, key_check_value=b"8 octets", oft_keys=tuple(key.element for key in OFT_KEYS)
        ),
        "01 0002 00 00000006 00000008" + b"8 octets".hex() + BOTH_OFT_KEYS,
    ),
    *PERIODS,
    DOWNLOAD,
    sample(
        L.LKHUpdateArray(lkh_id=3, key_handle=4, lkh_keys=[key.packet.copy() for key in LKH_KEYS]),
        P.LKHUpdateArray(lkh_id=3, key_handle=4, lkh_keys=tuple(key.element for key in LKH_KEYS)),
        "01 0002 00 0003 0000 00000004" + BOTH_KEYS,
    ),
    KEY_PACKET,
    sample(
        L.KeyDownload(key_packets=[TEK_KEY_PACKET.packet.copy(), KEY_PACKET.packet.copy()]),
        P.KeyDownload(key_packets=(TEK_KEY_PACKET.element, KEY_PACKET.element)),
        "0002 0000" + TEK_KEY_PACKET.octets.hex() + KEY_PACKET.octets.hex(),
    ),
    ESP_TEK,
    ipsec_tek("AHTEK", "AH_SHA2_256", AHTransformID.AH_SHA2_256, "05"),
    sample(
        L.IPsecTEK(
            protocol=0, source_id_type=0, destination_id_data="10.0.0.2", transform_id=250, spi=b"spi!"
        ),
        P.IPsecTEK(
            protocol=IPProtocol(0),
            source_id_type=GDOIIDType(0),
            destination_id_data=IPv4Address("10.0.0.2"),
            transform_id=250,
            spi=b"spi!",
        ),
        "00 00 0000 00 01 0000 04 0a000002 fa 73706921",
    ),
    sample(
        L.IEC61850TEK(
            oid=OID,
            oid_payload=b"\x81\x00",
            spi=b"\0\0\0\7",
            authentication_algorithm="HMAC_SHA256_128",
            confidentiality_algorithm="AES_CBC_128",
            remaining_lifetime=60,
            attributes=[A(type="SA_ATD", value=5)],
        ),
        P.IEC61850TEK(
            oid=OID,
            oid_payload=b"\x81\x00",
            spi=b"\0\0\0\7",
            authentication_algorithm=IEC62351Authentication.HMAC_SHA256_128,
            confidentiality_algorithm=IEC62351Confidentiality.AES_CBC_128,
            remaining_lifetime=60,
            attributes=(B(SATEKAttribute.SA_ATD, 5),),
        ),
        "05 06032b0601 0002 8100 00000007 0002 0002 0000003c 0001 0004 00000005",
    ),
    SA_TEK,
    SA_KEK,
    GAP,
    sample(
        L.GroupSA(sa_attributes=[part.packet.copy() for part in (SA_KEK, GAP, SA_TEK)]),
        P.GroupSA(sa_attributes=tuple(part.element for part in (SA_KEK, GAP, SA_TEK))),
        "00000002 00000000 000f 0000"
        + generic(SA_KEK.octets, PayloadType.GROUP_ASSOCIATED_POLICY).hex()
        + generic(GAP.octets, PayloadType.SA_TEK).hex()
        + generic(SA_TEK.octets).hex(),
    ),
]

SAMPLES = [*OPAQUE, *TRANSFORMS, *ISAKMP, *GDOI]
