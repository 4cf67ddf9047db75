"""``gsakmp rekey``: plan, tree, algorithms."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from gsakmp.cli.rekey.options import (
    AUTO,
    Algorithms,
    AsJSON,
    Backward,
    Degrees,
    Encryption,
    Joins,
    Leaves,
    Members,
    Periods,
    Plot,
    Signature,
    Time,
    Trees,
    number_of_trees,
)
from gsakmp.cli.status import paragraphs

__all__ = ["app"]

app = typer.Typer(
    help="Rekey algorithms: which there are, what they cost, what they do.",
    no_args_is_help=True,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog=paragraphs(
        "Examples:",
        "[bold]gsakmp rekey algorithms[/]  what there is, and what each is good for",
        "[bold]gsakmp rekey plan --members 100000 --leaves 1 --leaves 500[/]  what it costs",
        "[bold]gsakmp rekey tree --members 16 --leave 5[/]  whose keys change when one leaves",
    ),
)


@app.command()
def algorithms(as_json: AsJSON = False) -> None:
    """List the rekey algorithms: what each does, what it keeps from whom, and what it does not."""
    from gsakmp.cli.rekey.statements import STATEMENTS, show_statements

    if as_json:
        print(json.dumps([statement.as_plain() for statement in STATEMENTS], indent=2))
    else:
        show_statements()


@app.command(
    epilog=paragraphs(
        "Examples:",
        "[bold]gsakmp rekey plan --members 1000000 --leaves 1 --leaves 1000[/]",
        "[bold]gsakmp rekey plan --members 5000 --algorithm lkh --degree 2 --degree 3[/]",
        "[bold]gsakmp rekey plan --members 1000000 --plot plan.svg[/]",
    )
)
def plan(
    members: Members,
    leaves: Leaves = None,
    joins: Joins = None,
    algorithm: Algorithms = None,
    degree: Degrees = None,
    trees: Trees = AUTO,
    periods: Periods = None,
    encryption: Encryption = None,
    signature: Signature = None,
    backward: Backward = True,
    time: Time = True,
    plot: Plot = None,
    as_json: AsJSON = False,
) -> None:
    """Show what each algorithm would cost: pushes, octets, wraps, keys held, time."""
    from gsakmp.cli.rekey.planning import Request, planned
    from gsakmp.cli.rekey.timing import measured

    request = Request.of(
        members=members,
        leaves=leaves,
        joins=joins,
        algorithms=algorithm,
        degrees=degree,
        trees=number_of_trees(trees),
        periods=periods,
        encryption=encryption,
        signature=signature,
        backward=backward,
    )
    found = planned(request)
    if plot is not None:
        from gsakmp.cli.rekey.plotting import draw

        draw(found, plot)
    pace = measured(request.policy) if time else None
    if as_json:
        print(json.dumps(found.as_plain(pace), indent=2))
        return
    from gsakmp.cli.rekey.tables import show_plan

    show_plan(found, pace)


@app.command(
    epilog=paragraphs(
        "Examples:",
        "[bold]gsakmp rekey tree --members 16 --leave 5[/]",
        "[bold]gsakmp rekey tree --members 99 --degree 3 --leave 7 --join 4 --svg tree.svg[/]",
    )
)
def tree(
    members: Annotated[int, typer.Option("--members", metavar="N", help="Members, numbered from 0.")] = 16,
    leave: Annotated[
        list[int] | None,
        typer.Option(
            "--leave", metavar="NUMBER", help="A member that leaves; repeated, they leave in one batch."
        ),
    ] = None,
    join: Annotated[
        int, typer.Option("--join", metavar="K", help="Members that join afterwards, in one batch.")
    ] = 0,
    algorithm: Annotated[
        str, typer.Option("--algorithm", metavar="NAME", help="lkh, oft, or flat with own keys.")
    ] = "lkh",
    degree: Annotated[int, typer.Option("--degree", metavar="D", help="Children of a node of LKH.")] = 4,
    trees: Annotated[int, typer.Option("--trees", metavar="T", help="Trees of LKH below the KEK.")] = 1,
    svg: Annotated[
        Path | None, typer.Option("--svg", metavar="FILE", help="Draw it into an SVG file as well.")
    ] = None,
) -> None:
    """Draw the key tree of a group made up on the spot, before and after members leave and join."""
    from gsakmp.cli.rekey.tables import show_scenes
    from gsakmp.cli.rekey.trees import scenes, write_svg
    from gsakmp.group.rekey import RekeySettings

    settings = RekeySettings(eviction="own-keys", degree=degree, trees=trees)
    drawn = scenes(algorithm, settings, members=members, leave=leave or (), join=join)
    if svg is not None:
        write_svg(drawn, svg)
    show_scenes(drawn)
