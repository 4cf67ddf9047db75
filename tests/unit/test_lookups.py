"""What is looked up instead of walked: the same as by looking at every entry, and in no more time."""

from __future__ import annotations

from fnmatch import fnmatchcase
from ipaddress import ip_address
from time import process_time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gsakmp.errors import AuthenticationFailed, PolicyRefused
from gsakmp.exchanges.credentials import Credentials, SharedKey
from gsakmp.group.authorisation import Admissions, admitted
from gsakmp.group.policy import DataPolicy, GroupPolicy, MemberPolicy, Selector
from gsakmp.identities import Identity

NAMES = (
    "fqdn:a.example",
    "fqdn:A.Example",
    "fqdn:b.example",
    "user-fqdn:a@b.example",
    "key-id:0x0a",
    "key-id:0x0A",
)
ADDRESSES = ("ipv4:192.0.2.1", "ipv6:2001:db8::1", "ipv6:2001:DB8:0::1")
PATTERNS = ("", "*", "fqdn:*", "fqdn:*.EXAMPLE", "ipv4:192.*", "key-id:0x*", "nonsense")
TEXTS = st.sampled_from((*NAMES, *ADDRESSES))


def policy(members: list[MemberPolicy]) -> GroupPolicy:
    return GroupPolicy(
        name="plant",
        identity="key-id:0x01",
        members=tuple(members),
        data=(DataPolicy(selector=Selector(destination="ipv4:239.192.0.2")),),
    )


def for_them(member: MemberPolicy, identity: Identity) -> bool:
    """Whether an entry is for an identity, shown without a certificate."""
    entry, text = member.identity, identity.to_text()
    kind, _, name = entry.partition(":")
    if member.certificate or kind != text.partition(":")[0]:
        return False
    if kind in ("fqdn", "user-fqdn"):
        return fnmatchcase(text.lower(), entry.lower())
    return fnmatchcase(text, entry) if "*" in name else Identity.from_text(entry) == identity


@given(
    entries=st.lists(st.sampled_from((*NAMES, *ADDRESSES, *PATTERNS)), max_size=6),
    certificate=st.sampled_from(("", "CN=*")),
    text=TEXTS,
)
def test_the_first_entry_that_fits_admits(entries: list[str], certificate: str, text: str) -> None:
    identity = Identity.from_text(text)
    members = [MemberPolicy(identity=entry, certificate=certificate) for entry in entries]
    members += [MemberPolicy(identity=entry) for entry in entries]
    expected = next((member for member in members if for_them(member, identity)), None)
    try:
        found = Admissions(policy(members)).admitted(identity, None)
    except PolicyRefused:
        found = None
    assert found is expected


def test_letters_matter_where_they_do() -> None:
    alone = policy([MemberPolicy(identity="fqdn:A.example"), MemberPolicy(identity="key-id:Ab")])
    assert admitted(alone, Identity.from_text("fqdn:a.EXAMPLE"), None)
    assert admitted(alone, Identity.from_text("key-id:Ab"), None)
    with pytest.raises(PolicyRefused):
        admitted(alone, Identity.from_text("key-id:ab"), None)
    with pytest.raises(PolicyRefused):
        admitted(alone, Identity(2, b"a.example"), None)


KEYS = st.builds(
    SharedKey,
    key=st.binary(min_size=1, max_size=2),
    identity=st.sampled_from(("", "fqdn:a.example", "fqdn:A.EXAMPLE", "fqdn:*", "*:*", "ipv4:192.0.2.1")),
    address=st.sampled_from(("", "192.0.2.1", "192.0.2.1/32", "192.0.2.0/24", "0.0.0.0/0", "2001:db8::1")),
)


@given(
    keys=st.lists(KEYS, max_size=6),
    text=st.none() | TEXTS,
    host=st.sampled_from(("192.0.2.1", "192.0.2.2", "2001:db8::1")),
)
def test_the_closest_key_is_found(keys: list[SharedKey], text: str | None, host: str) -> None:
    identity, place = None if text is None else Identity.from_text(text), ip_address(host)
    ranked = [(key.fits(identity, place), -at, key.key) for at, key in enumerate(keys)]
    fitting = [(rank, at, key) for rank, at, key in ranked if rank is not None]
    credentials = Credentials(shared_keys=tuple(keys))
    if fitting:
        assert credentials.pre_shared_key(identity, place) == max(fitting)[2]
    else:
        with pytest.raises(AuthenticationFailed):
            credentials.pre_shared_key(identity, place)


def test_thousands_of_entries_are_not_walked() -> None:
    """Ten thousand more entries take a walk thousands of times as long; a factor of fifty tells."""
    names = [f"fqdn:m{n}.example" for n in range(10_000)]
    addresses = [f"10.0.{n // 250}.{1 + n % 250}" for n in range(10_000)]
    identity, host = Identity.from_text(names[-1]), ip_address(addresses[-1])

    def seconds(count: int) -> float:
        admissions = Admissions(policy([MemberPolicy(identity=name) for name in names[-count:]]))
        shared = tuple(SharedKey(b"k", address=address) for address in addresses[-count:])
        credentials = Credentials(shared_keys=shared)
        admissions.admitted(identity, None)
        credentials.pre_shared_key(None, host)
        best = []
        for _ in range(5):
            start = process_time()
            for _ in range(50):
                admissions.admitted(identity, None)
                credentials.pre_shared_key(None, host)
            best.append(process_time() - start)
        return min(best)

    assert seconds(10_000) < 50 * seconds(1)
