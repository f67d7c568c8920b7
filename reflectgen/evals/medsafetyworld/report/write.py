"""A report's files: `results.json`, `report.html`, and a PNG for each picture."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.report.cautions import cautions
from reflectgen.evals.medsafetyworld.report.figures import Group, grouped
from reflectgen.evals.medsafetyworld.report.markdown import pictures_folder, write_block
from reflectgen.evals.medsafetyworld.report.orderings import orderings
from reflectgen.evals.medsafetyworld.report.page import Pictures, render_page
from reflectgen.evals.medsafetyworld.report.picture import DARK, LIGHT, have_matplotlib, png
from reflectgen.evals.medsafetyworld.report.plots import plots
from reflectgen.evals.medsafetyworld.report.sources import Source
from reflectgen.shards import whole_file

FORMAT, VERSION = "medsafetyworld_report", 1
PAGE_NAME, JSON_NAME = "report.html", "results.json"


def write_report(sources: Sequence[Source], out: Path, document: Path | None = None) -> list[Path]:
    """Write a report on results into a folder; without matplotlib it has no pictures. Returns what was written.

    `document` is a Markdown file with a place for results; its pictures go into a folder of its name.

    Raises:
        InputError: the document has no such place, or there is no matplotlib to draw its pictures.
        OutputError: a folder cannot be written.
    """
    if document is not None and not have_matplotlib():
        raise InputError(f"the pictures of {document} need matplotlib: pip install matplotlib, and run this again")
    groups = list(grouped([source.result for source in sources]))
    pictures = _draw(groups)
    files: dict[str, bytes] = {
        JSON_NAME: (json.dumps(to_json(groups, sources), indent=1) + "\n").encode(),
        PAGE_NAME: render_page(groups, list(sources), pictures).encode(),
        **{f"{name}.png": drawn[LIGHT.name] for name, (_, drawn) in pictures.items()},
    }
    written = _write_files(out, files)
    if document is not None:
        write_block(document, sources)
        shown = {name: content for name, content in files.items() if name.endswith(".png")}
        written += [document, *_write_files(pictures_folder(document), shown)]
    return written


def _write_files(folder: Path, files: Mapping[str, bytes]) -> list[Path]:
    for name, content in files.items():
        with whole_file(folder / name) as partial:
            partial.write_bytes(content)
    return [folder / name for name in files]


def _draw(groups: Sequence[Group]) -> Pictures:
    """Return all pictures by name, in both dresses; none where matplotlib is not installed."""
    if not have_matplotlib():
        return {}
    return {
        plot.name: (plot, {dress.name: png(plot, dress) for dress in (LIGHT, DARK)})
        for group in groups
        for plot in plots(group)
    }


def to_json(groups: Sequence[Group], sources: Sequence[Source]) -> dict[str, Any]:
    """Return what `results.json` holds: every share with its counts, every statement with its verdict."""
    return {
        "format": FORMAT,
        "version": VERSION,
        "presets": [_group_json(group) for group in groups],
        "sources": [source.to_json() for source in sources],
    }


def _group_json(group: Group) -> dict[str, Any]:
    return {
        "preset": group.preset,
        "cue": group.cue,
        "seeds": group.seeds,
        "orderings": [one.to_json() for one in orderings(group)],
        "cautions": cautions(group),
        "arms": {
            arm: {stage: one.to_json() for stage in group.stages if (one := group.arm_stage(arm, stage)).results}
            for arm in group.arms
        },
    }
