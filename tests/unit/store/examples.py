"""Records with every field set, and Hypothesis strategies for changes of a group's state."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

from hypothesis import strategies as st

from gsakmp.group import records as r
from gsakmp.group.sa import DataSA, PeriodSequence, RekeySA, RekeySuite, TrafficSelector
from gsakmp.identities import Identity
from gsakmp.payloads.isakmp.identification import OIDIdentity
from gsakmp.registries import (
    AuthenticationAlgorithm,
    EncapsulationMode,
    GDOIIDType,
    KEKAckRequested,
    KEKAlgorithm,
    KEKManagementAlgorithm,
    PeriodConstruction,
    SigAlgorithm,
    SigHashAlgorithm,
    TEKProtocolID,
)
from gsakmp.wire import AddressRange, Subnet

KEY = bytes(range(0x40, 0x60))
"""The sealing key of the tests' stores."""

GROUP = "plant"
SPI = bytes.fromhex("00112233445566778899aabbccddeeff")

IDENTITIES = (
    Identity.from_text("ipv4:192.0.2.1"),
    Identity.from_text("ipv6:2001:db8::1"),
    Identity.from_text("fqdn:gcks.example"),
    Identity.from_text("user-fqdn:a@b.example"),
    Identity.from_text("dn:CN=gcks,O=Example"),
    Identity.from_text("key-id:0x000004d2"),
    Identity.from_text("ipv4-subnet:198.51.100.0/24"),
    Identity.from_text("ipv6-range:2001:db8::1-2001:db8::9"),
    Identity(GDOIIDType.ID_IPV4_ADDR_SUBNET, Subnet(IPv4Address("10.0.0.1"), IPv4Address("255.0.255.0"))),
    Identity(GDOIIDType.ID_IPV6_ADDR_RANGE, AddressRange(IPv6Address("::2"), IPv6Address("::1"))),
    Identity(GDOIIDType.ID_OID, OIDIdentity(oid=bytes.fromhex("06032a0304"), oid_payload=b"\x05\x00")),
    Identity(GDOIIDType.ID_FQDN, b"\xff\x00 not ASCII"),
    Identity(GDOIIDType.ID_DER_ASN1_DN, b"not DER"),
    Identity(200, b"a private type"),
    Identity(200, b""),
    Identity(GDOIIDType.ID_KEY_ID, b""),
)
"""One of each kind; several have no text that `Identity.from_text` takes."""


def rekey_sa(spi: bytes = SPI, sequence_number: int = 0, key: bytes = b"\x0a" * 32) -> r.RekeySARecord:
    sa = RekeySA(
        policy_index=1,
        spi=spi,
        suite=RekeySuite(
            encryption=KEKAlgorithm(3),
            key_length=128,
            signature=SigAlgorithm(3),
            signature_hash=SigHashAlgorithm(3),
            signature_key_length=256,
            management=KEKManagementAlgorithm(1),
            acknowledgement=KEKAckRequested(1),
        ),
        source=IDENTITIES[0],
        source_port=848,
        destination=Identity.from_text("ipv4:239.192.1.1"),
        destination_port=849,
        key=key,
        signature_key=b"a public key of the group",
        sequence_number=sequence_number,
        created_at=1000.5,
        lifetime_seconds=86_400,
    )
    return r.RekeySARecord(sa=sa, signing_key=b"\x0b" * 48, retired_at=2000.25)


def data_sa(spi: bytes = b"\x00\x00\x01\x00", key: bytes = b"\x0c" * 20) -> r.DataSARecord:
    sa = DataSA(
        policy_index=2,
        protocol=TEKProtocolID(1),
        spi=spi,
        selector=TrafficSelector(
            protocol=17,
            source=IDENTITIES[6],
            source_port=4000,
            destination=IDENTITIES[0],
            destination_port=5000,
        ),
        transform_id=12,
        key_length=128,
        integrity=AuthenticationAlgorithm(5),
        mode=EncapsulationMode(1),
        address_preservation=4,
        direction=3,
        algorithm_key=key,
        integrity_key=b"\x0d" * 32,
        created_at=1001.0,
        lifetime_seconds=3600,
        lifetime_kilobytes=100_000,
        periods=PeriodSequence(
            construction=PeriodConstruction(2), starts_at=1002, seconds=60, count=64, modules=True
        ),
    )
    return r.DataSARecord(sa=sa, retired_at=2001.5)


