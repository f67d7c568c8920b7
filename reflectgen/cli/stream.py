"""Documents straight from the input, for commands that keep nothing."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

import typer

from reflectgen.corpus.read import ReadOptions, read_rows
from reflectgen.corpus.sources import find_sources
from reflectgen.records import Document, RejectedRow


class Rejected:
    """Counts rows that became no document, and says so at the end."""

    def __init__(self) -> None:
        self._reasons: Counter[str] = Counter()

    def add(self, row: RejectedRow) -> None:
        self._reasons[row.reason] += 1

    def report(self) -> None:
        if self._reasons:
            reasons = ", ".join(f"{reason} {n:,}" for reason, n in self._reasons.most_common())
            typer.echo(f"rejected rows: {reasons}", err=True)


def documents(inputs: Sequence[str], options: ReadOptions, rejected: Rejected) -> Iterator[Document]:
    """Yield every document of the inputs.

    Raises:
        InputError: nothing there can be read.
    """
    sources, _ = find_sources(inputs)
    for source in sources:
        for row in read_rows(source, options):
            if isinstance(row, Document):
                yield row
            else:
                rejected.add(row)
