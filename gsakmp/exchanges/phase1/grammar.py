"""Which payloads each message of phase 1 has (RFC 2409, 5.1 and 5.4; RFC 3947, 3.2).

The SA payload comes first; beyond that phase 1 knows no order (RFC 2409, 5).
"""

from __future__ import annotations

from typing import Final

from gsakmp.exchanges.grammar import ANYWHERE, Grammar, Slot
from gsakmp.payloads import (
    SA,
    Certificate,
    Hash,
    Identification,
    KeyExchange,
    NATDiscovery,
    Nonce,
    Signature,
)
from gsakmp.registries import AuthenticationMethod

__all__ = [
    "AGGRESSIVE_1",
    "MAIN_1",
    "MAIN_2",
    "MAIN_3",
    "MAIN_4",
    "aggressive_2",
    "aggressive_3",
    "main_5",
    "main_6",
]

CERTIFICATES: Final = Slot(Certificate, 0, 16)
"""The sender's own, those between it and an authority, and perhaps revocation lists (RFC 4945, 3.3)."""
NAT_DISCOVERY: Final = Slot(NATDiscovery, 0, 16)
"""One for the destination, and one for each address that the sender may have (RFC 3947, 3.2)."""
PROOFS: Final[dict[bool, tuple[Slot, ...]]] = {
    True: (Slot(Hash),),
    False: (Slot(Signature), CERTIFICATES),
}
"""HASH_I and HASH_R with a pre-shared key (True), else signatures."""

MAIN: Final = "Main Mode message"
AGGRESSIVE: Final = "Aggressive Mode message"
RFC: Final = "RFC 2409, 5"

MAIN_1: Final = Grammar(f"{MAIN} 1", RFC, first=(Slot(SA),), others=ANYWHERE)
MAIN_2: Final = Grammar(f"{MAIN} 2", RFC, first=(Slot(SA),), others=ANYWHERE)
MAIN_3: Final = Grammar(f"{MAIN} 3", RFC, others=(Slot(KeyExchange), Slot(Nonce), NAT_DISCOVERY, *ANYWHERE))
MAIN_4: Final = Grammar(f"{MAIN} 4", RFC, others=(Slot(KeyExchange), Slot(Nonce), NAT_DISCOVERY, *ANYWHERE))
AGGRESSIVE_1: Final = Grammar(
    f"{AGGRESSIVE} 1",
    RFC,
    first=(Slot(SA),),
    others=(Slot(KeyExchange), Slot(Nonce), Slot(Identification), *ANYWHERE),
)


def _with_proof(name: str) -> dict[bool, Grammar]:
    return {
        shared: Grammar(name, RFC, others=(Slot(Identification), *proof, *ANYWHERE), encrypted=True)
        for shared, proof in PROOFS.items()
    }


_MAIN_5: Final = _with_proof(f"{MAIN} 5")
_MAIN_6: Final = _with_proof(f"{MAIN} 6")
_AGGRESSIVE_2: Final = {
    shared: Grammar(
        f"{AGGRESSIVE} 2",
        RFC,
        first=(Slot(SA),),
        others=(
            *(Slot(KeyExchange), Slot(Nonce), Slot(Identification)),
            *(NAT_DISCOVERY, *proof, *ANYWHERE),
        ),
    )
    for shared, proof in PROOFS.items()
}
_AGGRESSIVE_3: Final = {
    (shared, encrypted): Grammar(
        f"{AGGRESSIVE} 3", RFC, others=(NAT_DISCOVERY, *proof, *ANYWHERE), encrypted=encrypted
    )
    for shared, proof in PROOFS.items()
    for encrypted in (True, False)
}


def main_5(method: AuthenticationMethod) -> Grammar:
    """``HDR*, IDii, HASH_I``, or ``HDR*, IDii, [CERT...], SIG_I``."""
    return _MAIN_5[_shared(method)]


def main_6(method: AuthenticationMethod) -> Grammar:
    """``HDR*, IDir, HASH_R``, or ``HDR*, IDir, [CERT...], SIG_R``."""
    return _MAIN_6[_shared(method)]


def aggressive_2(method: AuthenticationMethod) -> Grammar:
    """``HDR, SA, KE, Nr, IDir, HASH_R``, or ``HDR, SA, KE, Nr, IDir, [CERT...], SIG_R``."""
    return _AGGRESSIVE_2[_shared(method)]


def aggressive_3(method: AuthenticationMethod, encrypted: bool) -> Grammar:
    """``HDR, HASH_I``, or ``HDR, [CERT...], SIG_I``; encrypted or not, as the initiator likes."""
    return _AGGRESSIVE_3[_shared(method), encrypted]


def _shared(method: AuthenticationMethod) -> bool:
    return method == AuthenticationMethod.PRE_SHARED_KEY
