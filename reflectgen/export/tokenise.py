"""Woven documents become ids and their kinds. A marker's id is written where a marker was woven in, and nowhere else.

A document is cut at the markers that were woven in. What lies between two of them is tokenised as the tokenizer does it
between two of its added tokens, so the ids are those of the enlarged tokenizer over the whole text, except that none of
its control tokens (see `plain_tokenizer`) can come out of text, however the text spells it. A token has the kind of its
last character.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain

import numpy as np
import numpy.typing as npt

from reflectgen.export.kinds import Kind, Span, kinds_of
from reflectgen.export.marked_tokenizer import MarkedTokenizer
from reflectgen.export.plain_tokenizer import Ids, PlainTokenizer
from reflectgen.export.record import WovenDocument
from reflectgen.reflection.form import FormOptions

BATCH_CHARACTERS = 1 << 18  # of documents that are cut up at once: this bounds the memory
BATCH_DOCUMENTS = 1 << 12

Kinds = npt.NDArray[np.uint8]


@dataclass(frozen=True, slots=True)
class Section:
    """A marker by its id, or a text between two markers: of `kinds[i]` up to `ends[i]`."""

    text: str
    kinds: list[Kind]
    ends: list[int]
    id: int | None = None
    first: bool = False


@dataclass(frozen=True, slots=True)
class MarkedText:
    """A text in runs that cover it: from, to, the kind of its tokens, and what reads as the id of a marker there."""

    text: str
    runs: list[tuple[int, int, Kind, re.Pattern[str] | None]]


class Tokeniser:
    """Tokenises woven documents in batches, in order."""

    def __init__(self, tokenizer: MarkedTokenizer, form: FormOptions) -> None:
        self._form = form
        self._ids = tokenizer.marker_ids
        self._markers = re.compile("|".join(map(re.escape, sorted(self._ids, key=len, reverse=True))))
        self._plain = PlainTokenizer(tokenizer)
        self._separator = next(self._plain.encode([form.separator], [False]))

    def tokenise(self, documents: Iterable[WovenDocument]) -> Iterator[tuple[Ids, Kinds]]:
        """Yield every document's ids and kinds, without the end-of-text that a writer puts at its end."""
        return self.tokenise_marked(map(self.marked, documents))

    def tokenise_marked(self, texts: Iterable[MarkedText]) -> Iterator[tuple[Ids, Kinds]]:
        """Yield every text's ids and kinds."""
        for batch in _batches(texts):
            cut = [list(self.sections(text)) for text in batch]
            between = [section for section in chain.from_iterable(cut) if section.id is None]
            encoded = self._plain.encode([text.text for text in between], [text.first for text in between])
            for sections in cut:
                yield self._joined(sections, encoded)

    def marked(self, document: WovenDocument) -> MarkedText:
        """Return a document and which of its parts were woven in: whatever spells a marker there is one of ours."""
        runs = _runs(kinds_of(document, self._form), len(document.text))
        markers = {True: self._markers, False: None}
        return MarkedText(document.text, [(start, end, kind, markers[woven]) for start, end, kind, woven in runs])

    def sections(self, marked: MarkedText) -> Iterator[Section]:
        """Cut a text at its markers."""
        text = marked.text
        kinds: list[Kind] = []
        ends: list[int] = []
        begun = 0

        def between(end: int) -> Iterator[Section]:
            if end > begun:
                yield Section(text[begun:end], kinds, [at - begun for at in ends], first=begun == 0)

        for start, end, kind, markers in marked.runs:
            for found in markers.finditer(text, start, end) if markers else ():
                if found.start() > max(start, begun):
                    kinds.append(kind)
                    ends.append(found.start())
                yield from between(found.start())
                yield Section(found.group(), [kind], [len(found.group())], self._ids[found.group()])
                kinds, ends, begun = [], [], found.end()
            if end > max(start, begun):
                kinds.append(kind)
                ends.append(end)
        yield from between(len(text))

    def _joined(self, sections: list[Section], encoded: Iterator[Ids]) -> tuple[Ids, Kinds]:
        parts = [np.empty(0, np.uint32)]
        kinds: list[int] = []
        lengths: list[int] = []
        for section in sections:
            ids = next(encoded) if section.id is None else np.array([section.id], np.uint32)
            parts.append(ids)
            of_each = [len(ids)] if len(section.kinds) == 1 else self._lengths(section, ids)
            kinds += section.kinds
            lengths += of_each
        return np.concatenate(parts), np.repeat(np.array(kinds, np.uint8), lengths)

    def _lengths(self, section: Section, ids: Ids) -> list[int]:
        """Return how many of a section's tokens are of each of its kinds."""
        separator = self._separator
        if section.text[section.ends[0] :] == self._form.separator and np.array_equal(
            ids[len(ids) - len(separator) :], separator
        ):
            return [len(ids) - len(separator), len(separator)]  # as nearly always, and fast
        ends = self._plain.ends(section.text, section.first)
        up_to = np.searchsorted(ends, section.ends, side="right").tolist()
        return np.diff([0, *up_to[:-1], len(ids)]).tolist()  # type: ignore[no-any-return]


def _runs(spans: list[Span], length: int) -> Iterator[tuple[int, int, Kind, bool]]:
    """Yield what was woven in and the text in between, and which of them it is; empty ones left out."""
    done = 0
    for start, end, kind in spans:
        if start > done:
            yield done, start, Kind.TEXT, False
        yield start, end, kind, True
        done = end
    if length > done:
        yield done, length, Kind.TEXT, False


def _batches(texts: Iterable[MarkedText]) -> Iterator[list[MarkedText]]:
    batch: list[MarkedText] = []
    num_characters = 0
    for text in texts:
        batch.append(text)
        num_characters += len(text.text)
        if num_characters >= BATCH_CHARACTERS or len(batch) == BATCH_DOCUMENTS:
            yield batch
            batch, num_characters = [], 0
    if batch:
        yield batch
