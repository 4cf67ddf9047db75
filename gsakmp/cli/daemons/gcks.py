"""``gsakmp gcks``: a key server's daemon, and what an operator asks and orders of it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from gsakmp.cli.daemons.asking import AsJSON, GCKSSocket, LogLevelOption, Record, answer
from gsakmp.cli.status import paragraphs

__all__ = ["app"]

app = typer.Typer(
    help="A key server (GCKS): run it, ask it, order it.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=paragraphs(
        "To begin:",
        "[bold]gsakmp gcks init plant[/]  makes a folder with a configuration and keys",
        "[bold]gsakmp gcks run plant/gcks.toml[/]  runs the key server",
        "[bold]gsakmp gcks status --socket plant/gcks.sock[/]  asks it",
    ),
)
SOCKET: Final = Path("gcks.sock")
Group = Annotated[str, typer.Argument(metavar="GROUP", help="The group's name.")]
MemberIdentity = Annotated[
    str, typer.Argument(metavar="MEMBER", help="The member's identity, such as fqdn:pump-7.plant.example.")
]


@app.command()
def run(
    configuration: Annotated[Path, typer.Argument(metavar="CONFIG", help="A TOML file.")],
    record: Record = None,
    log_level: LogLevelOption = None,
) -> None:
    """Run a key server until it is stopped (SIGTERM, SIGINT). SIGHUP reads the configuration again."""
    from gsakmp.net.daemon import run_gcks

    run_gcks(configuration, record=record, log_level=checked_level(log_level))


@app.command()
def init(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that is new or empty.")],
    group: Annotated[str, typer.Option(help="The group's name.")] = "example",
    address: Annotated[str, typer.Option(help="The key server's own address.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=1, max=65_535, help="Its UDP port.")] = 848,
    pushes: Annotated[str, typer.Option(help="The multicast address of rekeys.")] = "239.192.0.1",
    data: Annotated[str, typer.Option(help="The multicast address of the group's traffic.")] = "239.192.0.2",
) -> None:
    """Make a working configuration with fresh keys: a key server with one group, and a member's to copy."""
    from gsakmp.cli.daemons.initial import Initial, write

    for line in write(folder, Initial(group=group, address=address, port=port, pushes=pushes, data=data)):
        print(line)


