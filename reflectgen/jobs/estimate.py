"""What a run would take: read, cut and labelled by sample, before anything is spent.

Nobody is asked but, where it has one, a server's tokenizer, which costs nothing; and the teacher, as often as the user
allows.
"""

from __future__ import annotations

import math
import random
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass
from typing import Any

from reflectgen.errors import TeacherError
from reflectgen.filters.chain import from_spec
from reflectgen.jobs.price_of_run import price_of_run
from reflectgen.jobs.recipe import job_recipe
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import Bound, Roles
from reflectgen.jobs.sampling import NOTHING, Drawn, Sample, Total, ratio_of
from reflectgen.jobs.trial import Question, Trial, try_out
from reflectgen.records import Label
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.reflection.cascade import wants_teacher
from reflectgen.reflection.llm_guard import LLMGuard
from reflectgen.reflection.teacher import OpenAITeacher

CHARACTERS_PER_TOKEN = Total(4.0, 3.0, 5.0)  # of English prose; assumed where no server says
COUNTED_TEXTS = 20
ANSWER_TOKENS, LEAST_ANSWER_TOKENS = 80, 40  # of a teacher: forty words and the JSON around them
LABEL_TOKENS = Total(15, 3, 30)  # of a guard: a word or two, or a short object
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Known:
    """A figure that the estimate rests on, and how it is known."""

    what: str
    figure: Total
    source: str


@dataclass(frozen=True, slots=True)
class RoleEstimate:
    """What one role's endpoints would be asked for, retries after outages left out."""

    role: str
    model: str
    calls: Total
    prompt_tokens: Total
    completion_tokens: Total


@dataclass(frozen=True, slots=True)
class Estimate:
    """`hours` of the run, `gpu_hours` of the endpoints of all roles meanwhile, and `cost`; None where not known."""

    num_files: int
    num_files_read: int
    num_documents_looked_at: int
    documents: Total
    characters: Total
    chunks: Total
    asked: Total  # chunks that reach the teacher
    roles: tuple[RoleEstimate, ...]
    hours: Total | None
    gpu_hours: Total | None
    cost: Total | None
    trial: Trial | None
    known: tuple[Known, ...]
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """Return all of it; what has no bound is None, which JSON can say."""
        written: dict[str, Any] = _finite(asdict(self))
        return written


def _finite(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _finite(each) for key, each in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(each) for each in value]
    return None if value == math.inf else value


async def estimate(
    sample: Sample,
    file: RecipeFile,
    roles: Roles,
    *,
    num_asked: int = 0,
    tokens_per_second: float | None = None,
) -> Estimate:
    """Return what a run over the corpus of `sample` would take; `num_asked` calls of the teacher are made for it.

    `tokens_per_second` are those of answers that all endpoints of the teacher write together, where the user knows.

    Raises:
        TeacherError: a call was to be made, and the endpoint cannot be asked.
    """
    guard = BuiltinGuard()  # the job's own, or a stand-in that costs nothing
    labels = [guard.label_texts([chunk.text for chunk, _ in one.chunks]) for one in sample.drawn]
    questions = [list(_questions(*each, roles, file)) for each in zip(sample.drawn, labels, strict=True)]
    chunks = sample.total([[1.0] * len(one.chunks) for one in sample.drawn])
    asked = sample.total([[float(one is not None) for one in some] for some in questions])
    known: list[Known] = []
    found: list[RoleEstimate] = []
    trial = hours = None
    if isinstance(roles.guard, LLMGuard):
        found.append(await _guard(sample, roles.guard, file, roles, chunks, known))
    if (teacher := _teacher(roles)) is not None:
        drawn = _drawn_for_trial(sample, questions, num_asked)
        if drawn:
            trial = await try_out(teacher, drawn, from_spec(job_recipe(file, roles).filters), _slots(roles))
        found.append(await _asked_teacher(sample, teacher, file, roles, questions, asked, trial, known))
        hours = _hours(found[-1], trial, tokens_per_second)
    gpu_hours, cost = price_of_run(
        roles, {one.role: (one.prompt_tokens, one.completion_tokens) for one in found}, hours
    )
    return Estimate(
        num_files=sample.num_files,
        num_files_read=sample.num_files_read,
        num_documents_looked_at=len(sample.drawn),
        documents=sample.documents,
        characters=sample.characters,
        chunks=chunks,
        asked=asked,
        roles=tuple(found),
        hours=hours,
        gpu_hours=gpu_hours,
        cost=cost,
        trial=trial,
        known=tuple(known),
        notes=tuple(_notes(file, roles, found, trial, hours, cost)),
    )


