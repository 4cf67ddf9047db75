"""GROUPKEY-PULL: both sides against each other and against a peer written from the RFC; everything wrong."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable
from typing import Any

import pytest

from gsakmp.crypto.hashes import SHA384, HashFunction
from gsakmp.errors import (
    ConfigurationError,
    DecodeError,
    EncodeError,
    InvalidHash,
    RemoteError,
    StateError,
    UnexpectedMessage,
)
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Role
from gsakmp.exchanges.pull import (
    MESSAGES,
    InitiatorState,
    PullInitiator,
    PullResponder,
    ResponderState,
    VerifiedPull,
)
from gsakmp.identities import Identity
from gsakmp.payloads import (
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    KeyPacket,
    Notification,
    VendorID,
)
from gsakmp.registries import DOINumber
from tests.unit.exchanges.gdoi import (
    GAP,
    GCKS_SA,
    GROUP,
    GROUP_BODY,
    HASH,
    ID,
    KD,
    KEK_PACKET,
    KEYS,
    MEMBER_SA,
    NONCE,
    POLICY,
    POLICY_WITHOUT_REKEY,
    SA,
    SA_GAP,
    SA_KEK,
    SA_TEK,
    SEQ,
    SID_PACKET,
    TEK_PACKET,
    TEKS,
    Chain,
    N,
    WirePeer,
    body,
    everything,
    isakmp_sa,
    parsed,
    snapshot,
    stream,
)

MESSAGE_ID = 0x01020304
NI, NR = bytes(range(32)), bytes(range(100, 132))
REQUEST = bytes.fromhex("80030003")
"""A GAP that asks for three sender ids (RFC 6407, 5.4.2)."""


SAS = MEMBER_SA, GCKS_SA


def initiator(
    message_id: int = MESSAGE_ID, seed: str = "member", sa: ISAKMPSA = MEMBER_SA, **options: Any
) -> PullInitiator:
    return PullInitiator(sa, GROUP, random=stream(seed), message_id=message_id, **options)


def responder(message: bytes, seed: str = "gcks", sa: ISAKMPSA = GCKS_SA, **options: Any) -> PullResponder:
    return PullResponder(sa, parsed(message), random=stream(seed), **options)


def session(
    sender_ids: int = 3,
    policy: GroupSA = POLICY,
    sequence: int | None = 9,
    keys: KeyDownload = KEYS,
    sas: tuple[ISAKMPSA, ...] = SAS,
) -> tuple[PullInitiator, PullResponder, list[bytes]]:
    """A whole registration, through octets; the machines at its end, and the four messages."""
    member = initiator(sa=sas[0])
    sent = [*member.start().send]
    gcks = responder(sent[0], sa=sas[1])
    gcks.receive(parsed(sent[0]))
    sent += gcks.offer(policy).send
    member.receive(parsed(sent[1]))
    sent += member.accept(sender_ids).send
    gcks.receive(parsed(sent[2]))
    sent += gcks.download(sequence, keys).send
    member.receive(parsed(sent[3]))
    return member, gcks, sent


def machine_before(number: int, sas: tuple[ISAKMPSA, ...] = SAS) -> PullInitiator | PullResponder:
    """A machine that waits for this message of `session`."""
    _, _, sent = session(sas=sas)
    if number in (1, 3):
        gcks = responder(sent[0], sa=sas[1])
        if number == 3:
            gcks.receive(parsed(sent[0]))
            assert gcks.offer(POLICY).send == (sent[1],)
        return gcks
    member = initiator(sa=sas[0])
    assert member.start().send == (sent[0],)
    if number == 4:
        member.receive(parsed(sent[1]))
        assert member.accept(3).send == (sent[2],)
    return member


# -- right -------------------------------------------------------------------------------------------


def test_registration() -> None:
    member, gcks, sent = session()
    assert len(sent) == 4
    assert (member.state, gcks.state) == (InitiatorState.REGISTERED, ResponderState.DOWNLOADED)
    assert gcks.group == GROUP
    assert gcks.sender_ids_requested == 3
    assert member.offered == POLICY
    found = member.verified
    assert found is not None
    assert (found.group, found.policy, found.sequence_number, found.key_download, found.notifications) == (
        GROUP, POLICY, 9, KEYS, ()
    )  # fmt: skip


def test_registration_without_rekey_sa() -> None:
    member, gcks, _ = session(sender_ids=0, policy=POLICY_WITHOUT_REKEY, sequence=None, keys=TEKS)
    assert member.verified is not None
    assert member.verified.sequence_number is None
    assert gcks.gap is None
    assert gcks.sender_ids_requested == 0


def test_what_is_to_be_sent_again() -> None:
    """The member repeats its messages; the GCKS answers a repeated message 1 and never repeats by itself."""
    member = initiator()
    first = member.start()
    gcks = responder(first.send[0])
    assert not gcks.receive(parsed(first.send[0])).send
    second = gcks.offer(POLICY)
    member.receive(parsed(second.send[0]))
    third = member.accept()
    gcks.receive(parsed(third.send[0]))
    fourth = gcks.download(0, KEYS)
    assert [s.expects_reply for s in (first, second, third, fourth)] == [True, False, True, False]


@pytest.mark.parametrize("gap", [b"", REQUEST])
def test_the_gcks_with_an_independent_member(gap: bytes) -> None:
    peer = WirePeer(MESSAGE_ID)
    first = peer.seal([(NONCE, NI), (ID, GROUP_BODY)])
    gcks = responder(first)
    gcks.receive(parsed(first))
    assert gcks.group == Identity.from_text("key-id:0x000004d2")
    found = dict(peer.open(gcks.offer(POLICY).send[0], NI))
    assert list(found) == [NONCE, SA]
    assert found[SA] == body(POLICY)
    nr = found[NONCE]
    assert len(nr) == 32
    third = peer.seal([(GAP, gap)] if gap else [], NI + nr)  # HASH(3) covers GAP
    gcks.receive(parsed(third))
    assert gcks.sender_ids_requested == (3 if gap else 0)
    assert peer.open(gcks.download(258, KEYS).send[0], NI + nr) == [(SEQ, b"\0\0\1\2"), (KD, body(KEYS))]


@pytest.mark.parametrize("sender_ids", [0, 3])
def test_the_member_with_an_independent_gcks(sender_ids: int) -> None:
    peer = WirePeer(MESSAGE_ID)
    member = initiator()
    found = peer.open(member.start().send[0])
    assert [kind for kind, _ in found] == [NONCE, ID]
    ni = found[0][1]
    assert found[1][1] == GROUP_BODY
    note = body(Notification(doi=DOINumber.GDOI, protocol_id=1, notify_message_type=16384))
    member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(POLICY)), (N, note)], ni)))
    assert member.offered == POLICY
    asked = peer.open(member.accept(sender_ids).send[0], ni + NR)
    assert asked == ([(GAP, REQUEST)] if sender_ids else [])
    member.receive(parsed(peer.seal([(SEQ, bytes(4)), (KD, body(KEYS))], ni + NR)))
    assert member.verified is not None
    assert member.verified.sequence_number == 0
    assert len(member.verified.notifications) == 1


def test_message_id_and_nonces_are_drawn() -> None:
    machines = [PullInitiator(MEMBER_SA, GROUP, random=stream(seed)) for seed in "abc"]
    assert len({machine.message_id for machine in machines} | {0}) == 4
    zero = PullInitiator(MEMBER_SA, GROUP, random=bytes)
    assert zero.message_id != 0
    assert len({m.start().send[0][28:] for m in (initiator(seed="a"), initiator(seed="b"))}) == 2


@pytest.mark.parametrize("size", [8, 128])
def test_nonces_of_the_shortest_and_longest_size(size: int) -> None:
    member = initiator(nonce_size=size)
    first = member.start().send[0]
    assert len(WirePeer(MESSAGE_ID).open(first)[0][1]) == size
    gcks = responder(first, nonce_size=size)
    gcks.receive(parsed(first))
    member.receive(parsed(gcks.offer(POLICY).send[0]))
    assert member.offered == POLICY


# -- tables ------------------------------------------------------------------------------------------


def test_tables() -> None:
    snapshot("pull_initiator.txt", PullInitiator.table.matrix() + "\n" + PullInitiator.table.diagram())
    snapshot("pull_responder.txt", PullResponder.table.matrix() + "\n" + PullResponder.table.diagram())
    snapshot("pull_messages.txt", "".join(f"{g.name} ({g.source}): {g.to_text()}\n" for g in MESSAGES))


# -- wrong octets ------------------------------------------------------------------------------------


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_any_altered_octet(number: int) -> None:
    """Every octet of every message, header and all: refused, nothing has changed, the right one still fits."""
    _, _, sent = session()
    machine, right = machine_before(number), sent[number - 1]
    before = everything(machine)
    for at in range(len(right)):
        for bit in (0x01, 0x80):
            wrong = right[:at] + bytes([right[at] ^ bit]) + right[at + 1 :]
            with pytest.raises(RemoteError):
                machine.receive(parsed(wrong))
            assert everything(machine) == before, at
    machine.receive(parsed(right))
    assert everything(machine) != before


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_cut_and_extended(number: int) -> None:
    _, _, sent = session()
    machine, right = machine_before(number), sent[number - 1]
    before = everything(machine)
    for size in range(28, len(right) - 1):
        with pytest.raises(RemoteError):
            machine.receive(parsed(right[:24] + size.to_bytes(4, "big") + right[28:size]))
    longer = right[:24] + (len(right) + 32).to_bytes(4, "big") + right[28:] + bytes(32)
    with pytest.raises(RemoteError):
        machine.receive(parsed(longer))
    assert everything(machine) == before


OTHERS = {
    "other keys": {"secret": b"other"},
    "another last block of phase 1": {"last_block": bytes(16)},
    "another hash": {"hash_function": SHA384},
}


@pytest.mark.parametrize("name", OTHERS)
@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_another_isakmp_sa(number: int, name: str) -> None:
    """The message of one ISAKMP SA, with the same cookies and message id, to the machine of another."""
    sas = tuple(isakmp_sa(role, **OTHERS[name]) for role in (Role.INITIATOR, Role.RESPONDER))
    machine, (_, _, ours), (_, _, theirs) = machine_before(number, sas), session(), session(sas=sas)
    before = everything(machine)
    with pytest.raises(RemoteError):
        machine.receive(parsed(ours[number - 1]))
    assert everything(machine) == before
    machine.receive(parsed(theirs[number - 1]))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
@pytest.mark.parametrize(
    ("at", "what"),
    [
        (0, "cookies"),
        (8, "cookies"),
        (17, "version"),
        (18, "has no place"),
        (19, "flags"),
        (20, "message id"),
    ],
)
def test_another_header(number: int, at: int, what: str) -> None:
    wrong = bytearray(session()[2][number - 1])
    wrong[at] ^= 2
    with pytest.raises(UnexpectedMessage, match=what) as caught:
        machine_before(number).receive(parsed(bytes(wrong)))
    assert caught.value.notify_type in {4, 6, 7, 8, 9}


def test_unencrypted() -> None:
    plain = parsed(session()[2][0]).replace(flags=0, ciphertext=b"", next_payload=None)
    with pytest.raises(UnexpectedMessage, match="flags"):
        machine_before(1).receive(plain)


# -- wrong HASH --------------------------------------------------------------------------------------

WRONG_NONCES: dict[str, Callable[[bytes, bytes], bytes]] = {
    "neither": lambda ni, nr: b"",
    "Ni alone": lambda ni, nr: ni,
    "Nr alone": lambda ni, nr: nr,
    "the other way round": lambda ni, nr: nr + ni,
    "Quick Mode's": lambda ni, nr: b"\0" + ni + nr,
    "another Nr": lambda ni, nr: ni + nr[:-1] + bytes([nr[-1] ^ 1]),
}


def waiting_for_3() -> tuple[PullResponder, WirePeer, bytes]:
    peer = WirePeer(MESSAGE_ID)
    first = peer.seal([(NONCE, NI), (ID, GROUP_BODY)])
    gcks = responder(first)
    gcks.receive(parsed(first))
    return gcks, peer, dict(peer.open(gcks.offer(POLICY).send[0], NI))[NONCE]


def waiting_for_2() -> tuple[PullInitiator, WirePeer, bytes]:
    peer, member = WirePeer(MESSAGE_ID), initiator()
    return member, peer, dict(peer.open(member.start().send[0]))[NONCE]


def waiting_for_4(policy: GroupSA = POLICY) -> tuple[PullInitiator, WirePeer, bytes]:
    member, peer, ni = waiting_for_2()
    member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(policy))], ni)))
    peer.open(member.accept().send[0], ni + NR)
    return member, peer, ni


@pytest.mark.parametrize("name", WRONG_NONCES)
def test_hash_3_proves_the_gcks_nonce(name: str) -> None:
    gcks, peer, nr = waiting_for_3()
    before, iv = everything(gcks), peer.iv
    for gap in ([], [(GAP, REQUEST)]):
        peer.iv = iv
        with pytest.raises(InvalidHash):
            gcks.receive(parsed(peer.seal(gap, WRONG_NONCES[name](NI, nr))))
        assert everything(gcks) == before
    peer.iv = iv
    gcks.receive(parsed(peer.seal([], NI + nr)))
    assert gcks.state == ResponderState.EXPECT_DOWNLOAD


def test_gap_is_covered_by_hash_3() -> None:
    gcks, peer, nr = waiting_for_3()
    with pytest.raises(InvalidHash):
        gcks.receive(parsed(peer.seal([(GAP, REQUEST)], wrong_hash=peer.hash(NI + nr, b""))))
    assert gcks.gap is None


@pytest.mark.parametrize("name", WRONG_NONCES)
def test_hash_4_has_both_nonces(name: str) -> None:
    member, peer, ni = waiting_for_4()
    before = everything(member)
    with pytest.raises(InvalidHash):
        member.receive(parsed(peer.seal([(SEQ, bytes(4)), (KD, body(KEYS))], WRONG_NONCES[name](ni, NR))))
    assert everything(member) == before
    assert member.verified is None


@pytest.mark.parametrize("nonces", [b"", NI, NR])
def test_hash_2_has_the_members_nonce(nonces: bytes) -> None:
    member, peer, _ = waiting_for_2()
    before = everything(member)
    with pytest.raises(InvalidHash):
        member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(POLICY))], nonces)))
    assert everything(member) == before
    assert member.offered is None


def test_hash_1_wrong() -> None:
    peer = WirePeer(MESSAGE_ID)
    right = peer.hash(b"", b"")
    for wrong in (right, b"", right[:-1], right + b"\0", bytes(32)):
        message = WirePeer(MESSAGE_ID).seal([(NONCE, NI), (ID, GROUP_BODY)], wrong_hash=wrong)
        gcks = responder(message)
        with pytest.raises(InvalidHash):
            gcks.receive(parsed(message))
        assert gcks.group is None


# -- replay and order --------------------------------------------------------------------------------


def test_replayed_messages_of_an_older_exchange() -> None:
    """With the same message id, message 1 starts an exchange, and that is all: message 3 has the old nonce."""
    _, _, sent = session()
    gcks = responder(sent[0], seed="another nonce")
    gcks.receive(parsed(sent[0]))
    assert gcks.offer(POLICY).send != (sent[1],)
    before = everything(gcks)
    with pytest.raises(RemoteError):
        gcks.receive(parsed(sent[2]))
    assert everything(gcks) == before
    peer, nr = WirePeer(MESSAGE_ID), session()[1]._responder_nonce
    peer.iv = gcks._exchange._iv  # even with the right IV
    with pytest.raises(InvalidHash):
        gcks.receive(parsed(peer.seal([], session()[1]._initiator_nonce + nr)))


@pytest.mark.parametrize("number", [1, 2, 3, 4])
def test_a_message_out_of_its_place(number: int) -> None:
    """Each message to each machine that waits for another one, and to those that wait for their owner."""
    member, gcks, sent = session()
    waiting: list[Any] = [machine_before(n) for n in (1, 2, 3, 4) if n != number]
    waiting += [member, gcks, initiator()]
    for machine in waiting:
        before = everything(machine)
        with pytest.raises(RemoteError):
            machine.receive(parsed(sent[number - 1]))
        assert everything(machine) == before


def test_messages_while_the_owner_decides() -> None:
    _, _, sent = session()
    member = initiator()
    member.start()
    member.receive(parsed(sent[1]))
    gcks = responder(sent[0])
    gcks.receive(parsed(sent[0]))
    for machine in (member, gcks):
        before = everything(machine)
        for message in sent:
            with pytest.raises(UnexpectedMessage, match="in state EXPECT_"):
                machine.receive(parsed(message))
        assert everything(machine) == before


def test_calls_out_of_their_place() -> None:
    member, gcks, sent = session()
    fresh = responder(sent[0])
    calls: list[Callable[[], object]] = [
        member.start, member.accept, member.refuse, initiator().accept, initiator().refuse,
        lambda: gcks.offer(POLICY), lambda: gcks.download(0, KEYS), lambda: gcks.refuse(24),
        lambda: fresh.offer(POLICY), lambda: fresh.download(0, KEYS), lambda: fresh.refuse(24),
    ]  # fmt: skip
    for call in calls:
        with pytest.raises(StateError, match="in state"):
            call()


def test_no_message_starts_a_responder_but_message_1() -> None:
    _, _, sent = session()
    for wrong in (
        parsed(sent[0]).replace(message_id=0),
        parsed(sent[0]).replace(exchange_type=33),
        parsed(sent[0]).replace(initiator_cookie=bytes(8)),
    ):
        with pytest.raises(UnexpectedMessage):
            PullResponder(GCKS_SA, wrong, random=stream("gcks")).receive(wrong)
    with pytest.raises(StateError):
        PullInitiator(MEMBER_SA, GROUP, random=stream("member"), message_id=0)


# -- grammar -----------------------------------------------------------------------------------------

POLICY_BODY, KEYS_BODY = body(POLICY), body(KEYS)
VENDOR = body(VendorID(vendor_id=bytes(16)))
WRONG_CHAINS: dict[int, dict[str, Chain]] = {
    1: {
        "no nonce": [(ID, GROUP_BODY)],
        "no identity": [(NONCE, NI)],
        "two nonces": [(NONCE, NI), (NONCE, NI), (ID, GROUP_BODY)],
        "two identities": [(NONCE, NI), (ID, GROUP_BODY), (ID, GROUP_BODY)],
        "the other way round": [(ID, GROUP_BODY), (NONCE, NI)],
        "a policy": [(NONCE, NI), (ID, GROUP_BODY), (SA, POLICY_BODY)],
        "a vendor id": [(NONCE, NI), (ID, GROUP_BODY), (13, VENDOR)],
        "a second hash": [(HASH, bytes(32)), (NONCE, NI), (ID, GROUP_BODY)],
        "a nonce too short": [(NONCE, NI[:7]), (ID, GROUP_BODY)],
        "a nonce too long": [(NONCE, bytes(129)), (ID, GROUP_BODY)],
        "a key id of three octets": [(NONCE, NI), (ID, GROUP_BODY[:-1])],
        "a key id of five octets": [(NONCE, NI), (ID, GROUP_BODY + b"\0")],
        "a protocol": [(NONCE, NI), (ID, b"\x0b\x11" + GROUP_BODY[2:])],
        "a port": [(NONCE, NI), (ID, b"\x0b\0\x03\x50" + GROUP_BODY[4:])],
    },
    2: {
        "no nonce": [(SA, POLICY_BODY)],
        "no policy": [(NONCE, NR)],
        "two policies": [(NONCE, NR), (SA, POLICY_BODY), (SA, POLICY_BODY)],
        "keys": [(NONCE, NR), (SA, POLICY_BODY), (KD, KEYS_BODY)],
        "the other way round": [(SA, POLICY_BODY), (NONCE, NR)],
        "a nonce too short": [(NONCE, NR[:7]), (SA, POLICY_BODY)],
        "a nonce too long": [(NONCE, bytes(129)), (SA, POLICY_BODY)],
    },
    3: {
        "a nonce": [(NONCE, NI)],
        "two GAPs": [(GAP, REQUEST), (GAP, REQUEST)],
        "keys": [(KD, KEYS_BODY)],
        "an unknown attribute": [(GAP, bytes.fromhex("80040001"))],
        "a request twice": [(GAP, REQUEST + REQUEST)],
    },
    4: {
        "no keys": [(SEQ, bytes(4))],
        "no sequence number": [(KD, KEYS_BODY)],
        "two sequence numbers": [(SEQ, bytes(4)), (SEQ, bytes(4)), (KD, KEYS_BODY)],
        "the other way round": [(KD, KEYS_BODY), (SEQ, bytes(4))],
        "two KDs": [(SEQ, bytes(4)), (KD, KEYS_BODY), (KD, KEYS_BODY)],
        "a policy": [(SEQ, bytes(4)), (SA, POLICY_BODY), (KD, KEYS_BODY)],
        "a KD without keys": [(SEQ, bytes(4)), (KD, bytes(4))],
        "two KEKs": [(SEQ, bytes(4)), (KD, body(KeyDownload(key_packets=(KEK_PACKET, KEK_PACKET))))],
        "a TEK without SPI": [
            (SEQ, bytes(4)),
            (KD, body(KeyDownload(key_packets=(KeyPacket(kd_type=1, attributes=TEK_PACKET.attributes),)))),
        ],
        "sender ids with SPI": [
            (SEQ, bytes(4)),
            (KD, body(KeyDownload(key_packets=(KeyPacket(kd_type=4, spi=b"1234"),)))),
        ],
    },
}


@pytest.mark.parametrize(
    ("number", "name"), [(n, name) for n, found in WRONG_CHAINS.items() for name in found]
)
def test_a_wrong_message_with_the_right_hash(number: int, name: str) -> None:
    chain = WRONG_CHAINS[number][name]
    machine: Any
    if number == 1:
        message = WirePeer(MESSAGE_ID).seal(chain)
        machine = responder(message)
    elif number == 2:
        machine, peer, ni = waiting_for_2()
        message = peer.seal(chain, ni)
    elif number == 3:
        machine, peer, nr = waiting_for_3()
        message = peer.seal(chain, NI + nr)
    else:
        machine, peer, ni = waiting_for_4()
        message = peer.seal(chain, ni + NR)
    before = everything(machine)
    with pytest.raises(UnexpectedMessage) as caught:
        machine.receive(parsed(message))
    assert caught.value.notify_type is not None
    assert everything(machine) == before


@pytest.mark.parametrize("lead", [[], [(NONCE, NI)], [(200, b"private"), (HASH, bytes(32))]])
def test_hash_comes_first(lead: Chain) -> None:
    message = WirePeer(MESSAGE_ID).seal([(NONCE, NI), (ID, GROUP_BODY)], lead=lead)
    with pytest.raises(UnexpectedMessage):
        responder(message).receive(parsed(message))


def test_private_payloads_pass() -> None:
    message = WirePeer(MESSAGE_ID).seal([(NONCE, NI), (ID, GROUP_BODY), (200, b"private")])
    gcks = responder(message)
    gcks.receive(parsed(message))
    assert gcks.group == GROUP


def test_sender_ids_are_for_the_member_to_ask_for() -> None:
    """In the GCKS's policy a request has no place, in message 3 the delays do no harm."""
    gcks, peer, nr = waiting_for_3()
    gcks.receive(parsed(peer.seal([(GAP, bytes.fromhex("80010005"))], NI + nr)))
    assert gcks.sender_ids_requested == 0
    member, peer, ni = waiting_for_2()
    request = GroupAssociatedPolicy(attributes=(Attribute(3, 1),))
    wrong = GroupSA(sa_attributes=(SA_KEK, request, SA_TEK))
    with pytest.raises(UnexpectedMessage, match="from the GCKS"):
        member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(wrong))], ni)))


