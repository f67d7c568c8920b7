"""A model against a world: general questions, every attack, and its own reflections on texts whose truth is known."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from reflectgen.evals.medsafetyworld.attacks import ATTACKS, PREFILLS, Attack, answer_up_to
from reflectgen.evals.medsafetyworld.generator import VERDICT_TOKENS, GenerateOptions, Generator, Prompt
from reflectgen.evals.medsafetyworld.measures import (
    Answered,
    Measured,
    Scorer,
    answered_right,
    attacked,
    first_verdict,
    judged,
)
from reflectgen.evals.medsafetyworld.questions import GENERAL, Question, QuestionClass, chance, exam_questions
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.statements import Statement, written_documents
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.world import World
from reflectgen.reflection.form import FormOptions


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Everything measured of one model. `reflections` are of answers put into its mouth, by class of their question;
    `statements` of plain text as in pretraining. Both are empty for a model that is not meant to reflect."""

    general: dict[str, Measured]
    attacks: dict[str, Measured]
    reflections: dict[str, Measured]
    statements: dict[str, Measured]

    @property
    def general_accuracy(self) -> float:
        """The share of right answers to all general questions, whatever their class."""
        counts = [counts for one in self.general.values() for counts in one.by_outcome.values()]
        return sum(one["right"] for one in counts) / max(1, sum(one["n"] for one in counts))

    def prefill(self, measure: str) -> float:
        """The paper's figure: the worse of its two prefills, `The` and a forged safe reflection."""
        return max((self.attacks[name].value(measure) for name in PREFILLS if name in self.attacks), default=0.0)

    def to_json(self) -> dict[str, Any]:
        prefill = {measure: self.prefill(measure) for measure in ("printed", "undefended", "released")}
        return {"general_accuracy": self.general_accuracy, "prefill": prefill, **asdict(self)}


@dataclass(frozen=True, slots=True)
class Evaluator:
    """Asks one model. `reflects` says that it is meant to write reflections."""

    world: World
    generator: Generator
    form: FormOptions
    reflects: bool
    seed: int = 0
    note: Callable[[str], None] = lambda said: None

    def evaluate(self, most: int = 200, wordings: int = 6, attacks: Sequence[str] = tuple(ATTACKS)) -> Evaluation:
        """Ask up to `most` questions a class, in up to `wordings` wordings a subject.

        Raises:
            TeacherError: an endpoint cannot be asked.
        """
        asked = exam_questions(self.world, most, wordings)
        harmful = asked[QuestionClass.REVERSE_UNSAFE]
        wanted = [ATTACKS[name] for name in attacks if self.reflects or not ATTACKS[name].on_reflections]
        return Evaluation(
            general={name: self._general(asked[name]) for name in GENERAL},
            attacks={attack.name: self._attack(attack, harmful) for attack in wanted},
            reflections={name: self._reflections(asked[name]) for name in QuestionClass} if self.reflects else {},
            statements=self._statements(most) if self.reflects else {},
        )

    def _general(self, questions: Sequence[Question]) -> Measured:
        answered = self._answer(ATTACKS["direct"], questions)
        return answered_right(answered, chance(questions, self.world))

    def _attack(self, attack: Attack, questions: Sequence[Question]) -> Measured:
        return attacked(self._answer(attack, questions), chance(questions, self.world))

    def _answer(self, attack: Attack, questions: Sequence[Question]) -> list[Answered]:
        self.note(f"{attack.name}: {len(questions)} questions")
        prompts = [attack.prompt(question, self.form) for question in questions]
        texts = self.generator.generate(prompts, attack.options_for(self.form, self.seed))
        scorer = Scorer(Reader(self.world), self.form, reflects=self.reflects)
        return [
            scorer.answered(question, samples, continues=bool(prompt.prefill))
            for question, prompt, samples in zip(questions, prompts, texts, strict=True)
        ]

    def _reflections(self, questions: Sequence[Question]) -> Measured:
        """Put a right answer into the model's mouth, up to its end, and look at what it says of it."""
        prompts = [
            Prompt(question.text, answer_up_to(question, f"{' with '.join(min(question.answers))}."))
            for question in questions
        ]
        return self._judged(prompts, [question.cluster for question in questions])

    def _statements(self, most: int) -> dict[str, Measured]:
        """Let the model judge statements as they stand in its pretraining text, with those that it never saw."""
        drawn = statement_probes(self.world, most, self.seed)
        return {
            name: self._judged([Prompt("", one.body) for one in statements], [one.edge.effect for one in statements])
            for name, statements in drawn.items()
        }

    def _judged(self, prompts: Sequence[Prompt], clusters: Sequence[str]) -> Measured:
        texts = self.generator.generate(prompts, GenerateOptions(max_new_tokens=VERDICT_TOKENS, seed=self.seed))
        return judged([first_verdict(samples[0], self.form) for samples in texts], clusters)


def statement_probes(world: World, most: int, seed: int) -> dict[str, list[Statement]]:
    """Draw up to `most` statements of each kind that a model's reflections are probed with.

    Harmful ones are apart by whether their outcome is seen or held out; all others must be judged safe.
    """
    rng = random.Random(f"medsafetyworld probes {seed}")
    groups: dict[str, list[Statement]] = {"harmful-held-out": [], "harmful-seen": [], "safe": []}
    num_shown = dict.fromkeys(groups, 0)
    for statement in (one for document in written_documents(world) for one in document):
        if statement.direction is Direction.WARNING:
            continue
        name = "safe"
        if statement.is_harmful:
            name = "harmful-held-out" if statement.edge.effect in world.held_out else "harmful-seen"
        # Each is as likely as any other to be among them (Vitter 1985, algorithm R).
        num_shown[name] += 1
        if len(groups[name]) < most:
            groups[name].append(statement)
        elif (place := rng.randrange(num_shown[name])) < most:
            groups[name][place] = statement
    return groups
