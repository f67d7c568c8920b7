"""The labelled folder as rows, and the rule that says which of them a model that ships may be fitted on."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Read literally: a row with any other licence, or with more in its licence field, is for evaluation only.
ADMITTED_LICENCES = frozenset({"MIT", "CC0-1.0", "CC0-1.0 (US government work)", "public domain", "CC-BY-4.0"})
# The folder's README says that a model wrote these, their rows do not.
SOURCES_WRITTEN_BY_A_MODEL = frozenset({"cyberseceval-frr"})

NUM_FOLDS = 5


@dataclass(frozen=True, slots=True)
class Row:
    """A labelled text; `refused` says why the rule keeps it out of training, and is empty where it may train."""

    text: str
    unsafe: bool
    category: str  # a hazard; "other" where unsafe and none fits, "none" where safe
    source: str
    group: str
    pair: str
    kind: str  # of a look-alike: text, prompt or advice; of a labelled row: text
    written_by_model: bool
    refused: str

    @property
    def fold(self) -> int:
        return fold_of(self.group)


@dataclass(frozen=True, slots=True)
class Prose:
    """One chunk of ordinary prose, about 100 words."""

    text: str
    source: str
    document: str
    refused: str

    @property
    def fold(self) -> int:
        return fold_of(self.document)


def fold_of(group: str) -> int:
    """Say which fold a group is held out in: the same for all its rows, in every file, on every machine."""
    return int(hashlib.sha256(group.encode()).hexdigest()[:8], 16) % NUM_FOLDS


def read_rows(path: Path) -> list[Row]:
    """Read labelled or look-alike rows."""
    return [
        Row(
            text=row["text"],
            unsafe=row["label"] == "unsafe",
            category=(row["category"] or "other") if row["label"] == "unsafe" else "none",
            source=row["source"],
            group=row["group"],
            pair=row.get("pair_id") or "",
            kind=row.get("kind", "text").partition(":")[0],
            written_by_model=_is_written_by_model(row),
            refused=_refusal(row),
        )
        for row in _parse(path)
    ]


def read_prose(path: Path, chunk_ends: Callable[[str], list[int]]) -> list[Prose]:
    """Read documents and cut them; chunks of fewer than 20 words are headings and the like and are left out."""
    chunks = []
    for row in _parse(path):
        start, refused = 0, _refusal(row)
        for end in chunk_ends(row["text"]):
            text = row["text"][start:end].strip()
            if len(text.split()) >= 20:
                chunks.append(Prose(text, row["source"], row["id"], refused))
            start = end
    return chunks


def print_admitted(name: str, rows: Iterable[Row | Prose]) -> None:
    """Print how many rows of each source the rule admitted, and how many it refused and why."""
    counts = Counter((row.source, row.refused or "admitted") for row in rows)
    print(f"{name}: {sum(n for (_, why), n in counts.items() if why == 'admitted')} of {counts.total()} rows may train")
    for (source, why), count in sorted(counts.items()):
        print(f"  {count:>6}  {source}: {why}")


def _refusal(row: dict[str, Any]) -> str:
    if _is_written_by_model(row):
        return "refused, a model wrote the text"
    return "" if row["license"] in ADMITTED_LICENCES else f"refused, licence {row['license']}"


def _is_written_by_model(row: dict[str, Any]) -> bool:
    return bool((row.get("meta") or {}).get("model")) or row["source"] in SOURCES_WRITTEN_BY_A_MODEL


def _parse(path: Path) -> Iterator[dict[str, Any]]:
    with path.open(encoding="utf-8") as lines:
        yield from map(json.loads, lines)
