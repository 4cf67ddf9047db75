"""What a run has met, counted, and as one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import TYPE_CHECKING

from gsakmp.captures import Counts
from gsakmp.reports.words import amount, counted

if TYPE_CHECKING:
    from gsakmp.captures.opened import Opened

__all__ = ["Tally"]


@dataclass
class Tally:
    """Counts of a whole run."""

    keys: bool = False
    """Whether the user gave keys, and so wants to know what they have opened."""
    messages: int = 0
    malformed: int = 0
    unwanted: int = 0
    opened: int = 0
    """Messages and packets that were decrypted, if only in part."""
    closed: int = 0
    """Those that were not, for want of a key or with one that does not fit."""
    right: int = 0
    wrong: int = 0
    """Checks."""
    failed: int = 0
    """Messages and packets of which something is wrong: malformed, a key that does not fit, a check."""
    frames: int = 0
    incomplete: int = 0
    other: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)

    def count(self, opened: Opened) -> None:
        """One more that the user wanted."""
        from gsakmp.captures.opened import Status

        status = opened.status
        if opened.esp is not None:
            self.other["ESP"] += 1
        else:
            self.messages += 1
            self.malformed += opened.error is not None or status is Status.MALFORMED
        self.opened += status in (Status.OPENED, Status.PARTLY)
        self.closed += status in (Status.SEALED, Status.WRONG_KEY)
        self.failed += opened.failed
        for check in opened.checks:
            self.right += check.passed is True
            self.wrong += check.passed is False

    def capture(self, counts: Counts) -> None:
        """What a capture file held beside datagrams."""
        self.frames += counts.frames
        self.incomplete += counts.incomplete
        for reason, count in counts.skipped.items():
            self.skipped[str(reason)] += count

    def add(self, other: Tally) -> None:
        """What another tally counted, too."""
        for each in fields(self):
            if each.type == "int":
                setattr(self, each.name, getattr(self, each.name) + getattr(other, each.name))
        self.other.update(other.other)
        self.skipped.update(other.skipped)

    @property
    def sound(self) -> bool:
        """Whether nothing is wrong."""
        return not (self.malformed or self.failed)

    @property
    def nothing(self) -> bool:
        """Whether no message and no packet was met that is wanted."""
        return not (self.messages or self.other["ESP"])

    @property
    def notable(self) -> bool:
        """Whether there is more to say than what the output shows anyway."""
        return bool(self.keys or self.frames or self.other or self.unwanted or not self.sound)

    def text(self) -> str:
        """All in one line."""
        parts = [amount(self.messages, self.other["ESP"])]
        parts += [f"{self.malformed:,} malformed"] if self.malformed else []
        parts += [f"{self.unwanted:,} filtered out"] if self.unwanted else []
        parts += [counted(count, name) for name, count in sorted(self.other.items()) if name != "ESP"]
        if self.keys or self.wrong:
            parts += [f"{self.opened:,} opened", f"{self.closed:,} closed"]
            parts += [f"{counted(self.right, 'check')} right", f"{self.wrong:,} wrong"]
        text = ", ".join(parts)
        if self.frames:
            text = f"{counted(self.frames, 'frame')}: {text}"
        if self.skipped:
            text += "; skipped: " + ", ".join(f"{n:,} {reason}" for reason, n in sorted(self.skipped.items()))
            if self.nothing and "another port" in self.skipped:
                text += " (--port names one)"
        if self.incomplete:
            text += f"; {counted(self.incomplete, 'datagram')} with fragments missing"
        return text
