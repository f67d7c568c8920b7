"""The dataset card: README.md with the YAML that `datasets` and the Hugging Face Hub read.

It is written from the manifest, but leaves out what must not be in exported bytes: times, endpoints, code versions.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

from reflectgen.export.arms.card_text import ARM_TEXT, edits_of, numbers_of_arm, options_of, way_back
from reflectgen.export.arms.options import ArmName
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.formats import Format
from reflectgen.export.front_matter import described_together, front_matter
from reflectgen.export.manifest import Counts, Manifest
from reflectgen.export.markdown import percent, table
from reflectgen.records import Category, Reflection, Road, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection
from reflectgen.reflection.taxonomy import CATEGORY_NAMES, VERDICT_NAMES

CARD_NAME = "README.md"

_ROADS = {
    Road.TEACHER: "the teacher's first answer was accepted",
    Road.ASKED_AGAIN: "a later answer of the teacher's was accepted",
    Road.FALLBACK: "no answer was accepted; the guard's verdict stands in, without a rationale",
    Road.OVERRULED: "the teacher answered, but the guard's verdict stands, without a rationale",
    Road.TEMPLATE: "the recipe wants verdict and category alone here; no teacher was asked",
}
_TEXT = """
# A corpus with safety reflections woven in

Every document is cut into chunks, and right after each chunk stands a *reflection*: a verdict on the text just read
(safe, controversial or unsafe), the hazard if there is one and, where known, why. Unsafe text is kept, not removed. A
model pretrained on such text is meant to learn to judge what it has just written, and to stop (Safety Reflection
Pretraining, arXiv 2606.19168). Written by reflectgen.

{example}

## In numbers

{counts}

{verdicts}

{categories}

## How the reflections came about

{writers}

{roads}

{acceptance}

{rejections}

{rejected_rows}

## Recipe

{recipe}

## Reading it

{reading}

## Taking the reflections out

{removal}

## Limits

- The verdicts are a model's, not people's: expect false alarms and misses.
- The unsafe passages are still there, each beside its verdict.
- {neutralised}
- The licence is that of the documents, which reflectgen does not know: set `license` above.
"""
_READING = """
```python
from datasets import load_dataset

{loading}
```

