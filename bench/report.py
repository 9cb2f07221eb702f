"""Pure: what was measured, and whether it is what was wanted, as Markdown."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from measure import Series


@dataclass(frozen=True, slots=True)
class Wanted:
    """A bound: for a ratio of times to another contestant, or for the memory."""

    bench: str
    name: str
    """Whose measure is compared with the bound."""
    most: float
    """The largest ratio, or bytes where there is nobody to compare with."""
    than: str | None = None
    text: str = ""
    added: bool = False
    """Whether *most* is no ratio: how many seconds longer it may take."""


def section(title: str, note: str, series: Sequence[Series], rounds: int) -> str:
    """Return the table of one benchmark; ratios are to the first contestant."""
    lines = [
        f"### {title}",
        "",
        f"{note} {rounds} rounds.".strip(),
        "",
        "| | time | times ours | CPU, client | CPU, server | CPU, times ours | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    first = series[0]
    for one in series:
        if not one.runs:
            lines.append(f"| {one.name} | {one.why_not} | | | | | |")
            continue
        least, most = one.spread
        cells = [
            one.name,
            f"{_seconds(one.wall)} ({_seconds(least)} to {_seconds(most)})",
            f"{one.wall / first.wall:.2f}" if first.runs else "",
            _seconds(one.client),
            "" if one.server is None else _seconds(one.server),
            f"{one.cpu / first.cpu:.2f}" if first.runs else "",
            f"{one.memory / 1e6:.0f} MB",
        ]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def verdicts(wanted: Sequence[Wanted], found: Mapping[str, Sequence[Series]]) -> str:
    """Return the table of bounds: what was wanted, what was measured, met or not."""
    lines = ["### Wanted", "", "| wanted | time | CPU | |", "|---|--:|--:|---|"]
    for one in wanted:
        series = {each.name: each for each in found.get(one.bench, ()) if each.runs}
        if one.bench not in found:
            continue
        if one.name not in series or (one.than is not None and one.than not in series):
            lines.append(f"| {one.text} | | | not measured |")
            continue
        ours = series[one.name]
        if one.than is None:
            met = ours.memory <= one.most
            shown = f"{ours.memory / 1e6:.0f} MB | "
        elif one.added:
            other = series[one.than]
            met = ours.wall - other.wall <= one.most
            shown = f"+{_seconds(ours.wall - other.wall)} | +{_seconds(ours.cpu - other.cpu)}"
        else:
            other = series[one.than]
            met = ours.wall <= one.most * other.wall
            shown = f"{_ratio(ours.wall, other.wall)} | {_ratio(ours.cpu, other.cpu)}"
        lines.append(f"| {one.text} | {shown} | {'met' if met else '**not met**'} |")
    return "\n".join(lines)


def _ratio(ours: float, other: float) -> str:
    ratio = ours / other
    return f"1/{1 / ratio:.1f}" if ratio < 0.5 else f"{ratio:.2f}"


def _seconds(value: float) -> str:
    return f"{value * 1000:.0f} ms" if value < 0.9995 else f"{value:.2f} s"