WRONG_POLICIES = {
    "another domain": GroupSA(doi=DOINumber.IPSEC, sa_attributes=POLICY.sa_attributes),
    "a situation": GroupSA(situation=1, sa_attributes=POLICY.sa_attributes),
    "two SA KEKs": GroupSA(sa_attributes=(SA_KEK, SA_KEK, SA_TEK)),
    "two GAPs": GroupSA(sa_attributes=(SA_KEK, SA_GAP, SA_GAP)),
    "GAP before SA KEK": GroupSA(sa_attributes=(SA_GAP, SA_KEK)),
    "SA TEK before GAP": GroupSA(sa_attributes=(SA_TEK, SA_GAP)),
    "SA TEK before SA KEK": GroupSA(sa_attributes=(SA_TEK, SA_KEK)),
    "a GAP alone": GroupSA(sa_attributes=(SA_GAP,)),
    "nothing": GroupSA(),
    "an unknown GAP attribute": GroupSA(
        sa_attributes=(SA_KEK, GroupAssociatedPolicy(attributes=(Attribute(4, 1),)))
    ),
}


@pytest.mark.parametrize("name", WRONG_POLICIES)
def test_policies_that_the_rfc_forbids(name: str) -> None:
    """RFC 6407, 5.2 and 5.2.1: the member refuses them, the GCKS does not send them."""
    policy = WRONG_POLICIES[name]
    member, peer, ni = waiting_for_2()
    before = everything(member)
    with pytest.raises(RemoteError):
        member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(policy))], ni)))
    assert everything(member) == before
    gcks = responder(session()[2][0])
    gcks.receive(parsed(session()[2][0]))
    before = everything(gcks)
    with pytest.raises(EncodeError):
        gcks.offer(policy)
    assert everything(gcks) == before


