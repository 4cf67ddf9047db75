"""What the RFCs want of phase 1 where no other test shows it: see tests/compliance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pytest

import gsakmp
from gsakmp.payloads import Identification, Payload
from tests.unit.exchanges.phase1 import GCKS, MEMBER, pair


@pytest.mark.parametrize("aggressive", [False, True], ids=["main", "aggressive"])
def test_an_identity_names_no_port(aggressive: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """RFC 3947, 4: with NAT traversal the port in an ID payload is zero, as a NAT may change it."""
    exchange = pair(aggressive=aggressive).run(until=1 if aggressive else 2)
    sent: list[Payload] = [] if not aggressive else list(gsakmp.parse(exchange.sent[0]).payloads)

    def recorded(machine: Any) -> None:
        seal = machine._seal

        def keep(agreed: Any, iv: bytes, payloads: Sequence[Payload]) -> Any:
            sent.extend(payloads)
            return seal(agreed, iv, payloads)

        monkeypatch.setattr(machine, "_seal", keep)

    recorded(exchange.initiator)
    exchange.next()
    if aggressive:
        sent.extend(gsakmp.parse(exchange.sent[1]).payloads)
    else:
        exchange.next()
        recorded(exchange.responder)
    exchange.run()
    found = [payload for payload in sent if isinstance(payload, Identification)]
    assert [str(payload.identification_data) for payload in found] == [str(MEMBER.data), str(GCKS.data)]
    assert [(payload.protocol_id, payload.port) for payload in found] == [(0, 0), (0, 0)]
