"""Results as a block of a Markdown document, between two markers, so that tables are made and never typed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

from reflectgen.errors import InputError
from reflectgen.evals.compare.tables import Cell, Share, Table
from reflectgen.evals.medsafetyworld.report import tables
from reflectgen.evals.medsafetyworld.report.cautions import cautions
from reflectgen.evals.medsafetyworld.report.figures import SFT, Group, grouped
from reflectgen.evals.medsafetyworld.report.page import described
from reflectgen.evals.medsafetyworld.report.picture import Plot
from reflectgen.evals.medsafetyworld.report.plots import plots
from reflectgen.evals.medsafetyworld.report.sources import Source
from reflectgen.shards import whole_file

BEGIN, END = "<!-- results: begin (made by `reflectgen medsafetyworld report`) -->", "<!-- results: end -->"


def write_block(document: Path, sources: Sequence[Source]) -> None:
    """Put the results in place of what stands between the document's markers.

    Raises:
        InputError: it is not there, or has no markers.
        OutputError: it cannot be written.
    """
    try:
        text = document.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        _, after = rest.split(END)
    except (OSError, ValueError):
        raise InputError(f"{document} has no place for results: it needs the lines {BEGIN} and {END}, once") from None
    with whole_file(document) as partial:
        partial.write_text(before + block(sources, pictures_folder(document).name) + after, encoding="utf-8")


def pictures_folder(document: Path) -> Path:
    return document.with_suffix("")


def block(sources: Sequence[Source], pictures: str) -> str:
    """Return the block with its markers; `pictures` is the folder of PNG files, beside the document."""
    groups = list(grouped([source.result for source in sources]))
    body = "\n\n".join(part for group in groups for part in _group(group, pictures) if part)
    return f"{BEGIN}\n\n{body or 'There are no results yet.'}\n\n{END}"


def _group(group: Group, pictures: str) -> Iterator[str]:
    drawn = {plot.name: plot for plot in plots(group)}
    later = [stage for stage in group.stages if stage != SFT]
    yield f"### Preset `{_plain(group.name)}`"
    yield f"{described(group).capitalize()}. Shares are in percent, with their 95 % intervals and counts."
    yield _table(tables.verdicts(group))
    if said := cautions(group):
        yield "\n".join(f"- {_plain(one)}" for one in said)
    yield from _pictures(drawn, pictures, f"{group.slug}-utility")
    yield _table(tables.overview(group, SFT))
    yield _table(tables.by_seed(group, SFT))
    yield from _pictures(drawn, pictures, f"{group.slug}-attacks")
    yield _table(tables.attacks(group, SFT))
    yield from _pictures(drawn, pictures, f"{group.slug}-reflections")
    yield _table(tables.reflections(group, group.stages))
    yield from _pictures(drawn, pictures, f"{group.slug}-fine-tuning-utility", f"{group.slug}-fine-tuning-attacks")
    yield from (_table(tables.overview(group, stage)) for stage in later)


def _pictures(drawn: dict[str, Plot], folder: str, *names: str) -> Iterator[str]:
    for name in names:
        if name in drawn:
            yield f"![{_plain(drawn[name].alt)}]({folder}/{name}.png)"


def _table(shown: Table) -> str:
    if not shown.rows:
        return ""
    rules = [
        "---:" if any(isinstance(cell, Share) for cell in column) else "---" for column in zip(*shown.rows, strict=True)
    ]
    lines = [shown.columns, rules, *([_cell(cell) for cell in row] for row in shown.rows)]
    body = "\n".join(f"| {' | '.join(cells)} |" for cells in lines)
    return f"{shown.title}:\n\n{body}" + (f"\n\n{_plain(shown.note)}" if shown.note else "")


def _cell(cell: Cell) -> str:
    if isinstance(cell, Share):
        return f"{cell.value.removesuffix(' %')} ({cell.interval}), {cell.count}"
    return _plain(cell)


def _plain(text: str) -> str:
    """Return text that is neither markup nor the end of a cell."""
    kept = "".join(c if c.isprintable() else " " for c in text)
    return kept.replace("<", "&lt;").replace("|", "\\|").replace("[", "\\[").replace("]", "\\]").replace("`", "'")
