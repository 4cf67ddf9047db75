"""How long a wrap and a signature take on this machine: measured when asked, for a fraction of a second."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from statistics import median
from time import perf_counter
from typing import Final

from gsakmp.crypto import KEK, generate_private_key, kek_cipher, push_signature, system_random
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.suites import rekey_suite
from gsakmp.registries import SigAlgorithm

__all__ = ["Pace", "measured"]

ROUNDS: Final = 5
ROUND_SECONDS: Final = 0.02
LONGEST_RSA: Final = 4096
"""Bits. Making a longer key takes many seconds, so nothing is signed with one."""
PUSH_OCTETS: Final = 1024


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds of one wrap and of one signature; None: not measured."""

    wrap: float
    signature: float | None

    def seconds(self, wraps: float, signatures: float) -> float | None:
        """What so many take, one after the other."""
        if signatures and self.signature is None:
            return None
        return wraps * self.wrap + signatures * (self.signature or 0.0)


def measured(policy: RekeyPolicy) -> Pace:
    """The pace of a policy's algorithms. Raises `ConfigurationError` for those that it can't have."""
    suite = rekey_suite(policy)
    cipher = kek_cipher(suite.encryption, suite.key_length)
    under, key = KEK.generate(cipher, system_random), KEK.generate(cipher, system_random)
    octets = key.build()
    octets += bytes(-len(octets) % cipher.block_size)
    wrap = _best(lambda: under.encrypt(octets))
    if suite.signature == SigAlgorithm.SIG_ALG_RSA and suite.signature_key_length > LONGEST_RSA:
        return Pace(wrap, None)
    scheme = push_signature(suite.signature, suite.signature_hash)
    private = generate_private_key(suite.signature, suite.signature_key_length)
    message = bytes(PUSH_OCTETS)
    return Pace(wrap, _best(lambda: scheme.sign(private, message)))


def _best(work: Callable[[], object]) -> float:
    """Seconds of one call: the median of a few rounds."""
    start = perf_counter()
    work()
    once = max(1e-7, perf_counter() - start)
    times = max(1, min(2000, int(ROUND_SECONDS / once)))
    rounds = []
    for _ in range(ROUNDS):
        start = perf_counter()
        for _ in range(times):
            work()
        rounds.append((perf_counter() - start) / times)
    return median(rounds)
