"""GROUPKEY-PULL, by which a member registers (RFC 6407, 3): both sides of it.

    Group member                      GCKS
    (1) HDR*, HASH(1), Ni, ID    -->
    (2)                          <--  HDR*, HASH(2), Nr, SA
    (3) HDR*, HASH(3) [,GAP]     -->
    (4)                          <--  HDR*, HASH(4), [SEQ,] KD

A machine waits twice for its owner, who decides about the policy and makes the keys. Each HASH is checked
after everything else about a message, so that a message that fails anywhere leaves the machine as it was.
"""

from __future__ import annotations

from gsakmp.exchanges.pull.common import MESSAGES
from gsakmp.exchanges.pull.initiator import InitiatorInput, InitiatorState, PullInitiator
from gsakmp.exchanges.pull.responder import PullResponder, ResponderInput, ResponderState
from gsakmp.exchanges.verified import VerifiedPull

__all__ = [
    "MESSAGES",
    "InitiatorInput",
    "InitiatorState",
    "PullInitiator",
    "PullResponder",
    "ResponderInput",
    "ResponderState",
    "VerifiedPull",
]