@pytest.mark.parametrize(
    "policy", [GroupSA(sa_attributes=(SA_KEK,)), GroupSA(sa_attributes=(SA_GAP, SA_TEK, SA_TEK)), POLICY]
)
def test_policies_that_the_rfc_allows(policy: GroupSA) -> None:
    member, peer, ni = waiting_for_2()
    member.receive(parsed(peer.seal([(NONCE, NR), (SA, body(policy))], ni)))
    assert member.offered == policy


def test_the_sequence_number_goes_with_the_rekey_sa() -> None:
    member, peer, ni = waiting_for_4(POLICY_WITHOUT_REKEY)
    with pytest.raises(UnexpectedMessage, match="SEQ"):
        member.receive(parsed(peer.seal([(SEQ, bytes(4)), (KD, body(TEKS))], ni + NR)))
    for policy, sequence in ((POLICY, None), (POLICY_WITHOUT_REKEY, 0)):
        with pytest.raises(EncodeError, match="sequence number"):
            session(policy=policy, sequence=sequence)
    with pytest.raises(EncodeError):
        session(sequence=1 << 32)
    with pytest.raises(EncodeError, match="without key material"):
        session(keys=KeyDownload())
    assert session(keys=KeyDownload(key_packets=(KEK_PACKET, SID_PACKET)))[0].verified is not None


