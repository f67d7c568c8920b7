"""Plots as HTML with inline SVG: names are text of the page, marks stand at percentages, so that any width fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from html import escape

from reflectgen.evals.compare.figure import Figure

LINE_PIXELS = 18  # of one mark
NUM_COLOURS = 6


@dataclass(frozen=True, slots=True)
class Mark:
    """One figure from 0 to 1. `colour` numbers a recipe; a hollow mark is the loose reading."""

    name: str
    figure: Figure
    colour: int = 0
    hollow: bool = False


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    marks: Sequence[Mark]


def dot_plot(title: str, lines: Sequence[Line]) -> str:
    """Return a plot of rates: a dot each, with its 95 % interval, on an axis from 0 to 1."""
    parts = [f'<div class="plot" role="group" aria-label="{escape(title)}">']
    parts += [f'<div class="name">{escape(line.name)}</div>{_strip(line)}' for line in lines]
    ticks = "".join(f'<span style="left:{tick}%">{tick / 100:g}</span>' for tick in (0, 25, 50, 75, 100))
    parts.append(f'<div></div><div class="axis" aria-hidden="true">{ticks}</div></div>')
    return "".join(parts)


def _strip(line: Line) -> str:
    if all(mark.figure.value is None for mark in line.marks):
        return '<div class="strip none">no data</div>'
    height = LINE_PIXELS * len(line.marks) + 4
    said = "; ".join(f"{mark.name} {_in_words(mark.figure)}" for mark in line.marks)
    grid = "".join(
        f'<line class="grid" x1="{tick}%" x2="{tick}%" y1="0" y2="{height}"/>' for tick in (0, 25, 50, 75, 100)
    )
    marks = "".join(_mark(mark, LINE_PIXELS * (number + 0.5) + 2) for number, mark in enumerate(line.marks))
    return (
        f'<svg class="strip" height="{height}" width="100%" role="img" '
        f'aria-label="{escape(line.name)}: {escape(said)}">{grid}{marks}</svg>'
    )


def _mark(mark: Mark, y: float) -> str:
    figure = mark.figure
    title = f"<title>{escape(mark.name)}: {_in_words(figure)}</title>"
    colour = f"c{mark.colour % NUM_COLOURS}"
    if figure.value is None:
        return f'<text class="none" x="4" y="{y + 4}">no data</text>'
    whisker = ""
    if figure.low is not None and figure.high is not None:
        low, high = 100 * figure.low, 100 * figure.high
        whisker = f'<line class="whisker" x1="{low:.2f}%" x2="{high:.2f}%" y1="{y}" y2="{y}"/>'
    kind = "hollow" if mark.hollow else "solid"
    dot = f'<circle class="{kind}" cx="{100 * figure.value:.2f}%" cy="{y}" r="5"/>'
    return f'<g class="{colour}">{title}{whisker}{dot}</g>'


def bars(title: str, lines: Sequence[tuple[str, Sequence[tuple[str, int, int, int]]]]) -> str:
    """Return horizontal bars. A line has a name and bars, each of (name, colour, number, of so many)."""
    parts = [f'<div class="plot" role="group" aria-label="{escape(title)}">']
    for name, shown in lines:
        rows = "".join(_bar(*one) for one in shown)
        parts.append(f'<div class="name">{escape(name)}</div><div class="bars">{rows}</div>')
    return "".join(parts) + "</div>"


def _bar(name: str, colour: int, number: int, total: int) -> str:
    share = number / total if total else 0.0
    said = f"{number:,} ({share:.1%})" if total else "no data"
    return (
        f'<div class="bar"><svg height="14" width="100%" role="img" aria-label="{escape(name)}: {said}">'
        f'<rect class="track" width="100%" height="14" rx="2"/>'
        f'<rect class="c{colour % NUM_COLOURS} fill" width="{100 * share:.2f}%" height="14" rx="2"/></svg>'
        f"<span>{said}</span></div>"
    )


def histogram(name: str, bins: Sequence[int], labels: Sequence[str], colour: int) -> str:
    """Return columns for counts by bin, as high as their share of the largest."""
    most = max(bins, default=0)
    if not most:
        return f'<p class="muted">{escape(name)}: no data</p>'
    width, height = 100 / len(bins), 90
    columns = []
    for number, (count, label) in enumerate(zip(bins, labels, strict=True)):
        tall = height * count / most
        columns.append(
            f'<g class="c{colour % NUM_COLOURS}"><title>{escape(label)} words: {count:,}</title>'
            f'<rect class="fill" x="{number * width + 0.4:.2f}%" width="{width - 0.8:.2f}%" y="{height - tall:.1f}" '
            f'height="{tall:.1f}"/></g>'
        )
    said = ", ".join(f"{label}: {count:,}" for label, count in zip(labels, bins, strict=True))
    shown = "".join(f'<span style="width:{width:.2f}%">{escape(label)}</span>' for label in labels)
    return (
        f'<figure><figcaption>{escape(name)}</figcaption><svg height="{height}" width="100%" role="img" '
        f'aria-label="{escape(name)}, words and how many: {escape(said)}">{"".join(columns)}'
        f'<line class="grid" x1="0" x2="100%" y1="{height}" y2="{height}"/></svg>'
        f'<div class="bins" aria-hidden="true">{shown}</div></figure>'
    )


def _in_words(figure: Figure) -> str:
    if figure.value is None:
        return "no data"
    interval = "" if figure.low is None else f" ({figure.low:.3f} to {figure.high:.3f})"
    return f"{figure.value:.3f}{interval}, n {figure.n:,}"
