"""One answer of the assistant's with its reflections: on the prompt before it, and after each of its chunks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from reflectgen.export.kinds import Kind, kinds_of
from reflectgen.export.record import ChunkReflection, WovenDocument, WovenReflection
from reflectgen.export.sft.record import SftSpan
from reflectgen.export.weave import weave
from reflectgen.records import Document, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, write_reflection


@dataclass(frozen=True, slots=True)
class Answer:
    """What the assistant says, and its spans; `turn` of the spans is for the conversation to fill in."""

    content: str
    spans: tuple[SftSpan, ...]
    num_neutralised: int = 0


def first_unsafe(chunks: Sequence[ChunkReflection]) -> int | None:
    return next((number for number, chunk in enumerate(chunks) if chunk.verdict is Verdict.UNSAFE), None)


def most_severe(chunks: Sequence[ChunkReflection]) -> ChunkReflection | None:
    """Return the reflection that speaks for a prompt of several chunks: the first of its most severe ones."""
    return max(chunks, key=lambda chunk: chunk.verdict.severity, default=None)


def woven_answer(
    content: str, chunks: Sequence[ChunkReflection], opening: ChunkReflection | None, form: FormOptions
) -> Answer:
    """Return an answer that begins with the reflection on its prompt and ends with the one on its last chunk.

    It ends early, right after the reflection on its first unsafe chunk; the words of that chunk are not learnt.
    """
    unsafe = first_unsafe(chunks)
    chunks = chunks if unsafe is None else chunks[: unsafe + 1]
    head, spans, num_neutralised = _opening(opening, form)
    if not chunks:
        return Answer(head, spans, num_neutralised)
    head += form.separator if head else ""
    woven = weave(Document("", content[: chunks[-1].end]), chunks, form)
    ended = woven.text[: woven.reflections[-1].end]  # white space may have followed
    spans += tuple(
        replace(span, start=span.start + len(head), end=span.end + len(head)) for span in _spans(woven, form)
    )
    return Answer(head + ended, spans, num_neutralised + len(woven.neutralised))


def recovery(content: str, chunks: Sequence[ChunkReflection], form: FormOptions) -> Answer:
    """Return an answer that an attacker began: its own words up to the first unsafe chunk, not learnt, then the stop.

    It has no reflection before that, as what is put into a model's mouth has none.
    """
    unsafe = first_unsafe(chunks)
    if unsafe is None:
        raise ValueError("an answer without an unsafe chunk has nothing to recover from")
    last = chunks[unsafe]
    whole = replace(last, index=0, start=0)
    woven = weave(Document("", content[: last.end]), [whole], form)
    return Answer(woven.text[: woven.reflections[-1].end], tuple(_spans(woven, form)), len(woven.neutralised))


def refusal(text: str, opening: ChunkReflection, provenance: str, form: FormOptions) -> Answer:
    """Return the reflection on an unsafe prompt, a refusal of ours, and the reflection on that."""
    own = replace(opening, index=0, start=0, end=len(text), verdict=Verdict.SAFE, rationale="", provenance=provenance)
    return woven_answer(text, [own], opening, form)


def _opening(opening: ChunkReflection | None, form: FormOptions) -> tuple[str, tuple[SftSpan, ...], int]:
    """Return the reflection on the prompt, after which nothing ends: the answer is to come."""
    if opening is None:
        return "", (), 0
    leading = form.model_copy(update={"end_after_unsafe": False})
    written = write_reflection(Reflection(opening.verdict, opening.category, opening.rationale), leading)
    return written.text, (_reflection(0, len(written.text), opening),), len(written.neutralised)


def _spans(woven: WovenDocument, form: FormOptions) -> Iterator[SftSpan]:
    """Yield the spans of a woven answer in order: an unsafe chunk's own words are of kind `prompt`."""
    given = iter(woven.reflections)
    done = 0
    for start, end, kind in kinds_of(woven, form):
        if kind is Kind.REFLECTION:
            judged = next(given)
            if judged.verdict is Verdict.UNSAFE and done < start:
                yield SftSpan(0, done, start, "prompt")
            yield _reflection(start, end, judged)
        else:
            yield SftSpan(0, start, end, "end_of_text")
        done = end


def _reflection(start: int, end: int, judged: ChunkReflection | WovenReflection) -> SftSpan:
    return SftSpan(0, start, end, "reflection", judged.verdict.value, judged.category.value, judged.provenance)
