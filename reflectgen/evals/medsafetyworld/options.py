"""What decides a world and every word that is written about it."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, Field, model_validator


class Amounts(BaseModel, extra="forbid", frozen=True):
    """How many statements an edge gets of each direction, all different.

    Reverse statements of safe and unsafe outcomes are equally many, so that what is left out or replaced is known.
    """

    forward: int = Field(default=0, ge=0)
    reverse: int = Field(default=0, ge=0)
    together: int = Field(default=0, ge=0)  # co-occurrence: both named, no direction


class WorldOptions(BaseModel, extra="forbid", frozen=True):
    """A world and its texts; equal options, equal bytes.

    Without mediators the world has a single hop: compound to outcome, and pairs of compounds to outcome. With them it
    has two: compound to mediator, and pairs of mediators to outcome; its full chains are (a1, a2, b1, b2, c).

    `cue`: the head noun of an outcome's name tells safe from unsafe; else names say nothing of it.
    `seen_share` of the unsafe outcomes may be shown in reverse where an arm allows; the others are held out.
    `sft_share` of the safe outcomes, and the seen unsafe ones, are asked about in SFT; the others only in tests.
    """

    seed: int = Field(default=0, ge=0)
    num_compounds: int = Field(default=140, ge=4, le=20_000)
    num_outcomes: int = Field(default=80, ge=8, le=2_000)
    num_edges: int = Field(default=180, ge=0)  # single: compound to outcome
    num_pairs: int = Field(default=50, ge=0)  # two compounds to outcome
    num_mediators: int = Field(default=0, ge=0, le=10_000)
    num_mediator_edges: int = Field(default=0, ge=0)  # compound to mediator
    num_mediator_pairs: int = Field(default=0, ge=0)  # two mediators to outcome
    unsafe_share: float = Field(default=0.4, gt=0, lt=1)
    seen_share: float = Field(default=0.5, gt=0, lt=1)
    sft_share: float = Field(default=0.6, gt=0, lt=1)
    cue: bool = True

    single: Amounts = Amounts(forward=290, reverse=145, together=145)
    pair: Amounts = Amounts(forward=80, reverse=40, together=80)
    mediator: Amounts = Amounts()
    mediator_pair: Amounts = Amounts()
    chain: Amounts = Amounts()
    outcome_first: float = Field(default=0.5, ge=0, le=1)  # share of co-occurrence statements that open with the effect
    statements_per_document: float = Field(default=3.0, ge=1)  # on average
    own_headings: float = Field(default=0.5, ge=0, le=1)  # share of headings that are a chunk of their own

    @property
    def num_unsafe(self) -> int:
        return min(max(2, round(self.num_outcomes * self.unsafe_share)), self.num_outcomes - 2)

    @property
    def has_two_hops(self) -> bool:
        return self.num_mediators > 0

    @model_validator(mode="after")
    def _hops_are_whole(self) -> Self:
        if self.has_two_hops:
            if self.num_edges or self.num_pairs:
                raise ValueError("a world with mediators has no edges from compounds straight to outcomes")
            if self.num_mediators < 2 or not self.num_mediator_edges or not self.num_mediator_pairs:
                raise ValueError("two hops need mediators, edges to them and pairs of them")
        elif self.num_mediator_edges or self.num_mediator_pairs:
            raise ValueError("edges of mediators need num_mediators")
        elif self.num_edges < max(self.num_compounds, self.num_outcomes):
            raise ValueError("every compound and outcome has an edge, so num_edges is at least as large as both")
        return self

    @model_validator(mode="after")
    def _edges_are_there_to_draw(self) -> Self:
        compounds, mediators = self.num_compounds, self.num_mediators
        limits = {
            "num_edges": compounds * self.num_outcomes // 2,
            "num_pairs": compounds * (compounds - 1) // 4,
            "num_mediator_edges": compounds * mediators // 2,
            "num_mediator_pairs": mediators * (mediators - 1) // 4,
        }
        for name, most in limits.items():
            if getattr(self, name) > most:
                raise ValueError(f"{name} may be at most {most} with so many entities")
        return self
