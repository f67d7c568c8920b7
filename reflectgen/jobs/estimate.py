"""What a run would take: read, cut and labelled by sample, before anything is spent.

Nobody is asked but, where it has one, a server's tokenizer, which costs nothing; and the teacher, as often as the user
allows.
"""

from __future__ import annotations

import asyncio
import random
import statistics
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reflectgen.corpus.chunk import Chunker
from reflectgen.errors import RequestRejected, TeacherError
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import Bound, Roles
from reflectgen.jobs.sampling import NOTHING, Reservoir, Total
from reflectgen.llm.completion import CompletionRequest
from reflectgen.llm.price import Price
from reflectgen.records import Chunk, Label, Reply
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.reflection.cascade import wants_teacher
from reflectgen.reflection.llm_guard import LLMGuard
from reflectgen.reflection.teacher import OpenAITeacher
from reflectgen.shards import chunks_of

CHARACTERS_PER_TOKEN = 4.0  # of English prose; assumed where no server says
COUNTED_QUESTIONS = 20
ASSUMED_ANSWER_TOKENS = 80.0  # forty words and the JSON around them
GUARD_ANSWER_TOKENS = 15.0
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Answers:
    """What teacher's answers are like: measured on `num_asked` of them, or assumed where that is 0."""

    num_asked: int = 0
    num_usable: int = 0
    tokens: float = ASSUMED_ANSWER_TOKENS
    low: float = ASSUMED_ANSWER_TOKENS / 2
    high: float = ASSUMED_ANSWER_TOKENS * 2
    per_second: float | None = None


@dataclass(frozen=True, slots=True)
class RoleEstimate:
    """What one role's endpoints would be asked for. `cost` and `gpu_hours` are None where there is no price or rate."""

    role: str
    model: str
    calls: Total
    prompt_tokens: Total
    completion_tokens: Total
    cost: Total | None
    gpu_hours: Total | None


@dataclass(frozen=True, slots=True)
class Estimate:
    num_documents: int
    num_characters: int
    num_sampled: int
    chunks: Total
    asked: Total
    roles: tuple[RoleEstimate, ...]
    answers: Answers
    characters_per_token: float
    counted_by_server: bool
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        return asdict(self)


async def estimate(
    reservoir: Reservoir, chunker: Chunker, file: RecipeFile, roles: Roles, *, num_asked: int, seed: int
) -> Estimate:
    """Return what a run over the corpus that `reservoir` has seen would take; `num_asked` calls are made for it.

    Raises:
        TeacherError: a call was to be made, and the endpoint cannot be asked.
    """
    documents = [list(chunks_of(one, chunker.ends(one.text))) for one in reservoir.documents]
    guard = BuiltinGuard()  # the job's own, or a stand-in that costs nothing
    labels = [guard.label_texts([chunk.text for chunk in chunks]) for chunks in documents]
    teacher = next((one for one in roles.teachers if isinstance(one, OpenAITeacher)), None)
    wanted = [
        [(c, label) for c, label in zip(chunks, given, strict=True) if wants_teacher(c, label, file.policy.cascade)]
        for chunks, given in zip(documents, labels, strict=True)
        if roles.teachers
    ] or [[] for _ in documents]
    questions = [[teacher.question(chunk, 0) for chunk, _ in some] for some in wanted] if teacher else []
    ratio = await _characters_per_token(roles, [one for some in questions for one in some], seed)
    answers = await _ask(teacher, [one for some in wanted for one in some], num_asked, seed) if teacher else Answers()
    chunks = reservoir.total([len(some) for some in documents])
    asked = reservoir.total([len(some) for some in wanted])
    per_token = ratio or CHARACTERS_PER_TOKEN
    found = []
    if isinstance(roles.guard, LLMGuard):
        lengths = [sum(roles.guard.question_characters(chunk) for chunk in some) for some in documents]
        tokens = reservoir.total([length / per_token for length in lengths])
        calls = chunks.times(roles.guard.num_questions)
        found.append(_role(_bound(roles, "guard"), calls, tokens, calls.times(GUARD_ANSWER_TOKENS), None))
    if teacher:
        tokens = reservoir.total([sum(map(_characters, some)) / per_token for some in questions])
        again = 1 + _share_asked_again(answers, file.policy.max_attempts)
        most = float(file.policy.max_attempts) if not answers.num_asked else again
        calls = asked.times(again, 1.0 if not answers.num_asked else again, most)
        written = calls.times(answers.tokens, answers.low, answers.high)
        found.append(
            _role(_bound(roles, "teacher"), calls, tokens.times(again, 1.0, most), written, answers.per_second)
        )
    return Estimate(
        num_documents=reservoir.num_documents,
        num_characters=reservoir.num_characters,
        num_sampled=len(documents),
        chunks=chunks,
        asked=asked if roles.teachers else NOTHING,
        roles=tuple(found),
        answers=answers,
        characters_per_token=per_token,
        counted_by_server=ratio is not None,
        notes=tuple(_notes(file, roles, answers, found)),
    )