def test_keys_that_no_datagram_holds() -> None:
    packet = KeyPacket(kd_type=1, spi=b"1234", attributes=(Attribute(1, bytes(60_000)),))
    with pytest.raises(EncodeError):
        session(keys=KeyDownload(key_packets=(packet, packet)))


# -- refusals and arguments --------------------------------------------------------------------------


def test_the_member_refuses() -> None:
    """Nothing is sent here: the owner deletes the ISAKMP SA (RFC 6407, 3.3)."""
    member, _, sent = session()
    member = initiator()
    member.start()
    member.receive(parsed(sent[1]))
    assert member.refuse() == ((), False)
    assert member.state == InitiatorState.REFUSED
    with pytest.raises(UnexpectedMessage):
        member.receive(parsed(sent[3]))


@pytest.mark.parametrize("late", [False, True])
def test_the_gcks_refuses(late: bool) -> None:
    gcks, peer, nr = waiting_for_3()
    if late:
        gcks.receive(parsed(peer.seal([], NI + nr)))
    else:
        first = session()[2][0]
        gcks = responder(first)
        gcks.receive(parsed(first))
    for wrong in (0, 1 << 16, -1):
        with pytest.raises(ConfigurationError):
            gcks.refuse(wrong)
    (sent,) = gcks.refuse(24).send
    message_id = int.from_bytes(sent[20:24], "big")
    assert message_id not in (0, MESSAGE_ID)
    ((kind, found),) = WirePeer(message_id, exchange=5).open(sent)
    assert kind == N
    # DOI, PROTO_ISAKMP, an SPI of both cookies, AUTHENTICATION-FAILED (RFC 2408, 3.14)
    assert found == bytes.fromhex("0000000201100018") + gcks.sa.cookies + MESSAGE_ID.to_bytes(4, "big")
    assert gcks.state == ResponderState.REFUSED


