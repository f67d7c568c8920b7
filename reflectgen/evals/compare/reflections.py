"""What became of a teacher's answers: how many were accepted, why others were not, and how the accepted ones read."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from reflectgen.evals.compare.figure import Figure, mean, rate
from reflectgen.evals.compare.result import RowResult, Used
from reflectgen.records import Road

BIN_WORDS = 5
LAST_BIN_WORDS = 45  # the last bin holds all that are longer


@dataclass(frozen=True, slots=True)
class Reflections:
    """`asked`: share of rows that the teacher was asked about. `accepted`: of all its answers; `first_accepted`: of the
    first ones. `kept`: share of asked rows that end with the teacher's words. `differs`: where its verdict is not the
    guard's.

    `reasons` counts rejected answers, the most frequent first; `words_by_bin[i]` counts rationales of 5i to 5i + 4
    words.
    """

    asked: Figure
    accepted: Figure
    first_accepted: Figure
    kept: Figure
    differs: Figure
    reasons: Mapping[str, int]
    roads: Mapping[str, int]
    words: Figure
    median_words: float | None
    words_by_bin: tuple[int, ...]
    grounding: Figure


@dataclass(frozen=True, slots=True)
class Cost:
    """All calls, retries and rejected answers included. `total` is None where one that was asked has no price."""

    by_role: tuple[Used, ...]
    num_calls: int
    prompt_tokens: int
    completion_tokens: int
    total: float | None
    per_thousand_rows: float | None
    seconds: float


def reflections(results: Sequence[RowResult]) -> Reflections:
    asked = [result for result in results if result.answers]
    answers = [answer for result in asked for answer in result.answers]
    said = [result for result in asked if result.said]
    written = [result for result in results if result.rationale]
    words = [result.num_words for result in written]
    return Reflections(
        asked=rate(len(asked), len(results)),
        accepted=rate(sum(not answer.reason for answer in answers), len(answers)),
        first_accepted=rate(sum(not result.answers[0].reason for result in asked), len(asked)),
        kept=rate(sum(result.road in (Road.TEACHER, Road.ASKED_AGAIN) for result in asked), len(asked)),
        differs=rate(sum(result.said.verdict is not result.guard.verdict for result in said if result.said), len(said)),
        reasons=dict(Counter(answer.reason for answer in answers if answer.reason).most_common()),
        roads=dict(Counter(result.road.value for result in results).most_common()),
        words=mean(words, least=0.0),
        median_words=statistics.median(words) if words else None,
        words_by_bin=_binned(words),
        grounding=mean([result.grounding for result in written if result.grounding is not None], 0.0, 1.0),
    )


def cost(used: Sequence[Used], num_rows: int, seconds: float) -> Cost:
    asked = [one for one in used if one.num_calls]
    total = 0.0
    for one in asked:
        if one.cost is None:
            return _cost(used, None, num_rows, seconds)
        total += one.cost
    return _cost(used, total, num_rows, seconds)


def _cost(used: Sequence[Used], total: float | None, num_rows: int, seconds: float) -> Cost:
    return Cost(
        by_role=tuple(used),
        num_calls=sum(one.num_calls for one in used),
        prompt_tokens=sum(one.prompt_tokens for one in used),
        completion_tokens=sum(one.completion_tokens for one in used),
        total=total,
        per_thousand_rows=None if total is None or not num_rows else 1000 * total / num_rows,
        seconds=seconds,
    )


def _binned(words: Sequence[float]) -> tuple[int, ...]:
    bins = [0] * (LAST_BIN_WORDS // BIN_WORDS + 1)
    for number in words:
        bins[min(int(number), LAST_BIN_WORDS) // BIN_WORDS] += 1
    return tuple(bins)
