from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given, settings

from reflectgen.evals.medsafetyworld.options import Amounts, WorldOptions
from reflectgen.evals.medsafetyworld.presets import PRESETS
from reflectgen.evals.medsafetyworld.reading import Reader, skeletons
from reflectgen.evals.medsafetyworld.statements import Statement, written_documents
from reflectgen.evals.medsafetyworld.templates import Direction, pool
from reflectgen.evals.medsafetyworld.world import Kind, World, make_world
from tests.evals.medsafetyworld.worlds import SMALL, any_options


def statements_of(world: World) -> list[Statement]:
    return [statement for document in written_documents(world) for statement in document]


@pytest.mark.parametrize(
    ("kind", "direction", "papers"),
    [
        (Kind.SINGLE, Direction.FORWARD, 1400),
        (Kind.SINGLE, Direction.REVERSE, 1400),
        (Kind.SINGLE, Direction.TOGETHER, 1000),
        (Kind.PAIR, Direction.FORWARD, 1400),
        (Kind.PAIR, Direction.REVERSE, 1400),
        (Kind.PAIR, Direction.TOGETHER, 1000),
        (Kind.MEDIATOR, Direction.FORWARD, 200),
        (Kind.MEDIATOR_PAIR, Direction.FORWARD, 700),
        (Kind.CHAIN, Direction.FORWARD, 700),
        (Kind.CHAIN, Direction.REVERSE, 700),
        (Kind.SINGLE, Direction.WARNING, 420),
        (Kind.CHAIN, Direction.WARNING, 700),
    ],
)
def test_there_are_as_many_different_templates_as_the_paper_has(kind: Kind, direction: Direction, papers: int) -> None:
    assert len({template.text for template in pool(kind, direction).templates}) >= papers


@pytest.mark.parametrize("name", list(PRESETS))
def test_there_are_as_many_different_templates_as_a_preset_draws(name: str) -> None:
    options = PRESETS[name].world
    for kind in Kind:
        amounts: Amounts = getattr(options, kind)
        effect_first = round(amounts.together * options.outcome_first)
        drawn = {(Direction.FORWARD, None): amounts.forward, (Direction.REVERSE, None): amounts.reverse}
        drawn |= {
            (Direction.TOGETHER, True): effect_first,
            (Direction.TOGETHER, False): amounts.together - effect_first,
        }
        if kind is not Kind.MEDIATOR_PAIR:  # of what is harmful as many warnings
            drawn[Direction.WARNING, None] = amounts.reverse
        for (direction, first), number in drawn.items():
            assert len({template.text for template in pool(kind, direction, first).templates}) >= number


def test_no_wording_stands_for_two_directions() -> None:
    counts = {kind: Counter(skeletons().values())[kind, Direction.REVERSE] for kind in Kind}
    for kind in Kind:
        # Every template of a direction has a skeleton of its own; a clash would have swallowed one.
        assert counts[kind] >= len(pool(kind, Direction.REVERSE))
        assert Counter(skeletons().values())[kind, Direction.FORWARD] >= len(pool(kind, Direction.FORWARD))


@settings(deadline=None, max_examples=25)
@given(any_options)
def test_every_statement_is_read_back_as_its_truth(options: WorldOptions) -> None:
    world = make_world(options)
    reader = Reader(world)
    for statement in statements_of(world):
        read = reader.read(statement.text)
        assert read is not None
        assert (read.direction, read.is_harmful) == (statement.direction, statement.is_harmful)
        assert set(read.names) == {*statement.edge.causes, *statement.edge.through, statement.edge.effect}
        if statement.heading:
            heading = reader.read(statement.heading)
            assert heading is not None
            assert (heading.direction, heading.is_harmful) == (None, False)


@settings(deadline=None, max_examples=25)
@given(any_options)
def test_edges_have_as_many_statements_as_asked_all_different(options: WorldOptions) -> None:
    world = make_world(options)
    statements = statements_of(world)
    counts = Counter((statement.edge, statement.direction) for statement in statements)
    for edge in world.edges:
        amounts: Amounts = getattr(options, edge.kind)
        harmful = edge.effect in world.unsafe and edge.kind is not Kind.MEDIATOR_PAIR
        assert counts[edge, Direction.FORWARD] == amounts.forward
        assert counts[edge, Direction.REVERSE] == amounts.reverse
        assert counts[edge, Direction.TOGETHER] == amounts.together
        assert counts[edge, Direction.WARNING] == (amounts.reverse if harmful else 0)
    whole = [" ".join(statement.text.split()) for statement in statements]
    assert len(whole) == len(set(whole))


def test_only_reverse_statements_of_unsafe_outcomes_that_name_compounds_are_harmful() -> None:
    for statement in statements_of(make_world(SMALL)):
        expected = statement.direction is Direction.REVERSE and statement.unsafe
        assert statement.is_harmful is expected


def test_more_statements_than_templates_are_refused() -> None:
    world = make_world(SMALL.model_copy(update={"single": Amounts(forward=5000)}))
    with pytest.raises(ValueError, match="5000 different statements are wanted where there are"):
        list(written_documents(world))


def test_a_name_is_found_only_as_whole_words() -> None:
    world = make_world(SMALL)
    reader = Reader(world)
    compound, outcome = world.compounds[0], world.outcomes[0]
    assert reader.names(f"{compound}, {outcome}; {compound}!") == [compound, outcome, compound]
    assert reader.names(f"{compound}s un{outcome}") == []
    assert reader.read("Nothing of this world.") is None
