"""Counting an export, document by document: once while it is written, once more when it is verified."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field

from reflectgen.export.record import EditedDocument, WovenDocument

# What an arm did that its rows do not show: only who writes them can count it.
NOT_IN_ROWS = frozenset(["num_left_out_documents", "num_repeated_documents"])


@dataclass(slots=True)
class Tally:
    """What the rows of an export add up to; fields as in `manifest.Counts`."""

    num_documents: int = 0
    num_chunks: int = 0
    num_bytes: int = 0
    num_woven_bytes: int = 0
    num_neutralised: int = 0
    num_neutralised_in_reflections: int = 0
    verdicts: Counter[str] = field(default_factory=Counter)
    categories: Counter[str] = field(default_factory=Counter)
    roads: Counter[str] = field(default_factory=Counter)
    provenances: Counter[str] = field(default_factory=Counter)
    num_left_out_documents: int = 0
    num_repeated_documents: int = 0
    edits: Counter[str] = field(default_factory=Counter)

    def add(self, original: str, woven: WovenDocument) -> None:
        """Count a document, given with what it has of its original text."""
        self.num_documents += 1
        self.num_chunks += len(woven.reflections)
        self.num_bytes += len(original.encode())
        self.num_woven_bytes += len(woven.text.encode())
        self.num_neutralised += len(woven.neutralised)
        self.num_neutralised_in_reflections += sum(span.in_reflection for span in woven.neutralised)
        for reflection in woven.reflections:
            self.verdicts[reflection.verdict] += 1
            self.categories[reflection.category] += 1
            self.roads[reflection.road] += 1
            self.provenances[reflection.provenance] += 1
        for edit in woven.edits if isinstance(woven, EditedDocument) else ():
            self.edits[edit.kind] += 1
            if edit.provenance:
                self.provenances[edit.provenance] += 1

    def counts(self) -> dict[str, int | dict[str, int]]:
        """Return the fields as plain values, every group of counts by name in order."""
        return {name: _plain(getattr(self, name)) for name in self.__slots__}

    def merge(self, other: Tally) -> None:
        """Add what another shard's tally counted."""
        for name in self.__slots__:
            setattr(self, name, getattr(self, name) + getattr(other, name))


def _plain(count: int | Counter[str]) -> int | dict[str, int]:
    return {str(name): count[name] for name in sorted(count)} if isinstance(count, Counter) else count