def test_a_group_that_the_rfc_forbids() -> None:
    for text in ("key-id:0x04d2", "key-id:0x00000004d2"):
        with pytest.raises(ConfigurationError, match="four octets"):
            PullInitiator(MEMBER_SA, Identity.from_text(text), random=stream("member"))
    other = Identity.from_text("ipv4:239.192.1.1")
    member = PullInitiator(MEMBER_SA, other, random=stream("member"))
    first = member.start().send[0]
    gcks = responder(first)
    gcks.receive(parsed(first))
    assert gcks.group == other


def test_arguments() -> None:
    for size in (7, 129):
        with pytest.raises(ConfigurationError):
            initiator(nonce_size=size)
        with pytest.raises(ConfigurationError):
            responder(session()[2][0], nonce_size=size)
    _, _, sent = session()
    member = initiator()
    member.start()
    member.receive(parsed(sent[1]))
    before = everything(member)
    for number in (-1, 1 << 16):
        with pytest.raises(ConfigurationError):
            member.accept(number)
    assert everything(member) == before
    assert member.accept(65_535).send


# -- what the GCKS spends, and what is verified -------------------------------------------------------


def test_the_gcks_keeps_and_spends_nothing_before_message_3(monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 6407, 7.2.5: one PRF and one decryption for message 1, one PRF and one encryption for message 2."""
    calls: list[str] = []
    right = HashFunction.prf

    def counted(self: HashFunction, key: bytes, *parts: bytes) -> bytes:
        calls.append("prf")
        return right(self, key, *parts)

    first = session()[2][0]
    monkeypatch.setattr(HashFunction, "prf", counted)
    drawn: list[int] = []
    gcks = PullResponder(GCKS_SA, parsed(first), random=lambda count: drawn.append(count) or bytes(count))
    gcks.receive(parsed(first))
    assert (calls, drawn) == (["prf"], [])
    gcks.offer(POLICY)
    assert (calls, drawn) == (["prf"] * 2, [32])


def test_only_an_exchange_makes_verified_values() -> None:
    found = session()[0].verified
    assert found is not None
    with pytest.raises(StateError, match="verified exchange alone"):
        VerifiedPull(group=GROUP, policy=POLICY, sequence_number=9, key_download=KEYS)
    with pytest.raises(StateError):
        VerifiedPull(proof=object(), group=GROUP, policy=POLICY, sequence_number=9, key_download=KEYS)
    with pytest.raises(StateError):
        dataclasses.replace(found, sequence_number=0)
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.sequence_number = 0
    assert copy.copy(found) == found
    assert "key_download" not in repr(found)


def test_no_error_shows_a_key() -> None:
    gcks, peer, nr = waiting_for_3()
    secrets = (peer.sa.keys.skeyid_a, peer.sa.keys.key, NI, nr)
    with pytest.raises((InvalidHash, DecodeError)) as caught:
        gcks.receive(parsed(peer.seal([], NI)))
    for secret in secrets:
        assert secret.hex() not in str(caught.value)
        assert repr(secret) not in str(caught.value)
