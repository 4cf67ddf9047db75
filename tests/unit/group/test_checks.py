"""Policies that make no sense are refused, each with its place; and no SA carries one that is stronger."""

from __future__ import annotations

from typing import Any, get_args

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gsakmp.errors import ConfigurationError
from gsakmp.group.checks import check_policy, required_registration_strength
from gsakmp.group.phase1_suites import phase1_suite
from gsakmp.group.policy import (
    Credential,
    DataPolicy,
    GroupPolicy,
    MemberPolicy,
    RegistrationPolicy,
    RekeyPolicy,
    Selector,
)

TO = Selector(destination="ipv4:239.1.1.1")
STRONG = RegistrationPolicy(
    proposals=("aes-256-sha512-group21",), credentials=("pre-shared-key", "ecdsa-521")
)


def rekey(**fields: Any) -> RekeyPolicy:
    return RekeyPolicy(**{"destination": "239.192.1.1", **fields})


def data(**fields: Any) -> DataPolicy:
    return DataPolicy(**{"selector": TO, **fields})


def policy(**fields: Any) -> GroupPolicy:
    whole = {"name": "video", "identity": "key-id:0x04d2", "rekey": (rekey(),), "data": (data(),), **fields}
    return GroupPolicy(**whole)


GOOD = [
    policy(),
    policy(rekey=()),
    policy(data=()),
    policy(rekey=(RekeyPolicy(transport="null"),)),
    policy(rekey=(RekeyPolicy(transport="unicast"),)),
    policy(rekey=(rekey(destination="ff3e::1", source="2001:db8::1"),)),
    policy(rekey=(rekey(eviction="own-keys", acknowledgement="sha512", drop_silent=True),)),
    policy(rekey=(rekey(), rekey(destination="239.192.1.2", encryption="aes-256-cbc")), registration=STRONG),
    policy(rekey=(rekey(signature="rsa-2048-sha256"),)),  # RFC 6407, 6.1 makes it mandatory
    policy(data=(data(encryption="aes-cbc-128", integrity="hmac-sha256"), data(protocol="ah", integrity="aes-gmac-256"))),
    policy(data=(data(selector=Selector(protocol=17, destination_port=5, destination="ipv4:239.1.1.1")),)),
    policy(backward_rekey="new-kek", hide_policy_from_leaver=True),
    policy(members=(MemberPolicy(identity="fqdn:*.plant.example"), MemberPolicy(certificate="*.example"))),
    policy(activation_delay=0, deactivation_delay=0),
    policy(rekey=(rekey(management="lkh", degree=2, capacity=32_768),)),
    policy(rekey=(rekey(management="lkh", trees=62, capacity=1_000_000),)),
    policy(rekey=(rekey(management="oft", capacity=4_000_000),), backward_rekey="new-kek"),
    policy(rekey=(rekey(eviction="own-keys", trees=2, capacity=131_070), rekey(capacity=4_000_000))),
    policy(
        allow_weak=True,
        registration=RegistrationPolicy(proposals=("3des-sha1-group2",)),
        rekey=(rekey(encryption="3des-cbc", signature="rsa-1024-sha1"),),
        data=(data(encryption="3des-cbc", integrity="hmac-sha1"),),
    ),
]  # fmt: skip


@pytest.mark.parametrize("good", GOOD, ids=range(len(GOOD)))
def test_policies_that_make_sense(good: GroupPolicy) -> None:
    check_policy(good)


def port(**fields: Any) -> tuple[DataPolicy]:
    return (data(selector=Selector(destination="ipv4:239.1.1.1", **fields)),)


