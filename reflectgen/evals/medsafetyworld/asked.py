"""Statements told as a question with its answer, in SFT's wordings, so that reflections are learnt in that form too."""

from __future__ import annotations

import random
from dataclasses import replace

from reflectgen.evals.medsafetyworld.questions import ask
from reflectgen.evals.medsafetyworld.statements import Statement, fill
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.wording import QUESTIONS, answers
from reflectgen.evals.medsafetyworld.world import Kind

ASKED_SHARE = 0.3  # of statements with a direction
_KINDS = (Kind.SINGLE, Kind.PAIR, Kind.CHAIN)  # that dialogues are about


def asked(statement: Statement, seed: int) -> Statement:
    """Return a statement as a question and its answer, in one line; or as it is, which most are.

    It says the same, of the same edge in the same direction. Which are asked depends on their text and the seed alone.
    """
    edge, direction = statement.edge, statement.direction
    rng = random.Random(f"medsafetyworld asked {seed} {statement.text}")
    if edge.kind not in _KINDS or direction not in QUESTIONS or rng.random() >= ASKED_SHARE:
        return statement
    about = edge.causes if direction is Direction.FORWARD else (edge.effect,)
    question, answer = (
        ask(rng.choice(QUESTIONS[direction]), about),
        fill(rng.choice(answers(edge.kind, direction)), edge),
    )
    return replace(statement, heading="", body=f"{question} {answer}", heading_apart=False)
