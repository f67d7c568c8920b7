"""What a dataset card says of an ablation arm in place of what it says of a woven corpus."""

from __future__ import annotations

from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.manifest import Counts, Manifest
from reflectgen.export.markdown import table

ARM_TEXT = """
# Arm `{name}` of a corpus

An ablation arm, made by reflectgen from one job: here {treatment} ({source}).
Documents, chunks and verdicts are those of the job's other arms, so that only the treatment differs.{options}

## In numbers

{counts}

{edits}

{verdicts}

{categories}

## Who judged and wrote

{writers}

{rejected_rows}

## Recipe

{recipe}

## Reading it

{reading}

## Back to the original

{original}

## Limits

- The verdicts are a model's, not people's: expect false alarms and misses.
- {neutralised}
- The licence is that of the documents, which reflectgen does not know: set `license` above.
"""
_WITHOUT_EDITS = """
`edits` says what was put in (`text[start:end]`), and where it belongs in the original (`source_start`); offsets are
those of `text` as it stands.

```python
def original(row):
    text = row["text"]
    for span in reversed(row["neutralised"]):
        text = text[: span["start"]] + span["original"] + text[span["end"] :]
    for edit in reversed(row["edits"]):
        text = text[: edit["start"]] + text[edit["end"] :]
    return text
```
"""
_TAKEN_AWAY = """
What was taken away is not in here, only where it stood: `edits` gives the span of `text` that stands in place of
`source_start` to `source_end` of the original. With the job at hand, `reflectgen verify DIR --job JOB` makes every row
again and compares.
"""
_LEFT_OUT = (
    "Every document is its original, but not every document is here; `reflectgen verify DIR --job JOB` proves both."
)
_PLAIN = "Every document is its original, but for stand-ins of forged markers (column `neutralised`)."


def numbers_of_arm(counts: Counts) -> str:
    added = counts.num_woven_bytes - counts.num_bytes
    return table(
        ["what", "number"],
        [
            ("rows in", counts.num_documents_in),
            ("documents written", counts.num_documents),
            ("of these, written again", counts.num_repeated_documents),
            ("documents left out", counts.num_left_out_documents),
            ("rows rejected", counts.num_rejected_rows),
            ("reflections", counts.num_chunks),
            ("bytes of the documents' own words", counts.num_bytes),
            ("bytes added by the arm", added),
            ("forged markers neutralised", counts.num_neutralised),
        ],
    )


def edits_of(counts: Counts) -> str:
    return table(["edit", "number"], sorted(counts.edits.items())) if counts.edits else ""


def options_of(arm: ArmOptions) -> str:
    """Return what decides the arm beside its name, where that is not what it is unless told."""
    said = [f"Seed {arm.seed}."]
    said += ["Controversial chunks were treated as unsafe ones."] if arm.strict else []
    said += [f"Amounts were measured in {arm.measure}."] if arm.name is ArmName.RAW_MATCHED else []
    return " " + " ".join(said)


def way_back(manifest: Manifest) -> str:
    """Say how the original is had from a row, or that it is not."""
    kind = ARMS[manifest.arm.name]
    if kind.rows is Rows.EDITED:
        return (_TAKEN_AWAY if kind.takes_away else _WITHOUT_EDITS).strip()
    return _LEFT_OUT if kind.takes_away else _PLAIN