REFUSED: list[Any] = [
    ({"name": ""}, "group '': a group needs a name"),
    ({"identity": "1234"}, "group 'video': '1234' is no identity"),
    # registration
    ({"registration": RegistrationPolicy(credentials=())}, "registration: needs a credential"),
    ({"registration": RegistrationPolicy(proposals=())}, "registration: needs a credential and a proposal"),
    ({"registration": RegistrationPolicy(proposals=("best",))}, "registration: 'best' is no phase-1 suite"),
    ({"registration": RegistrationPolicy(proposals=("3des-sha1-group2",))}, "registration: 3des-sha1-group2 is weak"),
    # members
    ({"members": (MemberPolicy(),)}, r"members\[0\]: needs a pattern"),
    ({"members": (MemberPolicy(certificate="x"), MemberPolicy(identity="*"))}, r"members\[1\]: '\*' is no pattern"),
    ({"members": (MemberPolicy(identity="host:a"),)}, r"members\[0\]: 'host:a' is no pattern"),
    ({"members": (MemberPolicy(identity="ipv4:a"),)}, r"members\[0\]: 'ipv4:a' is no identity"),
    # rekey
    ({"rekey": (rekey(), rekey(encryption="x"))}, r"rekey\[1\]: 'x' is no cipher"),
    ({"rekey": (rekey(encryption="3des-cbc"),)}, r"rekey\[0\]: .*weak"),
    ({"rekey": (rekey(management="oracle"),)}, r"rekey\[0\]: 'oracle' is no rekey algorithm; there are flat"),
    ({"rekey": (rekey(management="marks"),)}, r"rekey\[0\]: 'marks' is no rekey algorithm \(.*groups.data.periods"),
    ({"rekey": (rekey(trees=2),)}, r"rekey\[0\]: trees is for lkh and flat with own keys"),
    ({"rekey": (rekey(management="lkh", degree=1),)}, r"rekey\[0\]: LKH: a node has 2 to 8 children, not 1"),
    ({"rekey": (rekey(management="lkh", degree=9),)}, r"rekey\[0\]: LKH: a node has 2 to 8 children, not 9"),
    ({"rekey": (rekey(management="lkh", trees=0),)}, r"rekey\[0\]: LKH: 0 trees"),
    ({"rekey": (rekey(management="lkh", trees=70_000),)}, r"rekey\[0\]: LKH: ids of 16 bits are too few"),
    ({"rekey": (rekey(trees=0),)}, r"rekey\[0\]: flat: there is a tree at least, not 0"),
    ({"rekey": (rekey(management="lkh", eviction="own-keys"),)}, r"rekey\[0\]: eviction is for flat, and management is 'lkh'"),
    ({"rekey": (rekey(management="oft", eviction="own-keys"),)}, r"rekey\[0\]: eviction is for flat"),
    ({"rekey": (rekey(degree=2),)}, r"rekey\[0\]: degree is for lkh, and management is 'flat'"),
    ({"rekey": (rekey(management="oft", trees=2),)}, r"rekey\[0\]: trees is for lkh and flat"),
    ({"rekey": (rekey(capacity=-1),)}, r"rekey\[0\]: capacity is a number of members"),
    ({"rekey": (rekey(capacity=4_194_305),)}, r"rekey\[0\]: capacity 4194305: a group has at most 4194304"),
    ({"rekey": (rekey(management="lkh", capacity=16_385),)}, r"rekey\[0\]: .*RFC 6407, 5.6.3.1.* room for 16384 members with trees = 1; trees = 2 would do"),
    ({"rekey": (rekey(management="lkh", trees=4, capacity=1_000_000),)}, r"rekey\[0\]: .*room for 65536 members with trees = 4; trees = 62 would do"),
    ({"rekey": (rekey(eviction="own-keys", capacity=65_536),)}, r"rekey\[0\]: .*RFC 6407, 5.6.3.1.* room for 65535 members with trees = 1; trees = 2 would do"),
    ({"rekey": (rekey(lifetime=0),)}, r"rekey\[0\]: a lifetime is 1 to 4294967295"),
    ({"rekey": (rekey(lifetime=2**32),)}, r"rekey\[0\]: a lifetime is"),
    ({"rekey": (rekey(lifetime=600),)}, r"rekey\[0\]: rollover_margin 600 must be shorter"),
    ({"rekey": (rekey(rollover_margin=-1),)}, r"rekey\[0\]: rollover_margin -1"),
    ({"rekey": (rekey(destination=""),)}, r"rekey\[0\]: destination '' is no IP address"),
    ({"rekey": (rekey(destination="192.0.2.1"),)}, r"rekey\[0\]: a multicast push needs a multicast address"),
    ({"rekey": (rekey(destination="ff3e::1"),)}, r"rekey\[0\]: source 0.0.0.0 and destination ff3e::1 .*families"),
    ({"rekey": (rekey(source="gcks"),)}, r"rekey\[0\]: source 'gcks' is no IP address"),
    ({"rekey": (rekey(source="239.1.1.1"),)}, r"rekey\[0\]: source 239.1.1.1 is a multicast address"),
    ({"rekey": (rekey(destination_port=0),)}, r"rekey\[0\]: a port is"),
    ({"rekey": (rekey(source_port=65_536),)}, r"rekey\[0\]: a port is"),
    ({"rekey": (rekey(transport="unicast"),)}, r"rekey\[0\]: a unicast push goes to each member's own"),
    ({"rekey": (rekey(retransmissions=17),)}, r"rekey\[0\]: retransmissions are 0 to 16"),
    ({"rekey": (rekey(retransmissions=-1),)}, r"rekey\[0\]: retransmissions are"),
    ({"rekey": (rekey(retransmission_interval=0.0),)}, r"rekey\[0\]: retransmission_interval must be"),
    ({"rekey": (rekey(retransmission_interval=float("nan")),)}, r"rekey\[0\]: retransmission_interval"),
    ({"rekey": (rekey(retransmission_interval=float("inf")),)}, r"rekey\[0\]: retransmission_interval"),
    ({"rekey": (rekey(retransmission_interval=300.0),)}, r"rekey\[0\]: retransmissions go on for 600 seconds"),
    ({"rekey": (rekey(silent_rekeys=0),)}, r"rekey\[0\]: silent_rekeys"),
    ({"rekey": (rekey(drop_silent=True),)}, r"rekey\[0\]: drop_silent needs acknowledgements"),
    # data
    ({"data": (data(), data(encryption="x"))}, r"data\[1\]: 'x' is no cipher"),
    ({"data": (data(encryption="aes-ctr-128"),)}, r"data\[0\]: aes-ctr-128 must not go without integrity"),
    ({"data": (data(lifetime=300),)}, r"data\[0\]: rollover_margin 300 must be shorter"),
    ({"data": (data(rollover_margin=5),)}, r"data\[0\]: activation_delay 5 reaches beyond rollover_margin 5"),
    ({"data": (data(senders=("fqdn:a", "fqdn:a")),)}, r"data\[0\]: a sender is there twice"),
    ({"data": (data(senders=("a",)),)}, r"data\[0\]: 'a' is no identity"),
    ({"data": (data(selector=Selector(destination="")),)}, r"data\[0\]: '' is no identity"),
    ({"data": (data(senders=("fqdn:a",), selector=Selector(source="fqdn:b", destination="fqdn:c")),)}, r"data\[0\]: senders and selector.source"),
    ({"data": port(protocol=256)}, r"data\[0\]: selector.protocol 256"),
    ({"data": port(protocol=17, source_port=65_536)}, r"data\[0\]: selector: 65536 is no port"),
    ({"data": port(destination_port=5)}, r"data\[0\]: selector: port 5, and IP protocol 0 has none"),
    ({"data": port(protocol=1, source_port=5)}, r"data\[0\]: selector: port 5, and IP protocol 1 has none"),
    ({"data": (data(encryption="aes-cbc-128", integrity="hmac-sha256", sender_id_bits=8),)}, r"data\[0\]: sender_id_bits 8 without a counter mode"),
    ({"data": (data(), data(sender_id_bits=12))}, r"data\[0\] has sender ids of 16 bits and data\[1\] of 12"),
    # the whole
    ({"data": (), "rekey": ()}, "neither a rekey SA nor a data SA"),
    ({"data": (), "rekey": (RekeyPolicy(transport="null"),)}, "neither a rekey SA nor a data SA"),
    ({"rekey": (), "backward_rekey": "new-data-keys"}, "backward_rekey 'new-data-keys' needs a rekey SA"),
    ({"hide_policy_from_leaver": True, "forward_rekey": False}, "hide_policy_from_leaver needs forward_rekey"),
    ({"hide_policy_from_leaver": True, "rekey": ()}, "hide_policy_from_leaver needs"),
    ({"activation_delay": 11}, "deactivation_delay 10 is shorter than activation_delay 11"),
    ({"activation_delay": -1}, "activation_delay and deactivation_delay are 0 to 65535"),
    ({"deactivation_delay": 65_536}, "activation_delay and deactivation_delay are 0 to 65535"),
]  # fmt: skip