def _teacher(roles: Roles) -> OpenAITeacher | None:
    """Return the teacher if it is asked over an endpoint; a fallback of the built-in one is never asked."""
    first = roles.teachers[0] if roles.teachers else None
    return first if isinstance(first, OpenAITeacher) else None


def _questions(drawn: Drawn, labels: Sequence[Label], roles: Roles, file: RecipeFile) -> Iterator[Question | None]:
    """Yield for each chunk what the teacher would be asked about it; None where it would not be."""
    teacher = _teacher(roles)
    for (chunk, neighbours), label in zip(drawn.chunks, labels, strict=True):
        bridges_nothing = file.policy.mode == "hint" and not neighbours.after.strip()
        if not roles.teachers or bridges_nothing or not wants_teacher(chunk, label, file.policy.cascade):
            yield None
            continue
        messages = teacher.question(chunk, 0, neighbours).messages if teacher else ()
        yield Question(chunk, label, neighbours, sum(len(message["content"]) for message in messages))


async def _guard(
    sample: Sample, guard: LLMGuard, file: RecipeFile, roles: Roles, chunks: Total, known: list[Known]
) -> RoleEstimate:
    bound = _bound(roles, "guard")
    calls = chunks.times(guard.num_questions)
    if file.guard.is_classifier:
        return RoleEstimate(bound.role, bound.model, calls, NOTHING, NOTHING)
    texts = [chunk.text for one in sample.drawn for chunk, _ in one.chunks]
    per_token = await _characters_per_token(bound, texts, sample.seed)
    known += [per_token, Known("answer tokens (guard)", LABEL_TOKENS, "assumed")]
    characters = sample.total([[guard.question_characters(chunk) for chunk, _ in one.chunks] for one in sample.drawn])
    return RoleEstimate(bound.role, bound.model, calls, characters.over(per_token.figure), calls.times(LABEL_TOKENS))


async def _asked_teacher(
    sample: Sample,
    teacher: OpenAITeacher,
    file: RecipeFile,
    roles: Roles,
    questions: Sequence[Sequence[Question | None]],
    asked: Total,
    trial: Trial | None,
    known: list[Known],
) -> RoleEstimate:
    bound, max_attempts = _bound(roles, "teacher"), file.policy.max_attempts
    source = f"measured on {trial.num_answered} answers" if trial else ""
    if trial:
        calls_each = Known("calls a chunk (teacher)", trial.calls_per_chunk(max_attempts), f"measured: {_share(trial)}")
    else:
        calls_each = Known("calls a chunk (teacher)", Total(1, 1, max_attempts), "assumed: no answer is rejected")
    if trial and trial.completion_tokens:
        written = Known("answer tokens (teacher)", trial.completion_tokens, source)
    else:
        most = max(file.teacher_options(bound.model).max_tokens, ANSWER_TOKENS)
        assumed = Total(ANSWER_TOKENS, LEAST_ANSWER_TOKENS, most)
        written = Known("answer tokens (teacher)", assumed, "assumed, up to the recipe's max_tokens")
    if trial and trial.characters_per_token:
        per_token = Known("characters a token (teacher)", trial.characters_per_token, source)
    else:
        flat = [one for some in questions for one in some if one]
        texts = [
            "\n".join(m["content"] for m in teacher.question(one.chunk, 0, one.neighbours).messages) for one in flat
        ]
        per_token = await _characters_per_token(bound, texts, sample.seed)
    known += [calls_each, per_token, written]
    calls = asked.times(calls_each.figure)
    characters = sample.total([[one.num_characters if one else 0 for one in some] for some in questions])
    prompt_tokens = characters.over(per_token.figure).times(calls_each.figure)
    return RoleEstimate(bound.role, bound.model, calls, prompt_tokens, calls.times(written.figure))


