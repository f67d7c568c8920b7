"""A few real questions to the teacher: what its answers are like, how many stand, and how fast they come."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections.abc import Sequence
from dataclasses import dataclass

from reflectgen.errors import RequestRejected
from reflectgen.evals.compare.figure import wilson
from reflectgen.filters.candidate import Candidate, Filter
from reflectgen.filters.chain import first_rejection
from reflectgen.jobs.sampling import Total, ratio_of
from reflectgen.records import Chunk, Label, Neighbours, Reply
from reflectgen.reflection.teacher import OpenAITeacher


@dataclass(frozen=True, slots=True)
class Question:
    """What the teacher would be asked about, and the characters of the request."""

    chunk: Chunk
    label: Label
    neighbours: Neighbours
    num_characters: int


@dataclass(frozen=True, slots=True)
class Trial:
    """What came of `num_asked` questions. None: no answer says it.

    `characters_per_token` is that of whole questions, the server's chat template included. `calls_per_second` is the
    pace of the trial at its low end, and at its high end that of a run which fills every slot and slows no answer.
    """

    num_asked: int
    num_answered: int
    num_accepted: int  # by the recipe's filters, all but those that ask a model
    seconds: float
    characters_per_token: Total | None
    completion_tokens: Total | None
    calls_per_second: Total | None

    def calls_per_chunk(self, max_attempts: int) -> Total:
        """Return the questions that a chunk takes, if answers stay as often rejected as here."""
        rejected = 1 - self.num_accepted / self.num_asked
        low, high = wilson(self.num_asked - self.num_accepted, self.num_asked)
        return Total(*(sum(share**attempt for attempt in range(max_attempts)) for share in (rejected, low, high)))


@dataclass(frozen=True, slots=True)
class _Answered:
    seconds: float
    reply: Reply | None  # None: the server rejected the question
    is_accepted: bool = False


async def try_out(
    teacher: OpenAITeacher, questions: Sequence[Question], filters: Sequence[Filter], slots: int
) -> Trial:
    """Ask `questions`, `slots` at a time. The first goes alone, and its time is not counted: a server is cold then.

    Raises:
        TeacherError: the teacher cannot be asked.
    """
    first = await _ask(teacher, questions[0], filters)
    free = asyncio.Semaphore(slots)

    async def in_turn(question: Question) -> _Answered:
        async with free:
            return await _ask(teacher, question, filters)

    began = time.perf_counter()
    others = await asyncio.gather(*map(in_turn, questions[1:]))
    seconds = time.perf_counter() - began
    answered = [first, *others]
    told = [
        (question.num_characters, one.reply)
        for question, one in zip(questions, answered, strict=True)
        if one.reply is not None and one.reply.completion_tokens
    ]
    return Trial(
        num_asked=len(questions),
        num_answered=sum(one.reply is not None for one in answered),
        num_accepted=sum(one.is_accepted for one in answered),
        seconds=first.seconds + seconds,
        characters_per_token=_ratio([(length, reply.prompt_tokens) for length, reply in told]),
        completion_tokens=_ratio([(reply.completion_tokens, 1) for _, reply in told]),
        calls_per_second=_pace(others or [first], seconds if others else first.seconds, slots),
    )


async def _ask(teacher: OpenAITeacher, question: Question, filters: Sequence[Filter]) -> _Answered:
    began = time.perf_counter()
    try:
        reply = await teacher.reflect(question.chunk, question.label, 0, question.neighbours)
    except RequestRejected:
        return _Answered(time.perf_counter() - began, None)
    seconds = time.perf_counter() - began
    candidate = Candidate(question.chunk, question.label, reply, question.neighbours, teacher.instructions)
    return _Answered(seconds, reply, first_rejection(candidate, filters).accepted)


def _ratio(pairs: Sequence[tuple[int, int]]) -> Total | None:
    """Return the ratio of two sums; one pair alone says nothing of how others differ, and is taken to be half off."""
    pairs = [pair for pair in pairs if all(pair)]
    if len(pairs) == 1:
        value = pairs[0][0] / pairs[0][1]
        return Total(value, value / 2, value * 2)
    return ratio_of([a for a, _ in pairs], [b for _, b in pairs]) if pairs else None


def _pace(answered: Sequence[_Answered], seconds: float, slots: int) -> Total | None:
    if not seconds:
        return None
    seen = len(answered) / seconds
    full = slots / max(statistics.fmean(one.seconds for one in answered), 1e-9)
    return Total(seen, seen, seen if len(answered) >= slots else max(seen, full))