@pytest.mark.parametrize(("fields", "text"), REFUSED, ids=range(len(REFUSED)))
def test_refused_policies(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^(group 'video': )?{text}"):
        check_policy(policy(**fields))


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"backward_rekey": "nonsense"}, "backward_rekey: Invalid enum value 'nonsense'"),
        ({"rekey": (rekey(), rekey(transport="nonsense"))}, r"rekey\[1\].transport: Invalid enum value 'nonsense'"),
        ({"rekey": (rekey(acknowledgement="nonsense"),)}, r"rekey\[0\].acknowledgement: Invalid enum value"),
        ({"data": (data(protocol="nonsense"),)}, r"data\[0\].protocol: Invalid enum value"),
        ({"data": (data(lifetime="1"),)}, r"data\[0\].lifetime: Expected `int`, got `str`"),
        ({"members": (MemberPolicy(identity=b"fqdn:a"),)}, r"members\[0\].identity: Expected `str`, got `bytes`"),
        ({"members": (None,)}, r"members\[0\]: Expected `object`, got `null`"),
        ({"rekey": object()}, "Encoding objects of type object is unsupported"),
    ],
)  # fmt: skip
def test_values_that_no_file_could_have_said(fields: dict[str, Any], text: str) -> None:
    """A policy made in Python has had no decoder look at it."""
    with pytest.raises(ConfigurationError, match=f"^group 'video': {text}"):
        check_policy(policy(**fields))


