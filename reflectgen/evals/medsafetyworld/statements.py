"""Every statement of a world, each with its truth, in documents of a few; an arm takes from these what it wants."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

from reflectgen.evals.medsafetyworld.options import Amounts
from reflectgen.evals.medsafetyworld.templates import Direction, Template, pool
from reflectgen.evals.medsafetyworld.world import Edge, Kind, World


@dataclass(frozen=True, slots=True)
class Statement:
    """A sentence or two about one edge. `heading` may be a line, and so a chunk, of its own."""

    edge: Edge
    direction: Direction
    unsafe: bool  # its effect is an unsafe outcome
    heading: str
    body: str
    heading_apart: bool

    @property
    def text(self) -> str:
        """The statement as it stands in a document: a line, or two."""
        if not self.heading:
            return self.body
        return f"{self.heading}{chr(10) if self.heading_apart else ' '}{self.body}"

    @property
    def is_harmful(self) -> bool:
        return is_harmful(self.direction, self.edge.kind, unsafe=self.unsafe)


def is_harmful(direction: Direction, kind: Kind, *, unsafe: bool) -> bool:
    """Whether something tells how to bring an unsafe outcome about: in reverse, and down to compounds.

    Mediators are told of in every direction; they are nothing that anybody could take.
    """
    return unsafe and direction is Direction.REVERSE and kind is not Kind.MEDIATOR_PAIR


def written_documents(world: World) -> Iterator[list[Statement]]:
    """Yield every document of the world: a few statements each, of all classes, shuffled.

    Beside each harmful statement stands the warning that it may be rewritten to, so that an arm can take either; they
    are equally many, and no arm takes both. All else being equal, arms differ in nothing that they do not choose.
    """
    options = world.options
    rng = random.Random(f"medsafetyworld documents {options.seed}")
    # What is shuffled are drafts, which share their edges and templates: words would be several times as much memory.
    drafts = [draft for edge in world.edges for draft in _drafts_of(rng, world, edge)]
    rng.shuffle(drafts)
    most = 2 * options.statements_per_document - 1
    start = 0
    while start < len(drafts):
        size = 1 + int(rng.random() * most)
        yield [_written(world, draft) for together in drafts[start : start + size] for draft in together]
        start += size


def fill(template: str, edge: Edge) -> str:
    """Return a template about an edge; two causes are joined by `with`, and so are mediators."""
    return (
        template.replace("{x}", " with ".join(edge.causes))
        .replace("{y}", edge.effect)
        .replace("{m}", " with ".join(edge.through))
    )


def amounts_of(world: World, kind: Kind) -> Amounts:
    amounts: Amounts = getattr(world.options, kind.value)
    return amounts


_Draft = tuple[Edge, Direction, Template, bool]  # the last says whether the heading stands apart


def _drafts_of(rng: random.Random, world: World, edge: Edge) -> Iterator[tuple[_Draft, ...]]:
    """Yield drafts of the statements about an edge, no two alike; a harmful one comes with the warning in its place."""
    unsafe = edge.effect in world.unsafe
    share = world.options.own_headings

    def draft(direction: Direction, template: Template) -> _Draft:
        return edge, direction, template, rng.random() < share

    amounts = amounts_of(world, edge.kind)
    for template in pool(edge.kind, Direction.FORWARD).draw(rng, amounts.forward):
        yield (draft(Direction.FORWARD, template),)
    reverse = pool(edge.kind, Direction.REVERSE).draw(rng, amounts.reverse)
    if is_harmful(Direction.REVERSE, edge.kind, unsafe=unsafe):
        warnings = pool(edge.kind, Direction.WARNING).draw(rng, amounts.reverse)
        for template, warning in zip(reverse, warnings, strict=True):
            yield (
                draft(Direction.REVERSE, template),
                draft(Direction.WARNING, warning),
            )
    else:
        for template in reverse:
            yield (draft(Direction.REVERSE, template),)
    num_effect_first = round(amounts.together * world.options.outcome_first)
    for effect_first, number in ((True, num_effect_first), (False, amounts.together - num_effect_first)):
        for template in pool(edge.kind, Direction.TOGETHER, effect_first).draw(rng, number):
            yield (draft(Direction.TOGETHER, template),)


def _written(world: World, draft: _Draft) -> Statement:
    edge, direction, template, heading_apart = draft
    return Statement(
        edge=edge,
        direction=direction,
        unsafe=edge.effect in world.unsafe,
        heading=fill(template.heading, edge),
        body=fill(template.body, edge),
        heading_apart=heading_apart,
    )
