"""State machines as tables: ``(state, input): (action, next state)``.

A state is named by what it waits for, an input by what happened. An action is a method of the machine; if it
raises, the state stays, so an action first checks and only then changes anything. The matrix and the diagram
are derived from the table, and tests hold snapshots of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import Any, ClassVar, Final

from gsakmp.errors import InternalError, StateError, UnexpectedMessage

__all__ = ["Machine", "Table"]

RECEIVED: Final = "RECV_"
"""What the names of inputs that a peer causes start with."""


class Table:
    """The transitions of a machine. Raises `InternalError` for one that can't be reached or never ends."""

    def __init__(
        self, initial: StrEnum, transitions: Mapping[tuple[StrEnum, StrEnum], tuple[str, StrEnum]]
    ) -> None:
        self.initial = initial
        self.transitions = dict(transitions)
        self.states = tuple(type(initial))
        self.inputs = tuple(dict.fromkeys(happened for _, happened in self.transitions))
        reached, waiting = {initial}, [initial]
        while waiting:
            state = waiting.pop()
            for (origin, _), (_, target) in self.transitions.items():
                if origin == state and target not in reached:
                    reached.add(target)
                    waiting.append(target)
        if lost := set(self.states) - reached:
            raise InternalError(f"states that nothing leads to: {', '.join(sorted(lost))}")

    def matrix(self) -> str:
        """Every state by every input, as a Markdown table; a dash where the input has no place."""
        lines = [f"| state | {' | '.join(self.inputs)} |", "|---" * (len(self.inputs) + 1) + "|"]
        for state in self.states:
            cells = []
            for happened in self.inputs:
                action, target = self.transitions.get((state, happened), ("", state))
                cells.append(f"{action} → {target}" if action else "-")
            lines.append(f"| {state} | {' | '.join(cells)} |")
        return "\n".join(lines) + "\n"

    def diagram(self) -> str:
        """The machine as a Mermaid state diagram."""
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        for (state, happened), (action, target) in self.transitions.items():
            lines.append(f"    {state} --> {target}: {happened} / {action}")
        ends = [state for state in self.states if not any(origin == state for origin, _ in self.transitions)]
        lines += [f"    {state} --> [*]" for state in ends]
        return "\n".join(lines) + "\n"


class Machine:
    """A machine that has `table`. Subclasses define the methods that the table's actions name."""

    table: ClassVar[Table]

    def __init_subclass__(cls, **keywords: Any) -> None:
        """Raises `InternalError` for an action that the class lacks."""
        super().__init_subclass__(**keywords)
        table = getattr(cls, "table", None)
        for action, _ in table.transitions.values() if table else ():
            if not callable(getattr(cls, action, None)):
                raise InternalError(f"{cls.__name__} has no action {action}")

    def __init__(self) -> None:
        self.state: StrEnum = self.table.initial

    def fire(self, happened: StrEnum, *arguments: Any) -> Any:
        """Do what the table says for `happened`, and go where it says; what the action returns.

        Raises `UnexpectedMessage` for a peer's message that has no place in the present state, `StateError`
        for a call that has none, and whatever the action raises; the state is then the same as before.
        """
        found = self.table.transitions.get((self.state, happened))
        if found is None:
            wrong = UnexpectedMessage if happened.startswith(RECEIVED) else StateError
            raise wrong(f"{happened} in state {self.state}")
        action, target = found
        result = getattr(self, action)(*arguments)
        self.state = target
        return result
