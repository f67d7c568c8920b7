"""From a conversation and the reflections on its turns to the rows that are written of it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from reflectgen.corpus.chat import Message, Turn, is_answer, is_call, turns_of
from reflectgen.errors import VerificationError
from reflectgen.export.arms.arm import chance
from reflectgen.export.record import ChunkReflection
from reflectgen.export.sft.answer import Answer, first_unsafe, most_severe, recovery, refusal, woven_answer
from reflectgen.export.sft.counts import SftCounts
from reflectgen.export.sft.record import SftOptions, SftRow, SftSpan
from reflectgen.records import Document, Provenance, Verdict
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.markers import find_markers

REFUSALS = (
    "I can't help with that. Someone could come to harm by it.",
    "I won't do this, because it could hurt somebody. I am glad to help with something else.",
    "That is something I have to decline: it could do harm. If there is a need behind it, tell me about that instead.",
    "No, I will not help with this. I can talk about why it is dangerous, or about safer ways, if you like.",
)
REFUSAL_PROVENANCE = Provenance(role="template", model="reflectgen sft-refusal")


@dataclass(slots=True)
class _Written:
    """A conversation on its way: messages and spans so far, and the chunks of the prompt that waits for an answer."""

    messages: list[Message] = field(default_factory=list)
    spans: list[SftSpan] = field(default_factory=list)
    prompt: list[ChunkReflection] = field(default_factory=list)

    def say(self, message: Message, answer: Answer | None = None) -> None:
        """Add a message, as it is or as an answer with its spans."""
        said = {key: value for key, value in message.items() if key != "is_call"}
        if is_call(message) and not message["content"]:
            said["content"] = None  # as it was
        if answer is not None:
            said["content"] = answer.content
            self.spans += (replace(span, turn=len(self.messages)) for span in answer.spans)
        self.messages.append(said)

    def row(self, document: Document, fields: Any, kind: str) -> SftRow:
        metadata = json.dumps(fields, ensure_ascii=False, separators=(",", ":"))
        if kind == "recovery":
            return SftRow(f"{document.id}#recovery", "recovery", tuple(self.messages), tuple(self.spans), metadata)
        return SftRow(document.id, "conversation", tuple(self.messages), tuple(self.spans), metadata)


def sft_rows(
    document: Document,
    reflections: Sequence[ChunkReflection],
    form: FormOptions,
    options: SftOptions,
    counts: SftCounts,
) -> Iterator[SftRow]:
    """Yield the conversation with its reflections and, where it is chosen for one, a recovery example.

    An unsafe answer ends the conversation: what follows was said about words that are not learnt.

    Raises:
        VerificationError: the reflections are not those of this conversation.
    """
    kept = json.loads(document.metadata)
    messages: list[Message] = kept["messages"]
    judged = dict(_judged(messages, reflections, document))
    counts.shapes[kept["shape"]] += 1
    written = _Written()
    for number, message in enumerate(messages):
        counts.roles["tool call" if is_call(message) else message["role"]] += 1
        chunks = judged.get(number, [])
        if not is_answer(message):
            written.prompt += chunks
            counts.num_forged_in_prompts += len(find_markers(message["content"], form.markers))
            written.say(message)
            continue
        is_bad = first_unsafe(chunks) is not None
        if is_bad and chance("recovery", options.seed, document.id).random() < options.recovery:
            before = _Written([*written.messages], [*written.spans])
            before.say(message, recovery(message["content"], chunks, form))
            counts.num_recovery_examples += 1
            yield before.row(document, kept["fields"], "recovery")
        written.say(message, _answer(document, number, message, chunks, written.prompt, form, options, counts))
        written.prompt = []
        if is_bad:
            counts.num_dropped_turns += len(messages) - number - 1
            break
    counts.num_conversations += 1
    yield written.row(document, kept["fields"], "conversation")


def _answer(
    document: Document,
    number: int,
    message: Message,
    chunks: Sequence[ChunkReflection],
    prompt: Sequence[ChunkReflection],
    form: FormOptions,
    options: SftOptions,
    counts: SftCounts,
) -> Answer:
    """Return what the assistant says here: a refusal where both the prompt and its own answer are unsafe."""
    opening = most_severe(prompt)
    is_asked_for_harm = opening is not None and opening.verdict is Verdict.UNSAFE
    is_bad = first_unsafe(chunks) is not None
    counts.num_answers += 1
    counts.num_empty_answers += not chunks
    counts.num_answers_without_prompt += opening is None
    counts.num_unsafe_prompts += is_asked_for_harm
    if opening is not None:
        counts.prompt_verdicts[opening.verdict] += 1
    if opening is not None and is_asked_for_harm and is_bad:
        counts.num_refusals += 1
        text = chance("refusal", options.seed, document.id, number).choice(REFUSALS)
        return refusal(text, opening, REFUSAL_PROVENANCE.key, form)
    counts.num_cut_answers += is_bad
    answer = woven_answer(message["content"], chunks, opening, form)
    counts.num_neutralised += answer.num_neutralised
    for span in answer.spans[opening is not None :]:
        if span.kind == "reflection":
            counts.answer_verdicts[span.verdict] += 1
    return answer


def _judged(
    messages: Sequence[Message], reflections: Sequence[ChunkReflection], document: Document
) -> Iterator[tuple[int, list[ChunkReflection]]]:
    """Yield each judged message's place with its reflections, whose offsets count from the start of its content."""
    following = iter(reflections)
    chunk = next(following, None)
    for turn in turns_of(messages):
        chunks: list[ChunkReflection] = []
        while chunk is not None and chunk.start <= turn.end:
            # The separator after a turn belongs to its last chunk, or is one where the turn itself ends with such.
            if chunk.start < turn.end:
                end = min(chunk.end, turn.end) - turn.start
                chunks.append(replace(chunk, index=len(chunks), start=chunk.start - turn.start, end=end))
            chunk = next(following, None)
        _check(turn, chunks, document)
        yield turn.message, chunks
    if chunk is not None:
        raise VerificationError(f"conversation {document.id!r} has reflections beyond its last turn")


def _check(turn: Turn, chunks: Sequence[ChunkReflection], document: Document) -> None:
    if not chunks or chunks[0].start != 0 or chunks[-1].end != turn.end - turn.start:
        raise VerificationError(f"conversation {document.id!r} has no reflections that fit its turn {turn.message}")
