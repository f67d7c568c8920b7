"""docs/filters.md names every filter with its parameters and defaults."""

from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from reflectgen.filters.boilerplate import RepeatedBoilerplate
from reflectgen.filters.chain import DEFAULT_FILTERS
from reflectgen.filters.guarded_rationale import GuardedRationale
from reflectgen.filters.judge import Judge
from reflectgen.filters.near_duplicate import NearDuplicates
from reflectgen.filters.verdict_flip import VerdictFlip
from reflectgen.reflection.cascade import SOUND_VERDICT_REASONS

LINES = (Path(__file__).parents[2] / "docs" / "filters.md").read_text(encoding="utf-8").splitlines()
KINDS = [*map(type, DEFAULT_FILTERS), VerdictFlip, GuardedRationale, Judge]


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.name)
def test_a_row_names_its_parameters_with_their_defaults(kind):
    (row,) = [line for line in LINES if line.startswith(f"| `{kind.name}` |")]
    for field in fields(kind):
        if field.default is not MISSING:
            default = f'"{field.default}"' if isinstance(field.default, str) else field.default
            assert f"`{field.name}` = {default}" in row


def test_the_rows_stand_in_the_order_in_which_filters_are_asked():
    rows = [line.split("`")[1] for line in LINES if line.startswith("| `")]
    names = [each.name for each in DEFAULT_FILTERS]
    assert [name for name in rows if name in names] == names


@pytest.mark.parametrize("kind", [RepeatedBoilerplate, NearDuplicates], ids=lambda kind: kind.name)
def test_a_filter_across_the_job_has_its_row(kind):
    assert any(line.startswith(f"| `{kind.name}` |") for line in LINES)


def test_a_reason_after_which_the_verdict_is_believed_is_some_filters_name():
    names = {kind.name for kind in (*KINDS, RepeatedBoilerplate, NearDuplicates)}
    assert names >= SOUND_VERDICT_REASONS