def member(name: str = "m1.example", key: bytes = b"\x0e" * 32) -> r.MemberRecord:
    return r.MemberRecord(
        identity=Identity(GDOIIDType.ID_FQDN, name),
        registered_at=1002.75,
        address="[2001:db8::1]:848",
        sender_ids=(3, 4),
        acknowledged=7,
        silent_rekeys=1,
        key=key,
        certificate="CN=m1,O=Example",
    )


def put_group(name: str = GROUP) -> r.PutGroup:
    return r.PutGroup(group=name, identity=IDENTITIES[5], created_at=999.5, policy_digest=b"\x01" * 32)


def whole_group() -> list[r.Change]:
    """Changes that put something into every table."""
    return [
        put_group(),
        r.PutRekeySA(group=GROUP, record=rekey_sa()),
        r.AdvanceSequenceNumber(group=GROUP, spi=SPI, sequence_number=41),
        r.PutDataSA(group=GROUP, record=data_sa()),
        *(
            r.PutMember(group=GROUP, record=r.MemberRecord(identity=identity, registered_at=float(place)))
            for place, identity in enumerate(IDENTITIES)
        ),
        r.PutMember(group=GROUP, record=member()),
        *(
            r.Exclude(group=GROUP, identity=identity, at=500.5 - place)
            for place, identity in enumerate(reversed(IDENTITIES))
        ),
        r.AllocateSenderIDs(group=GROUP, next_sender_id=9),
        r.PutRekeyAlgorithm(
            group=GROUP, policy_index=1, state=b"the algorithm's own", parts={b"one": b"1", b"other": b"2"}
        ),
        r.Audit(group=GROUP, at=1003.0, kind="joined", member="fqdn:m1.example", detail="2 sender ids"),
    ]


# -- strategies ----------------------------------------------------------------------------------------

NAMES = st.sampled_from(["plant", "plänt ' \x00"])
OCTETS = st.binary(max_size=40)
TIMES = st.floats(0, 4e9) | st.integers(0, 2**32)
NUMBERS = st.integers(0, 2**32 - 1)
REKEY_SPIS = st.sampled_from([b"\x00" * 16, b"\xff" * 16])
SPIS = st.sampled_from([b"\x00\x00\x01\x00", b"\xff\xff\xff\xff"])
PEOPLE = st.sampled_from(IDENTITIES)
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)


def fits(registry: type) -> st.SearchStrategy[int]:
    return st.integers(0, 255).map(registry)


