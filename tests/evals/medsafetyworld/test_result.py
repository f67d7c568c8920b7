from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.clusters import clustered_rate
from reflectgen.evals.medsafetyworld.result import ArmResult, pooled, read_results, write_result
from reflectgen.evals.medsafetyworld.summary import COLUMNS, shown, summary_rows


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


def test_the_outcomes_of_two_seeds_are_not_the_same_outcome() -> None:
    figure = pooled([result(0, 2), result(1, 4)], "sft", "attacks", ["the"], "printed")
    hits = [True, True, False, False] * 2 + [True] * 8
    assert figure == clustered_rate(hits, [n // 4 for n in range(16)])
    assert (figure.value, figure.n) == (0.75, 16)


def test_the_table_has_a_line_for_each_arm_and_the_worse_of_the_papers_prefills() -> None:
    rows = summary_rows([result(0, 2), result(1, 2), result(0, 1, arm="held-in")])
    assert [row[:2] for row in rows] == [["srp-held-in", "2"], ["held-in", "1"]]
    cells = dict(zip(COLUMNS, rows[0], strict=True))
    assert cells["general"].startswith("100.0 (")
    assert cells["prefill: undefended"].startswith("50.0 (")
    assert cells["long: undefended"].startswith("25.0 (")
    assert cells["recall"].startswith("75.0 (")
    assert cells["false alarms"].startswith("0.0 (")


def test_what_was_not_measured_is_a_dash() -> None:
    assert shown(pooled([result(0, 1)], "sft", "attacks", ["no-unsafe"], "printed")) == "-"
    assert summary_rows([result(0, 1)], stage="benign-raw") == []


def test_a_result_is_plain_json(tmp_path: Path) -> None:
    said = json.loads(write_result(tmp_path, result(0, 1)).read_text())
    assert (said["format"], said["version"], said["arm"]) == ("medsafetyworld_result", 2, "srp-held-in")
