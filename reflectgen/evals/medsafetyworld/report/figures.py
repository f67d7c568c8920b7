"""What there is to say of results: shares over all seeds, with the counts that they rest on, by arm and stage."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

from reflectgen.evals.compare.figure import Figure
from reflectgen.evals.medsafetyworld.arms import ARMS
from reflectgen.evals.medsafetyworld.attacks import ATTACKS, PREFILLS
from reflectgen.evals.medsafetyworld.clusters import rate_of_clusters
from reflectgen.evals.medsafetyworld.questions import GENERAL, QuestionClass
from reflectgen.evals.medsafetyworld.result import ArmResult

COUNTS = ("printed", "undefended", "released")  # the three ways of counting an attack
SFT = "sft"
PREFILL = "prefill"  # the worse of the paper's two, by the count at hand


@dataclass(frozen=True, slots=True)
class Share:
    """`hits` of `n` answers, about so many outcomes, counted world by world; `figure` is their share and interval."""

    figure: Figure
    hits: int
    num_outcomes: int

    @property
    def n(self) -> int:
        return self.figure.n

    @property
    def value(self) -> float | None:
        return self.figure.value

    @property
    def bounds(self) -> tuple[float, float]:
        """The 95 % interval; all there is where there are no answers."""
        low, high = self.figure.low, self.figure.high
        return (0.0, 1.0) if low is None or high is None else (low, high)

    def to_json(self) -> dict[str, Any]:
        low, high = self.bounds
        return {
            "share": self.value,
            "low": low,
            "high": high,
            "hits": self.hits,
            "n": self.n,
            "num_outcomes": self.num_outcomes,
        }


@dataclass(frozen=True, slots=True)
class ArmStage:
    """One arm after one training, over all seeds that were measured then."""

    arm: str
    stage: str
    results: tuple[ArmResult, ...]

    @property
    def num_seeds(self) -> int:
        return len(self.results)

    def by_seed(self) -> dict[int, ArmStage]:
        """Return the same of each seed alone: what worlds and trainings differ by."""
        return {one.seed: replace(self, results=(one,)) for one in sorted(self.results, key=lambda one: one.seed)}

    @property
    def attacks(self) -> list[str]:
        return self._names("attacks", ATTACKS)

    @property
    def reflects(self) -> bool:
        """Whether its reflections were measured."""
        return bool(self._names("reflections", ()))

    @property
    def classes(self) -> list[str]:
        return self._names("general", GENERAL)

    @property
    def statements(self) -> list[str]:
        return self._names("statements", ())

    @property
    def chance(self) -> float:
        """How often a name drawn by lot would be what the harmful questions ask for; the mean over seeds."""
        found = [
            one.stages[self.stage]["attacks"][name].get("chance", 0.0)
            for one in self.results
            for name in self.attacks[:1]
            if name in one.stages[self.stage].get("attacks", {})
        ]
        return sum(found) / len(found) if found else 0.0

    def general(self, measure: str = "right", names: Sequence[str] = GENERAL) -> Share:
        """Harmless questions answered `right`, or right in what a reader would have `seen`."""
        return self._share("general", names, measure)

    def harmless_beside(self, count: str) -> Share:
        """Harmless answers as a count's reader has them: what is withheld from it costs general accuracy too."""
        return self.general("seen" if count == "released" else "right")

    def attack(self, name: str, count: str) -> Share:
        """One attack, or `prefill`, by one of the three counts."""
        if name != PREFILL:
            return self._share("attacks", [name], count)
        return max((self.attack(one, count) for one in PREFILLS), key=lambda one: (one.n > 0, one.value or 0.0))

    def recall(self) -> Share:
        """Right answers to harmful questions about held-out outcomes that the model flags in its own mouth."""
        return self._share("reflections", [QuestionClass.REVERSE_UNSAFE], "flagged")

    def false_alarms(self) -> Share:
        """Right answers to harmless questions that it flags."""
        return self._share("reflections", GENERAL, "flagged")

    def flagged(self, statements: str) -> Share:
        """Plain statements of a kind that it flags, as they stand in pretraining text."""
        return self._share("statements", [statements], "flagged")

    def to_json(self) -> dict[str, Any]:
        said: dict[str, Any] = {
            "num_seeds": self.num_seeds,
            "chance": self.chance,
            "by_seed": {
                seed: {
                    "general": {name: one.general(name).value for name in ("right", "seen")},
                    PREFILL: {count: one.attack(PREFILL, count).value for count in COUNTS},
                }
                for seed, one in self.by_seed().items()
            },
            "general": {one: self.general(one).to_json() for one in ("right", "seen")},
            "general_by_class": {
                name: {one: self.general(one, [name]).to_json() for one in ("right", "seen")} for name in self.classes
            },
            "attacks": {
                name: {count: self.attack(name, count).to_json() for count in COUNTS}
                for name in ([PREFILL] if set(PREFILLS) & set(self.attacks) else []) + self.attacks
            },
        }
        if self.reflects:
            said["recall"] = self.recall().to_json()
            said["false_alarms"] = self.false_alarms().to_json()
            said["statements_flagged"] = {name: self.flagged(name).to_json() for name in self.statements}
        return said

    def _share(self, part: str, names: Sequence[str], measure: str) -> Share:
        # Answers about one outcome of one world belong together.
        counts = [
            (of_one[measure], of_one["n"])
            for result in self.results
            for name in names
            for of_one in result.counts(self.stage, part, name).values()
            if measure in of_one
        ]
        return Share(rate_of_clusters(counts), sum(hits for hits, _ in counts), len(counts))

    def _names(self, part: str, order: Iterable[str]) -> list[str]:
        found = list(dict.fromkeys(name for one in self.results for name in one.stages[self.stage].get(part, {})))
        return in_order(found, order)


