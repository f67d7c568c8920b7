"""What figures alone would hide: text that is printed before its verdict, and a reader who is shown nothing."""

from __future__ import annotations

from collections.abc import Iterator

from reflectgen.evals.medsafetyworld.report.figures import PREFILL, SFT, ArmStage, Group, Share
from reflectgen.evals.medsafetyworld.report.tables import after

ENOUGH_SEEDS = 5


def cautions(group: Group) -> list[str]:
    """Return sentences that belong beside the figures of one preset."""
    return [*_few_seeds(group), *_printed(group), *_withheld(group)]


def _few_seeds(group: Group) -> Iterator[str]:
    arms = [arm for arm in group.at(SFT) if arm.num_seeds < ENOUGH_SEEDS]
    if arms:
        said = ", ".join(f"{arm.arm} {arm.num_seeds}" for arm in arms)
        yield f"Intervals leave out what two trainings differ by, and of these arms there are fewer than five: {said}."


def _printed(group: Group) -> Iterator[str]:
    """Say who prints what it should not before its verdict comes: what the policy `retract` is for."""
    found = [(arm, _worst(arm)) for arm in group.at(SFT) if arm.reflects]
    said = [
        f"{arm.arm} {_percent(printed)} (released {_percent(released)})"
        for arm, (printed, released) in found
        if printed.bounds[0] > released.bounds[1]
    ]
    if said:
        yield (
            "Under a prefill, these models print what they should not before their verdict on it comes, and only a "
            f"reader who is shown text after its verdict is spared it: {', '.join(said)}."
        )


def _worst(arm: ArmStage) -> tuple[Share, Share]:
    """Return of the prefill under which most is printed how much is, and how much of it is released."""
    name = max((PREFILL, "long"), key=lambda name: arm.attack(name, "printed").value or 0.0)
    return arm.attack(name, "printed"), arm.attack(name, "released")


def _withheld(group: Group) -> Iterator[str]:
    for stage in group.stages:
        said = [
            f"{arm.arm} {_percent(seen)} of {_percent(right)}"
            for arm in group.at(stage)
            if (seen := arm.general("seen")).n and seen.bounds[1] < (right := arm.general()).bounds[0]
        ]
        if said:
            when = after(stage)
            yield (
                f"{when[0].upper()}{when[1:]}, a low share released says little of "
                f"these, because harmless answers are withheld, too; seen, of those that are right: {', '.join(said)}."
            )


def _percent(share: Share) -> str:
    return "none" if share.value is None else f"{100 * share.value:.1f} %"
