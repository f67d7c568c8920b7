"""A report as tables, the same ones for the page and for the document."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from reflectgen.evals.compare.tables import Cell, Table
from reflectgen.evals.compare.tables import Share as Shown
from reflectgen.evals.medsafetyworld.report.figures import COUNTS, PREFILL, SFT, ArmStage, Group, Share
from reflectgen.evals.medsafetyworld.report.orderings import CHANCE, Compared, Held, orderings

NOT_MEASURED = "–"


@dataclass(frozen=True, slots=True)
class Percent(Shown):
    """A share in percent with its interval, and the counts that it rests on."""

    hits: int = 0

    @property
    def value(self) -> str:
        return f"{100 * (self.figure.value or 0.0):.1f} %"

    @property
    def interval(self) -> str:
        return f"{100 * (self.figure.low or 0.0):.1f} to {100 * (self.figure.high or 0.0):.1f}"

    @property
    def count(self) -> str:
        return f"{self.hits:,}/{self.figure.n:,}"


def cell(share: Share) -> Cell:
    return Percent(share.figure, hits=share.hits) if share.n else NOT_MEASURED


def verdicts(group: Group, *, all_of_them: bool = True) -> Table:
    """One row a statement of the paper's, with the two shares that decide it; or only those that were measured."""
    found = [one for one in orderings(group) if all_of_them or one.held is not Held.NOT_MEASURED]
    rows = [[*_heads(one), *_compared(one)] for one in found]
    columns = ["statement", "verdict", "measured by", "share", "against", "paper, %", "seeds"]
    counts = Counter(one.held for one in found)
    note = "; ".join(f"{held}: {counts[held]}" for held in Held)
    return Table("The paper's orderings", columns, rows, note=f"{note}. Without figures of the paper, they are ours.")


def _heads(one: Compared) -> list[Cell]:
    return [one.statement, one.held.value, one.measure]


def _compared(one: Compared) -> Iterator[Cell]:
    if one.held is Held.NOT_MEASURED:
        both = ((one.arm, one.one), (one.other_arm, one.other))
        missing = [arm for arm, found in both if found is None and arm != CHANCE]
        yield from (NOT_MEASURED, f"needs {' and '.join(missing) or 'a seed that both have'}")
    else:
        for arm, found in ((one.arm, one.one), (one.other_arm, one.other)):
            if isinstance(found, Share):
                shown = Percent(found.figure, hits=found.hits)
                yield f"{arm} {shown.value} ({shown.interval})"
            else:
                yield f"{arm} {100 * (found or 0.0):.1f} %"
    yield one.paper or NOT_MEASURED
    yield str(len(one.seeds)) if one.seeds else NOT_MEASURED


def overview(group: Group, stage: str) -> Table:
    """One row an arm: general accuracy, and attack success under the paper's prefill, counted three ways."""
    rows = [
        [
            arm.arm,
            str(arm.num_seeds),
            cell(arm.general()),
            cell(arm.general("seen")),
            *(cell(arm.attack(PREFILL, count)) for count in COUNTS),
        ]
        for arm in group.at(stage)
    ]
    columns = ["arm", "seeds", "general accuracy", "the same, seen", *(f"prefill, {count}" for count in COUNTS)]
    return Table(f"Safety and utility {after(stage)}", columns, rows, note=_chance(group, stage))


def by_seed(group: Group, stage: str) -> Table:
    """Five rows an arm, a column a seed: the overview's shares of each world and its training alone."""
    measures: list[tuple[str, Callable[[ArmStage], Share]]] = [
        ("general accuracy", lambda one: one.general()),
        ("the same, seen", lambda one: one.general("seen")),
        ("prefill, printed", lambda one: one.attack(PREFILL, "printed")),
        ("prefill, undefended", lambda one: one.attack(PREFILL, "undefended")),
        ("prefill, released", lambda one: one.attack(PREFILL, "released")),
    ]
    rows = [
        [arm.arm, name, *(cell(of(seeds[seed])) if seed in seeds else NOT_MEASURED for seed in group.seeds)]
        for arm in group.at(stage)
        for seeds in (arm.by_seed(),)
        for name, of in measures
    ]
    columns = ["arm", "measure", *(f"seed {seed}" for seed in group.seeds)]
    return Table(f"Seed by seed {after(stage)}", columns, rows, num_heads=2)


def attacks(group: Group, stage: str) -> Table:
    """Three rows an arm, one for each way of counting; harmless answers beside them as that count's reader has them."""
    names = group.attacks(stage)
    rows = [
        [arm.arm, count, cell(arm.harmless_beside(count)), *(cell(arm.attack(name, count)) for name in names)]
        for arm in group.at(stage)
        for count in COUNTS
    ]
    columns = ["arm", "counted", "harmless answered", *names]
    note = "Harmless answers are counted in all that is written, for released in what a reader sees."
    return Table(f"Attacks {after(stage)}", columns, rows, num_heads=2, note=f"{note} {_chance(group, stage)}")


def by_class(group: Group, stage: str) -> Table:
    """One row an arm: harmless questions by class, right, and right in what a reader sees."""
    names = list(dict.fromkeys(name for arm in group.at(stage) for name in arm.classes))
    rows = [
        [arm.arm, *(cell(arm.general(seen, [name])) for name in names for seen in ("right", "seen"))]
        for arm in group.at(stage)
    ]
    columns = ["arm", *(f"{name}{seen}" for name in names for seen in ("", ", seen"))]
    return Table(f"Harmless questions by class {after(stage)}", columns, rows)


def reflections(group: Group, stages: Sequence[str]) -> Table:
    """One row an arm and stage: what the models' own reflections flag."""
    rows = [
        [
            arm.arm,
            stage,
            cell(arm.recall()),
            cell(arm.false_alarms()),
            *(cell(arm.flagged(kind)) for kind in ("harmful-held-out", "harmful-seen", "safe")),
        ]
        for stage in stages
        for arm in group.at(stage)
        if arm.reflects
    ]
    columns = [
        "arm",
        "after",
        "recall on answers",
        "false alarms on answers",
        "statements, held out",
        "statements, seen",
        "false alarms on statements",
    ]
    note = (
        "Recall: of harmful answers on held-out outcomes. False alarms: of harmless answers, and of other statements."
    )
    return Table("What the models' own reflections flag", columns, rows, num_heads=2, note=note)


def after(stage: str) -> str:
    return "after SFT" if stage == SFT else f"after fine-tuning, {stage}"


def _chance(group: Group, stage: str) -> str:
    arms = group.at(stage)
    chance = sum(arm.chance for arm in arms) / len(arms) if arms else 0.0
    num_outcomes = max((arm.attack(PREFILL, "printed").num_outcomes for arm in arms), default=0)
    return f"Chance for an attack is {chance:.2%}. At most {num_outcomes:,} held-out outcomes, all seeds together."
