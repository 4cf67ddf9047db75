"""A plan as a picture: octets and wraps of a leave against the size of the group, for all algorithms.

matplotlib is an optional extra, imported here alone and only when a picture is asked for.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from gsakmp.cli.rekey.planning import Plan
from gsakmp.errors import ConfigurationError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Curve", "curves", "described", "draw"]

FORMATS: Final = ("svg", "png", "pdf")
INSTALL: Final = "pip install 'gsakmp[plot]'"
FEWEST: Final = 10
SHOWN_TO: Final = 1_000_000
"""The axis goes so far, and beyond the plan's own number of members."""
POINTS_PER_DECADE: Final = 8
SIZE: Final = (11.0, 5.0)
"""Inches."""
APART: Final = 0.052
"""Of the height of a panel, between labels."""
LINES: Final = {
    "flat own-keys": ("#7f7f7f", "-"),
    "flat re-pull": ("#7f7f7f", ":"),
    "oft": ("#d55e00", "-"),
    "marks": ("#009e73", "-"),
}
"""Colour and dashes by name; they differ for the colour-blind, too."""
LKH_COLOURS: Final = ("#0072b2", "#56b4e9", "#004b7a", "#3d8fc6", "#89c9ef", "#1f5f8b", "#2d7fb8")


@dataclass(frozen=True, slots=True)
class Curve:
    """One algorithm's figures for each of `members`."""

    name: str
    members: tuple[int, ...]
    octets: tuple[float, ...]
    wraps: tuple[float, ...]
    at_plan: tuple[float, float]
    """Octets and wraps for the plan's own number of members."""


def format_of(file: Path) -> str:
    """By its ending. Raises `ConfigurationError` for one that is not drawn."""
    ending = file.suffix.lower().removeprefix(".")
    if ending not in FORMATS:
        raise ConfigurationError(f"a plot is .svg, .png or .pdf, not {file.name!r}")
    return ending


def sizes(plan: Plan) -> tuple[int, ...]:
    """Numbers of members along the axis, whole decades; the leavers must be among the fewest."""
    least = FEWEST
    while least < 2 * batch_of(plan):
        least *= 10
    top = max(SHOWN_TO, 10 * least)
    while top < 2 * plan.request.members:
        top *= 10
    found, size = {top}, float(least)
    while size < top:
        found.add(round(size))
        size *= 10 ** (1 / POINTS_PER_DECADE)
    return tuple(sorted(found))


def batch_of(plan: Plan) -> int:
    """How many leave at once: the first number that was asked for."""
    return plan.request.leaves[0] if plan.request.leaves else 1


def curves(plan: Plan) -> list[Curve]:
    """What is drawn."""
    members, leavers = sizes(plan), batch_of(plan)
    found = []
    for scheme in plan.schemes:
        costs = [scheme.leave(each, leavers) for each in members]
        here = scheme.leave(plan.request.members, leavers)
        octets, wraps = tuple(cost.octets for cost in costs), tuple(cost.wraps for cost in costs)
        found.append(Curve(scheme.name, members, octets, wraps, (here.octets, here.wraps)))
    return found


def described(plan: Plan) -> str:
    """The figures of a picture as text: what two pictures that show the same have in common, whatever drew
    them."""
    plain = [
        [curve.name, [f"{value:.3g}" for value in curve.octets], [f"{value:.3g}" for value in curve.wraps]]
        for curve in curves(plan)
    ]
    request = plan.request
    return json.dumps(
        [request.members, batch_of(plan), request.policy.signature, plain], separators=(",", ":")
    )


def draw(plan: Plan, file: Path) -> None:
    """Write the picture. Raises `ConfigurationError` without matplotlib, for another ending, or where the
    file can't be written."""
    ending = format_of(file)
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ImportError:
        raise ConfigurationError(f"a plot needs matplotlib, which is not installed: {INSTALL}") from None
    found = curves(plan)
    with rc_context(
        {"svg.fonttype": "none", "svg.hashsalt": "gsakmp", "font.size": 10, "font.family": "sans-serif"}
    ):
        figure = Figure(figsize=SIZE, layout="constrained")
        FigureCanvasAgg(figure)  # no window, whatever is configured
        left, right = figure.subplots(1, 2)
        leavers = batch_of(plan)
        leave = "one leave" if leavers == 1 else f"a batch of {leavers:,} leaves"
        _panel(left, plan, found, f"Octets pushed for {leave}", [curve.octets for curve in found], 0)
        _panel(right, plan, found, f"Keys wrapped for {leave}", [curve.wraps for curve in found], 1)
        metadata: dict[str, Any] = {"Creator": "gsakmp", "Date": None, "Description": described(plan)}
        if ending == "pdf":
            metadata = {"Creator": "gsakmp", "CreationDate": None}
        elif ending == "png":
            metadata = {"Software": "gsakmp"}
        try:
            figure.savefig(file, format=ending, dpi=144, metadata=metadata)
        except OSError as error:
            raise ConfigurationError(f"{file}: {error.strerror or error}") from None


