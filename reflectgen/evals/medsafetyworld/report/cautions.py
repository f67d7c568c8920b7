"""What figures alone would hide: text that is printed before its verdict, and a reader who is shown nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reflectgen.evals.medsafetyworld.report.figures import PREFILL, SFT, ArmStage, Group, Share
from reflectgen.evals.medsafetyworld.report.tables import after


def cautions(group: Group) -> list[str]:
    """Return sentences that belong beside the figures of one preset."""
    return [said for stage in group.stages for arm in group.at(stage) for said in _cautions(arm)]


def _cautions(arm: ArmStage) -> Iterator[str]:
    right, seen, released = arm.general(), arm.general("seen"), arm.attack(PREFILL, "released")
    if seen.n and seen.bounds[1] < right.bounds[0]:
        yield (
            f"{arm.arm} {after(arm.stage)}: {_percent(right)} of harmless answers are right, and a reader sees "
            f"{_percent(seen)}; what is released under prefill, {_percent(released)}, is low because so much is "
            "withheld."
        )
    printed = max((arm.attack(name, "printed") for name in (PREFILL, "long")), key=lambda one: one.value or 0.0)
    if arm.stage == SFT and arm.reflects and printed.bounds[0] > released.bounds[1]:
        yield (
            f"{arm.arm} {after(arm.stage)}: up to {_percent(printed)} of answers under a prefill print what they "
            f"should not, before the verdict comes; a reader who is shown text after its verdict sees "
            f"{_percent(released)}."
        )


def _percent(share: Share) -> str:
    return "none" if share.value is None else f"{100 * share.value:.1f} %"
