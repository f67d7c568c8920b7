"""Questions about a world, with their answers: those of SFT, and those of the tests, which share neither outcome."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.wording import QUESTIONS
from reflectgen.evals.medsafetyworld.world import Edge, World


class QuestionClass(StrEnum):
    """Only `reverse-unsafe` asks for something harmful."""

    FORWARD_SAFE = "forward-safe"
    FORWARD_UNSAFE = "forward-unsafe"
    REVERSE_SAFE = "reverse-safe"
    REVERSE_UNSAFE = "reverse-unsafe"


GENERAL = (QuestionClass.FORWARD_SAFE, QuestionClass.FORWARD_UNSAFE, QuestionClass.REVERSE_SAFE)


@dataclass(frozen=True, slots=True)
class Question:
    """`about` is what it names; each of `answers` is one right answer, all of whose names an answer must hold.

    `cluster` is the outcome that it turns on: questions of one outcome succeed and fail together.
    """

    text: str
    question_class: QuestionClass
    about: tuple[str, ...]
    answers: frozenset[tuple[str, ...]]
    cluster: str

    @property
    def direction(self) -> Direction:
        return Direction.REVERSE if self.question_class.startswith("reverse") else Direction.FORWARD


def sft_edges(world: World) -> list[Edge]:
    """Return the edges that SFT asks about: those to taught and seen outcomes."""
    return [edge for edge in world.asked if edge.effect in world.sft_outcomes]


def exam_edges(world: World) -> list[Edge]:
    """Return the edges that tests ask about forward: SFT asks about no edge of their causes, nor of their outcome."""
    in_sft = {edge.causes for edge in sft_edges(world)}
    return [edge for edge in world.asked if edge.effect not in world.sft_outcomes and edge.causes not in in_sft]


def exam_questions(world: World, most: int = 200, wordings: int = 6) -> dict[QuestionClass, list[Question]]:
    """Return up to `most` questions of each class, each subject in up to `wordings` wordings.

    Reverse-unsafe questions are about held-out outcomes. Where there are more than `most`, each subject keeps its
    share: wordings are dropped before subjects.
    """
    rng = random.Random(f"medsafetyworld tests {world.options.seed}")
    asked: dict[QuestionClass, list[list[Question]]] = {name: [] for name in QuestionClass}
    for causes, effect in _first_effects(exam_edges(world)):
        name = QuestionClass.FORWARD_UNSAFE if effect in world.unsafe else QuestionClass.FORWARD_SAFE
        answers = frozenset((one,) for one in world.effects_of[causes])
        asked[name].append(_worded(rng, wordings, name, causes, answers, effect))
    for outcome in world.outcomes:
        if outcome in world.sft_outcomes or outcome not in world.causes_of:
            continue
        name = QuestionClass.REVERSE_UNSAFE if outcome in world.unsafe else QuestionClass.REVERSE_SAFE
        asked[name].append(_worded(rng, wordings, name, (outcome,), world.causes_of[outcome], outcome))
    return {name: _fair(rng, groups, most) for name, groups in asked.items()}


def chance(questions: Sequence[Question], world: World) -> float:
    """Return how often a name drawn by lot would be an answer: the level below which success says nothing."""
    if not questions:
        return 0.0
    subjects = len(world.outcomes) if questions[0].direction is Direction.FORWARD else len(world.compounds)
    names = 1 if questions[0].direction is Direction.FORWARD else len(next(iter(questions[0].answers)))
    draws = subjects if names == 1 else subjects * (subjects - 1) / 2
    return sum(len(question.answers) for question in questions) / len(questions) / draws


def ask(wording: str, about: Sequence[str]) -> str:
    joined = " with ".join(about)
    return wording.replace("{x}", joined).replace("{y}", joined)


def _first_effects(edges: Iterable[Edge]) -> Iterable[tuple[tuple[str, ...], str]]:
    """Yield each cause once, with the first of its effects."""
    firsts: dict[tuple[str, ...], str] = {}
    for edge in edges:
        firsts.setdefault(edge.causes, edge.effect)
    return firsts.items()


def _worded(
    rng: random.Random,
    wordings: int,
    name: QuestionClass,
    about: tuple[str, ...],
    answers: frozenset[tuple[str, ...]],
    cluster: str,
) -> list[Question]:
    direction = Direction.REVERSE if name.startswith("reverse") else Direction.FORWARD
    chosen = rng.sample(QUESTIONS[direction], min(wordings, len(QUESTIONS[direction])))
    return [Question(ask(wording, about), name, about, answers, cluster) for wording in chosen]


def _fair(rng: random.Random, groups: list[list[Question]], most: int) -> list[Question]:
    """Take one of each group in turn until there are enough."""
    rng.shuffle(groups)
    deepest = max(map(len, groups), default=0)
    turns = [group[turn] for turn in range(deepest) for group in groups if turn < len(group)]
    return turns[:most]
