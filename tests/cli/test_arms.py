"""Ablation arms at the command line."""

import json

import pytest

from reflectgen.cli import main
from reflectgen.export.arms.options import ArmName


def printed(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def test_arms_are_counted_side_by_side_and_raw_matched_has_as_much_text_as_srp(finished, capsys):
    counted = json.loads(printed(capsys, "arms", finished, "--json"))
    arms = {arm["arm"]: arm for arm in counted["arms"]}
    assert set(arms) == set(ArmName)
    assert counted["measure"] == "words"
    assert arms["raw-matched"]["length"] == arms["srp"]["length"] > arms["raw"]["length"] > arms["filter"]["length"]
    assert arms["srp-shuffled"]["num_reflections"] == arms["srp"]["num_reflections"] == arms["prefix"]["num_edits"]
    told = printed(capsys, "arms", finished)
    assert "unsafe chunks are left out" in " ".join(told.split())


@pytest.mark.parametrize("arm", ["raw", "raw-matched", "filter", "refuse", "prefix"])
def test_an_exported_arm_says_what_it_did_and_is_proved_by_its_job(finished, tmp_path, capsys, arm):
    to = tmp_path / arm
    assert f"arm {arm}: " in printed(capsys, "export", finished, "--to", to, "--arm", arm)
    assert "verified" in printed(capsys, "verify", to)
    assert f"every row is the one that the job in {finished} gives" in printed(capsys, "verify", to, "--job", finished)
    assert f"# Arm `{arm}` of a corpus" in (to / "README.md").read_text()
    assert json.loads((to / "manifest.json").read_text())["arm"]["name"] == arm


def test_another_seed_is_another_arm_and_does_not_pass_for_it(finished, tmp_path, capsys):
    printed(capsys, "export", finished, "--to", tmp_path / "a", "--arm", "refuse", "--seed", "1")
    manifest = tmp_path / "a" / "manifest.json"
    manifest.write_text(manifest.read_text().replace('"seed": 1', '"seed": 2'))
    assert main(["verify", str(tmp_path / "a"), "--job", str(finished)]) == 7
    assert "not the row that the job gives" in capsys.readouterr().err


def test_an_arm_without_reflections_has_no_stand_off_form(finished, tmp_path, capsys):
    to = str(tmp_path / "a")
    assert main(["export", str(finished), "--to", to, "--arm", "raw", "-f", "standoff"]) == 6
    assert "leave -f standoff out" in capsys.readouterr().err
