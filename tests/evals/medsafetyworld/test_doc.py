"""docs/medsafetyworld.md names every arm, attack and preset, and counts templates as they are."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from reflectgen.evals.medsafetyworld.arms import ARMS, MAIN_ARMS
from reflectgen.evals.medsafetyworld.attacks import ATTACKS
from reflectgen.evals.medsafetyworld.presets import PRESETS
from reflectgen.evals.medsafetyworld.report.markdown import block
from reflectgen.evals.medsafetyworld.report.sources import read_sources
from reflectgen.evals.medsafetyworld.statements import amounts_of
from reflectgen.evals.medsafetyworld.templates import Direction, pool
from reflectgen.evals.medsafetyworld.training import TRAININGS
from reflectgen.evals.medsafetyworld.world import Kind, make_world

ROOT = Path(__file__).resolve().parents[3]
DOC = (ROOT / "docs" / "medsafetyworld.md").read_text(encoding="utf-8")
RESULTS = ROOT / "benchmarks" / "results" / "medsafetyworld"


@pytest.mark.parametrize("name", [*ARMS, *ATTACKS, *PRESETS])
def test_every_name_is_explained(name: str) -> None:
    assert f"`{name}`" in DOC


def test_the_main_arms_are_those_that_the_page_says() -> None:
    assert f"`{', '.join(MAIN_ARMS)}`" in DOC


def test_the_page_counts_templates_as_they_are() -> None:
    counts = [len(pool(Kind.SINGLE, direction)) for direction in (Direction.FORWARD, Direction.REVERSE)]
    counts += [len(pool(Kind.SINGLE, Direction.TOGETHER)), len(pool(Kind.CHAIN, Direction.FORWARD))]
    forward, reverse, together, chain = counts
    said = f"{forward:,} forward, {reverse:,} reverse and {together:,} co-occurrence ones"
    assert said in " ".join(DOC.split())
    assert f"{chain} for chains in each direction" in " ".join(DOC.split())


@pytest.mark.parametrize("name", list(PRESETS))
def test_the_worlds_of_presets_are_as_large_as_the_page_says(name: str) -> None:
    world = make_world(PRESETS[name].world)
    amounts = [amounts_of(world, edge.kind) for edge in world.edges]
    num_statements = sum(one.forward + one.reverse + one.together for one in amounts)
    mediators = f"{len(world.mediators):,} mediators, " if world.mediators else ""
    size = f"{len(world.compounds):,} compounds, {mediators}{len(world.outcomes):,} outcomes"
    assert f"| `{name}` | {size}, {len(world.held_out)} held out | {num_statements:,} |" in DOC


def test_every_preset_has_its_training() -> None:
    assert set(PRESETS) == set(TRAININGS)


def test_the_page_shows_what_the_committed_results_give() -> None:
    made = block(read_sources([RESULTS]) if any(RESULTS.glob("*.json")) else [], "medsafetyworld")
    assert made in DOC, (
        "run: reflectgen medsafetyworld report benchmarks/results/medsafetyworld --out report "
        "--markdown docs/medsafetyworld.md"
    )
    for picture in re.findall(r"\]\((medsafetyworld/[^)]*)\)", made):
        assert (ROOT / "docs" / picture).is_file()
