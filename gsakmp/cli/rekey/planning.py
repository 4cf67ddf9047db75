"""A plan: every algorithm, every change, what each costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

from gsakmp.cli.rekey.timing import Pace
from gsakmp.group.policy import RekeyPolicy
from gsakmp.group.rekey.costs import (
    ALGORITHMS,
    DEGREES,
    PERIODS,
    Cost,
    Scheme,
    Storage,
    check_numbers,
    schemes,
)

__all__ = ["Change", "Plan", "Request", "planned"]

POLICY: Final = RekeyPolicy(destination="239.192.0.1")
"""An SA2 by default. Its address only has to be one."""
Kind = Literal["leave", "join", "renew"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What is to be planned."""

    members: int
    leaves: tuple[int, ...] = (1,)
    joins: tuple[int, ...] = (1,)
    backward: bool = True
    algorithms: tuple[str, ...] = ALGORITHMS
    degrees: tuple[int, ...] = DEGREES
    trees: int = 0
    """0: as many as are needed."""
    periods: int = PERIODS
    policy: RekeyPolicy = POLICY

    @classmethod
    def of(
        cls,
        *,
        members: int,
        leaves: Sequence[int] | None = None,
        joins: Sequence[int] | None = None,
        algorithms: Sequence[str] | None = None,
        degrees: Sequence[int] | None = None,
        trees: int = 0,
        periods: int | None = None,
        encryption: str | None = None,
        signature: str | None = None,
        backward: bool = True,
    ) -> Request:
        """Of a command line, where None means what is usual."""
        return cls(
            members=members,
            leaves=tuple(leaves or (1,)),
            joins=tuple(joins or (1,)),
            backward=backward,
            algorithms=tuple(algorithms or ALGORITHMS),
            degrees=tuple(degrees or DEGREES),
            trees=trees,
            periods=PERIODS if periods is None else periods,
            policy=RekeyPolicy(
                destination=POLICY.destination,
                encryption=encryption or POLICY.encryption,
                signature=signature or POLICY.signature,
            ),
        )


@dataclass(frozen=True, slots=True)
class Change:
    """One change and its costs, in the order of the plan's schemes."""

    kind: Kind
    count: int
    costs: tuple[Cost, ...]

    @property
    def title(self) -> str:
        """For people."""
        if self.kind == "renew":
            return "The KEK's lifetime ends, the members stay"
        verb = self.kind
        if self.count == 1:
            return f"One member {verb}s"
        return f"A batch: {self.count:,} members {verb}"


@dataclass(frozen=True, slots=True)
class Plan:
    """The answer to a request."""

    request: Request
    schemes: tuple[Scheme, ...]
    storage: tuple[Storage, ...]
    changes: tuple[Change, ...]

    @property
    def limits(self) -> list[tuple[str, str]]:
        """Names of schemes, and what stands against each."""
        said = ((scheme.name, scheme.limits(self.request.members)) for scheme in self.schemes)
        return [(name, limit) for name, limit in said if limit]

    def as_plain(self, pace: Pace | None) -> dict[str, Any]:
        """For JSON. Without `pace` there are no times."""
        request = self.request
        plain: dict[str, Any] = {
            "members": request.members,
            "backward_rekey": request.backward,
            "encryption": request.policy.encryption,
            "signature": request.policy.signature,
        }
        if pace is not None:
            plain["wrap_seconds"], plain["signature_seconds"] = pace.wrap, pace.signature
        plain["algorithms"] = [self._scheme(index, pace) for index in range(len(self.schemes))]
        return plain

    def _scheme(self, index: int, pace: Pace | None) -> dict[str, Any]:
        scheme = self.schemes[index]
        changes = []
        for change in self.changes:
            cost = change.costs[index]
            row = {"change": change.kind, "count": change.count, **asdict(cost)}
            if pace is not None:
                row["seconds"] = pace.seconds(cost.wraps, cost.pushes)
            changes.append(row)
        return {
            "name": scheme.name,
            "limits": scheme.limits(self.request.members),
            "storage": asdict(self.storage[index]),
            "changes": changes,
        }


def planned(request: Request) -> Plan:
    """Work it out. Raises `ConfigurationError` for numbers and names that there can't be."""
    members = request.members
    check_numbers(members, (*request.leaves, *request.joins))
    found = schemes(
        request.policy,
        request.algorithms,
        degrees=request.degrees,
        trees=request.trees,
        periods=request.periods,
    )

    def change(kind: Kind, count: int) -> Change:
        return Change(kind, count, tuple(cost_of(scheme, kind, request, count) for scheme in found))

    wanted: Sequence[tuple[Kind, int]] = [
        *(("leave", count) for count in dict.fromkeys(request.leaves)),
        *(("join", count) for count in dict.fromkeys(request.joins)),
        ("renew", 1),
    ]
    return Plan(
        request,
        tuple(found),
        tuple(scheme.storage(members) for scheme in found),
        tuple(change(kind, count) for kind, count in wanted),
    )


def cost_of(scheme: Scheme, kind: Kind, request: Request, count: int) -> Cost:
    """Of one change under one algorithm."""
    if kind == "leave":
        return scheme.leave(request.members, count)
    if kind == "join":
        return scheme.join(request.members, count, request.backward)
    return scheme.renew(request.members)