async def _characters_per_token(bound: Bound, texts: Sequence[str], seed: int) -> Known:
    """Ask a server that counts tokens how many some texts have; where none does, assume."""
    some = random.Random(seed).sample(list(texts), min(COUNTED_TEXTS, len(texts)))
    counts: list[int] = []
    with suppress(TeacherError):  # then it is not there to say
        counts = [await bound.pool.count_tokens(text, bound.model) or 0 for text in some]
    what = f"characters a token ({bound.role})"
    if len(counts) < 2 or not all(counts):
        return Known(what, CHARACTERS_PER_TOKEN, "assumed for English prose; no server said")
    ratio = ratio_of([len(text) for text in some], counts)
    return Known(what, ratio, f"counted by the server on {len(some)} texts, its chat template left out")


def _drawn_for_trial(sample: Sample, questions: Sequence[Sequence[Question | None]], number: int) -> list[Question]:
    """Draw questions, each chunk of the corpus as likely as any (Efraimidis and Spirakis 2006)."""
    rng = random.Random(sample.seed)
    keyed = [
        (rng.random() ** (1 / drawn.weight), question)
        for drawn, some in zip(sample.drawn, questions, strict=True)
        for question in some
        if question
    ]
    return [question for _, question in sorted(keyed, key=lambda pair: -pair[0])[:number]]


def _hours(role: RoleEstimate, trial: Trial | None, tokens_per_second: float | None) -> Total | None:
    if tokens_per_second is not None:
        return role.completion_tokens.times(1 / tokens_per_second / SECONDS_PER_HOUR)
    if trial is None or trial.calls_per_second is None:
        return None
    return role.calls.over(trial.calls_per_second).times(1 / SECONDS_PER_HOUR)


def _share(trial: Trial) -> str:
    return f"{trial.num_accepted} of {trial.num_asked} answers passed the filters"


def _bound(roles: Roles, role: str) -> Bound:
    return next(bound for bound in roles.bound if bound.role == role)


def _slots(roles: Roles) -> int:
    return sum(options.concurrency for options in _bound(roles, "teacher").options)


def _notes(
    file: RecipeFile,
    roles: Roles,
    found: Sequence[RoleEstimate],
    trial: Trial | None,
    hours: Total | None,
    cost: Total | None,
) -> Iterator[str]:
    """Yield what is not foreseen, and what would make the estimate better."""
    has_teacher = any(one.role == "teacher" for one in found)
    if isinstance(roles.guard, LLMGuard) and file.policy.ask != "all":
        yield "the built-in guard decided, in place of the recipe's, which chunks reach the teacher"
    if has_teacher and trial is None:
        yield "--ask 20 puts real answers in the place of what is assumed"
    if trial and hours and trial.num_asked <= _slots(roles):
        slots = _slots(roles)
        yield f"the trial did not fill the teacher's {slots} slots, a run may be faster: --ask {4 * slots} shows it"
    if has_teacher:
        yield "equal chunks share an answer, which is not foreseen: a corpus that repeats itself costs less"
    if file.judge or file.policy.checks or file.teacher.fallbacks:
        yield "what checks, a judge and fallbacks are asked is not in it"
    if found and cost is None:
        yield "no cost: an endpoint has no price, or one by the hour, which takes --ask or --tokens-per-second"
