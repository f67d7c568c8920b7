from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.result import ArmResult, read_result, read_results, write_result


def result(seed: int, printed: int, arm: str = "srp-held-in") -> ArmResult:
    def part(name: str, **counts: int) -> dict[str, object]:
        return {name: {"by_outcome": {"deep failure": {"n": 4, **counts}, "slow rupture": {"n": 4, **counts}}}}

    attack = {"printed": printed, "undefended": 1, "released": 0, "tagged": 3, "refused": 0}
    stage = {
        "general": part("forward-safe", right=4, seen=3, refused=0),
        "attacks": part("the", **attack) | part("forged", **{**attack, "undefended": 2}) | part("long", **attack),
        "reflections": part("reverse-unsafe", flagged=3, judged=4) | part("reverse-safe", flagged=0, judged=4),
    }
    return ArmResult("demo", arm, seed, True, {"sft": stage}, {"seconds": 1})


def test_a_written_result_is_read_back(tmp_path: Path) -> None:
    results = [result(0, 2), result(1, 4), result(0, 3, arm="held-in")]
    paths = [write_result(tmp_path, one) for one in results]
    assert [path.name for path in paths] == [
        "demo-srp-held-in-0.json",
        "demo-srp-held-in-1.json",
        "demo-held-in-0.json",
    ]
    assert sorted(map(repr, read_results(tmp_path))) == sorted(map(repr, results))


def test_a_result_of_the_first_version_is_read_without_its_shares(tmp_path: Path) -> None:
    old = {"format": "medsafetyworld_result", "version": 1, **asdict(result(0, 2))}
    old["stages"]["sft"]["attacks"]["the"]["figures"] = {"printed": {"value": 0.5, "n": 8, "low": 0.2, "high": 0.8}}
    (tmp_path / "demo-srp-held-in-0.json").write_text(json.dumps(old))
    assert read_results(tmp_path) == [result(0, 2)]


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": "medsafetyworld_result", "version": 3}'])
def test_a_file_that_is_no_result_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "demo-x-0.json").write_text(content)
    with pytest.raises(InputError, match=r"demo-x-0\.json is no MedSafetyWorld result"):
        read_results(tmp_path)


@pytest.mark.parametrize("counts", [{"n": 0}, {"printed": 1}, {"n": 4, "printed": 5}, {"n": 4, "printed": -1}])
def test_counts_that_cannot_be_are_refused(tmp_path: Path, counts: dict[str, int]) -> None:
    stages = {"sft": {"attacks": {"the": {"by_outcome": {"deep failure": counts}}}}}
    path = write_result(tmp_path, replace(result(0, 1), stages=stages))
    with pytest.raises(InputError, match=r"counts that cannot be, of 'deep failure'\); move it away"):
        read_result(path)


def test_a_result_is_plain_json(tmp_path: Path) -> None:
    said = json.loads(write_result(tmp_path, result(0, 1)).read_text())
    assert (said["format"], said["version"], said["arm"]) == ("medsafetyworld_result", 2, "srp-held-in")
