"""What each key opens, found by trying: every key that there really was on every ciphertext that was sent.

No name counts: a ciphertext that says it is for another key is tried as well, and what comes out counts if it
is a secret that there really was. So an algorithm can't hide a wrap by a wrong id, nor excuse one by a right
one. AES only; it is done on raw blocks, a key on all ciphertexts at once, since histories are many.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from cryptography.hazmat.primitives.ciphers import Cipher
from cryptography.hazmat.primitives.ciphers.algorithms import AES
from cryptography.hazmat.primitives.ciphers.modes import ECB

BLOCK = 16
WINDOW = 8


class Truth:
    """Secrets that there really were: all that the random source gave, by any cut, and single ones."""

    def __init__(self, draws: Iterable[bytes], known: Iterable[bytes] = ()) -> None:
        self.draws = b"|".join(draws)
        self.known = set(known)
        self.windows = {self.draws[at : at + WINDOW] for at in range(len(self.draws) - WINDOW + 1)}
        self.windows |= {one[:WINDOW] for one in self.known}

    def __contains__(self, octets: bytes) -> bool:
        return octets[:WINDOW] in self.windows and (octets in self.known or octets in self.draws)


class Ciphertexts:
    """Ciphertexts of whole blocks, CBC."""

    def __init__(self, texts: Iterable[bytes]) -> None:
        self.texts = [text for text in dict.fromkeys(texts) if text and len(text) % BLOCK == 0]
        self.all = b"".join(self.texts)
        chained = bytearray()
        self.starts: list[int] = []
        for text in self.texts:
            self.starts.append(len(chained))
            chained += bytes(BLOCK) + text[:-BLOCK]
        self.chained = int.from_bytes(chained, "big")

    def opened(self, key: bytes) -> Iterator[tuple[bytes, bytes]]:
        """Each ciphertext and what it is under `key`, an IV and then an AES key."""
        size = len(self.all)
        raw = Cipher(AES(key[BLOCK:]), ECB()).decryptor().update(self.all)
        plain = (int.from_bytes(raw, "big") ^ self.chained).to_bytes(size, "big")
        iv = int.from_bytes(key[:BLOCK], "big")
        for text, start in zip(self.texts, self.starts, strict=True):
            first = int.from_bytes(plain[start : start + BLOCK], "big") ^ iv
            yield text, first.to_bytes(BLOCK, "big") + plain[start + BLOCK : start + len(text)]
