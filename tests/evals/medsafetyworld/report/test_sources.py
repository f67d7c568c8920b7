from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.report.sources import definition, read_sources
from reflectgen.evals.medsafetyworld.result import write_result
from tests.evals.medsafetyworld.report.making import result, stage


def test_results_of_several_folders_are_read_each_once_with_their_hash(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    path = write_result(one, result("filtering", 0))
    write_result(two, result("filtering", 0, seconds=99))
    write_result(two, result("filtering", 1))
    sources = read_sources([one, two])
    assert [source.name for source in sources] == ["cpu-filtering-0.json", "cpu-filtering-1.json"]
    assert sources[0].sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert sources[0].to_json()["seconds"] == 60
    assert read_sources([path]) == sources[:1]
    assert read_sources([one, two], {"cpu-filtering-1.json"}) == sources[1:]


def test_a_folder_without_results_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"there is no MedSafetyWorld result in .*nowhere"):
        read_sources([tmp_path / "nowhere"])


def test_two_figures_for_one_arm_and_seed_are_refused(tmp_path: Path) -> None:
    write_result(tmp_path / "one", result("filtering"))
    write_result(tmp_path / "two", result("filtering", stages={"sft": stage(0.1, 0.1)}))
    with pytest.raises(InputError, match="the same arm and seed with different figures"):
        read_sources([tmp_path / "one", tmp_path / "two"])


def test_two_definitions_of_a_preset_are_not_put_together(tmp_path: Path) -> None:
    write_result(tmp_path, result("filtering", 0))
    write_result(tmp_path, result("rewrite", 1, world={"num_outcomes": 7}))
    with pytest.raises(InputError, match=r"cpu-filtering-0\.json and cpu-rewrite-1\.json were made by different"):
        read_sources([tmp_path])


def test_presets_may_differ_from_each_other(tmp_path: Path) -> None:
    write_result(tmp_path, result("filtering"))
    write_result(tmp_path, result("filtering", preset="demo", world={"num_outcomes": 7}))
    assert len(read_sources([tmp_path])) == 2


def test_a_definition_is_the_same_for_all_seeds() -> None:
    assert definition(result("filtering", 0)) == definition(result("filtering", 1))
    assert definition(result("filtering", 0)) != definition(result("rewrite", 0))
