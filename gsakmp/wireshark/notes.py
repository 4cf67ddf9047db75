"""The expert notes of the dissector: what it says where something can't be right."""

from __future__ import annotations

from typing import Final, NamedTuple

from gsakmp.wireshark.names import PROTOCOL

__all__ = ["NOTES", "Note"]


class Note(NamedTuple):
    """One sort of note: `name` is its filter's last part, `text` what Wireshark calls it, `group` and
    `severity` are Wireshark's words, `doc` says when it is made."""

    name: str
    text: str
    group: str
    severity: str
    doc: str

    @property
    def filter(self) -> str:
        """What finds the messages that have one."""
        return f"{PROTOCOL}.expert.{self.name}"


NOTES: Final = (
    Note("truncated", "Truncated", "MALFORMED", "ERROR", "octets that are missing"),
    Note("length", "Contradicting length or count", "MALFORMED", "ERROR",
         "a length or a count that contradicts the octets"),
    Note("trailing", "Octets left over", "MALFORMED", "ERROR", "octets that belong to nothing"),
    Note("limit", "More than a limit allows", "MALFORMED", "ERROR",
         "more of something than the library would take"),
    Note("version", "Unknown version", "MALFORMED", "ERROR",
         "a major version that is neither 1 nor 2: no message; shown as data"),
    Note("data", "No message", "UNDECODED", "NOTE",
         "octets without a header, on a port that `gdoi.ports` adds to 848: ESP, perhaps; shown as data"),
    Note("reserved", "Reserved and not zero", "PROTOCOL", "WARN", "reserved octets that are not zero"),
    Note("unknown", "Unknown payload type", "UNDECODED", "NOTE", "a payload type that has no definition"),
    Note("encrypted", "Not decrypted", "DECRYPTION", "NOTE", "no key is known, and why"),
    Note("keys", "Trouble with a key", "DECRYPTION", "WARN",
         "a key that does not fit, a key file that can't be read"),
    Note("partly", "Partly decrypted", "DECRYPTION", "WARN",
         "the frame that the first block's IV was in is not there; what of that block is made up"),
    Note("preference", "Unknown word in a preference", "PROTOCOL", "WARN",
         "`gdoi.dialect` or `gdoi.other_ports` has a word that it does not know, and what counts instead"),
    Note("bug", "A fault of this dissector", "PROTOCOL", "ERROR", "please report it"),
)  # fmt: skip
"""Those of the group MALFORMED stand exactly where the strict parser refuses a message."""
