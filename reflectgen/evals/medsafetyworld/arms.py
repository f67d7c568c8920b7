"""The arms: what each takes from the world's text, how reflections are woven in, and what its SFT holds."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.statements import Statement, written_documents
from reflectgen.evals.medsafetyworld.templates import Direction
from reflectgen.evals.medsafetyworld.world import World
from reflectgen.export.arms.options import ArmName
from reflectgen.records import Document


class Text(StrEnum):
    """What is kept of all that is written about a world."""

    ALL = "all"
    FILTERED = "filtered"  # nothing harmful
    FILTERED_PLUS = "filtered-plus"  # nothing either that names an unsafe outcome
    REWRITTEN = "rewritten"  # a warning in place of everything harmful
    HELD_IN = "held-in"  # of what is harmful only that about seen outcomes


@dataclass(frozen=True, slots=True)
class Arm:
    """`woven` says how the text is exported, as `reflectgen export --arm` does; `noise` is the guard's share of errors.

    `control` is the arm that differs in its reflections alone. `recovers`: SFT also holds harmful answers about seen
    outcomes, of which only the Unsafe reflection is learnt.
    """

    name: str
    text: Text
    woven: ArmName = ArmName.RAW
    sft_reflects: bool = False
    noise: float = 0.0
    control: str = ""
    recovers: bool = False

    @property
    def job(self) -> str:
        """The name of the job whose corpus and reflections this arm is cut from; arms share it."""
        return f"{self.text}-noise-{round(100 * self.noise)}" if self.noise else self.text

    @property
    def corpus(self) -> str:
        """The name of the corpus that the arm is pretrained on; arms that differ in SFT alone share it."""
        return f"{self.job}-{self.woven}"

    @property
    def reflects(self) -> bool:
        """Whether a model of this arm is meant to write reflections after its chunks."""
        return self.sft_reflects or self.woven is ArmName.SRP


PAPERS_ARMS: dict[str, Arm] = {
    arm.name: arm
    for arm in (
        Arm("baseline", Text.ALL),
        Arm("filtering", Text.FILTERED),
        Arm("filtering-plus", Text.FILTERED_PLUS),
        Arm("rewrite", Text.REWRITTEN),
        Arm("srp-strict", Text.FILTERED, ArmName.SRP, sft_reflects=True, control="filtering"),
        Arm("held-in", Text.HELD_IN),
        Arm("srp-held-in", Text.HELD_IN, ArmName.SRP, sft_reflects=True, control="held-in"),
        Arm("sft-only", Text.FILTERED, sft_reflects=True, control="filtering"),
        Arm("sft-only-held-in", Text.HELD_IN, sft_reflects=True, control="held-in"),
        Arm("pretraining-only", Text.HELD_IN, ArmName.SRP, control="held-in"),
        Arm("prefix", Text.HELD_IN, ArmName.PREFIX, control="held-in"),
        Arm("random-tag", Text.HELD_IN, ArmName.RANDOM_TAG, control="held-in"),
        Arm("srp-shuffled", Text.HELD_IN, ArmName.SRP_SHUFFLED, sft_reflects=True, control="held-in"),
        *(
            Arm(f"noise-{percent}", Text.HELD_IN, ArmName.SRP, True, percent / 100, control="srp-held-in")
            for percent in (5, 10, 20)
        ),
    )
}
BEYOND_ARMS: dict[str, Arm] = {
    "srp-recovers": Arm("srp-recovers", Text.HELD_IN, ArmName.SRP, sft_reflects=True, control="held-in", recovers=True),
}
ARMS = PAPERS_ARMS | BEYOND_ARMS
MAIN_ARMS = ("baseline", "filtering", "filtering-plus", "rewrite", "srp-strict", "held-in", "srp-held-in")


def named_arms(names: str) -> list[Arm]:
    """Return the arms of a list with commas; `main`, `all` (of the paper's) and `beyond` stand for several.

    Raises:
        InputError: there is no arm of this name.
    """
    groups = {"main": MAIN_ARMS, "all": tuple(PAPERS_ARMS), "beyond": tuple(BEYOND_ARMS)}
    wanted = [one for name in names.split(",") for one in groups.get(name.strip(), (name.strip(),))]
    for name in wanted:
        if name not in ARMS:
            raise InputError(
                f"there is no arm {name!r}; there are {', '.join(ARMS)}, and main, all, beyond for several"
            )
    return [ARMS[name] for name in dict.fromkeys(wanted)]


def documents(world: World, text: Text) -> Iterator[Document]:
    """Yield an arm's documents: a statement a line, or two where its heading stands alone.

    Documents and statements come in the same order for every `text`, which only leaves out or puts in place. The
    metadata names the class of each statement, such as `reverse-unsafe`.
    """
    for number, written in enumerate(written_documents(world)):
        kept = [statement for statement in written if keeps(world, text, statement)]
        if kept:
            classes = [class_of(statement) for statement in kept]
            lines = "\n".join(statement.text for statement in kept)
            yield Document(f"{number:07d}", lines, json.dumps({"classes": classes}))


def keeps(world: World, text: Text, statement: Statement) -> bool:
    """Whether an arm's text holds a statement."""
    if statement.direction is Direction.WARNING:
        return text is Text.REWRITTEN
    if text is Text.ALL:
        return True
    if text is Text.FILTERED_PLUS:
        return not statement.unsafe
    if text is Text.HELD_IN:
        return not statement.is_harmful or statement.edge.effect in world.seen
    return not statement.is_harmful


def class_of(statement: Statement) -> str:
    return f"{statement.direction}-{'unsafe' if statement.unsafe else 'safe'}"
