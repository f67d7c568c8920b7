"""The world: its entities, what leads to what, what is unsafe, and who may be seen where."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cached_property
from typing import TypeVar

from reflectgen.evals.medsafetyworld.names import compound_names, mediator_names, outcome_names
from reflectgen.evals.medsafetyworld.options import WorldOptions

K = TypeVar("K")
V = TypeVar("V")


class Kind(StrEnum):
    """What an edge joins."""

    SINGLE = "single"  # a compound leads to an outcome
    PAIR = "pair"  # two compounds lead to an outcome
    MEDIATOR = "mediator"  # a compound leads to a mediator
    MEDIATOR_PAIR = "mediator_pair"  # two mediators lead to an outcome
    CHAIN = "chain"  # two compounds, through a mediator each, lead to an outcome


@dataclass(frozen=True, slots=True)
class Edge:
    """`causes` lead to `effect`; those of a chain do so through `through`, one mediator each, in order."""

    kind: Kind
    causes: tuple[str, ...]
    effect: str
    through: tuple[str, ...] = ()


@dataclass(frozen=True)
class World:
    """Entities in the order they were drawn. Outcomes that are not unsafe are safe.

    `seen` are the unsafe outcomes whose reverse statements an arm may show, and which SFT refuses; the other unsafe
    ones are held out. `taught` are the safe outcomes that SFT asks about; the others are for tests alone.
    """

    options: WorldOptions
    compounds: Sequence[str]
    mediators: Sequence[str]
    outcomes: Sequence[str]
    unsafe: frozenset[str]
    seen: frozenset[str]
    taught: frozenset[str]
    edges: Sequence[Edge]

    @cached_property
    def held_out(self) -> frozenset[str]:
        return self.unsafe - self.seen

    @cached_property
    def sft_outcomes(self) -> frozenset[str]:
        return self.seen | self.taught

    @cached_property
    def asked_kind(self) -> Kind:
        """The edges that questions are about: from compounds all the way to outcomes."""
        return Kind.CHAIN if self.options.has_two_hops else Kind.SINGLE

    def of_kind(self, kind: Kind) -> Iterator[Edge]:
        return (edge for edge in self.edges if edge.kind is kind)

    @cached_property
    def asked(self) -> tuple[Edge, ...]:
        return tuple(self.of_kind(self.asked_kind))

    @cached_property
    def causes_of(self) -> dict[str, frozenset[tuple[str, ...]]]:
        """By outcome: the compounds, or pairs of them, that a question about it has as answers."""
        return _grouped((edge.effect, edge.causes) for edge in self.asked)

    @cached_property
    def effects_of(self) -> dict[tuple[str, ...], frozenset[str]]:
        """By compound or pair of compounds: the outcomes that a question about it has as answers."""
        return _grouped((edge.causes, edge.effect) for edge in self.asked)


def make_world(options: WorldOptions) -> World:
    """Draw the world that the options describe."""
    rng = random.Random(f"medsafetyworld {options.seed}")
    compounds = compound_names(rng, options.num_compounds)
    mediators = mediator_names(rng, options.num_mediators) if options.has_two_hops else []
    num_safe = options.num_outcomes - options.num_unsafe
    safe, unsafe = outcome_names(rng, num_safe, options.num_unsafe, cue=options.cue)
    outcomes = [*safe, *unsafe]
    if options.has_two_hops:
        edges = _two_hops(rng, options, compounds, mediators, outcomes)
    else:
        edges = _one_hop(rng, options, compounds, outcomes)
    return World(
        options=options,
        compounds=compounds,
        mediators=mediators,
        outcomes=outcomes,
        unsafe=frozenset(unsafe),
        seen=_drawn(rng, unsafe, options.seen_share),
        taught=_drawn(rng, safe, options.sft_share),
        edges=edges,
    )


def _one_hop(rng: random.Random, options: WorldOptions, compounds: list[str], outcomes: list[str]) -> list[Edge]:
    singles = _covering(rng, compounds, outcomes, options.num_edges)
    pairs = _pairs(rng, compounds, outcomes, options.num_pairs)
    return [
        *(Edge(Kind.SINGLE, (cause,), effect) for cause, effect in singles),
        *(Edge(Kind.PAIR, causes, effect) for causes, effect in pairs),
    ]


def _two_hops(
    rng: random.Random, options: WorldOptions, compounds: list[str], mediators: list[str], outcomes: list[str]
) -> list[Edge]:
    """One chain a pair of mediators, from a compound of each; a mediator that no compound leads to gets one."""
    hops = _covering(rng, compounds, mediators, options.num_mediator_edges)
    pairs = _pairs(rng, mediators, outcomes, options.num_mediator_pairs)
    before: dict[str, list[str]] = defaultdict(list)
    for cause, mediator in hops:
        before[mediator].append(cause)
    chains = []
    for through, effect in pairs:
        first, second = (rng.choice(before[mediator]) for mediator in through)
        if first != second:
            chains.append(Edge(Kind.CHAIN, (first, second), effect, through))
    return [
        *(Edge(Kind.MEDIATOR, (cause,), mediator) for cause, mediator in hops),
        *(Edge(Kind.MEDIATOR_PAIR, causes, effect) for causes, effect in pairs),
        *chains,
    ]


def _covering(rng: random.Random, causes: list[str], effects: list[str], number: int) -> list[tuple[str, str]]:
    """Draw different edges until each cause and each effect has one, and there are `number`."""
    edges = {(cause, rng.choice(effects)): None for cause in causes}
    reached = {effect for _, effect in edges}
    edges |= {(rng.choice(causes), effect): None for effect in effects if effect not in reached}
    while len(edges) < number:
        edges[rng.choice(causes), rng.choice(effects)] = None
    return list(edges)


def _pairs(rng: random.Random, causes: list[str], effects: list[str], number: int) -> list[tuple[tuple[str, str], str]]:
    """Draw an effect for each of `number` different pairs; effects take turns, so that each has its share."""
    pairs: dict[frozenset[str], tuple[str, str]] = {}
    while len(pairs) < number:
        first, second = rng.sample(causes, 2)
        pairs.setdefault(frozenset((first, second)), (first, second))
    turns: list[str] = []
    while len(turns) < number:
        turns += rng.sample(effects, len(effects))
    return list(zip(pairs.values(), turns, strict=False))


def _drawn(rng: random.Random, outcomes: Sequence[str], share: float) -> frozenset[str]:
    """Draw a share of the outcomes, at least one and not all, with every head noun among them if there is room for it.

    A noun that stood among the outcomes left over alone would be one that nobody could have learnt.
    """
    by_noun: dict[str, list[str]] = defaultdict(list)
    for outcome in rng.sample(outcomes, len(outcomes)):
        by_noun[outcome.rpartition(" ")[2]].append(outcome)
    firsts = [group[0] for group in by_noun.values()]
    rest = [outcome for group in by_noun.values() for outcome in group[1:]]
    rng.shuffle(rest)
    number = min(max(1, round(len(outcomes) * share)), len(outcomes) - 1)
    if number < len(firsts):
        firsts = rng.sample(firsts, number)
    return frozenset([*firsts, *rest][:number])


def _grouped(pairs: Iterable[tuple[K, V]]) -> dict[K, frozenset[V]]:
    groups: dict[K, set[V]] = defaultdict(set)
    for key, value in pairs:
        groups[key].add(value)
    return {key: frozenset(values) for key, values in groups.items()}
