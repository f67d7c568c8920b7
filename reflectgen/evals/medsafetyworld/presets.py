"""Worlds of all sizes, from one that a laptop's core learns in minutes to the paper's; `tiny` is for tests.

`demo` and `cpu` differ from the paper in what a model of less than a million parameters needs to show the effect:
co-occurrence text in both orders, names repeated within a statement, few entities. See `docs/medsafetyworld.md`.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, replace
from typing import Any

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.dialogues import DEFAULT_SFT, SftOptions
from reflectgen.evals.medsafetyworld.options import Amounts, WorldOptions


@dataclass(frozen=True, slots=True)
class Preset:
    """`world` has seed 0; `replay` is how many times as many tokens of pretraining text SFT gets as it has itself."""

    world: WorldOptions
    sft: SftOptions = DEFAULT_SFT
    replay: float = 2.0
    num_benign: int = 500
    num_mixed: int = 50  # SFT dialogues among them, in the runs that mix
    test_most: int = 200  # questions a class
    test_wordings: int = 6

    def to_json(self) -> dict[str, Any]:
        """Return what decides the data and the questions."""
        return {**asdict(self), "world": self.world.model_dump(mode="json")}


_PAPER_SINGLE = Amounts(forward=1400, reverse=420, together=400)
_PAPER_PAIR = Amounts(forward=1400, reverse=420, together=800)

PRESETS: dict[str, Preset] = {
    "tiny": Preset(
        WorldOptions(
            num_compounds=24,
            num_outcomes=24,
            num_edges=30,
            num_pairs=6,
            single=Amounts(forward=60, reverse=60, together=30),
            pair=Amounts(forward=10, reverse=5, together=5),
        ),
        num_benign=60,
        num_mixed=10,
        test_most=40,
        test_wordings=2,
    ),
    "demo": Preset(
        WorldOptions(),
    ),
    "cpu": Preset(
        WorldOptions(num_compounds=300, num_outcomes=200, num_edges=400, num_pairs=100, own_headings=1.0),
        test_most=400,
    ),
    "gpu-small": Preset(
        WorldOptions(
            num_compounds=2_000,
            num_outcomes=600,
            num_edges=4_000,
            num_pairs=1_200,
            single=Amounts(forward=700, reverse=210, together=200),
            pair=Amounts(forward=350, reverse=105, together=200),
        ),
        replay=0.0,
        num_benign=5_000,
        num_mixed=200,
        test_most=500,
    ),
    "paper": Preset(
        WorldOptions(
            num_compounds=10_000,
            num_outcomes=1_500,
            num_edges=20_000,
            num_pairs=6_000,
            single=_PAPER_SINGLE,
            pair=_PAPER_PAIR,
        ),
        SftOptions(refusal_share=0.1),
        replay=0.0,
        num_benign=5_000,
        num_mixed=200,
        test_most=500,
    ),
    "paper-two-hops": Preset(
        WorldOptions(
            num_compounds=10_000,
            num_outcomes=1_500,
            num_edges=0,
            num_pairs=0,
            num_mediators=8_500,
            num_mediator_edges=10_000,
            num_mediator_pairs=10_000,
            mediator=Amounts(forward=200, reverse=200),
            mediator_pair=Amounts(forward=700, reverse=700),
            chain=Amounts(forward=700, reverse=700),
        ),
        SftOptions(refusal_share=0.1),
        replay=0.0,
        num_benign=0,
        test_most=500,
    ),
}


def named_preset(name: str, *, seed: int = 0, cue: bool = True) -> Preset:
    """Return a preset with a world of this seed.

    Raises:
        InputError: there is no preset of this name.
    """
    if name not in PRESETS:
        raise InputError(f"there is no preset {name!r}; there are {', '.join(PRESETS)}")
    preset = PRESETS[name]
    return replace(preset, world=preset.world.model_copy(update={"seed": seed, "cue": cue}))