# -- strengths -----------------------------------------------------------------------------------------


def test_a_weaker_kek() -> None:
    bad = policy(registration=STRONG, data=(data(), data(encryption="aes-gcm-256")))
    with pytest.raises(ConfigurationError) as caught:
        check_policy(bad)
    assert str(caught.value) == (
        "group 'video': rekey[0] encrypts with aes-128-cbc (128 bits) what data[1] protects with aes-gcm-256 "
        "(256 bits): a rekey SA must be at least as strong as the data SAs that it carries (GSA paper; "
        "RFC 6407, 7.3)"
    )


CBC_256 = {"encryption": "aes-cbc-128", "integrity": "hmac-sha512"}


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        (
            {"data": (data(**CBC_256),), "registration": STRONG},
            r"rekey\[0\] signs with ecdsa-256-sha256 \(128 bits\) what data\[0\] authenticates with hmac-sha512 "
            r"\(256 bits\): a rekey SA must",
        ),
        (
            {"data": (data(encryption="aes-cbc-128", integrity="hmac-sha384"),), "registration": STRONG,
             "rekey": (rekey(signature="rsa-2048-sha256"),)},
            r"rekey\[0\] signs with rsa-2048-sha256 \(112 bits\) what data\[0\]",
        ),
        (
            {"rekey": (rekey(encryption="aes-256-cbc"),)},
            r"registration.proposals\[0\] is aes-128-sha256-group19 \(128 bits\), while rekey\[0\] encrypts "
            r"with aes-256-cbc \(256 bits\): a registration SA must be at least as strong as",
        ),
        (
            {"rekey": (rekey(encryption="aes-256-cbc"),),
             "registration": RegistrationPolicy(proposals=("aes-256-sha512-group21", "aes-256-sha384-group20"))},
            r"registration.proposals\[1\] is aes-256-sha384-group20 \(192 bits\)",
        ),
        (
            {"rekey": (), "data": (data(encryption="aes-gcm-256"),)},
            r"registration.proposals\[0\] .* while data\[0\] encrypts with aes-gcm-256 \(256 bits\)",
        ),
        (
            {"rekey": (), "data": (data(**CBC_256),)},
            r"registration.proposals\[0\] .* while data\[0\] authenticates with hmac-sha512 \(256 bits\)",
        ),
        (
            {"rekey": (rekey(signature="ecdsa-384-sha384"),),
             "registration": RegistrationPolicy(proposals=("aes-256-sha512-group21",))},
            r"registration.credentials has ecdsa-256 \(128 bits\), while rekey\[0\] signs with ecdsa-384-sha384",
        ),
        (  # weak ones are of one class, and this is beyond it
            {"allow_weak": True, "rekey": (rekey(encryption="3des-cbc"),)},
            r"rekey\[0\] encrypts with 3des-cbc \(112 bits\) what data\[0\] protects with aes-gcm-128",
        ),
        (
            {"allow_weak": True, "registration": RegistrationPolicy(proposals=("3des-sha1-group2",))},
            r"registration.proposals\[0\] is 3des-sha1-group2 \(80 bits\), while",
        ),
        (
            {"allow_weak": True, "rekey": (rekey(signature="rsa-1024-sha256"),)},
            r"rekey\[0\] signs with rsa-1024-sha256 \(80 bits\) what data\[0\] authenticates with aes-gcm-128",
        ),
    ],
)  # fmt: skip
def test_refused_strengths(fields: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigurationError, match=f"^group 'video': {text}"):
        check_policy(policy(**fields))


