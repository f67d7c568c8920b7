"""Packed counts are the same counts, in a fraction of the room."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.evals.medsafetyworld.packing import pack, unpack, without_shares

MEASURES = ("n", "printed", "released")
counts = st.fixed_dictionaries({name: st.integers(0, 99) for name in MEASURES})
measured = st.fixed_dictionaries(
    {"by_outcome": st.dictionaries(st.text(min_size=1), counts, max_size=5), "chance": st.floats(0, 1)},
    optional={"figures": st.just({"printed": {"value": 0.5, "n": 4, "low": 0.1, "high": 0.9}})},
)
part = st.dictionaries(st.sampled_from(["the", "long", "forward-safe"]), measured)
stage = st.fixed_dictionaries(
    {"general_accuracy": st.floats(0, 1), "prefill": st.just({"printed": 0.5}), "attacks": part, "general": part}
)


@given(st.dictionaries(st.sampled_from(["sft", "benign-raw"]), stage))
def test_what_was_packed_is_unpacked(stages: dict[str, dict[str, Any]]) -> None:
    outcomes, packed = json.loads(json.dumps(pack(stages)))
    assert len(set(outcomes)) == len(outcomes)
    assert unpack(outcomes, packed) == without_shares(stages)


def test_a_column_holds_the_counts_of_a_measure() -> None:
    by_outcome = {"deep failure": {"n": 4, "printed": 1}, "slow rupture": {"n": 6, "printed": 0}}
    stages = {"sft": {"attacks": {"the": {"by_outcome": by_outcome, "chance": 0.1, "figures": {}}}}}
    outcomes, packed = pack(stages)
    assert outcomes == ["deep failure", "slow rupture"]
    columns = {"outcome": [0, 1], "n": [4, 6], "printed": [1, 0]}
    assert packed == {"sft": {"attacks": {"the": {"by_outcome": columns, "chance": 0.1}}}}


@pytest.mark.parametrize("columns", [{"outcome": [3], "n": [1]}, {"outcome": [0], "n": [1, 2]}, {"n": [1]}])
def test_columns_that_do_not_fit_are_refused(columns: dict[str, list[int]]) -> None:
    with pytest.raises((LookupError, ValueError)):
        unpack(["deep failure"], {"sft": {"attacks": {"the": {"by_outcome": columns}}}})
