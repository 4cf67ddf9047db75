"""The GCKS's side of GROUPKEY-PULL (RFC 6407, 3.4)."""

from __future__ import annotations

from enum import StrEnum

from gsakmp.crypto import Random, hash_1
from gsakmp.errors import ConfigurationError, EncodeError, UnexpectedMessage
from gsakmp.exchanges.grammar import nonce_octets, refused
from gsakmp.exchanges.group_grammar import (
    check_group_policy,
    check_group_sa,
    check_key_download,
    group_identity,
    has_rekey_sa,
    requested_sender_ids,
)
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, ProtectedExchange, Step, new_message_id
from gsakmp.exchanges.machine import Table
from gsakmp.exchanges.pull.common import NONCE_OCTETS, OWN_NONCE, Pull
from gsakmp.identities import Identity
from gsakmp.message import Message
from gsakmp.payloads import (
    GroupAssociatedPolicy,
    GroupSA,
    Identification,
    KeyDownload,
    Nonce,
    Notification,
    SequenceNumber,
)
from gsakmp.registries import DOINumber, ExchangeType, NotifyType, ProtocolID

__all__ = ["PullResponder", "ResponderInput", "ResponderState"]


class ResponderState(StrEnum):
    """What a GCKS waits for."""

    EXPECT_REQUEST = "EXPECT_REQUEST"
    EXPECT_OFFER = "EXPECT_OFFER"
    EXPECT_ACCEPTANCE = "EXPECT_ACCEPTANCE"
    EXPECT_DOWNLOAD = "EXPECT_DOWNLOAD"
    DOWNLOADED = "DOWNLOADED"
    REFUSED = "REFUSED"


class ResponderInput(StrEnum):
    """What happens to a GCKS."""

    RECV_MESSAGE_1 = "RECV_MESSAGE_1"
    OFFER = "OFFER"
    REFUSE = "REFUSE"
    RECV_MESSAGE_3 = "RECV_MESSAGE_3"
    DOWNLOAD = "DOWNLOAD"


