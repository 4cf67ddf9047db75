"""Phase 1 with certificates, over a path that takes no long datagrams."""

from __future__ import annotations

import pytest

from gsakmp.exchanges.address import Address
from gsakmp.exchanges.fragments import split
from gsakmp.peers import Endpoint, EndpointConfiguration
from gsakmp.peers.events import ISAKMPSAEstablished
from gsakmp.peers.network import Conditions, Network
from gsakmp.registries import PayloadType
from tests.unit.exchanges.phase1 import GCKS, MEMBER, NOW, RSA, configuration
from tests.world import recorded_random

LIMIT = 500
NEXT_PAYLOAD = 16
"""Where a header tells the type of the first payload (RFC 2408, 3.1)."""
MEMBER_AT, GCKS_AT = Address.from_text("192.0.2.1"), Address.from_text("192.0.2.2")


@pytest.mark.parametrize("loss", [0.0, 0.2])
@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
@pytest.mark.parametrize("fragmentation", [True, False])
def test_certificates_go_in_fragments(fragmentation: bool, aggressive: bool, loss: float) -> None:
    network = Network(Conditions(loss=loss), seed=7, now=NOW)
    engines = []
    for name, identity, address in (("member", MEMBER, MEMBER_AT), ("gcks", GCKS, GCKS_AT)):
        phase1 = configuration(identity, RSA, aggressive_responder=True, fragmentation=fragmentation)
        settings = EndpointConfiguration(phase1=phase1, aggressive=aggressive, fragment_octets=LIMIT)
        engine = Endpoint(settings, random=recorded_random(name.encode()), now=NOW)
        engines.append(network.add(name, engine, address))
    engines[0].connect(GCKS_AT, NOW, local=MEMBER_AT)
    assert network.run(60, lambda: all(network.events(name, ISAKMPSAEstablished) for name in network.hosts))
    for engine in engines:
        assert len(engine.sessions) == 1
    for address in (MEMBER_AT, GCKS_AT):
        messages = [travelling.data for travelling in network.sent if travelling.source == address]
        fragmented = any(message[NEXT_PAYLOAD] == PayloadType.FRAGMENT for message in messages)
        assert fragmented is fragmentation
        assert (max(map(len, messages)) <= LIMIT) is fragmentation


def test_a_first_message_in_fragments_is_answered() -> None:
    """Some peers fragment before they know that we can put pieces together."""
    settings = EndpointConfiguration(phase1=configuration(MEMBER, RSA), aggressive=True)
    member = Endpoint(settings, random=recorded_random(b"member"), now=NOW)
    member.connect(GCKS_AT, NOW)
    (first,) = member.datagrams_to_send(NOW)
    phase1 = configuration(GCKS, RSA, aggressive_responder=True)
    gcks = Endpoint(EndpointConfiguration(phase1=phase1), random=recorded_random(b"gcks"), now=NOW)
    pieces = split(first.data, 200)
    assert len(pieces) > 1
    for piece in pieces:
        assert gcks.datagrams_to_send(NOW) == []
        gcks.receive_datagram(piece, MEMBER_AT, NOW)
    assert gcks.datagrams_to_send(NOW)
