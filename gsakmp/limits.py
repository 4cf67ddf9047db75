"""Every bound on what an untrusted peer can make us hold: name, value, unit, reason.

They are far above what the standards need and far below what would hurt. A message that passes one
raises `gsakmp.errors.LimitExceeded`, in lenient mode too.
"""

from __future__ import annotations

from typing import Final

__all__ = [
    "ATTRIBUTES_PER_PAYLOAD",
    "CACHED_ATTRIBUTES",
    "CAPTURE_BLOCK_OCTETS",
    "CAPTURE_FRAME_OCTETS",
    "CAPTURE_INTERFACES",
    "COMPARED_MESSAGES",
    "ELEMENTS_PER_PAYLOAD",
    "FRAGMENTS_PER_DATAGRAM",
    "FRAGMENT_SECONDS",
    "GROUP_MEMBERS",
    "HEX_LINE_OCTETS",
    "JSON_LINE_OCTETS",
    "KEY_LINE_OCTETS",
    "LADDER_COLUMNS",
    "LADDER_MESSAGES",
    "MESSAGE_OCTETS",
    "NESTING",
    "OPENED_EXCHANGES",
    "OPENED_GRANTS",
    "OPENED_GROUP_SAS",
    "OPENED_MEMBERS",
    "OPENED_PHASES_1",
    "PAYLOADS_PER_CHAIN",
    "PENDING_DATAGRAMS",
    "PENDING_OCTETS",
    "SECRETS",
    "STORY_ENTRIES",
    "STORY_HOLDINGS",
    "STORY_MEMBERS",
]

MESSAGE_OCTETS: Final = 65_535
"""Octets of one message: ISAKMP runs over UDP, whose length field has 16 bits (RFC 768)."""

PAYLOADS_PER_CHAIN: Final = 256
"""Payloads linked by Next Payload in one chain. Proposals and transforms number at most 255
(RFC 2408, 3.5 and 3.6: one octet), and a GDOI group with 200 TEKs still fits."""

NESTING: Final = 8
"""Chains and attribute lists inside one another. The standards reach four: SA, proposal,
transform, attribute; KD, key packet, attribute, LKH key."""

ATTRIBUTES_PER_PAYLOAD: Final = 1024
"""Attributes in one payload or key packet: a KD may hold an LKH update array per affected subtree
(RFC 6407, 5.6.3.2), so this is above what a transform would ever need."""

ELEMENTS_PER_PAYLOAD: Final = 8192
"""Elements of a counted list (SPIs of a Delete, keys of an LKH array, key packets of a KD).
4,080 LKH keys of the smallest size fill the largest message."""

CACHED_ATTRIBUTES: Final = 4096
"""Distinct TV attributes that a table keeps for reuse; past it they are made anew each time."""

CAPTURE_FRAME_OCTETS: Final = 262_144
"""Octets of one frame in a pcap file: the largest snapshot length that capture programs use. A
longer record means that the file is damaged."""

CAPTURE_BLOCK_OCTETS: Final = 16 * 1024 * 1024
"""Octets of one pcapng block; those that are no packets (names, secrets) may be longer than a frame."""

CAPTURE_INTERFACES: Final = 1024
"""Interfaces of one pcapng section; a machine with this many is not known."""

FRAGMENTS_PER_DATAGRAM: Final = 64
"""IP fragments of one datagram in a capture: 65,535 octets in pieces of 1,024 and up."""

FRAGMENT_SECONDS: Final = 60
"""Seconds of capture time that a datagram's fragments wait for one another (RFC 8200, 4.5); later
ones with the same identification belong to another datagram."""

PENDING_DATAGRAMS: Final = 1024
"""Datagrams of a capture that wait for fragments; the oldest is given up first."""

PENDING_OCTETS: Final = 16 * 1024 * 1024
"""Octets of fragments that a capture reader holds at once."""

JSON_LINE_OCTETS: Final = 16 * 1024 * 1024
"""One line of ``decode --json``; a message of 65,535 octets takes about a megabyte."""

HEX_LINE_OCTETS: Final = 1024 * 1024
"""Hexadecimal digits and separators of one message given as text."""

KEY_LINE_OCTETS: Final = 65_536
"""One line of a key file, or of a log that is read as one. A key line has some hundred."""

SECRETS: Final = 65_536
"""Secrets of one key file; a recording writes a dozen for each registration and rekey."""

OPENED_PHASES_1: Final = 4096
"""ISAKMP SAs, established or in the making, that the opening of a capture keeps track of; of more the one
that was quiet longest is forgotten."""

OPENED_EXCHANGES: Final = 8192
"""Exchanges under ISAKMP SAs whose IVs and nonces are kept; the one that was quiet longest gives way."""

OPENED_GROUP_SAS: Final = 4096
"""Rekey SAs, and as many data SAs, whose keys the opening of a capture keeps."""

OPENED_GRANTS: Final = 4096
"""Members' shares in sequences of keys by periods that the opening of a capture keeps: up to 24 kilobytes of
seeds each."""

OPENED_MEMBERS: Final = 65_536
"""Members whose keys of an LKH tree are kept: as many as a tree has leaves (RFC 6407, 5.6.3.1)."""

LADDER_MESSAGES: Final = 10_000
"""Arrows of one ladder; a drawing of more is none. The messages after them are counted."""

LADDER_COLUMNS: Final = 24
"""Columns of one ladder; the hosts and groups that talk least share the last one."""

STORY_ENTRIES: Final = 4096
"""SAs of each category, rekeys, failed checks, and so on, that ``explain`` tells one by one; it counts the
rest."""

STORY_MEMBERS: Final = 65_536
"""Members that ``explain`` keeps apart, in all groups together: as many as one LKH tree has leaves."""

STORY_HOLDINGS: Final = 262_144
"""Who holds which SA, and who has acknowledged which push, in ``explain``: pairs in all."""

COMPARED_MESSAGES: Final = 256
"""Messages of either capture that ``diff`` looks ahead to find what goes with what; the time for it grows
with the square."""

GROUP_MEMBERS: Final = 1 << 22
"""Members of one group: each takes about a kilobyte in a key server's memory, beside what the rekey algorithm
keeps of it."""
