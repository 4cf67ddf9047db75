"""From secrets to the keys of an ISAKMP SA: all that they might be, for the messages themselves to decide."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from fnmatch import fnmatchcase
from itertools import islice
from typing import Final, NamedTuple

from gsakmp.captures.keyring import PHASE_1, Keyring, Kind
from gsakmp.captures.opening.draft import Recent
from gsakmp.captures.opening.state import ISAKMPState
from gsakmp.crypto import (
    CBCCipher,
    HashFunction,
    KeyPair,
    PhaseOneKeys,
    diffie_hellman_group,
    skeyid_pre_shared_key,
    skeyid_signatures,
)
from gsakmp.crypto.ciphers import AES_128_CBC, AES_192_CBC, AES_256_CBC, DES_CBC, TRIPLE_DES_CBC
from gsakmp.crypto.derivation import encryption_key
from gsakmp.crypto.hashes import MD5, SHA1, SHA256, SHA384, SHA512
from gsakmp.errors import GsakmpError
from gsakmp.registries import AuthenticationMethod, GroupDescription

__all__ = ["Candidate", "Candidates"]

ALL: Final = frozenset({Kind.SKEYID, Kind.SKEYID_D, Kind.SKEYID_A, Kind.SKEYID_E, Kind.ENCRYPTION_KEY})
CIPHERS: Final = (AES_128_CBC, AES_192_CBC, AES_256_CBC, TRIPLE_DES_CBC, DES_CBC)
HASHES: Final = (SHA256, SHA1, SHA384, SHA512, MD5)
KEPT_SAS: Final = 16
"""ISAKMP SAs whose candidates are kept; each message that stays sealed is tried on all of them."""
KEPT: Final = 4096
"""Candidates of one SA that are kept; the others are made anew each time."""
PAIRS: Final = 1024
"""Diffie-Hellman key pairs that are kept."""
Parts = dict[Kind, tuple[bytes, ...]]


class Candidate(NamedTuple):
    """Keys that an SA may have, and which of them there are; `named` if the secrets name the SA."""

    keys: PhaseOneKeys
    known: frozenset[Kind]
    named: bool


class Kept(Iterable[Candidate]):
    """What `make` gives, made as it is asked for and then kept, up to `KEPT` of it."""

    def __init__(self, make: Callable[[], Iterator[Candidate]]) -> None:
        self._make = make
        self._rest = make()
        self._found: list[Candidate] = []

    def __iter__(self) -> Iterator[Candidate]:
        place = 0
        while place < len(self._found) or self._grown():
            yield self._found[place]
            place += 1
        if place >= KEPT:
            yield from islice(self._make(), place, None)

    def _grown(self) -> bool:
        """Whether there is one more, and room for it."""
        more = next(self._rest, None) if len(self._found) < KEPT else None
        if more is not None:
            self._found.append(more)
        return more is not None


class Candidates:
    """The candidates of all SAs, from the secrets of `keyring`."""

    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring
        self._kept: Recent[tuple[object, ...], Kept] = Recent(KEPT_SAS)
        self._pairs: Recent[tuple[GroupDescription, bytes], KeyPair] = Recent(PAIRS)

    def of(self, state: ISAKMPState) -> Iterable[Candidate]:
        """Those that make the most known first, for one name of secrets after the other."""
        sides = state.initiator, state.responder
        place = (
            state.name,
            state.suite,
            *((side.public, side.nonce, side.identity, side.host) for side in sides),
        )
        return self._kept.get(place) or self._kept.put(place, Kept(lambda: self._made(state)))

    def _made(self, state: ISAKMPState) -> Iterator[Candidate]:
        own = (state.name, state.initiator_cookie.hex())
        psks = _pre_shared_keys(self._keyring, state)
        for name in (*own, *self._keyring.labels):
            parts = {kind: found for kind in PHASE_1 if (found := self._keyring.of(kind, name))}
            if not parts:
                continue
            for keys, known in self._of_parts(state, parts, psks):
                yield Candidate(keys, known, name in own)

    def _of_parts(
        self, state: ISAKMPState, parts: Parts, psks: list[bytes]
    ) -> Iterator[tuple[PhaseOneKeys, frozenset[Kind]]]:
        for hash_, cipher in _algorithms(state, parts):
            for secret in self._shared_secrets(state, parts):
                for skeyid in _skeyids(state, parts, psks, hash_, secret):
                    yield (
                        PhaseOneKeys.derive(
                            hash_function=hash_,
                            cipher=cipher,
                            skeyid=skeyid,
                            shared_secret=secret,
                            initiator_cookie=state.initiator_cookie,
                            responder_cookie=state.responder_cookie,
                        ),
                        ALL,
                    )
            yield from _direct(state, parts, hash_, cipher)

    def _shared_secrets(self, state: ISAKMPState, parts: Parts) -> Iterator[bytes]:
        """g^xy: as given, or made of a private value that belongs to one of the two public ones."""
        yield from parts.get(Kind.DH_SHARED, ())
        suite, one, other = state.suite, state.initiator.public, state.responder.public
        if suite is None or suite.group is None or not one or not other:
            return
        for private in parts.get(Kind.DH_PRIVATE, ()):
            try:
                pair = self._pair(suite.group, private)
                if pair.public in (one, other):
                    yield pair.shared(other if pair.public == one else one)
            except GsakmpError:
                continue

    def _pair(self, group: GroupDescription, private: bytes) -> KeyPair:
        """The key pair of a private value. Raises what `diffie_hellman_group` and `key_pair` do."""
        known = self._pairs.get((group, private))
        if known is not None:
            return known
        made = diffie_hellman_group(group, allow_weak=True).key_pair(private)
        return self._pairs.put((group, private), made)


def _direct(
    state: ISAKMPState, parts: Parts, hash_: HashFunction, cipher: CBCCipher
) -> Iterator[tuple[PhaseOneKeys, frozenset[Kind]]]:
    """With the encryption key as it is given, or made of SKEYID_e."""
    own = [key for key in parts.get(Kind.ENCRYPTION_KEY, ()) if len(key) == cipher.key_size]
    made = [encryption_key(hash_, cipher, octets) for octets in parts.get(Kind.SKEYID_E, ())]
    for key in dict.fromkeys((*own, *made)):
        known = frozenset(kind for kind in ALL if kind in parts or kind is Kind.ENCRYPTION_KEY)

        def first(kind: Kind) -> bytes:
            return parts.get(kind, (b"",))[0]

        yield (
            PhaseOneKeys(
                hash_function=hash_,
                cipher=cipher,
                initiator_cookie=state.initiator_cookie,
                responder_cookie=state.responder_cookie,
                skeyid=first(Kind.SKEYID),
                skeyid_d=first(Kind.SKEYID_D),
                skeyid_a=first(Kind.SKEYID_A),
                skeyid_e=first(Kind.SKEYID_E),
                key=key,
            ),
            known,
        )


def _algorithms(state: ISAKMPState, parts: Parts) -> Iterator[tuple[HashFunction, CBCCipher]]:
    """Those that phase 1 agreed on. Where that is not in the file, those that the secrets' lengths allow."""
    suite = state.suite
    if suite is not None:
        if suite.hash_function is not None and suite.cipher is not None:
            yield suite.hash_function, suite.cipher
        return
    sizes = {
        len(octets)
        for kind in (Kind.SKEYID, Kind.SKEYID_D, Kind.SKEYID_A, Kind.SKEYID_E)
        for octets in parts.get(kind, ())
    }
    keys = {len(octets) for octets in parts.get(Kind.ENCRYPTION_KEY, ())}
    for hash_ in HASHES:
        for cipher in CIPHERS:
            if (not sizes or hash_.size in sizes) and (not keys or cipher.key_size in keys):
                yield hash_, cipher


