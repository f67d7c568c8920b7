"""The result of one arm on one seed, as a file that any later checkout can go on from."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.packing import check, pack, unpack, without_shares
from reflectgen.shards import whole_file

FORMAT, VERSION = "medsafetyworld_result", 2

Counts = dict[str, dict[str, int]]  # by outcome: the answers, `n`, and how many each measure held for


@dataclass(frozen=True, slots=True)
class ArmResult:
    """`stages` are evaluations, as JSON, after each training; `about` says what was trained, on what and how fast.

    Of an evaluation its counts are kept, and no shares: `report` makes these of one result or of many.
    """

    preset: str
    arm: str
    seed: int
    cue: bool
    stages: dict[str, dict[str, Any]]
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def name(self) -> str:
        return result_name(self.preset, self.arm, self.seed, cue=self.cue)

    def counts(self, stage: str, part: str, name: str) -> Counts:
        """Return the counts by outcome of one attack, question class or probe; none where it was not measured."""
        counts: Counts = self.stages.get(stage, {}).get(part, {}).get(name, {}).get("by_outcome", {})
        return counts


def result_name(preset: str, arm: str, seed: int, *, cue: bool) -> str:
    return f"{preset}{'' if cue else '-no-cue'}-{arm}-{seed}.json"


def write_result(folder: Path, result: ArmResult) -> Path:
    """Write a result under its own name.

    Raises:
        OutputError: the folder cannot be written.
    """
    path = folder / result.name
    with whole_file(path) as partial:
        outcomes, stages = pack(result.stages)
        said = {"format": FORMAT, "version": VERSION, **asdict(result), "outcomes": outcomes, "stages": stages}
        partial.write_text(json.dumps(said, separators=(",", ":")) + "\n", encoding="utf-8")
    return path


def read_result(path: Path) -> ArmResult:
    """Read one result, also of version 1, in which counts stand outcome by outcome.

    Raises:
        InputError: the file is none.
    """
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        made = said.pop("format"), said.pop("version")
        if made not in ((FORMAT, 1), (FORMAT, VERSION)):
            raise ValueError("another format")
        stages = said.pop("stages")
        stages = without_shares(stages) if made == (FORMAT, 1) else unpack(said.pop("outcomes"), stages)
        check(stages)
        return ArmResult(**said, stages=stages)
    except (OSError, ValueError, LookupError, TypeError, AttributeError) as error:
        raise InputError(f"{path} is no MedSafetyWorld result ({error}); move it away and run again") from None


def read_results(folder: Path) -> list[ArmResult]:
    """Return all results of a folder, by name.

    Raises:
        InputError: a file there is none.
    """
    return [read_result(path) for path in sorted(folder.glob("*.json"))]