@dataclass(frozen=True)
class Group:
    """The results of one preset, which share its definition; names with a cue or without one are two groups."""

    preset: str
    cue: bool
    results: tuple[ArmResult, ...]

    @property
    def name(self) -> str:
        return f"{self.preset}{'' if self.cue else '-no-cue'}"

    @property
    def slug(self) -> str:
        """The name, as part of a file's name."""
        return re.sub(r"[^a-z0-9]+", "-", self.name.lower())

    @cached_property
    def arms(self) -> list[str]:
        return in_order(dict.fromkeys(one.arm for one in self.results), ARMS)

    @cached_property
    def stages(self) -> list[str]:
        """All stages that an arm was measured after, SFT first."""
        return in_order(dict.fromkeys(stage for one in self.results for stage in one.stages), [SFT])

    @cached_property
    def seeds(self) -> list[int]:
        return sorted({one.seed for one in self.results})

    def at(self, stage: str) -> list[ArmStage]:
        """Return the arms that were measured after a stage."""
        return [one for arm in self.arms if (one := self.arm_stage(arm, stage)).results]

    def arm_stage(self, arm: str, stage: str) -> ArmStage:
        return ArmStage(arm, stage, tuple(one for one in self.results if one.arm == arm and stage in one.stages))

    def paired(self, one: str, other: str, stage: str) -> tuple[ArmStage, ArmStage]:
        """Return two arms with the results of the seeds that both have: worlds differ more than many arms do."""
        pair = self.arm_stage(one, stage), self.arm_stage(other, stage)
        common = pair[0].by_seed().keys() & pair[1].by_seed().keys()
        first, second = (
            ArmStage(arm.arm, stage, tuple(result for result in arm.results if result.seed in common)) for arm in pair
        )
        return first, second

    def attacks(self, stage: str) -> list[str]:
        return in_order(dict.fromkeys(name for one in self.at(stage) for name in one.attacks), ATTACKS)


def grouped(results: Sequence[ArmResult]) -> Iterator[Group]:
    """Yield the results of each preset, each with all its arms and seeds."""
    for preset, cue in dict.fromkeys((one.preset, one.cue) for one in results):
        yield Group(preset, cue, tuple(one for one in results if (one.preset, one.cue) == (preset, cue)))


def in_order(names: Iterable[str], order: Iterable[str]) -> list[str]:
    """Return names in a known order, and after them those that it does not know."""
    given, known = list(names), [str(one) for one in order]
    return [one for one in known if one in given] + [one for one in given if one not in known]
