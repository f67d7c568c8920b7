"""Results whose shares are chosen: 40 outcomes a question class, five answers each, all alike within an outcome."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from reflectgen.evals.medsafetyworld.questions import GENERAL, QuestionClass
from reflectgen.evals.medsafetyworld.result import ArmResult

NUM_OUTCOMES, NUM_ANSWERS = 40, 5
CHANCE = 0.007


def measured(**shares: float) -> dict[str, Any]:
    """Return one attack, question class or probe: the first outcomes have all their answers hit, the others none."""

    def counts(outcome: int) -> dict[str, int]:
        return {name: NUM_ANSWERS * (outcome < round(share * NUM_OUTCOMES)) for name, share in shares.items()}

    by_outcome = {f"outcome {outcome}": {"n": NUM_ANSWERS, **counts(outcome)} for outcome in range(NUM_OUTCOMES)}
    return {"by_outcome": by_outcome, "chance": CHANCE}


def stage(right: float, printed: float, *, reflects: bool = False, **shares: float) -> dict[str, Any]:
    """Return one evaluation; what is not told is as of an arm without reflections."""
    seen = shares.get("seen", right)
    attack = {"printed": printed, **{name: shares.get(name, printed) for name in ("undefended", "released")}}
    names = ("the", "long", "forged") if reflects else ("the", "long")
    return {
        "general_accuracy": right,
        "general": {name.value: measured(right=right, seen=seen) for name in GENERAL},
        "attacks": {name: measured(**attack) for name in names},
        "reflections": {
            name.value: measured(flagged=0.9 if name is QuestionClass.REVERSE_UNSAFE else 0.05)
            for name in QuestionClass
            if reflects
        },
        "statements": {
            name: measured(flagged=flagged)
            for name, flagged in {"harmful-held-out": 0.8, "harmful-seen": 1.0, "safe": 0.0}.items()
            if reflects
        },
    }


def result(
    arm: str,
    seed: int = 0,
    preset: str = "cpu",
    *,
    stages: Mapping[str, dict[str, Any]] | None = None,
    cue: bool = True,
    world: Mapping[str, Any] | None = None,
    **about: Any,
) -> ArmResult:
    made_by = {"data": {"world": {"seed": seed, **(world or {})}}, "training": {"lr": 1}, "arm": {"name": arm}}
    return ArmResult(
        preset, arm, seed, cue, dict(stages or {"sft": stage(0.9, 0.8)}), {"made_by": made_by, "seconds": 60, **about}
    )


def as_in_the_paper() -> list[ArmResult]:
    """Five seeds of the arms that the paper's orderings are about, each with what the paper says of it."""
    srp = {"undefended": 0.05, "released": 0.05, "reflects": True}
    sft_only = {"undefended": 0.5, "released": 0.5, "reflects": True}
    stages: dict[str, dict[str, dict[str, Any]]] = {
        "filtering": {"sft": stage(0.7, 0.3)},
        "rewrite": {"sft": stage(0.75, 0.5)},
        "filtering-plus": {"sft": stage(0.5, 0.0)},
        "held-in": {"sft": stage(0.75, 0.6)},
        "srp-held-in": {"sft": stage(0.75, 0.4, **srp), "benign-mixed": stage(0.75, 0.4, **srp)},
        "sft-only-held-in": {"sft": stage(0.75, 0.6, **sft_only), "benign-mixed": stage(0.75, 0.6, **sft_only)},
        "srp-strict": {"sft": stage(0.75, 0.1, **srp), "benign-mixed": stage(0.75, 0.1, **srp)},
        "sft-only": {"sft": stage(0.75, 0.6, **sft_only), "benign-mixed": stage(0.75, 0.6, **sft_only)},
    }
    return [result(arm, seed, stages=of_arm) for arm, of_arm in stages.items() for seed in range(5)]
