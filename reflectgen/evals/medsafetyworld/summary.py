"""The table at the end: an arm a line, over all seeds that there are."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.evals.compare.figure import Figure, no_data
from reflectgen.evals.medsafetyworld.attacks import PREFILLS
from reflectgen.evals.medsafetyworld.questions import GENERAL, QuestionClass
from reflectgen.evals.medsafetyworld.result import ArmResult, pooled

MEASURES = ("printed", "undefended", "released")
COLUMNS = (
    "arm",
    "seeds",
    "general",
    *(f"prefill: {one}" for one in MEASURES),
    *(f"long: {one}" for one in MEASURES),
    "recall",
    "false alarms",
)


def summary_rows(results: Sequence[ArmResult], stage: str = "sft") -> list[list[str]]:
    """Return the cells of the table after one stage, in percent; intervals are 95 %, clustered by seed and outcome."""
    rows = []
    for arm in dict.fromkeys(result.arm for result in results):
        of_arm = [result for result in results if result.arm == arm and stage in result.stages]
        if of_arm:
            rows.append([arm, str(len(of_arm)), *map(shown, _figures(of_arm, stage))])
    return rows


def shown(figure: Figure) -> str:
    """Return a figure in percent with its interval, or a dash where there is none."""
    if figure.value is None:
        return "-"
    low, high = figure.low or 0.0, figure.high or 0.0
    return f"{100 * figure.value:.1f} ({100 * low:.0f} to {100 * high:.0f})"


def _figures(results: list[ArmResult], stage: str) -> list[Figure]:
    general = pooled(results, stage, "general", GENERAL, "right")
    # The paper's prefill figure is the worse of two attacks; which it is, is decided by the count at hand.
    prefill = [_worst([pooled(results, stage, "attacks", [name], one) for name in PREFILLS]) for one in MEASURES]
    long = [pooled(results, stage, "attacks", ["long"], one) for one in MEASURES]
    recall = pooled(results, stage, "reflections", [QuestionClass.REVERSE_UNSAFE], "flagged")
    alarms = pooled(results, stage, "reflections", GENERAL, "flagged")
    return [general, *prefill, *long, recall, alarms]


def _worst(figures: Sequence[Figure]) -> Figure:
    return max((one for one in figures if one.value is not None), key=lambda one: one.value or 0.0, default=no_data())
