"""`raw-matched`: raw documents, some of them again, until there is as much text as in `srp`.

The control for sheer amount: `srp` trains on more tokens than `raw`. What the reflections of a shard add up to is paid
back within it, document by document. Whichever document follows the last one that was repeated is next, so long and
short ones have the same chance; at the end a last one is cut to what is still owed. No more than one document is kept.
"""

from __future__ import annotations

from collections.abc import Iterator

from reflectgen.export.arms.arm import ArmShard, WriteShard, Written
from reflectgen.export.arms.edit import Replacing, replace
from reflectgen.export.arms.measure import Measure
from reflectgen.export.record import EditKind
from reflectgen.export.weave import weave
from reflectgen.records import Document
from reflectgen.reflection.form import FormOptions


def raw_matched(form: FormOptions, measure: Measure) -> WriteShard:
    def write_shard(shard: ArmShard) -> Iterator[Written]:
        owed = length = num_again = 0  # owed: what srp has more than what was written so far
        following: Document | None = None  # the next to be repeated
        for document, reflections in shard.documents:
            written = replace(document, (), form.markers)
            yield Written(document, reflections, written)
            own_length = measure.count(written.text)
            owed += measure.count(weave(document, reflections, form).text) - own_length
            if own_length and (following is None or num_again):
                following, length, num_again = document, own_length + measure.end_length, 0
            while following is not None and owed >= length:
                num_again += 1
                yield _again(following, len(following.text), num_again, form)
                owed -= length
        if following is not None and owed > measure.end_length:
            end = measure.cut(following.text, owed - measure.end_length)
            yield _again(following, end, num_again + 1, form)

    return write_shard


def _again(document: Document, end: int, number: int, form: FormOptions) -> Written:
    """Return a document once more, up to `end`; its id says which repetition it is."""
    copy = Document(f"{document.id}#{number + 1}", document.text, document.metadata)
    cut = [Replacing(end, len(copy.text), "", EditKind.REMOVED, "")] if end < len(copy.text) else []
    return Written(copy, (), replace(copy, cut, form.markers), is_again=True)