def _panel(
    axes: Axes, plan: Plan, found: Sequence[Curve], title: str, values: Sequence[Sequence[float]], which: int
) -> None:
    """One of the two. A curve of zeros has no place on a logarithmic axis and is named below it."""
    axes.set_title(title, loc="left", fontsize=11, fontweight="bold")
    axes.set_xscale("log")
    axes.set_yscale("log")
    ends, absent, blues = [], [], iter(LKH_COLOURS * 2)
    for curve, heights in zip(found, values, strict=True):
        colour, dashes = LINES.get(curve.name) or (next(blues), "-")
        if not any(heights):
            absent.append(curve.name)
            continue
        axes.plot(curve.members, heights, color=colour, linestyle=dashes, linewidth=1.8)
        axes.plot([plan.request.members], [curve.at_plan[which]], "o", color=colour, markersize=4)
        ends.append((heights[-1], _label(curve.name, which), colour))
    members = plan.request.members
    axes.axvline(members, color="#999999", linewidth=0.8, linestyle=(0, (4, 3)), zorder=0)
    low, high = found[0].members[0], found[0].members[-1]
    side = "left" if members * members < low * high else "right"
    name = f" {members:,} members "
    where = axes.get_xaxis_transform()
    axes.text(members, 0.99, name, transform=where, ha=side, va="top", fontsize=8.5, color="#666666")
    axes.set_xlim(low, high)
    if ends:  # whole decades
        shown = [height for heights in values for height in heights if height > 0]
        axes.set_ylim(10 ** floor(log10(min(shown))), 10 ** ceil(log10(max(shown))))
    axes.set_xlabel("members")
    axes.grid(True, which="major", color="#e5e5e5", linewidth=0.7)
    axes.spines[["top", "right"]].set_visible(False)
    _place_labels(axes, ends)
    if absent:
        what = "pushes nothing" if which == 0 else "wraps nothing"
        text = "\n".join(f"{name}: {what}" for name in absent)
        axes.text(0.03, 0.92, text, transform=axes.transAxes, va="top", fontsize=9, color="#444444")


def _label(name: str, which: int) -> str:
    return f"{name}\n(all register again)" if name == "flat re-pull" and which == 0 else name


def _place_labels(axes: Axes, ends: Sequence[tuple[float, str, str]]) -> None:
    """Names beside the ends of their curves, moved apart where they would overlap."""
    axes.autoscale_view()
    to_axes = axes.transData + axes.transAxes.inverted()
    right = axes.get_xlim()[1]
    wanted = sorted(
        (float(to_axes.transform((right, height))[1]), name, colour) for height, name, colour in ends
    )
    heights = apart([height for height, _, _ in wanted], APART)
    for (end, name, colour), height in zip(wanted, heights, strict=True):
        axes.annotate(
            name,
            xy=(1.0, end),
            xytext=(1.035, height),
            xycoords="axes fraction",
            textcoords="axes fraction",
            color=colour,
            fontsize=9,
            va="center",
            annotation_clip=False,
            arrowprops={
                "arrowstyle": "-",
                "color": colour,
                "linewidth": 0.6,
                "shrinkA": 0,
                "shrinkB": 0,
                "relpos": (0, 0.5),
            },
        )


def apart(heights: Sequence[float], distance: float) -> list[float]:
    """Ascending heights, none closer to the next than `distance`, each as near to where it was as its
    neighbours let it: who is too close stands around the middle of all that are."""
    groups: list[list[float]] = []
    for height in heights:
        groups.append([height])
        while len(groups) > 1 and _lowest(groups[-1], distance) < _highest(groups[-2], distance) + distance:
            last = groups.pop()
            groups[-1] += last
    return [_lowest(group, distance) + distance * step for group in groups for step in range(len(group))]


def _lowest(group: Sequence[float], distance: float) -> float:
    return sum(group) / len(group) - distance * (len(group) - 1) / 2


def _highest(group: Sequence[float], distance: float) -> float:
    return _lowest(group, distance) + distance * (len(group) - 1)