def _skeyids(
    state: ISAKMPState, parts: Parts, psks: list[bytes], hash_: HashFunction, secret: bytes
) -> Iterator[bytes]:
    yield from parts.get(Kind.SKEYID, ())
    nonces = state.initiator.nonce, state.responder.nonce
    if not all(nonces):
        return
    method = None if state.suite is None else state.suite.method
    if method in (None, AuthenticationMethod.PRE_SHARED_KEY):
        for key in psks:
            yield skeyid_pre_shared_key(hash_, key, *nonces)
    if method != AuthenticationMethod.PRE_SHARED_KEY:
        yield skeyid_signatures(hash_, *nonces, secret)


def _pre_shared_keys(keyring: Keyring, state: ISAKMPState) -> list[bytes]:
    """All, those first whose identity is one of the peers', as far as that is known: in Main Mode it comes
    encrypted, and a key that is written down for another name may be the right one all the same."""
    names = [party.identity.lower() for party in (state.initiator, state.responder) if party.identity]
    for party in (state.initiator, state.responder):
        names += [f"ipv4:{party.host}", f"ipv6:{party.host}"] if party.host else []

    def rank(pair: tuple[str, bytes]) -> bool:
        pattern = pair[0].lower().replace("?", "[?]")
        return not any(fnmatchcase(name, pattern) for name in names)

    return list(dict.fromkeys(key for _, key in sorted(keyring.pre_shared_keys(), key=rank)))
