"""A picture of the report, by matplotlib: in a light and a dark dress, with a text that says what it shows."""

from __future__ import annotations

import io
from collections.abc import Callable
from dataclasses import dataclass
from importlib import import_module
from importlib.util import find_spec
from typing import Any

DPI = 110
NUM_COLOURS = 96


@dataclass(frozen=True, slots=True)
class Dress:
    name: str
    ground: str
    ink: str
    grid: str


LIGHT = Dress("light", "#ffffff", "#1b1f24", "#d5dae0")
DARK = Dress("dark", "#14171b", "#e6e9ed", "#353c46")


@dataclass(frozen=True, slots=True)
class Plot:
    """`name` is that of its file; `alt` says in words what is drawn."""

    name: str
    title: str
    alt: str
    draw: Callable[[Any], None]  # takes an empty matplotlib figure
    size: tuple[float, float]  # inches


def have_matplotlib() -> bool:
    return find_spec("matplotlib") is not None


def png(plot: Plot, dress: Dress = LIGHT) -> bytes:
    """Return a plot as PNG of few colours; the same figures give the same bytes on one machine."""
    import matplotlib as mpl
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    pillow: Any = import_module("PIL.Image")  # comes with matplotlib; by name, for types are checked without it, too
    style: Any = {
        "text.parse_math": False,  # a name is a name, whatever is in it
        "font.size": 8.5,
        "axes.titlesize": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "figure.facecolor": dress.ground,
        "axes.facecolor": dress.ground,
        "grid.color": dress.grid,
        "legend.frameon": False,
        **dict.fromkeys(("text.color", "axes.labelcolor", "axes.edgecolor", "xtick.color", "ytick.color"), dress.ink),
    }
    with mpl.rc_context(style):
        figure = Figure(figsize=plot.size, dpi=DPI, layout="constrained")
        canvas: Any = FigureCanvasAgg(figure)
        plot.draw(figure)
        canvas.draw()
    size = canvas.get_width_height()
    drawn = pillow.frombytes("RGBA", size, bytes(canvas.buffer_rgba())).convert("RGB")
    written = io.BytesIO()
    drawn.quantize(NUM_COLOURS, dither=pillow.Dither.NONE).save(written, format="png", optimize=True)
    return written.getvalue()
