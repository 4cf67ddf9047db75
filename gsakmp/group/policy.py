"""What an operator says about a group: the policy from which its GSA is made (RFC 3740, 4.1).

Plain typed objects, decoded from TOML by `gsakmp.net.configuration`; `gsakmp.group.checks` says whether they
make sense together. Times are seconds.
"""

from __future__ import annotations

from typing import Literal

import msgspec

__all__ = [
    "DataPolicy",
    "GroupPolicy",
    "MemberPolicy",
    "PeriodPolicy",
    "RegistrationPolicy",
    "RekeyPolicy",
    "Selector",
]

Credential = Literal["pre-shared-key", "rsa-signature", "ecdsa-256", "ecdsa-384", "ecdsa-521"]
"""How a peer proves in phase 1 who it is (RFC 2409, 5; RFC 4754)."""


class RegistrationPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SA1, the category 1 SA of each member with the GCKS: which phase 1 protects its registration."""

    credentials: tuple[Credential, ...] = (
        *("pre-shared-key", "rsa-signature"),
        *("ecdsa-256", "ecdsa-384", "ecdsa-521"),
    )
    """The credential that a member needs: any one of these."""
    proposals: tuple[str, ...] = (
        "aes-128-sha256-group19",
        "aes-256-sha384-group20",
        "aes-256-sha512-group21",
    )
    """Phase-1 suites by name (`gsakmp.group.phase1_suites.phase1_suite`), the preferred one first."""


class RekeyPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SA2, a category 2 SA: how the group is rekeyed (RFC 6407, 5.3)."""

    transport: Literal["multicast", "unicast", "null"] = "multicast"
    """``unicast`` sends each push to every member's own address. ``null`` declares that rekeys travel another
    way: no SA KEK is sent, and members register again before their data SAs end. They do the same in a group
    without any SA2, which declares nothing (RFC 6407, 5.2.1)."""
    source: str = "0.0.0.0"
    """Address that pushes come from, for the SA KEK's source identity; the unspecified one means any."""
    source_port: int = 848
    destination: str = ""
    """Multicast address of the pushes; for ``unicast``, empty."""
    destination_port: int = 848
    encryption: str = "aes-128-cbc"
    """`gsakmp.group.suites.KEK_CIPHERS`."""
    signature: str = "ecdsa-256-sha256"
    """`gsakmp.group.suites.SIGNATURES`: RSA or ECDSA with its hash."""
    lifetime: int = 86_400
    """Of a KEK; a new one is pushed `rollover_margin` before its end."""
    rollover_margin: int = 600
    management: str = "flat"
    """The rekey algorithm, by the name that `gsakmp.group.rekey` registers it under: ``flat``, ``lkh``,
    ``oft``, or one of your own. Flat with ``re-pull`` is the default because any member of RFC 6407 can
    follow it; LKH is the choice for a group of any size whose members know it."""
    eviction: Literal["own-keys", "re-pull"] = "re-pull"
    """What the flat algorithm does for forward rekey: the new KEK under each remaining member's own key, or a
    Delete of everything, after which those who still may register again."""
    degree: int = 4
    """LKH: children of a node, 2 to 8."""
    trees: int = 1
    """LKH, and flat with own keys: trees below the KEK, each with LKH ids of its own."""
    capacity: int = 0
    """Members that are planned for: a policy whose algorithm has no room for them is refused. 0: as many as
    fit."""
    retransmissions: int = 2
    """How often a push is sent again, the same octets (RFC 6407, 4.3 leaves it to policy)."""
    retransmission_interval: float = 2.0
    acknowledgement: Literal["none", "sha256", "sha512"] = "none"
    """Whether members acknowledge pushes, and with which PRF (RFC 8263)."""
    silent_rekeys: int = 3
    """Pushes in a row without a member's acknowledgement after which it is reported."""
    drop_silent: bool = False
    """Whether a member so reported is evicted."""


