"""The parts that every section of the page is made of: legends, tables, and text that is safe to show."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from html import escape

from reflectgen.evals.compare.plots import NUM_COLOURS
from reflectgen.evals.compare.report import Report
from reflectgen.evals.compare.tables import Cell, Share, Table


def legend(report: Report, *, readings: bool = True) -> str:
    items = [_dot(f"c{n % NUM_COLOURS}", "solid", recipe.name) for n, recipe in enumerate(report.recipes)]
    if readings:
        items += [_dot("cn", "solid", "strict"), _dot("cn", "hollow", "loose")]
    return f'<ul class="legend">{"".join(items)}</ul>'


def _dot(colour: str, kind: str, said: str) -> str:
    circle = f'<circle class="{kind}" cx="6" cy="6" r="5"/>'
    return f'<li class="{colour}"><svg width="12" height="12" aria-hidden="true">{circle}</svg>{safe(said)}</li>'


def table(shown: Table) -> str:
    """Return a table that scrolls on its own where the page is narrow."""
    title = safe(shown.title)
    heads = "".join(
        f'<th scope="col"{_class(number < shown.num_heads)}>{safe(name)}</th>'
        for number, name in enumerate(shown.columns)
    )
    rows = "".join(f"<tr>{''.join(_cells(row, shown.num_heads))}</tr>" for row in shown.rows)
    note = f'<p class="note">{safe(shown.note)}</p>' if shown.note else ""
    return (
        f'<div class="scroll" tabindex="0" role="region" aria-label="{title}, table"><table><caption>{title}</caption>'
        f"<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table></div>{note}"
    )


def _class(is_head: bool) -> str:
    return ' class="head"' if is_head else ""


def _cells(row: Sequence[Cell], num_heads: int) -> Iterator[str]:
    for number, cell in enumerate(row):
        if number < num_heads:
            yield f'<th scope="row">{safe(cell if isinstance(cell, str) else cell.value)}</th>'
        elif isinstance(cell, Share):
            interval = f"{cell.interval}, " if cell.interval else ""
            yield f"<td>{cell.value}<small>{interval}{cell.count}</small></td>"
        else:
            yield f"<td>{safe(cell)}</td>"


def safe(text: str) -> str:
    """Return text as the page can hold it: escaped, and without control characters that no page may hold."""
    return escape("".join(c if c.isprintable() or c in "\n\t" or ord(c) > 0x9F else "\ufffd" for c in text))
