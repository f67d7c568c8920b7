"""The report as one HTML file that needs nothing else: pictures are in it, and it may neither run nor load anything."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator, Mapping
from pathlib import Path

from reflectgen.evals.compare.html import safe, table
from reflectgen.evals.compare.page import STYLE
from reflectgen.evals.compare.tables import Table
from reflectgen.evals.medsafetyworld.report import tables
from reflectgen.evals.medsafetyworld.report.cautions import cautions
from reflectgen.evals.medsafetyworld.report.figures import SFT, Group
from reflectgen.evals.medsafetyworld.report.picture import DARK, LIGHT, Plot
from reflectgen.evals.medsafetyworld.report.sources import Source, definition

OWN_STYLE, METHOD = (Path(__file__).with_name(name) for name in ("page.css", "method.html"))
POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
TITLE = "MedSafetyWorld"
Pictures = Mapping[str, tuple[Plot, Mapping[str, bytes]]]  # by name: the plot, and its PNG by dress


def render_page(groups: list[Group], sources: list[Source], pictures: Pictures) -> str:
    """Return the whole page; without `pictures` it says what draws them."""
    sections = {group.name: (f"Preset {group.name}", "".join(_group(group, pictures))) for group in groups}
    sections["method"] = ("How this was measured", METHOD.read_text(encoding="utf-8"))
    sections["repeat"] = ("How to repeat it", "".join(f"<pre>{safe(said)}</pre>" for said in repeat(groups)))
    sections["appendix"] = ("What it was made from", _appendix(groups, sources))
    names = {name: f"s{number}" for number, name in enumerate(sections)}  # a preset's name may hold anything
    links = "".join(f'<a href="#{names[name]}">{safe(title)}</a>' for name, (title, _) in sections.items())
    body = "".join(
        f'<section id="{names[name]}"><h2>{safe(title)}</h2>{text}</section>'
        for name, (title, text) in sections.items()
    )
    style = "".join(path.read_text(encoding="utf-8") for path in (STYLE, OWN_STYLE))
    note = "" if pictures else _caution("There are no pictures: drawing them needs matplotlib, pip install matplotlib")
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{TITLE}</title><style>{style}</style></head><body>"
        f"<header><h1>{TITLE}</h1>{_facts(groups)}{note}</header>"
        f'<nav aria-label="Sections">{links}</nav><main>{body}</main></body></html>\n'
    )


def _facts(groups: list[Group]) -> str:
    facts = [(f"preset {group.name}", described(group)) for group in groups]
    return '<dl class="facts">' + "".join(f"<dt>{safe(a)}</dt><dd>{safe(b)}</dd>" for a, b in facts) + "</dl>"


def described(group: Group) -> str:
    """Return how much there is of a preset, in words."""
    seeds = ", ".join(map(str, group.seeds))
    return f"arms: {len(group.arms)}, results: {len(group.results)}, seeds: {seeds}"


def _group(group: Group, pictures: Pictures) -> Iterator[str]:
    yield f'<div class="statements">{table(_named(tables.verdicts(group), group))}</div>'
    yield _caution(*cautions(group))
    yield _picture(f"{group.slug}-utility", pictures)
    yield _picture(f"{group.slug}-attacks", pictures)
    yield "".join(_stage(group, SFT))
    yield "<h3>The models' own reflections</h3>"
    yield _picture(f"{group.slug}-reflections", pictures)
    yield table(_named(tables.reflections(group, group.stages), group))
    later = [stage for stage in group.stages if stage != SFT]
    if later:
        yield "<h3>After benign fine-tuning</h3>"
        yield _picture(f"{group.slug}-fine-tuning-utility", pictures)
        yield _picture(f"{group.slug}-fine-tuning-attacks", pictures)
        for stage in later:
            yield from _stage(group, stage)


def _stage(group: Group, stage: str) -> Iterator[str]:
    for make in (tables.overview, tables.attacks, tables.by_class):
        shown = make(group, stage)
        if shown.rows:
            yield table(_named(shown, group))
    if len(group.seeds) > 1:
        apart = table(_named(tables.by_seed(group, stage), group))
        yield f"<details><summary>Seed by seed {safe(tables.after(stage))}</summary>{apart}</details>"


def _named(shown: Table, group: Group) -> Table:
    """Say whose table it is: a page may have several presets."""
    return Table(f"{shown.title}, {group.name}", shown.columns, shown.rows, shown.num_heads, shown.note)


def _picture(name: str, pictures: Pictures) -> str:
    if name not in pictures:
        return ""
    plot, drawn = pictures[name]
    light, dark = (f"data:image/png;base64,{base64.b64encode(drawn[dress.name]).decode()}" for dress in (LIGHT, DARK))
    return (
        f'<figure class="picture"><figcaption>{safe(plot.title)}</figcaption><picture>'
        f'<source media="(prefers-color-scheme: dark)" srcset="{dark}">'
        f'<img src="{light}" alt="{safe(plot.alt)}"></picture></figure>'
    )


def _caution(*said: str) -> str:
    paragraphs = "".join(f"<p>{safe(one)}</p>" for one in said)
    return f'<div class="caveat" role="note">{paragraphs}</div>' if said else ""


def repeat(groups: list[Group]) -> list[str]:
    """Return the commands that make the same results; each takes seeds that follow one another."""
    return [
        f"reflectgen medsafetyworld run --preset {group.preset}{'' if group.cue else ' --no-cue'} "
        f"--arms {','.join(group.arms)} --first-seed {first} --seeds {number} --out world"
        for group in groups
        for first, number in _runs(group.seeds)
    ]


def _runs(seeds: list[int]) -> Iterator[tuple[int, int]]:
    """Yield seeds as (first, how many)."""
    firsts = [seed for seed in seeds if seed - 1 not in seeds]
    for first in firsts:
        following = next(number for number in range(1, len(seeds) + 1) if first + number not in seeds)
        yield first, following


def _appendix(groups: list[Group], sources: list[Source]) -> str:
    parts = []
    for group in groups:
        said = {name: part for name, part in definition(group.results[0]).items() if name != "arm"}
        shown = safe(json.dumps(said, indent=1, sort_keys=True))
        parts.append(f"<details><summary>Options of preset {safe(group.name)}</summary><pre>{shown}</pre></details>")
    rows = [
        [
            said["name"],
            *(str(said.get(name, tables.NOT_MEASURED)) for name in ("num_tokens", "seconds", "code_version", "commit")),
            said["sha256"],
        ]
        for said in (source.to_json() for source in sources)
    ]
    columns = ["file", "tokens", "seconds", "version", "commit", "SHA-256"]
    return "".join(parts) + table(Table("Result files", columns, rows))
