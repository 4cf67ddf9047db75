"""The commands of the control socket: what each takes, and what a GCKS and a member do with it.

Results are plain values, times seconds since 1970 unless they are called remaining, or ``..._in``.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import islice
from typing import Annotated, Any, Final, TypeVar

import msgspec

from gsakmp.errors import ConfigurationError
from gsakmp.group.records import Audit as AuditEntry
from gsakmp.identities import Identity
from gsakmp.net.runner import Runner
from gsakmp.net.views import group_summary, tree_plain
from gsakmp.peers.gcks import GCKS
from gsakmp.peers.member import Member

__all__ = ["GCKSCommands", "MemberCommands"]

T = TypeVar("T")

PAGE: Final = 1000
"""Members in one answer, at most."""
NODES: Final = 10_000
"""Nodes of a key tree in one answer, at most."""
Name = Annotated[str, msgspec.Meta(min_length=1, max_length=2048)]
Detail = Callable[[], dict[str, Any]]
"""Gives what there is to say about the daemon itself, or does a reload and says what came of it."""
Entries = Callable[[str | None, int], tuple[AuditEntry, ...]]
"""Gives the newest entries of a group's audit, or of all groups', the oldest of them first."""


class Command(msgspec.Struct, frozen=True, forbid_unknown_fields=True, tag_field="command", tag=str.lower):
    """Any of them; its name is its class's in lower case."""


class Status(Command, frozen=True):
    """The daemon as a whole."""


class Groups(Command, frozen=True):
    """Every group with its SAs."""


class Members(Command, frozen=True):
    """A group's members, a page of them."""

    group: Name
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = PAGE


class Tree(Command, frozen=True):
    """The key tree of a group's rekey algorithm, from its root on."""

    group: Name
    rekey: Annotated[int, msgspec.Meta(ge=0)] = 0
    """Of which of the policy's SA2."""
    member: Name | None = None
    """Whose path to the root is wanted: what would change with its eviction."""
    limit: Annotated[int, msgspec.Meta(ge=1, le=NODES)] = PAGE
    """Nodes."""


class Policy(Command, frozen=True):
    """A group's policy as it is in force."""

    group: Name


class Rekey(Command, frozen=True):
    """New keys for a group now."""

    group: Name


class Evict(Command, frozen=True):
    """Put a member out, and keep it out; one that never joined is kept out, too."""

    group: Name
    member: Name
    """Its identity as text."""


class Readmit(Command, frozen=True):
    """Let one that was evicted register again."""

    group: Name
    member: Name


class Audit(Command, frozen=True):
    """What has happened, the newest entries: joins, leaves, evictions, refusals, rekeys."""

    group: Name | None = None
    limit: Annotated[int, msgspec.Meta(ge=1, le=PAGE)] = 50


class Backup(Command, frozen=True):
    """Copy the store to a new file; its keys stay sealed."""

    file: Name


class Reload(Command, frozen=True):
    """Read the configuration again."""


class Rejoin(Command, frozen=True):
    """Register anew, from phase 1 on."""


class Leave(Command, frozen=True):
    """Leave the group, and stay out of it."""


OF_GCKS: Final = Status | Groups | Members | Tree | Policy | Rekey | Evict | Readmit | Audit | Backup | Reload
OF_MEMBER: Final = Status | Rejoin | Leave | Reload


class GCKSCommands:
    """What a GCKS answers to."""

    def __init__(
        self,
        runner: Runner,
        gcks: GCKS,
        *,
        detail: Detail,
        reload: Detail,
        entries: Entries,
        back_up: Callable[[str], None],
    ) -> None:
        self._runner = runner
        self._gcks = gcks
        self._entries = entries
        self._back_up = back_up
        self._detail = detail
        self._reload = reload

    async def __call__(self, line: bytes) -> Any:
        """The result of a request, as plain values. Raises `GsakmpError` with what is wrong."""
        gcks, order = self._gcks, self._runner.call
        match parsed(line, OF_GCKS):
            case Status():
                return {**msgspec.to_builtins(order(gcks.status)), **self._detail()}
            case Groups():
                return [
                    group_summary(order(server.status))
                    for server in sorted(gcks.groups.values(), key=lambda server: server.policy.name)
                ]
            case Members(group=group, offset=offset, limit=limit):
                excluded = [identity.to_text() for identity in islice(gcks.group(group).state.excluded, PAGE)]
                order(lambda now: None)  # what is due is done first
                server = gcks.group(group)
                total, found = len(server.state.members), server.members(offset, limit)
                return {**page(found, total, offset, limit), "excluded": excluded}
            case Tree(group=group, rekey=index, member=member, limit=limit):
                order(lambda now: None)
                whose = None if member is None else Identity.from_text(member)
                return tree_plain(gcks.group(group).tree(index, limit, whose))
            case Policy(group=group):
                return msgspec.to_builtins(gcks.group(group).policy)
            case Rekey(group=group):
                order(lambda now: gcks.rekey(group, now))
                return group_summary(order(gcks.group(group).status))
            case Evict(group=group, member=member):
                identity = Identity.from_text(member)
                was_member = identity.folded() in gcks.group(group).state.members
                order(lambda now: gcks.evict(group, identity, now))
                return {**group_summary(order(gcks.group(group).status)), "was_member": was_member}
            case Readmit(group=group, member=member):
                identity = Identity.from_text(member)
                order(lambda now: gcks.readmit(group, identity, now))
                return group_summary(order(gcks.group(group).status))
            case Audit(group=only, limit=limit):
                order(lambda now: None)  # what is staged becomes durable, and so an entry
                return msgspec.to_builtins(self._entries(only, limit))
            case Backup(file=file):
                self._back_up(file)
                return {"backup": file}
            case _:
                return self._reload()


class MemberCommands:
    """What a member answers to."""

    def __init__(self, runner: Runner, member: Member, *, detail: Detail, reload: Detail) -> None:
        self._runner = runner
        self._member = member
        self._detail = detail
        self._reload = reload

    async def __call__(self, line: bytes) -> Any:
        """The result of a request, as plain values. Raises `GsakmpError` with what is wrong."""
        member, order = self._member, self._runner.call
        match parsed(line, OF_MEMBER):
            case Rejoin():
                order(member.rejoin)
            case Leave():
                order(member.leave)
            case Reload():
                return self._reload()
        return {**msgspec.to_builtins(order(member.status)), **self._detail()}


def parsed(line: bytes, form: Any) -> Command:
    """The command in a line of JSON. Raises `ConfigurationError`."""
    try:
        command: Command = msgspec.json.decode(line, type=form)
    except msgspec.ValidationError as error:
        if "`$.command`" in str(error) or "`command`" in str(error):
            names = ", ".join(kind.__struct_config__.tag for kind in form.__args__)
            raise ConfigurationError(f"no such command; commands here are {names}") from None
        raise ConfigurationError(f"this is no such command: {error}") from None
    except (msgspec.MsgspecError, UnicodeError) as error:
        raise ConfigurationError(f"a request is one line of JSON: {error}") from None
    except RecursionError:
        raise ConfigurationError("a request is one line of JSON, not nested deeply") from None
    return command


def page(members: Sequence[Any], total: int, offset: int, limit: int) -> dict[str, Any]:
    """A part of a group's members, with the number of all; ``next`` is the offset of what follows."""
    following = offset + limit
    return {
        "total": total,
        "offset": offset,
        "next": following if following < total else None,
        "members": [msgspec.to_builtins(member) for member in members],
    }
