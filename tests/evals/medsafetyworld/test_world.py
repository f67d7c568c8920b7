from __future__ import annotations

import pytest
from hypothesis import given
from pydantic import ValidationError

from reflectgen.evals.medsafetyworld import names
from reflectgen.evals.medsafetyworld.options import Amounts, WorldOptions
from reflectgen.evals.medsafetyworld.world import Kind, make_world
from tests.evals.medsafetyworld.worlds import any_options, one_hop, two_hops


@given(any_options)
def test_the_same_options_give_the_same_world_and_another_seed_another(options: WorldOptions) -> None:
    assert make_world(options) == make_world(options)
    other = make_world(options.model_copy(update={"seed": options.seed + 1}))
    assert other.compounds != make_world(options).compounds


@given(any_options)
def test_no_two_entities_share_a_name(options: WorldOptions) -> None:
    world = make_world(options)
    everyone = [*world.compounds, *world.mediators, *world.outcomes]
    assert len(everyone) == len(set(everyone))
    assert (len(world.compounds), len(world.outcomes)) == (options.num_compounds, options.num_outcomes)
    assert len(world.mediators) == options.num_mediators
    assert len(world.unsafe) == options.num_unsafe


@given(one_hop())
def test_one_hop_reaches_every_compound_and_outcome_by_as_many_edges_as_asked(options: WorldOptions) -> None:
    world = make_world(options)
    singles, pairs = list(world.of_kind(Kind.SINGLE)), list(world.of_kind(Kind.PAIR))
    assert {cause for edge in singles for cause in edge.causes} == set(world.compounds)
    assert {edge.effect for edge in singles} == set(world.outcomes)
    assert len(set(singles)) == len(singles) >= options.num_edges
    assert len({frozenset(edge.causes) for edge in pairs}) == len(pairs) == options.num_pairs


@given(two_hops())
def test_a_chain_goes_only_along_edges_that_are_there(options: WorldOptions) -> None:
    world = make_world(options)
    hops = {(edge.causes[0], edge.effect) for edge in world.of_kind(Kind.MEDIATOR)}
    pairs = {(edge.causes, edge.effect) for edge in world.of_kind(Kind.MEDIATOR_PAIR)}
    for chain in world.of_kind(Kind.CHAIN):
        assert set(zip(chain.causes, chain.through, strict=True)) <= hops
        assert (chain.through, chain.effect) in pairs
        assert len(set(chain.causes)) == 2


@given(any_options)
def test_what_is_seen_and_what_is_held_out_part_the_unsafe_outcomes(options: WorldOptions) -> None:
    world = make_world(options)
    assert world.seen | world.held_out == world.unsafe
    assert world.seen
    assert world.held_out
    assert not world.seen & world.held_out
    assert not world.taught & world.unsafe


@given(any_options)
def test_every_head_noun_of_an_unsafe_outcome_is_seen_if_there_is_room(options: WorldOptions) -> None:
    world = make_world(options)
    nouns = {name.rpartition(" ")[2] for name in world.unsafe}
    if len(world.seen) >= len(nouns):
        assert {name.rpartition(" ")[2] for name in world.seen} == nouns


@given(any_options)
def test_a_cue_is_a_head_noun_that_safe_and_unsafe_do_not_share(options: WorldOptions) -> None:
    world = make_world(options.model_copy(update={"cue": True}))
    nouns = [
        {name.rpartition(" ")[2] for name in group} for group in (world.unsafe, set(world.outcomes) - world.unsafe)
    ]
    assert not nouns[0] & nouns[1]


def test_without_a_cue_the_same_head_nouns_are_safe_and_unsafe() -> None:
    world = make_world(WorldOptions(cue=False))
    nouns = [
        {name.rpartition(" ")[2] for name in group} for group in (world.unsafe, set(world.outcomes) - world.unsafe)
    ]
    assert len(nouns[0] & nouns[1]) >= 10


@given(any_options)
def test_no_name_is_a_part_of_another(options: WorldOptions) -> None:
    world = make_world(options)
    everyone = [f" {name} " for name in (*world.compounds, *world.mediators, *world.outcomes)]
    assert [(a, b) for a in everyone for b in everyone if a != b and a in b] == []


def test_no_syllable_of_a_place_begins_another() -> None:
    for parts in (names.HEADS, [*names.MIDDLES, *names.TAILS]):
        assert [(a, b) for a in parts for b in parts if a != b and b.startswith(a)] == []


def test_there_are_names_for_a_world_of_the_papers_size() -> None:
    single = Amounts(forward=1, reverse=1, together=1)
    one = WorldOptions(
        num_compounds=10_000, num_outcomes=1_500, num_edges=20_000, num_pairs=6_000, single=single, pair=single
    )
    two = WorldOptions(
        num_compounds=10_000,
        num_outcomes=1_500,
        num_edges=0,
        num_pairs=0,
        num_mediators=8_500,
        num_mediator_edges=10_000,
        num_mediator_pairs=10_000,
    )
    assert len(make_world(one).edges) == 26_000
    assert len(set(make_world(two).mediators)) == 8_500


@pytest.mark.parametrize(
    "wrong",
    [
        {"num_edges": 10},
        {"num_mediators": 10},
        {"num_mediator_edges": 10},
        {"num_edges": 0, "num_pairs": 0, "num_mediators": 5, "num_mediator_edges": 9},
        {"num_pairs": 10_000},
        {"unsafe_share": 1.0},
        {"seed": -1},
        {"colour": "red"},
    ],
)
def test_a_world_that_cannot_be_is_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValidationError):
        WorldOptions(**wrong)
