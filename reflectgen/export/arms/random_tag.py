"""`random-tag`: a tag before one in twenty words of unsafe text, wherever chance puts it, and none in safe text.

Safety Pretraining (SafeLM, arXiv 2504.16980) found 5 % the best of 3, 5 and 10, and learns its tag like any other text:
its decoding reads how likely the model finds the tag. So it is of the kind of a reflection and not masked.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from reflectgen.export.arms.arm import WriteShard, chance, each
from reflectgen.export.arms.edit import Insertion, insert
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.record import ChunkReflection, EditKind, WovenDocument
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions

TAG = "<potentially unsafe content>"
SHARE = 0.05  # of the words of unsafe chunks

_WORD = re.compile(r"\S+")


def random_tag(form: FormOptions, options: ArmOptions) -> WriteShard:
    def write(document: Document, reflections: Sequence[ChunkReflection]) -> WovenDocument:
        return insert(document, _tags(document, reflections, options), (*form.markers, TAG))

    return each(write)


def _tags(document: Document, reflections: Sequence[ChunkReflection], options: ArmOptions) -> Iterator[Insertion]:
    rng = chance("random-tag", options.seed, document.id)
    for one in reflections:
        if options.is_unsafe(one.verdict):
            for word in _WORD.finditer(document.text, one.start, one.end):
                if rng.random() < SHARE:
                    yield Insertion(word.start(), f"{TAG} ", EditKind.TAG, one.provenance)