class PullResponder(Pull):
    """The GCKS's side, made for a message 1: `receive` it, look at `group`, `offer` or `refuse`, `receive`
    message 3, `download` or `refuse`.

    Until message 3 proves that the member has our nonce, a few PRFs and decryptions are all that it costs,
    and two nonces and a group's name are all that is kept (RFC 6407, 7.2.5). Message 2 is sent again when
    message 1 is: the owner's retransmission of answers sees to that, so no step here expects a reply.

    Raises `UnexpectedMessage` for a message that starts no GROUPKEY-PULL.
    """

    table = Table(
        ResponderState.EXPECT_REQUEST,
        {
            (ResponderState.EXPECT_REQUEST, ResponderInput.RECV_MESSAGE_1): (
                "_take_request",
                ResponderState.EXPECT_OFFER,
            ),
            (ResponderState.EXPECT_OFFER, ResponderInput.OFFER): (
                "_offer",
                ResponderState.EXPECT_ACCEPTANCE,
            ),
            (ResponderState.EXPECT_OFFER, ResponderInput.REFUSE): ("_refuse", ResponderState.REFUSED),
            (ResponderState.EXPECT_ACCEPTANCE, ResponderInput.RECV_MESSAGE_3): (
                "_take_acceptance",
                ResponderState.EXPECT_DOWNLOAD,
            ),
            (ResponderState.EXPECT_DOWNLOAD, ResponderInput.DOWNLOAD): (
                "_download",
                ResponderState.DOWNLOADED,
            ),
            (ResponderState.EXPECT_DOWNLOAD, ResponderInput.REFUSE): ("_refuse", ResponderState.REFUSED),
        },
    )

    def __init__(
        self, sa: ISAKMPSA, message: Message, *, random: Random, nonce_size: int = OWN_NONCE
    ) -> None:
        if not message.message_id:
            raise refused("message id 0 is that of phase 1", NotifyType.INVALID_MESSAGE_ID)
        super().__init__(sa, message.message_id, random, nonce_size)
        self.group: Identity | None = None
        """The group that the member asks for, once message 1 is verified."""
        self.gap: GroupAssociatedPolicy | None = None
        """What the member asks for beside, once message 3 is verified; None where it asks nothing."""
        self._offered: GroupSA | None = None

    @property
    def sender_ids_requested(self) -> int:
        """How many sender ids message 3 asks for; 0 where it does not say (RFC 6407, 5.4.2)."""
        return requested_sender_ids(self.gap)

    def receive(self, message: Message) -> Step:
        """Message 1 or 3. Raises `RemoteError` for one that is not, and nothing has changed."""
        happened = ResponderInput.RECV_MESSAGE_3 if self.group else ResponderInput.RECV_MESSAGE_1
        step: Step = self.fire(happened, message)
        return step

    def offer(self, policy: GroupSA) -> Step:
        """Message 2, with the group's policy. Raises `EncodeError` for an SA that RFC 6407, 5.2 forbids."""
        step: Step = self.fire(ResponderInput.OFFER, policy)
        return step

    def refuse(self, notify_type: int) -> Step:
        """The member may not register: an Informational exchange that says so, under the ISAKMP SA. Its
        Notification has this exchange's message id as data."""
        step: Step = self.fire(ResponderInput.REFUSE, notify_type)
        return step

    def download(self, sequence_number: int | None, key_download: KeyDownload) -> Step:
        """Message 4, the last. `sequence_number` is that of the last push, None if, and only if, the offer
        has no Rekey SA. Raises `EncodeError` for what RFC 6407, 3.2 and 5.6 forbid."""
        step: Step = self.fire(ResponderInput.DOWNLOAD, sequence_number, key_download)
        return step

    def _take_request(self, message: Message) -> Step:
        opened, found = self._opened(message, 1)
        nonce = nonce_octets(found.one(Nonce), NONCE_OCTETS[1])
        group = group_identity(found.one(Identification))
        self._exchange.verify(opened, self._hash_1(opened.covered))
        self._initiator_nonce, self.group = nonce, group
        return Step()

    def _offer(self, policy: GroupSA) -> Step:
        try:
            check_group_sa(policy, self.sa.doi)
        except UnexpectedMessage as error:
            raise EncodeError(str(error)) from None
        nonce = self._fresh_nonce()
        sent = self._exchange.seal((Nonce(nonce), policy), self._hash_2)
        self._responder_nonce, self._offered = nonce, policy
        return Step((sent,))

    def _refuse(self, notify_type: int) -> Step:
        if not 0 < notify_type < 1 << 16:
            raise ConfigurationError(f"{notify_type} is no notify type")
        said = Notification(
            doi=DOINumber(self.sa.doi.number),
            protocol_id=ProtocolID.PROTO_ISAKMP,
            notify_message_type=NotifyType(notify_type),
            spi=self.sa.cookies,
            notification_data=self.message_id.to_bytes(4, "big"),
        )
        keys, message_id = self.sa.keys, new_message_id(self._random)
        exchange = ProtectedExchange(self.sa, ExchangeType.INFORMATIONAL, message_id)
        return Step((exchange.seal((said,), lambda covered: hash_1(keys, message_id, covered)),))

    def _take_acceptance(self, message: Message) -> Step:
        opened, found = self._opened(message, 3)
        gap = found.maybe(GroupAssociatedPolicy)
        if gap is not None:
            check_group_policy(gap, self.sa.doi, request=True)
        self._exchange.verify(opened, self._hash_3(opened.covered))
        self.gap = gap
        return Step()

    def _download(self, sequence_number: int | None, key_download: KeyDownload) -> Step:
        offered = self._offered
        assert offered is not None  # the state says so
        if (sequence_number is not None) != has_rekey_sa(offered):
            raise EncodeError("a sequence number goes with a Rekey SA, and only with it (RFC 6407, 3.2)")
        try:
            check_key_download(key_download, push=False)
        except UnexpectedMessage as error:
            raise EncodeError(str(error)) from None
        sequence = () if sequence_number is None else (SequenceNumber(sequence_number),)
        return Step((self._exchange.seal((*sequence, key_download), self._hash_4),))
