"""What a run has met, counted, and as one line."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from gsakmp.captures import Counts
from gsakmp.cli.records import Record

__all__ = ["Tally", "counted"]


@dataclass
class Tally:
    """Counts of a whole run."""

    messages: int = 0
    malformed: int = 0
    unwanted: int = 0
    other: Counter[str] = field(default_factory=Counter)
    skipped: Counter[str] = field(default_factory=Counter)
    frames: int = 0
    incomplete: int = 0

    def record(self, record: Record) -> None:
        """One more record."""
        self.messages += 1
        self.malformed += record.error is not None

    def capture(self, counts: Counts) -> None:
        """What a capture file held beside datagrams."""
        self.frames += counts.frames
        self.incomplete += counts.incomplete
        for reason, count in counts.skipped.items():
            self.skipped[str(reason)] += count

    def add(self, other: Tally) -> None:
        """What another tally counted, too."""
        for name in ("messages", "malformed", "unwanted", "frames", "incomplete"):
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.other.update(other.other)
        self.skipped.update(other.skipped)

    @property
    def notable(self) -> bool:
        """Whether there is more to say than what the output shows anyway."""
        return bool(self.frames or self.malformed or self.other or self.unwanted)

    def text(self) -> str:
        """All in one line."""
        parts = [counted(self.messages, "message")]
        parts += [f"{self.malformed} malformed"] if self.malformed else []
        parts += [f"{self.unwanted} filtered out"] if self.unwanted else []
        parts += [counted(count, name) for name, count in sorted(self.other.items())]
        text = ", ".join(parts)
        if self.frames:
            text = f"{counted(self.frames, 'frame')}: {text}"
        if self.skipped:
            text += "; skipped: " + ", ".join(f"{n} {reason}" for reason, n in sorted(self.skipped.items()))
            if not self.messages and "another port" in self.skipped:
                text += " (--port names one)"
        if self.incomplete:
            text += f"; {counted(self.incomplete, 'datagram')} with fragments missing"
        return text


def counted(number: int, what: str) -> str:
    """``1 frame``, ``2 frames``; ESP has no plural."""
    return f"{number} {what}{'' if number == 1 or what.isupper() else 's'}"