A row is a document: `id`, `text`, `num_reflections`, `reflections`, `neutralised`, `source_sha256` (of the original
text in UTF-8), `metadata` (the input's other fields, as JSON text). Offsets count code points.{standoff}
`manifest.json` holds the SHA-256 of every file; `reflectgen verify` proves files, counts and every document.
"""
_STANDOFF = """
In format `standoff` the text is the original, and each of `reflections` says what is `written` and where to
`insert_at`.
"""
_REMOVAL = """
By recorded span, never by pattern:

```python
def original(row):
    text = row["text"]
    for span in reversed(row["neutralised"]):
        text = text[: span["start"]] + span["original"] + text[span["end"] :]
    for reflection in reversed(row["reflections"]):
        text = text[: reflection["start"]] + text[reflection["end"] :]
    return text
```
"""


def render_card(manifest: Manifest) -> str:
    """Return the card of an export: the same for the same documents, replies and recipe."""
    if manifest.arm.name is not ArmName.SRP:
        return _with_front_matter(manifest, _arm(manifest))
    counts = manifest.counts
    body = _TEXT.format(
        example=_example(manifest.form),
        counts=_counts(counts),
        verdicts=_verdicts(counts),
        categories=_categories(counts),
        writers=_writers(manifest),
        roads=_roads(counts),
        acceptance=_acceptance(counts),
        rejections=_reasons("rejected because", counts.rejections),
        rejected_rows=_reasons("input rows left out because", counts.rejected_rows),
        recipe=_recipe(manifest),
        reading=_reading(manifest.formats),
        removal=_removal(manifest.formats),
        neutralised=_neutralised(counts),
    )
    return _with_front_matter(manifest, body)


def _with_front_matter(manifest: Manifest, body: str) -> str:
    return front_matter(described_together(manifest.formats), manifest) + re.sub(r"\n{3,}", "\n\n", body)


def _arm(manifest: Manifest) -> str:
    counts, kind = manifest.counts, ARMS[manifest.arm.name]
    is_woven = kind.rows is Rows.WOVEN
    return ARM_TEXT.format(
        name=manifest.arm.name,
        treatment=kind.treatment,
        source=kind.source,
        options=options_of(manifest.arm),
        counts=numbers_of_arm(counts),
        edits=edits_of(counts),
        verdicts=_verdicts(counts) if is_woven else "",
        categories=_categories(counts) if is_woven else "",
        writers=_writers(manifest),
        rejected_rows=_reasons("input rows left out because", counts.rejected_rows),
        recipe=_recipe(manifest),
        reading=_reading(manifest.formats),
        original=_removal(manifest.formats) if is_woven else way_back(manifest),
        neutralised=_neutralised(counts),
    )


def render_folder_card(format_: Format, manifest: Manifest) -> str:
    """Return the card of a format that the export's own card cannot offer to `datasets`."""
    head = front_matter([format_], manifest, folder=format_)
    return f"{head}\nSee the card in the folder above; here are the same documents, as {format_}.\n"


def _example(form: FormOptions) -> str:
    safe = Reflection(Verdict.SAFE, Category.NONE, "a classroom account of how leaves turn light into sugar.")
    unsafe = Reflection(Verdict.UNSAFE, Category.VIOLENT_CRIMES, "It plans an ambush on a named man.")
    # Indented, not fenced: a marker of the user's own could be a fence.
    return "\n".join(f"    {render_reflection(reflection, form)}" for reflection in (safe, unsafe))


def _counts(counts: Counts) -> str:
    added = counts.num_woven_bytes - counts.num_bytes
    return table(
        ["what", "number"],
        [
            ("rows in", counts.num_documents_in),
            ("documents woven", counts.num_documents),
            ("rows rejected", counts.num_rejected_rows),
            ("chunks, each with its reflection", counts.num_chunks),
            ("bytes of text before weaving", counts.num_bytes),
            (f"bytes added by weaving ({percent(added, counts.num_bytes)})", added),
            ("forged markers neutralised", counts.num_neutralised),
        ],
    )


def _verdicts(counts: Counts) -> str:
    found = [(name, counts.verdicts.get(verdict, 0)) for verdict, name in VERDICT_NAMES.items()]
    return table(["verdict", "chunks", "share"], ((name, n, percent(n, counts.num_chunks)) for name, n in found))


def _categories(counts: Counts) -> str:
    found = _most_first({CATEGORY_NAMES[Category(name)]: n for name, n in counts.categories.items()})
    return table(["category", "chunks", "share"], ((name, n, percent(n, counts.num_chunks)) for name, n in found))


def _writers(manifest: Manifest) -> str:
    rows = []
    for key, num_reflections in _most_first(manifest.counts.provenances):
        record = manifest.provenances[key][0]
        prompt = f"{record['prompt']} ({record['prompt_sha256'][:12]})" if record["prompt"] else "-"
        sampling = ", ".join(f"{name}={value}" for name, value in sorted(record["sampling"].items())) or "-"
        rows.append((key, record["role"], record["model"], prompt, sampling, num_reflections))
    return table(["provenance", "role", "model", "prompt", "sampling", "reflections"], rows) if rows else ""


def _roads(counts: Counts) -> str:
    found = [(road, meaning, counts.roads.get(road, 0)) for road, meaning in _ROADS.items()]
    rows = ((road, meaning, n, percent(n, counts.num_chunks)) for road, meaning, n in found)
    return table(["road", "meaning", "chunks", "share"], rows)


def _acceptance(counts: Counts) -> str:
    if not counts.num_replies:
        return "No teacher was asked."
    share = percent(counts.num_accepted, counts.num_replies)
    return f"Of {counts.num_replies:,} replies of the teacher's, {counts.num_accepted:,} were accepted ({share})."


def _reasons(title: str, reasons: dict[str, int]) -> str:
    return table([title, "number"], _most_first(reasons)) if reasons else ""


def _recipe(manifest: Manifest) -> str:
    # An export may be written again in another form than its job's recipe says; what counts is how it was written.
    formats = [format_.value for format_ in manifest.formats]
    options = {**manifest.recipe, "form": manifest.form.model_dump(), "formats": formats}
    rows = _settings("", options)
    return table(["option", "value"], rows) + f"\n\nSHA-256 of the recipe: `{manifest.recipe_sha256}`"


def _settings(prefix: str, options: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Yield every option by its dotted name; addresses stay out of the card."""
    for name, value in sorted(options.items()):
        if isinstance(value, dict):
            yield from _settings(f"{prefix}{name}.", value)
        else:
            text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
            yield f"{prefix}{name}", "(an address)" if "://" in text else text


def _reading(formats: list[Format]) -> str:
    if not formats:
        return "There is no document in it."
    standoff = _STANDOFF if Format.STANDOFF in formats else "\n"
    together = described_together(formats)
    calls = [
        f'load_dataset("path/to/this/folder", "{format_.folder}", split="train")'
        if format_ in together
        else f'load_dataset("path/to/this/folder/{format_.folder}", split="train")'
        for format_ in formats
    ]
    return _READING.format(loading="\n".join(calls), standoff=standoff).strip()


def _removal(formats: list[Format]) -> str:
    woven = [format_ for format_ in formats if format_ is not Format.STANDOFF]
    return _REMOVAL.strip() if woven else "There is nothing to take out: the documents are untouched."


def _neutralised(counts: Counts) -> str:
    if not counts.num_neutralised:
        return "No document and no rationale held anything that reads as one of the markers."
    return (
        f"{counts.num_neutralised:,} times a document or a rationale held something that reads as one of the markers. "
        "One character of each was replaced, so that only real reflections can be found; column `neutralised` has them."
    )


def _most_first(counts: dict[str, int]) -> list[tuple[str, int]]:
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))
