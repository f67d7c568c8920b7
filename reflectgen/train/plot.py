"""The run's losses as a picture."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from reflectgen.shards import whole_file
from reflectgen.train.log import LOG_NAME, read_log

LOSSES = {"loss": "all", "loss_text": "text", "loss_reflection": "reflections"}
PLOT_NAME = "loss.png"
MIN_TICKS = 3


def write_plot(folder: Path) -> Path | None:
    """Draw the log of `folder`: losses in training (lines) and held out (dots), and verdicts said right.

    Returns None where matplotlib is not installed.

    Raises:
        OutputError: it cannot be written.
    """
    try:
        import matplotlib as mpl
    except ImportError:
        return None
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    lines = read_log(folder / LOG_NAME)
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        has_verdicts = any("held_out_verdict_accuracy" in line for line in lines)
        figure = Figure(figsize=(9 if has_verdicts else 6, 3.6), dpi=150, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.subplots(1, 2 if has_verdicts else 1, squeeze=False)[0]
        _draw_losses(axes[0], lines)
        if has_verdicts:
            _draw_verdicts(axes[1], lines)
        path = folder / PLOT_NAME
        with whole_file(path) as partial:
            figure.savefig(partial, format="png")
    return path


def readable_ticks(low: float, high: float) -> list[float]:
    """Return round numbers to mark an axis of logarithms with: steps of 1, 2, 5, or equal ones where it is short."""
    from matplotlib.ticker import MaxNLocator

    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    for steps in ((1,), (1, 2, 5)):
        ticks = [step * 10.0**decade for decade in decades for step in steps if low <= step * 10.0**decade <= high]
        if len(ticks) >= MIN_TICKS:
            return ticks
    equal = MaxNLocator(nbins=7, steps=[1, 2, 5, 10]).tick_values(low, high)
    return [round(float(tick), 12) for tick in equal if low <= tick <= high]


def _draw_losses(axes: Any, lines: list[dict[str, Any]]) -> None:
    for place, (name, label) in enumerate(LOSSES.items()):
        axes.plot(*_series(lines, name), color=f"C{place}", linewidth=1, label=label)
        held_out = _series(lines, f"held_out_{name}")
        axes.plot(*held_out, "o", color=f"C{place}", markersize=3, label=f"{label}, held out" if held_out[0] else None)
    axes.set(xlabel="step", ylabel="loss (nats a token)", yscale="log")
    axes.minorticks_off()
    ticks = readable_ticks(*axes.get_ylim())
    axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
    axes.legend(frameon=False)


def _draw_verdicts(axes: Any, lines: list[dict[str, Any]]) -> None:
    for name, label in (("verdict_accuracy", "verdict right"), ("unsafe_recall", "not safe, and not called safe")):
        series = _series(lines, f"held_out_{name}")
        if series[0]:
            axes.plot(*series, "o-", markersize=3, linewidth=1, label=label)
    axes.set(xlabel="step", ylabel="share of held-out reflections", ylim=(0, 1.02))
    axes.legend(frameon=False, loc="lower right")


def _series(lines: list[dict[str, Any]], name: str) -> tuple[list[int], list[float]]:
    found = [(line["step"], line[name]) for line in lines if name in line]
    return [step for step, _ in found], [value for _, value in found]
