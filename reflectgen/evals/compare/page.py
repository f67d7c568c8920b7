"""A report as one HTML file that needs nothing else: no script, no font, no image from anywhere.

Whatever comes from a corpus or a model is escaped and isolated, and the page forbids itself to run or load anything.
"""

from __future__ import annotations

from pathlib import Path

from reflectgen.evals.compare import sections, tables
from reflectgen.evals.compare.html import safe, table
from reflectgen.evals.compare.report import Report
from reflectgen.evals.compare.shown_rows import differences

STYLE = Path(__file__).with_name("page.css")
METHOD = Path(__file__).with_name("method.html")
POLICY = "default-src 'none'; style-src 'unsafe-inline'"
SECTIONS = {
    "glance": "At a glance",
    "sources": "By source",
    "hazards": "By hazard",
    "lookalikes": "Look-alikes",
    "agreement": "Agreement",
    "reflections": "Reflections",
    "cost": "Cost",
    "differences": "Rows to look at",
    "method": "How this was measured",
}


def render_page(report: Report) -> str:
    """Return the whole page."""
    title = "Recipes compared: " + ", ".join(recipe.name for recipe in report.recipes)
    bodies = {
        "glance": sections.glance(report),
        "sources": sections.sources(report),
        "hazards": sections.hazards(report),
        "lookalikes": sections.lookalikes(report),
        "agreement": sections.agreement(report),
        "reflections": sections.reflections(report),
        "cost": table(tables.costs(report)),
        "differences": differences(report),
        "method": METHOD.read_text(encoding="utf-8"),
    }
    shown = {name: body for name, body in bodies.items() if body}
    links = "".join(f'<a href="#{name}">{SECTIONS[name]}</a>' for name in shown)
    body = "".join(f'<section id="{name}"><h2>{SECTIONS[name]}</h2>{text}</section>' for name, text in shown.items())
    return (
        '<!DOCTYPE html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        f"<title>{safe(title)}</title><style>{STYLE.read_text(encoding='utf-8')}</style></head><body>"
        f"<header><h1>{safe(title)}</h1>{_facts(report)}{_notes(report)}</header>"
        f'<nav aria-label="Sections">{links}</nav><main>{body}</main></body></html>\n'
    )


def _facts(report: Report) -> str:
    rows = f"{report.num_rows:,}"
    if report.num_rows < report.num_read:
        rows += f" of {report.num_read:,}, a stratified sample (seed {report.seed})"
    facts = [("labelled rows", rows), ("from", ", ".join(Path(file).name for file in report.files))]
    if report.rejected:
        facts.append(("rows left out", ", ".join(f"{reason} {n:,}" for reason, n in report.rejected.items())))
    for recipe in report.recipes:
        teachers = ", then ".join(recipe.teachers) or "none"
        facts.append((recipe.name, f"guard {recipe.guard}; teacher {teachers}; {recipe.policy}"))
    facts.append(("made", f"{report.created_at:%Y-%m-%d %H:%M %Z}, reflectgen {report.code_version}"))
    return '<dl class="facts">' + "".join(f"<dt>{safe(a)}</dt><dd>{safe(b)}</dd>" for a, b in facts) + "</dl>"


def _notes(report: Report) -> str:
    said = [note for note in (report.caveat, report.note) if note]
    return "".join(f'<div class="caveat" role="note"><p>{safe(note)}</p></div>' for note in said)