class Selector(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which traffic a data SA protects: identities as text (`gsakmp.identities`), port 0 for any."""

    protocol: int = 0
    """IP protocol, 0 for any."""
    source: str = ""
    """Who sends. Empty for a common SA of all senders (RFC 6407, 5.5.1)."""
    source_port: int = 0
    destination: str
    destination_port: int = 0


class PeriodPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A data SA whose keys go by periods, for members that bought some of them (MARKS and NARK).

    Who registers is given its periods' keys at once, and nothing is ever pushed. When a sequence comes to its
    end there is another, right after it and with its periods numbered from 0 again.
    """

    construction: Literal["binary-hash-tree", "hash-chain"] = "binary-hash-tree"
    """See `gsakmp.group.rekey.marks`."""
    seconds: int = 60
    """That a period lasts."""
    count: int = 64
    """Periods of a sequence; for a binary hash tree a power of two."""
    start: str = ""
    """When a sequence begins, and others before and after it without gaps: ``2026-06-01T20:00:00Z``. Empty:
    as soon as the first one is made."""
    keys: Literal["marks", "nark"] = "marks"
    """Who is given the seeds: the member, or a module beside it, which releases one key at a time and keeps
    receipts of that."""
    allow_collusion: bool = False
    """A hash chain is refused without this: two members that put their seeds together also learn the keys of
    all periods between their own."""


class DataPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """SA3, category 3 SAs: how the traffic of a selector is protected (RFC 6407, 5.5; RFC 5374)."""

    selector: Selector
    senders: tuple[str, ...] = ()
    """Identities of the senders, each with an SA of its own that has it as source. Empty: one SA for all."""
    protocol: Literal["esp", "ah"] = "esp"
    encryption: str = "aes-gcm-128"
    """`gsakmp.group.suites.DATA_CIPHERS`; ``null`` with ESP for integrity alone. AH ignores it."""
    integrity: str = ""
    """`gsakmp.group.suites.DATA_INTEGRITY`; empty with a combined mode."""
    mode: Literal["tunnel", "transport", "tunnel-preserved"] = "tunnel-preserved"
    """Encapsulation; with addresses preserved as RFC 5374, 3.1 has it for multicast tunnels."""
    lifetime: int = 3_600
    rollover_margin: int = 300
    """How long before its end an SA is replaced by a push."""
    sender_id_bits: Literal[8, 12, 16] = 16
    """Bits of a sender id in the nonce of a counter mode (RFC 6054, 3)."""
    periods: PeriodPolicy | None = None
    """Keys by periods, for a group whose SA2 is null or absent. `lifetime` is then said by the periods, and
    `rollover_margin` is how long before a sequence's end there is its successor, at most half of it."""


class MemberPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Whom the group admits: a pattern for its phase-1 identity, or for its certificate's names."""

    identity: str = ""
    """An identity as text; ``*`` in its data stands for anything (``fqdn:*.plant.example``)."""
    certificate: str = ""
    """A pattern for the certificate's subject (RFC 4514 text) or one of its subject alternative names."""
    sender: bool = True
    """Whether it may send, and so gets sender ids where they are needed."""
    periods: str = ""
    """Which periods it is given, where keys go by periods. ``all`` of them; empty: all from the one in which
    it registers, so that it can't read what went before. By number, in each sequence: ``0-59``, ``7``,
    ``60-``. By time, every period of which some lies within: ``2026-06-01T20:00Z/2026-06-01T22:00Z``, or
    ``2026-06-01T20:00Z/`` without an end. Several, with commas between."""
    module: str = ""
    """Public keys of its module, where `PeriodPolicy.keys` is ``nark``: what ``gsakmp nark-module init``
    prints."""


class GroupPolicy(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The whole policy of one group."""

    name: str
    identity: str
    """The group's identity on the wire, in text: ``key-id:0x000004d2``."""
    registration: RegistrationPolicy = RegistrationPolicy()
    members: tuple[MemberPolicy, ...] = ()
    """Who may join; nobody if empty."""
    rekey: tuple[RekeyPolicy, ...] = ()
    data: tuple[DataPolicy, ...]
    forward_rekey: bool = True
    """A leaver can't read what follows (RFC 6407, 7.4.1)."""
    backward_rekey: Literal["off", "new-data-keys", "new-kek"] = "off"
    """A joiner can't read what went before (RFC 6407, 7.4.2): it gets the Rekey SA alone, and new data SAs
    follow by push; or, against who has stored old pushes, a new Rekey SA as well. A key tree needs
    that more than others: without it the keys of a joiner's path open pushes as old as they are."""
    hide_policy_from_leaver: bool = False
    """Whether forward rekey also hides the new KEK's policy: two KEK changes before new data SAs (7.4.1)."""
    batch_interval: float = 0.0
    """Seconds for which changes of membership are collected, to be followed by one rekey; 0: each has one.
    Whoever left or was evicted is out at once, and can read what is sent until the interval ends. With
    backward rekey whoever joins is given data SAs as it ends; nothing goes under the KEK that joiners share
    until then, so none of them learns what went before."""
    activation_delay: int = 5
    """ATD: how long a member waits before it sends with a new data SA (RFC 6407, 5.4)."""
    deactivation_delay: int = 10
    """DTD: how long a member still receives with one that was replaced or deleted (RFC 6407, 5.4)."""
    allow_weak: bool = False
    """MD5, SHA-1, 3DES, groups 2 and 5, RSA below 2048 bits: for peers that know nothing better."""
