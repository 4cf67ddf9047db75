"""What each rekey algorithm does and promises, in a few lines each."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from textwrap import fill
from typing import Final

__all__ = ["STATEMENTS", "Statement", "show_statements"]

NAME: Final = 15
"""Columns of names."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Statement:
    """About one algorithm. `docs/rekey.md` says more."""

    name: str
    """As `gsakmp rekey plan --algorithm` has it."""
    policy: str
    """How a group's policy asks for it."""
    does: str
    forward: str
    """Who can't read what follows, and when that does not hold."""
    backward: str
    """Who can't read what went before."""

    def as_plain(self) -> dict[str, str]:
        """For JSON."""
        return asdict(self)


ANY_COALITION: Final = "those who have left can't read on, all of them together"
NEWCOMERS: Final = "newcomers can't read what was, all of them together, where the policy asks for it"

STATEMENTS: Final = (
    Statement(
        name="flat-re-pull",
        policy='management = "flat", eviction = "re-pull"',
        does="no keys but the KEK: a leave deletes everything, and all register again who still may",
        forward=f"{ANY_COALITION}: they are not admitted again",
        backward=NEWCOMERS,
    ),
    Statement(
        name="flat-own-keys",
        policy='management = "flat", eviction = "own-keys"',
        does="a key for each member: a leave sends the new KEK under the key of each that stays",
        forward=ANY_COALITION,
        backward=NEWCOMERS,
    ),
    Statement(
        name="lkh",
        policy='management = "lkh", degree = 4, trees = 1',
        does="a tree of keys (RFC 2627, 5.4; RFC 6407, 5.6.3): a leave replaces those of its path",
        forward=ANY_COALITION,
        backward=NEWCOMERS,
    ),
    Statement(
        name="oft",
        policy='management = "oft"',
        does="a binary tree, its keys computed upwards: half the wraps of LKH for a leave; private numbers",
        forward=f"{ANY_COALITION}; one of them with one who joined later may",
        backward=f"{NEWCOMERS}; one of them with one who had left before may",
    ),
    Statement(
        name="marks",
        policy='[groups.data.periods] with keys = "marks"; [[groups.rekey]] null or absent',
        does="a key for each period, from seeds given at registration: nothing is ever sent; private numbers",
        forward="those whose periods are over can't read on, all of them together (hash chains: each alone); "
        "that end is fixed when they register",
        backward="those whose periods have not begun can't read what was, likewise",
    ),
    Statement(
        name="nark",
        policy='as marks, with keys = "nark", and a module for each of [[groups.members]]',
        does="the keys of marks, sealed to a module that releases one at a time and signs a receipt for each",
        forward="as marks; the module is software here, and binds nobody who breaks it",
        backward="as marks",
    ),
)


def show_statements() -> None:
    """Print them."""
    from gsakmp.cli.rekey.tables import NARROWEST, WIDEST, console

    out = console()
    prose = max(NARROWEST, min(WIDEST, out.width))
    indent = " " * NAME
    for number, statement in enumerate(STATEMENTS):
        if number:
            out.print()
        out.print(
            fill(f"{statement.name:<{NAME}}{statement.does}", prose, subsequent_indent=indent), style="bold"
        )
        for title, text in (
            ("policy", statement.policy),
            ("forward", statement.forward),
            ("backward", statement.backward),
        ):
            out.print(fill(f"{title:<{NAME}}{text}", prose, subsequent_indent=indent), soft_wrap=True)
