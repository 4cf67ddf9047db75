"""The member's side of GROUPKEY-PULL (RFC 6407, 3.3)."""

from __future__ import annotations

from enum import StrEnum

from gsakmp.crypto import Random
from gsakmp.errors import ConfigurationError, UnexpectedMessage
from gsakmp.exchanges.grammar import nonce_octets, refused
from gsakmp.exchanges.group_grammar import (
    check_group_sa,
    check_key_download,
    group_identity,
    has_rekey_sa,
)
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, Step, new_message_id
from gsakmp.exchanges.machine import Table
from gsakmp.exchanges.pull.common import NONCE_OCTETS, OWN_NONCE, Pull
from gsakmp.exchanges.verified import PROOF, VerifiedPull
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import (
    Attribute,
    GroupAssociatedPolicy,
    GroupSA,
    KeyDownload,
    Nonce,
    Notification,
    SequenceNumber,
)
from gsakmp.registries import GAPAttribute

__all__ = ["InitiatorInput", "InitiatorState", "PullInitiator"]


class InitiatorState(StrEnum):
    """What a member waits for."""

    EXPECT_START = "EXPECT_START"
    EXPECT_POLICY = "EXPECT_POLICY"
    EXPECT_DECISION = "EXPECT_DECISION"
    EXPECT_KEY_DOWNLOAD = "EXPECT_KEY_DOWNLOAD"
    REGISTERED = "REGISTERED"
    REFUSED = "REFUSED"


class InitiatorInput(StrEnum):
    """What happens to a member."""

    START = "START"
    RECV_MESSAGE_2 = "RECV_MESSAGE_2"
    ACCEPT = "ACCEPT"
    REFUSE = "REFUSE"
    RECV_MESSAGE_4 = "RECV_MESSAGE_4"


class PullInitiator(Pull):
    """A member that registers with a group: `start`, `receive` message 2, look at `offered`, `accept` or
    `refuse`, `receive` message 4, take `verified`.

    `message_id` is drawn where it is not given. Raises `ConfigurationError` for a group or a nonce size that
    RFC 6407, 5.1 and 5.8 do not allow.
    """

    table = Table(
        InitiatorState.EXPECT_START,
        {
            (InitiatorState.EXPECT_START, InitiatorInput.START): (
                "_request",
                InitiatorState.EXPECT_POLICY,
            ),
            (InitiatorState.EXPECT_POLICY, InitiatorInput.RECV_MESSAGE_2): (
                "_take_offer",
                InitiatorState.EXPECT_DECISION,
            ),
            (InitiatorState.EXPECT_DECISION, InitiatorInput.ACCEPT): (
                "_accept",
                InitiatorState.EXPECT_KEY_DOWNLOAD,
            ),
            (InitiatorState.EXPECT_DECISION, InitiatorInput.REFUSE): (
                "_refuse",
                InitiatorState.REFUSED,
            ),
            (InitiatorState.EXPECT_KEY_DOWNLOAD, InitiatorInput.RECV_MESSAGE_4): (
                "_take_keys",
                InitiatorState.REGISTERED,
            ),
        },
    )

    def __init__(
        self,
        sa: ISAKMPSA,
        group: Identity,
        *,
        random: Random,
        message_id: int | None = None,
        nonce_size: int = OWN_NONCE,
    ) -> None:
        try:
            group_identity(group.payload())
        except UnexpectedMessage as error:
            raise ConfigurationError(f"{group} is no group: {error}") from None
        super().__init__(sa, new_message_id(random) if message_id is None else message_id, random, nonce_size)
        self.group = group
        self.offered: GroupSA | None = None
        """The group's policy, once message 2 is verified."""
        self.verified: VerifiedPull | None = None
        """All that was downloaded, once message 4 is verified."""
        self._notifications: tuple[Notification, ...] = ()

    def start(self) -> Step:
        """Message 1."""
        step: Step = self.fire(InitiatorInput.START)
        return step

    def receive(self, message: Message) -> Step:
        """Message 2 or 4. Raises `RemoteError` for one that is not, and nothing has changed."""
        happened = InitiatorInput.RECV_MESSAGE_4 if self.offered else InitiatorInput.RECV_MESSAGE_2
        step: Step = self.fire(happened, message)
        return step

    def accept(self, sender_ids: int = 0) -> Step:
        """Message 3, which accepts `offered` and asks for so many sender ids (RFC 6407, 5.4.2); 0 leaves it
        to the GCKS. Raises `ConfigurationError` for a number beyond 16 bits."""
        step: Step = self.fire(InitiatorInput.ACCEPT, sender_ids)
        return step

    def refuse(self) -> Step:
        """`offered` is not acceptable: nothing more is sent here. The owner tears the ISAKMP SA down, with a
        Delete in an Informational exchange (RFC 6407, 3.3)."""
        step: Step = self.fire(InitiatorInput.REFUSE)
        return step

    def _request(self) -> Step:
        nonce = self._fresh_nonce()
        sent = self._exchange.seal((Nonce(nonce), self.group.payload()), self._hash_1)
        self._initiator_nonce = nonce
        return Step((sent,), expects_reply=True)

    def _take_offer(self, message: Message) -> Step:
        opened, found = self._opened(message, 2)
        nonce, offered = nonce_octets(found.one(Nonce), NONCE_OCTETS[1]), found.one(GroupSA)
        check_group_sa(offered, self.sa.doi)
        self._exchange.verify(opened, self._hash_2(opened.covered))
        self._responder_nonce, self.offered = nonce, offered
        self._notifications = found.all(Notification)
        return Step()

    def _accept(self, sender_ids: int) -> Step:
        if not 0 <= sender_ids < 1 << 16:
            raise ConfigurationError(f"{sender_ids} sender ids: the request has 16 bits")
        request = Attribute(GAPAttribute.SENDER_ID_REQUEST, sender_ids)
        payloads = (GroupAssociatedPolicy(attributes=(request,)),) if sender_ids else ()
        return Step((self._exchange.seal(payloads, self._hash_3),), expects_reply=True)

    def _refuse(self) -> Step:
        return Step()

    def _take_keys(self, message: Message) -> Step:
        opened, found = self._opened(message, 4)
        sequence, key_download = found.maybe(SequenceNumber), found.one(KeyDownload)
        offered = self.offered
        assert offered is not None  # the state says so
        if (sequence is not None) != has_rekey_sa(offered):
            raise refused("SEQ is there if, and only if, the policy has a Rekey SA (RFC 6407, 3.2)")
        check_key_download(key_download, push=False)
        self._exchange.verify(opened, self._hash_4(opened.covered))
        self.verified = VerifiedPull(
            proof=PROOF,
            group=self.group,
            policy=offered,
            sequence_number=None if sequence is None else sequence.sequence_number,
            key_download=key_download,
            notifications=(*self._notifications, *found.all(Notification)),
        )
        return Step()
