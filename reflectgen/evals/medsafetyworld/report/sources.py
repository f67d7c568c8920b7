"""The result files that a report is made of: each taken once, and none put together with what it does not fit."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.result import ArmResult, read_result


@dataclass(frozen=True, slots=True)
class Source:
    """One result file; `sha256` is that of its bytes."""

    result: ArmResult
    sha256: str

    @property
    def name(self) -> str:
        return self.result.name

    def to_json(self) -> dict[str, Any]:
        about = self.result.about
        told: dict[str, Any] = {
            name: about[name] for name in ("seconds", "num_tokens", "code_version", "commit") if name in about
        }
        return {"name": self.name, "sha256": self.sha256, **told}


def read_sources(places: Sequence[Path], names: Collection[str] | None = None) -> list[Source]:
    """Read results, from files or folders; one that lies in several is taken once. `names`: of these files alone.

    Raises:
        InputError: a folder holds none, a file is none, or two do not belong together.
    """
    found: dict[str, tuple[Path, Source]] = {}
    for place in places:
        paths = [place] if place.is_file() else sorted(place.glob("*.json"))
        if not paths:
            raise InputError(f"there is no MedSafetyWorld result in {place}; name the folder that `run` wrote them to")
        for path in paths:
            if names is not None and path.name not in names:
                continue
            source = Source(read_result(path), hashlib.sha256(path.read_bytes()).hexdigest())
            first, known = found.setdefault(source.name, (path, source))
            if known.result.stages != source.result.stages:
                raise InputError(f"{first} and {path} are the same arm and seed with different figures; leave one out")
    sources = [source for _, source in found.values()]
    _check_definitions(sources)
    return sources


def definition(result: ArmResult) -> dict[str, Any]:
    """Return what decides the data and the training of a result, but for the seed."""
    made_by = json.loads(json.dumps(result.about.get("made_by", {})))
    made_by.get("data", {}).get("world", {}).pop("seed", None)
    return {name: made_by[name] for name in ("data", "training", "arm") if name in made_by}


def _check_definitions(sources: Iterable[Source]) -> None:
    """Raise InputError where two results of one preset, or of one arm, are not of one definition."""
    of_preset: dict[tuple[str, bool], Source] = {}
    of_arm: dict[tuple[str, bool, str], Source] = {}
    for source in sources:
        one = source.result
        for first, parts in (
            (of_preset.setdefault((one.preset, one.cue), source), ("data", "training")),
            (of_arm.setdefault((one.preset, one.cue, one.arm), source), ("arm",)),
        ):
            ours, theirs = definition(one), definition(first.result)
            if any(ours.get(part) != theirs.get(part) for part in parts):
                raise InputError(
                    f"{first.name} and {source.name} were made by different definitions of their preset or arm; "
                    "report them apart"
                )