SUITES = st.builds(
    RekeySuite,
    encryption=fits(KEKAlgorithm),
    key_length=NUMBERS,
    signature=fits(SigAlgorithm),
    signature_hash=fits(SigHashAlgorithm),
    signature_key_length=NUMBERS,
    management=st.none() | fits(KEKManagementAlgorithm),
    acknowledgement=st.none() | fits(KEKAckRequested),
)
REKEY_SAS = st.builds(
    RekeySA,
    policy_index=st.integers(0, 3),
    spi=REKEY_SPIS,
    suite=SUITES,
    source=PEOPLE,
    source_port=NUMBERS,
    destination=PEOPLE,
    destination_port=NUMBERS,
    key=OCTETS,
    signature_key=OCTETS,
    sequence_number=st.integers(0, 3),
    created_at=TIMES,
    lifetime_seconds=NUMBERS,
)
SELECTORS = st.builds(
    TrafficSelector,
    protocol=st.integers(0, 255),
    source=st.none() | PEOPLE,
    source_port=NUMBERS,
    destination=PEOPLE,
    destination_port=NUMBERS,
)
DATA_SAS = st.builds(
    DataSA,
    policy_index=st.integers(0, 3),
    protocol=st.sampled_from(list(TEKProtocolID)),
    spi=SPIS,
    selector=SELECTORS,
    transform_id=st.integers(0, 255),
    key_length=st.none() | NUMBERS,
    integrity=st.none() | fits(AuthenticationAlgorithm),
    mode=fits(EncapsulationMode),
    address_preservation=st.none() | st.integers(1, 4),
    direction=st.none() | st.integers(1, 3),
    algorithm_key=OCTETS,
    integrity_key=OCTETS,
    created_at=TIMES,
    lifetime_seconds=NUMBERS,
    lifetime_kilobytes=st.none() | NUMBERS,
    periods=st.none()
    | st.builds(
        PeriodSequence,
        construction=fits(PeriodConstruction),
        starts_at=NUMBERS,
        seconds=NUMBERS,
        count=NUMBERS,
        modules=st.booleans(),
    ),
)
MEMBERS = st.builds(
    r.MemberRecord,
    identity=PEOPLE,
    registered_at=TIMES,
    address=TEXTS,
    sender_ids=st.lists(NUMBERS, max_size=3).map(tuple),
    acknowledged=NUMBERS,
    silent_rekeys=NUMBERS,
    key=OCTETS,
    certificate=TEXTS,
)
ALGORITHMS = st.builds(
    r.PutRekeyAlgorithm,
    group=NAMES,
    policy_index=st.integers(0, 2),
    state=st.sampled_from([b"", b"1", b"2", b"3"]),
    parts=st.dictionaries(
        st.sampled_from([b"", b"a", b"b", b"c", b"\xff\x00"]), st.just(b"") | OCTETS, max_size=4
    ),
    anew=st.sampled_from([False, False, False, True]),
)
CHANGES: st.SearchStrategy[r.Change] = st.one_of(
    st.builds(
        r.PutGroup,
        group=NAMES | TEXTS,
        identity=PEOPLE,
        created_at=TIMES,
        policy_digest=st.binary(min_size=32, max_size=32),
    ),
    st.builds(
        r.PutRekeySA,
        group=NAMES,
        record=st.builds(r.RekeySARecord, sa=REKEY_SAS, signing_key=OCTETS, retired_at=st.none() | TIMES),
    ),
    st.builds(r.RemoveRekeySA, group=NAMES, spi=REKEY_SPIS),
    st.builds(r.AdvanceSequenceNumber, group=NAMES, spi=REKEY_SPIS, sequence_number=st.integers(1, 2**32)),
    st.builds(
        r.PutDataSA,
        group=NAMES,
        record=st.builds(r.DataSARecord, sa=DATA_SAS, retired_at=st.none() | TIMES),
    ),
    st.builds(r.RemoveDataSA, group=NAMES, protocol=st.sampled_from(list(TEKProtocolID)), spi=SPIS),
    st.builds(r.PutMember, group=NAMES, record=MEMBERS),
    st.builds(r.PutMember, group=NAMES, record=MEMBERS),  # twice: what is most frequent in life
    st.builds(r.RemoveMember, group=NAMES, identity=PEOPLE),
    st.builds(r.Exclude, group=NAMES, identity=PEOPLE, at=TIMES),
    st.builds(r.Readmit, group=NAMES, identity=PEOPLE),
    st.builds(r.AllocateSenderIDs, group=NAMES, next_sender_id=st.integers(0, 20)),
    st.builds(r.ResetSenderIDs, group=NAMES),
    ALGORITHMS,
    st.builds(r.Audit, group=NAMES | TEXTS, at=TIMES, kind=TEXTS, member=TEXTS, detail=TEXTS),
)
"""Any change; many of them go nowhere, as their SA, member or group is not there."""
