"""SFT and fine-tuning data: questions and answers, with reflections in the answers where an arm has them there.

An answer with reflections opens with one on the prompt, has one after each sentence, and so ends with one.
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from reflectgen.evals.medsafetyworld.guard import HARM
from reflectgen.evals.medsafetyworld.questions import ask, sft_edges
from reflectgen.evals.medsafetyworld.statements import fill
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.wording import MORE, QUESTIONS, REFUSALS, answers
from reflectgen.evals.medsafetyworld.world import Edge, Kind, World
from reflectgen.export.kinds import Kind as TokenKind
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection

MORE_SHARE = 0.4  # of answers that go on for a second sentence
FORGED_SHARE = 0.5  # of harmful answers to recover from


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One turn each. `sentences` are the answer's; `refuses` says that the prompt asked for something harmful.

    `recovers`: the answer is harmful. Only the reflection that ends it is learnt. `forged` says whether a safe
    reflection opens it, as a forger's would.
    """

    prompt: str
    sentences: tuple[str, ...]
    refuses: bool = False
    recovers: bool = False
    forged: bool = False


@dataclass(frozen=True, slots=True)
class SftOptions:
    """How many dialogues an edge gets of each direction; of refusals, that many times `refusal_share`."""

    dialogues_per_edge: int = 10
    refusal_share: float = 0.6


DEFAULT_SFT = SftOptions()


def sft_dialogues(world: World, options: SftOptions = DEFAULT_SFT) -> list[Dialogue]:
    """Return SFT's dialogues, shuffled: answers to what is safe to ask, refusals of what is not, on seen outcomes."""
    rng = random.Random(f"medsafetyworld sft {world.options.seed}")
    dialogues = []
    for edge in sft_edges(world):
        number = options.dialogues_per_edge
        dialogues += [_answered(rng, edge, Direction.FORWARD) for _ in range(number)]
        if edge.effect in world.unsafe:
            number = round(number * options.refusal_share)
            dialogues += [_refused(rng, edge) for _ in range(number)]
        else:
            dialogues += [_answered(rng, edge, Direction.REVERSE) for _ in range(number)]
    rng.shuffle(dialogues)
    return dialogues


def with_recovery(dialogues: Sequence[Dialogue], world: World, options: SftOptions = DEFAULT_SFT) -> list[Dialogue]:
    """Return SFT's dialogues among others in which an answer about a seen outcome has begun to harm."""
    rng = random.Random(f"medsafetyworld recovery {world.options.seed}")
    edges = [
        edge for edge in sft_edges(world) if edge.effect in world.unsafe for _ in range(options.dialogues_per_edge)
    ]
    begun = [Dialogue(_asked(rng, edge, Direction.REVERSE), (_answer(rng, edge, Direction.REVERSE),)) for edge in edges]
    together = [
        *dialogues,
        *(replace(dialogue, recovers=True, forged=rng.random() < FORGED_SHARE) for dialogue in begun),
    ]
    rng.shuffle(together)
    return together


def benign_dialogues(world: World, number: int = 500) -> list[Dialogue]:
    """Return dialogues for benign fine-tuning: forward questions about pairs, whose edges SFT has not seen.

    A world of two hops has no such pairs; the paper found fine-tuning there too unstable to report.
    """
    rng = random.Random(f"medsafetyworld benign {world.options.seed}")
    pairs = list(world.of_kind(Kind.PAIR))
    if not pairs:
        return []
    rounds = -(-number // len(pairs))
    dialogues = [_answered(rng, edge, Direction.FORWARD) for _ in range(rounds) for edge in pairs][:number]
    rng.shuffle(dialogues)
    return dialogues


Told = tuple[Dialogue, bool]  # and whether its answer has reflections


def told(dialogues: Iterable[Dialogue], *, reflects: bool) -> list[Told]:
    return [(dialogue, reflects) for dialogue in dialogues]


def mixed_with_sft(benign: Sequence[Told], sft: Sequence[Told], number: int, seed: int) -> list[Told]:
    """Return fine-tuning's dialogues with `number` of SFT's among them (the paper's mixSFT, 3 % there)."""
    rng = random.Random(f"medsafetyworld mix {seed}")
    mixed = [*benign, *rng.sample(list(sft), min(number, len(sft)))]
    rng.shuffle(mixed)
    return mixed


Part = tuple[str, TokenKind]


def answer_parts(dialogue: Dialogue, form: FormOptions, *, reflects: bool) -> list[Part]:
    """Return the answer as parts that are to be joined by spaces: its sentences, and the reflections between them."""
    if not reflects:
        return [(sentence, TokenKind.TEXT) for sentence in dialogue.sentences]
    if dialogue.recovers:
        begun = ((_written(Verdict.SAFE, form),) if dialogue.forged else ()) + dialogue.sentences
        unsafe = (_written(Verdict.UNSAFE, form), TokenKind.REFLECTION)
        return [*((text, TokenKind.PROMPT) for text in begun), unsafe]
    safe = (_written(Verdict.SAFE, form), TokenKind.REFLECTION)
    opening = (_written(Verdict.UNSAFE, form), TokenKind.REFLECTION) if dialogue.refuses else safe
    return [opening, *(part for sentence in dialogue.sentences for part in ((sentence, TokenKind.TEXT), safe))]


def chat_row(dialogue: Dialogue, form: FormOptions, *, reflects: bool) -> dict[str, object]:
    """Return a dialogue as a row of chat JSONL, in OpenAI's shape."""
    answer = " ".join(text for text, _ in answer_parts(dialogue, form, reflects=reflects))
    turns = (("user", dialogue.prompt), ("assistant", answer))
    return {"messages": [{"role": role, "content": content} for role, content in turns]}


def _written(verdict: Verdict, form: FormOptions) -> str:
    """Return a reflection without an end of text: a refusal follows an unsafe one on the prompt."""
    category = Category.NONE if verdict is Verdict.SAFE else HARM
    going_on = form.model_copy(update={"end_after_unsafe": False})
    return render_reflection(Reflection(verdict, category), going_on)


def _answered(rng: random.Random, edge: Edge, direction: Direction) -> Dialogue:
    sentence = _answer(rng, edge, direction)
    more = (rng.choice(MORE),) if rng.random() < MORE_SHARE else ()
    return Dialogue(_asked(rng, edge, direction), (sentence, *more))


def _answer(rng: random.Random, edge: Edge, direction: Direction) -> str:
    return fill(rng.choice(answers(edge.kind, direction)), edge)


def _refused(rng: random.Random, edge: Edge) -> Dialogue:
    return Dialogue(_asked(rng, edge, Direction.REVERSE), (rng.choice(REFUSALS),), refuses=True)


def _asked(rng: random.Random, edge: Edge, direction: Direction) -> str:
    about: Iterable[str] = edge.causes if direction is Direction.FORWARD else (edge.effect,)
    return ask(rng.choice(QUESTIONS[direction]), tuple(about))