def _role(bound: Bound, calls: Total, prompt: Total, completion: Total, per_second: float | None) -> RoleEstimate:
    prices = [Price.of(options) for options in bound.options]
    price = prices[0] if prices and all(one == prices[0] for one in prices) else None
    by_hour = price is not None and price.per_gpu_hour > 0
    hours = None
    if per_second:
        num_gpus = sum(options.num_gpus for options in bound.options)
        hours = calls.times(num_gpus / per_second / SECONDS_PER_HOUR)
    cost = None
    if price is not None and (not by_hour or hours is not None):
        by_tokens = prompt.times(price.per_million_prompt_tokens / 1e6).plus(
            completion.times(price.per_million_completion_tokens / 1e6)
        )
        cost = by_tokens.plus(hours.times(price.per_gpu_hour)) if hours and by_hour else by_tokens
    return RoleEstimate(bound.role, bound.model, calls, prompt, completion, cost, hours)


async def _characters_per_token(roles: Roles, questions: Sequence[CompletionRequest], seed: int) -> float | None:
    """Ask a server that counts tokens how many some questions have; None where none does."""
    some = random.Random(seed).sample(list(questions), min(COUNTED_QUESTIONS, len(questions)))
    texts = ["\n".join(message["content"] for message in question.messages) for question in some]
    for bound in roles.bound:
        if bound.role != "teacher" or not texts:
            continue
        try:
            counts = [await bound.pool.count_tokens(text, bound.model) for text in texts]
        except TeacherError:
            return None
        if all(counts):
            return sum(map(len, texts)) / sum(count or 0 for count in counts)
    return None


async def _ask(teacher: OpenAITeacher, wanted: Sequence[tuple[Chunk, Label]], num_asked: int, seed: int) -> Answers:
    """Ask about `num_asked` chunks at once, and return what the answers were like."""
    some = random.Random(seed).sample(list(wanted), min(num_asked, len(wanted)))
    if not some:
        return Answers()
    began = time.monotonic()
    given = await asyncio.gather(*(_reply(teacher, chunk, label) for chunk, label in some))
    replies = [reply for reply in given if reply is not None]
    tokens = [float(reply.completion_tokens) for reply in replies] or [ASSUMED_ANSWER_TOKENS]
    middle = statistics.fmean(tokens)
    spread = 1.96 * statistics.stdev(tokens) / len(tokens) ** 0.5 if len(tokens) > 1 else middle / 2
    usable = sum(reply.reflection is not None for reply in replies)
    rate = len(some) / (time.monotonic() - began)
    return Answers(len(some), usable, middle, max(0.0, middle - spread), middle + spread, rate)


async def _reply(teacher: OpenAITeacher, chunk: Chunk, label: Label) -> Reply | None:
    try:
        return await teacher.reflect(chunk, label, 0)
    except RequestRejected:
        return None


def _share_asked_again(answers: Answers, max_attempts: int) -> float:
    """Return the further questions a chunk, if unusable answers stay as frequent; other rejections are not known."""
    if not answers.num_asked:
        return 0.0
    unusable = 1 - answers.num_usable / answers.num_asked
    return sum(unusable**attempt for attempt in range(1, max_attempts))


def _characters(question: CompletionRequest) -> int:
    return sum(len(message["content"]) for message in question.messages)


def _bound(roles: Roles, role: str) -> Bound:
    return next(bound for bound in roles.bound if bound.role == role)


def _notes(file: RecipeFile, roles: Roles, answers: Answers, found: Sequence[RoleEstimate]) -> list[str]:
    """Return what was assumed, and what would make it better."""
    notes = []
    if isinstance(roles.guard, LLMGuard) and file.policy.ask != "all":
        notes.append("which chunks reach the teacher was decided by the built-in guard in place of the recipe's")
    if any(one.role == "teacher" for one in found):
        if answers.num_asked:
            notes.append("rejections by filters, and answers that equal chunks share, are not foreseen")
        else:
            notes.append(f"answers are assumed to have {ASSUMED_ANSWER_TOKENS:.0f} tokens; --ask 20 measures some")
    if file.judge or file.policy.checks:
        notes.append("what checks ask of models is not in it")
    if any(one.cost is None for one in found):
        notes.append("no cost where a price is missing, endpoints of a role differ in it, or hours need --ask")
    return notes
