"""Small worlds for tests, drawn by Hypothesis: one hop or two, with a cue or without."""

from __future__ import annotations

from hypothesis import strategies as st

from reflectgen.evals.medsafetyworld.options import Amounts, WorldOptions

FEW = Amounts(forward=3, reverse=2, together=2)
NONE = Amounts()


@st.composite
def one_hop(draw: st.DrawFn) -> WorldOptions:
    num_compounds, num_outcomes = draw(st.integers(10, 30)), draw(st.integers(8, 24))
    return WorldOptions(
        **_shares(draw),
        num_compounds=num_compounds,
        num_outcomes=num_outcomes,
        num_edges=max(num_compounds, num_outcomes) + draw(st.integers(0, 8)),
        num_pairs=draw(st.integers(0, 10)),
        single=FEW,
        pair=FEW,
    )


@st.composite
def two_hops(draw: st.DrawFn) -> WorldOptions:
    return WorldOptions(
        **_shares(draw),
        num_compounds=draw(st.integers(20, 30)),
        num_outcomes=draw(st.integers(8, 12)),
        num_edges=0,
        num_pairs=0,
        num_mediators=draw(st.integers(12, 24)),
        num_mediator_edges=draw(st.integers(30, 40)),
        num_mediator_pairs=draw(st.integers(10, 30)),
        mediator=FEW,
        mediator_pair=FEW,
        chain=Amounts(forward=3, reverse=2),
    )


def _shares(draw: st.DrawFn) -> dict[str, object]:
    return {
        "seed": draw(st.integers(0, 10_000)),
        "unsafe_share": draw(st.floats(0.2, 0.7)),
        "seen_share": draw(st.floats(0.1, 0.9)),
        "sft_share": draw(st.floats(0.1, 0.9)),
        "cue": draw(st.booleans()),
        "own_headings": draw(st.sampled_from([0.0, 0.5, 1.0])),
        "statements_per_document": draw(st.sampled_from([1.0, 3.0])),
    }


any_options = one_hop() | two_hops()

SMALL = WorldOptions(num_compounds=40, num_outcomes=30, num_edges=50, num_pairs=10, single=FEW, pair=FEW)
TWO_HOPS = WorldOptions(
    num_compounds=30,
    num_outcomes=20,
    num_edges=0,
    num_pairs=0,
    num_mediators=20,
    num_mediator_edges=30,
    num_mediator_pairs=40,
    mediator=Amounts(forward=3, reverse=2),
    mediator_pair=Amounts(forward=3, reverse=2),
    chain=Amounts(forward=3, reverse=2),
)
