"""A plan's pushes as the key server makes them, and the bare cryptography of the same plan."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import cycle, islice
from typing import Any, Final

from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import CBC

from benchmarks.rekey.structures import CIPHER, group_policy
from gsakmp.crypto import PrivateKey, private_key
from gsakmp.exchanges.push import PushBuilder
from gsakmp.group.making import new_rekey_sa, signing_key_pair
from gsakmp.group.payloads import delete_payloads, group_sa, with_signature_key
from gsakmp.group.rekey import RekeyPlan
from gsakmp.group.sa import GSA, RekeySA
from gsakmp.group.suites import rekey_suite
from gsakmp.payloads import KeyDownload, Payload
from gsakmp.registries import KEKManagementAlgorithm

__all__ = ["SIGNATURES", "Signer", "wraps_alone"]

SIGNATURES: Final = {"ecdsa-256-sha256": "ECDSA P-256", "rsa-2048-sha256": "RSA 2048"}
WRAPPED: Final = 32
"""Octets of a wrapped key of AES-128 with its IV, and of a secret of OFT."""
DISTINCT: Final = 4_096
"""Keys that the wraps alone are made under, each in turn."""
BEGIN: Final = 0.0


@dataclass
class Signer:
    """Makes the pushes of one Rekey SA after the other, as `gsakmp.group.rekeying` and the GCKS do: the SA
    KEK of the new one, the key packets, the signature, all under the old KEK."""

    policy: Any
    suite: Any
    key: PrivateKey
    public: bytes
    sa: RekeySA
    number: int = 0

    @classmethod
    def of(cls, signature: str, management: KEKManagementAlgorithm | None) -> Signer:
        """With a signing key of its own, and a Rekey SA that is followed by the first plan's."""
        policy = group_policy(signature)
        suite = rekey_suite(policy, management)
        private, public = signing_key_pair(suite, allow_weak=False)
        key = os.urandom(CIPHER.block_size + CIPHER.key_size)
        sa = new_rekey_sa(policy, 0, suite, spi=os.urandom(16), key=key, public=public, now=BEGIN)
        return cls(policy, suite, private_key(private), public, sa)

    def pushes(self, plan: RekeyPlan, spi: bytes) -> list[bytes]:
        """All pushes of a plan, whose new Rekey SA has `spi`. The SA in force stays what it was."""
        bodies: list[Sequence[Payload]] = []
        if plan.re_pull or plan.group_key is None:
            bodies += [delete_payloads(everything=True)] * plan.re_pull
        else:
            key = plan.group_key.build()
            new = new_rekey_sa(self.policy, 0, self.suite, spi=spi, key=key, public=self.public, now=BEGIN)
            said = group_sa(GSA(rekey=(new,)), now=BEGIN, push=True)
            for packets in plan.key_packets:
                signed = tuple(with_signature_key(packet, self.public) for packet in packets)
                bodies.append((said, KeyDownload(key_packets=signed)))
        builder = PushBuilder(self.sa, self.key)
        return [builder.build(number, body) for number, body in enumerate(bodies, 1)]

    def all(self, plans: Iterable[RekeyPlan], spis: Iterable[bytes]) -> Iterator[bytes]:
        """The pushes of one plan after the other, each under the KEK that the one before brought."""
        for plan, spi in zip(plans, spis, strict=True):
            yield from self.pushes(plan, spi)
            self.follow(plan, spi)

    def follow(self, plan: RekeyPlan, spi: bytes) -> None:
        """The plan's Rekey SA is in force."""
        if plan.group_key is not None:
            self.sa = replace(self.sa, spi=spi, key=plan.group_key.build())

    def alone(self, sizes: Sequence[int]) -> Callable[[], None]:
        """As many signatures over as many octets, and nothing else."""
        messages = [os.urandom(size) for size in sizes]
        sign = _signature(self.key)

        def run() -> None:
            for message in messages:
                sign(message)

        return run


def wraps_alone(count: int) -> Callable[[], None]:
    """So many keys encrypted, each under another key, straight on pyca/cryptography."""
    size, block = CIPHER.key_size, CIPHER.block_size
    given = [(os.urandom(size), os.urandom(block), os.urandom(WRAPPED)) for _ in range(min(count, DISTINCT))]

    def run() -> None:
        for key, iv, octets in islice(cycle(given), count):
            context = Cipher(AES(key), CBC(iv)).encryptor()
            context.update(octets) + context.finalize()

    return run


def _signature(key: PrivateKey) -> Callable[[bytes], bytes]:
    if isinstance(key, rsa.RSAPrivateKey):
        scheme, sha256 = padding.PKCS1v15(), hashes.SHA256()
        return lambda message: key.sign(message, scheme, sha256)
    algorithm = ec.ECDSA(hashes.SHA256())
    return lambda message: key.sign(message, algorithm)
