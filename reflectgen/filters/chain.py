"""The filters in the order in which they are asked, and their form in a recipe."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, fields
from typing import Any

from reflectgen.errors import RecipeError
from reflectgen.filters.candidate import Candidate, Filter
from reflectgen.filters.copies_chunk import CopiesChunk
from reflectgen.filters.disagreement import Disagreement
from reflectgen.filters.evidence import Evidence
from reflectgen.filters.inconsistent import Inconsistent
from reflectgen.filters.length import Length
from reflectgen.filters.malformed import Malformed
from reflectgen.filters.refusal import Refusal
from reflectgen.records import ACCEPTED, Decision

# The first to object names the reason. A refusal is rarely in the wanted form, and should be counted as what it is.
DEFAULT_FILTERS: tuple[Filter, ...] = (
    Refusal(),
    Malformed(),
    Inconsistent(),
    Disagreement(),
    Length(),
    Evidence(),
    CopiesChunk(),
)

_KINDS = {type(known).name: type(known) for known in DEFAULT_FILTERS}


def first_rejection(candidate: Candidate, filters: Sequence[Filter] = DEFAULT_FILTERS) -> Decision:
    """Ask the filters in order; return the first rejection, or `ACCEPTED`."""
    for each in filters:
        decision = each.decide(candidate)
        if not decision.accepted:
            return decision
    return ACCEPTED


def to_spec(filters: Iterable[Filter]) -> list[dict[str, Any]]:
    """Return the chain as a recipe stores it: one JSON object a filter, its name and every parameter."""
    return [{"name": each.name, **asdict(each)} for each in filters]


def from_spec(spec: Iterable[Mapping[str, Any]]) -> tuple[Filter, ...]:
    """Build the chain that `to_spec` wrote; parameters left out take their defaults.

    Raises:
        RecipeError: an unknown filter or parameter, or a value that is no whole number from 0.
    """
    return tuple(_build(dict(entry)) for entry in spec)


def _build(entry: dict[str, Any]) -> Filter:
    name = entry.pop("name", None)
    kind = _KINDS.get(name) if isinstance(name, str) else None
    if kind is None:
        raise RecipeError(f"no filter is called {name!r}; there are {', '.join(_KINDS)}")
    known = {field.name for field in fields(kind)}
    for parameter, value in entry.items():
        if parameter not in known:
            raise RecipeError(f"the filter {name!r} has no parameter {parameter!r}; it takes {sorted(known) or 'none'}")
        if type(value) is not int or value < 0:
            raise RecipeError(f"{parameter!r} of the filter {name!r} must be a whole number from 0, not {value!r}")
    return kind(**entry)