def test_like_is_compared_with_like() -> None:
    """A strong MAC asks nothing of the KEK's cipher, a strong cipher nothing of the signature."""
    check_policy(
        policy(registration=STRONG, rekey=(rekey(signature="ecdsa-521-sha512"),), data=(data(**CBC_256),))
    )
    check_policy(
        policy(
            registration=STRONG,
            rekey=(rekey(encryption="aes-256-cbc"),),
            data=(data(encryption="aes-gcm-256"),),
        )
    )


BITS = {"aes-128-cbc": 128, "aes-192-cbc": 192, "aes-256-cbc": 256}
SIGNS = {"ecdsa-256-sha256": 128, "ecdsa-384-sha384": 192, "ecdsa-521-sha512": 256}
CIPHERS = {"aes-cbc-128": 128, "aes-cbc-192": 192, "aes-cbc-256": 256, "null": 0}
MACS = {"hmac-sha256": 128, "hmac-sha384": 192, "hmac-sha512": 256}
PHASE_1 = {"aes-128-sha256-group19": 128, "aes-256-sha384-group20": 192, "aes-256-sha512-group21": 256}
PROVE = {"ecdsa-256": 128, "ecdsa-384": 192, "ecdsa-521": 256, "pre-shared-key": 999, "rsa-signature": 999}


@settings(max_examples=300)
@given(
    sa1=st.sampled_from(sorted(PHASE_1)),
    credential=st.sampled_from(get_args(Credential)),
    kek=st.sampled_from(sorted(BITS)),
    signature=st.sampled_from(sorted(SIGNS)),
    cipher=st.sampled_from(sorted(CIPHERS)),
    mac=st.sampled_from(sorted(MACS)),
)
def test_the_rule(sa1: str, credential: Any, kek: str, signature: str, cipher: str, mac: str) -> None:
    """Against the rule said once more, in numbers of the documents."""
    sound = (
        BITS[kek] >= CIPHERS[cipher]
        and SIGNS[signature] >= MACS[mac]
        and PHASE_1[sa1] >= max(BITS[kek], SIGNS[signature], CIPHERS[cipher], MACS[mac])
        and PROVE[credential] >= max(SIGNS[signature], MACS[mac])
    )
    made = policy(
        registration=RegistrationPolicy(proposals=(sa1,), credentials=(credential,)),
        rekey=(rekey(encryption=kek, signature=signature),),
        data=(data(encryption=cipher, integrity=mac),),
    )
    if sound:
        check_policy(made)
        assert phase1_suite(sa1).strength >= required_registration_strength(made)
    else:
        with pytest.raises(ConfigurationError, match="at least as strong"):
            check_policy(made)


def test_required_registration_strength() -> None:
    assert required_registration_strength(policy()) == 128
    assert required_registration_strength(policy(rekey=(rekey(encryption="aes-256-cbc"),))) == 256
    assert required_registration_strength(policy(rekey=(RekeyPolicy(transport="null"),), data=())) == 0
    assert required_registration_strength(GOOD[-1]) == 0
