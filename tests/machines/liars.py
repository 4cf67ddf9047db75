"""Peers that prove who they are and then lie: their messages are sealed and signed as they should be, and
hold what they should not."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from unittest import mock

from gsakmp.exchanges import push as push_module
from gsakmp.exchanges.isakmp_sa import ISAKMPSA, ProtectedExchange, Role
from gsakmp.exchanges.pull import common
from gsakmp.message import Message
from gsakmp.payloads import Hash
from gsakmp.peers import GCKS
from gsakmp.registries import HeaderFlag
from gsakmp.wire import Payload

Lie = Callable[[bytes], bytes]
"""Octets of the payloads after HASH, or between SEQ and SIG; what is said instead."""


class LyingExchange(ProtectedExchange):
    """A GCKS's side of a pull that says `lie` of what it was to say, in its message number `number`."""

    lie: Lie = staticmethod(lambda octets: octets)
    number = 1

    def __init__(self, sa: ISAKMPSA, exchange_type: int, message_id: int) -> None:
        super().__init__(sa, exchange_type, message_id)
        self.said = 0

    def seal(self, payloads: Sequence[Payload], make_hash: Callable[[bytes], bytes]) -> bytes:
        self.said += 1
        if self.sa.role is not Role.RESPONDER or self.said != self.number:
            return super().seal(payloads, make_hash)
        plain = self._message(payloads)
        lied = type(self).lie(plain.plaintext())
        proof = make_hash(lied)
        head = bytes([payloads[0].kind, 0]) + (4 + len(proof)).to_bytes(2, "big")
        ciphertext = self.sa.keys.encrypt(self._iv, head + proof + lied)
        self._iv = self.sa.keys.cipher.next_iv(ciphertext)
        return plain.replace(
            flags=HeaderFlag.ENCRYPTION, payloads=(), ciphertext=ciphertext, next_payload=Hash.kinds[0]
        ).build()


@contextmanager
def pulls_with(lie: Lie, number: int) -> Iterator[None]:
    """Every GCKS lies in its first or second message of a pull, which are messages 2 and 4."""
    liar = type("Liar", (LyingExchange,), {"lie": staticmethod(lie), "number": number})
    with mock.patch.object(common, "ProtectedExchange", liar):
        yield


@contextmanager
def pushes_with(lie: Lie, gcks: GCKS) -> Iterator[None]:
    """A GCKS lies in its pushes, and signs what it says. The builders that it keeps are of its honest time,
    and those that it makes meanwhile are not to outlive the lie."""
    honest = Message.plaintext

    def plaintext(message: Message) -> bytes:
        told = honest(message)
        size = len(message.payloads[-1].signature_data)
        body = told[: len(told) - size - 4]
        return lie(body) + told[len(body) :]

    class Told(Message):
        """A message whose payloads are not what it says."""

        def plaintext(self) -> bytes:
            return plaintext(self)

    gcks._builders.clear()
    with mock.patch.object(push_module, "Message", Told):
        yield
    gcks._builders.clear()
