"""Everything cryptographic that IKEv1 and GDOI need, octets in and octets out.

- `hashes`: hash functions and the PRFs made of them; `check_hash`, which raises.
- `ciphers`: the CBC ciphers of phase 1 and of a KEK. `aead`: AES-GCM and GMAC of a TEK. `teks`: key sizes.
- `groups`: Diffie-Hellman.
- `keys`, `signatures`: RSA and ECDSA as phase 1 and a PUSH use them.
- `derivation`: SKEYID and what follows of it. `message_hashes`: HASH(1) to HASH(4). `push`: KEKs, what a
  PUSH's signature covers, acknowledgements.

All primitives are the provider's (pyca/cryptography); what it fails with is a
`gsakmp.errors.CryptoError`. An algorithm of the wire that is unknown, or weak without `allow_weak`, raises
`gsakmp.errors.PolicyRefused`; an argument that only a caller can get wrong raises `ConfigurationError`. A
check that fails raises, and never returns False. No object shows a secret in its text.
"""

from __future__ import annotations

from gsakmp.crypto.aead import GCM, gcm, gmac, gmac_check, split_salted
from gsakmp.crypto.ciphers import CBCCipher, kek_cipher, pad, phase1_cipher
from gsakmp.crypto.derivation import (
    PhaseOneKeys,
    nat_discovery_hash,
    skeyid_pre_shared_key,
    skeyid_public_key_encryption,
    skeyid_signatures,
)
from gsakmp.crypto.groups import Group, KeyPair, diffie_hellman_group
from gsakmp.crypto.hashes import HashFunction, acknowledgement_hash, check_hash, hash_function, signature_hash
from gsakmp.crypto.keys import (
    PrivateKey,
    PublicKey,
    accepted_public_key,
    generate_private_key,
    key_length,
    private_key,
    private_octets,
    public_key,
    public_octets,
)
from gsakmp.crypto.message_hashes import (
    hash_1,
    hash_2,
    pull_hash_3,
    pull_hash_4,
    quick_mode_hash_3,
    quick_mode_keymat,
)
from gsakmp.crypto.push import KEK, acknowledgement_hash_data, acknowledgement_key, push_signed_octets
from gsakmp.crypto.randomness import Random, random_octets, system_random
from gsakmp.crypto.signatures import SignatureScheme, phase1_signature, push_signature
from gsakmp.crypto.teks import TEKSizes, ah_key_sizes, esp_key_sizes

__all__ = [
    "GCM",
    "KEK",
    "CBCCipher",
    "Group",
    "HashFunction",
    "KeyPair",
    "PhaseOneKeys",
    "PrivateKey",
    "PublicKey",
    "Random",
    "SignatureScheme",
    "TEKSizes",
    "accepted_public_key",
    "acknowledgement_hash",
    "acknowledgement_hash_data",
    "acknowledgement_key",
    "ah_key_sizes",
    "check_hash",
    "diffie_hellman_group",
    "esp_key_sizes",
    "gcm",
    "generate_private_key",
    "gmac",
    "gmac_check",
    "hash_1",
    "hash_2",
    "hash_function",
    "kek_cipher",
    "key_length",
    "nat_discovery_hash",
    "pad",
    "phase1_cipher",
    "phase1_signature",
    "private_key",
    "private_octets",
    "public_key",
    "public_octets",
    "pull_hash_3",
    "pull_hash_4",
    "push_signature",
    "push_signed_octets",
    "quick_mode_hash_3",
    "quick_mode_keymat",
    "random_octets",
    "signature_hash",
    "skeyid_pre_shared_key",
    "skeyid_public_key_encryption",
    "skeyid_signatures",
    "split_salted",
    "system_random",
]