@app.command()
def status(socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """The key server as a whole: members, ISAKMP SAs, retransmissions, refused messages by cause."""
    from gsakmp.cli.daemons.panels import show_status

    answer(socket, "status", show_status, as_json)


@app.command()
def groups(socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Every group with its SAs: SPIs, algorithms, lifetimes, time to rekey, sequence numbers."""
    from gsakmp.cli.daemons.panels import show_groups

    answer(socket, "groups", show_groups, as_json)


@app.command()
def members(
    group: Group,
    offset: Annotated[int, typer.Option(min=0, help="How many to pass over.")] = 0,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many to show.")] = 1000,
    socket: GCKSSocket = SOCKET,
    as_json: AsJSON = False,
) -> None:
    """A group's members: where they are, since when, what they acknowledged."""
    from gsakmp.cli.daemons.panels import show_members

    answer(socket, "members", show_members, as_json, group=group, offset=offset, limit=limit)


@app.command()
def tree(
    group: Group,
    rekey: Annotated[int, typer.Option(min=0, help="Of which of the group's SA2, counted from 0.")] = 0,
    member: Annotated[
        str | None,
        typer.Option(metavar="MEMBER", help="Mark the keys that would change with this member's eviction."),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=10_000, help="Nodes to ask for, from the root on.")] = 1000,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw it into an SVG image.")] = None,
    socket: GCKSSocket = SOCKET,
    as_json: AsJSON = False,
) -> None:
    """A group's key tree: its nodes, and whose the leaves are. No key is shown."""

    def show(plain: dict[str, Any]) -> None:
        from gsakmp.cli.daemons.trees import show_tree

        show_tree(plain, svg, leaver=member or "")

    answer(socket, "tree", show, as_json, group=group, rekey=rekey, member=member, limit=limit)


@app.command()
def policy(group: Group, socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """A group's policy as it is in force."""
    answer(socket, "policy", show_policy, as_json, group=group)


@app.command()
def rekey(group: Group, socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """New keys for a group, now."""
    from gsakmp.cli.daemons.panels import show_group

    answer(socket, "rekey", show_group, as_json, group=group)


@app.command()
def evict(group: Group, member: MemberIdentity, socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Put a member out, and keep it out until it is readmitted."""
    from gsakmp.cli.daemons.panels import show_eviction

    answer(socket, "evict", show_eviction, as_json, group=group, member=member)


@app.command()
def readmit(
    group: Group, member: MemberIdentity, socket: GCKSSocket = SOCKET, as_json: AsJSON = False
) -> None:
    """Let who was evicted register again, if the policy does."""
    from gsakmp.cli.daemons.panels import show_group

    answer(socket, "readmit", show_group, as_json, group=group, member=member)


@app.command()
def audit(
    group: Annotated[str | None, typer.Argument(metavar="[GROUP]", help="One group's; else all.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many of the newest to show.")] = 50,
    socket: GCKSSocket = SOCKET,
    as_json: AsJSON = False,
) -> None:
    """What has happened: who joined, left, was evicted or refused, and every rekey."""
    from gsakmp.cli.daemons.panels import show_audit

    answer(socket, "audit", show_audit, as_json, group=group, limit=limit)


@app.command()
def backup(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A new file, on the key server's machine.")],
    socket: GCKSSocket = SOCKET,
    as_json: AsJSON = False,
) -> None:
    """Copy the store while the key server runs. The copy's keys stay sealed, under the same key file."""
    from gsakmp.cli.daemons.panels import show_values

    answer(socket, "backup", show_values, as_json, file=str(file.absolute()))


@app.command()
def restore(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="What `backup` made.")],
    configuration: Annotated[
        Path, typer.Argument(metavar="CONFIG", help="The key server's configuration; its store must be gone.")
    ],
) -> None:
    """Make a store of a backup: groups, exclusions and audit. Keys and members are not taken over, as numbers
    must not be used twice: members register again."""
    import time

    from gsakmp.net.configuration import load_gcks
    from gsakmp.store import SQLStore

    found = load_gcks(configuration)
    SQLStore.restore(file, found.store, found.store_key, now=time.time()).close()
    print(f"{found.store} is made from {file}; members have to register again")


@app.command()
def reload(socket: GCKSSocket = SOCKET, as_json: AsJSON = False) -> None:
    """Read the configuration again, as SIGHUP does."""
    from gsakmp.cli.daemons.panels import show_values

    answer(socket, "reload", show_values, as_json)


def show_policy(plain: dict[str, Any]) -> None:
    """The policy as a tree."""
    from rich.tree import Tree

    from gsakmp.cli.daemons.panels import console, text

    def grow(tree: Tree, values: dict[str, Any]) -> None:
        for name, value in values.items():
            if isinstance(value, dict):
                grow(tree.add(f"[bold]{name}[/]"), value)
            elif isinstance(value, list) and value and isinstance(value[0], dict):
                for number, item in enumerate(value):
                    grow(tree.add(f"[bold]{name}\\[{number}][/]"), item)
            else:
                tree.add(f"[green]{name}[/]  {text(value)}")

    root = Tree(f"[bold]group {plain['name']}[/]", guide_style="dim")
    grow(root, plain)
    console().print(root)


def checked_level(level: str | None) -> Any:
    """The log level. Raises `ConfigurationError`."""
    from gsakmp.errors import ConfigurationError

    if level not in (None, "debug", "info", "warning", "error"):
        raise ConfigurationError(f"--log-level {level!r}: debug, info, warning or error")
    return level
