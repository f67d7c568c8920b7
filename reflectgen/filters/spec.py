"""Filters and checks as a recipe stores them: one JSON object each, its name and every parameter."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import Field, fields
from typing import Any, ClassVar, Protocol, TypeVar

from reflectgen.errors import RecipeError

ROLE = {"role": True}  # metadata of a field that holds who is asked, which is no parameter


class Named(Protocol):
    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]


N = TypeVar("N", bound=Named)


def to_spec(chain: Iterable[Named]) -> list[dict[str, Any]]:
    """Return the chain as a recipe stores it, parameters at their defaults written out."""
    return [{"name": each.name, **{key: getattr(each, key) for key in parameters(type(each))}} for each in chain]


def parameters(kind: type[Named]) -> dict[str, Field[Any]]:
    return {field.name: field for field in fields(kind) if "role" not in field.metadata}


def build(what: str, entry: Mapping[str, Any], kinds: Mapping[str, type[N]], **roles: Any) -> N:
    """Return the filter or check (`what`) that `entry` names; parameters left out take their defaults.

    Raises:
        RecipeError: an unknown name or parameter, or a value that its kind does not take.
    """
    given = dict(entry)
    name = given.pop("name", None)
    kind = kinds.get(name) if isinstance(name, str) else None
    if kind is None:
        raise RecipeError(f"no {what} is called {name!r}; there are {', '.join(kinds)}")
    known = parameters(kind)
    for parameter, value in given.items():
        if parameter not in known:
            raise RecipeError(f"the {what} {name!r} has no parameter {parameter!r}; it takes {sorted(known) or 'none'}")
        if wanted := _wanted(value, type(known[parameter].default)):
            raise RecipeError(f"{parameter!r} of the {what} {name!r} must be {wanted}, not {value!r}")
    try:
        return kind(**roles, **given)
    except ValueError as error:
        raise RecipeError(f"the {what} {name!r}: {error}") from None


def _wanted(value: object, kind: type) -> str:
    """Return what a parameter like its default is, where `value` is nothing of the sort."""
    if kind is int:
        if isinstance(value, int) and not isinstance(value, bool) and value >= 0:
            return ""
        return "a whole number from 0"
    if kind is float:
        if isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value <= 1:
            return ""
        return "a number from 0 to 1"
    return "" if type(value) is kind else "a text"
