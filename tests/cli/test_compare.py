"""`reflectgen compare` at a user's terminal."""

import json

import pytest

from reflectgen.cli import main

ROWS = [
    {"text": "The ferry left at seven, and the children waved from the pier.", "label": "safe", "source": "a"},
    {"text": "Bread rises because yeast makes gas in the dough.", "label": "safe", "source": "a", "pair_id": "1"},
    {"text": "I will find you tonight and I will hurt you badly.", "label": "unsafe", "category": "violent_crimes"},
    {"text": "no label here"},
]


@pytest.fixture
def labelled(tmp_path):
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in ROWS), encoding="utf-8")
    return str(path)


@pytest.fixture
def template(tmp_path):
    path = tmp_path / "template.toml"
    path.write_text('[policy]\nmode = "template"\n', encoding="utf-8")
    return str(path)


def test_two_recipes_are_shown_side_by_side_and_written_down(labelled, template, tmp_path, capsys):
    out = tmp_path / "deep" / "out"
    assert main(["compare", "builtin", template, "--labelled", labelled, "--out", str(out), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "3 labelled rows" in said
    assert "left out: 1 (unknown_label)" in said
    assert "Cohen's kappa" in said
    written = json.loads((out / "compare.json").read_text(encoding="utf-8"))
    assert [recipe["name"] for recipe in written["recipes"]] == ["builtin", "template"]
    assert written["recipes"][1]["reflections"]["roads"] == {"template": 3}
    assert (out / "compare.html").read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_one_recipe_named_twice_agrees_with_itself(labelled, capsys):
    assert main(["compare", "builtin", "builtin", "--labelled", labelled, "--json", "--quiet"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert [recipe["name"] for recipe in said["recipes"]] == ["builtin", "builtin (2)"]
    assert said["agreements"][0]["same"]["value"] == 1.0


def test_a_sample_says_that_it_is_one(labelled, capsys):
    assert main(["compare", "builtin", "--labelled", labelled, "--sample", "2", "--quiet"]) == 0
    assert "2 of 3 labelled rows" in capsys.readouterr().out


def test_a_recipe_that_is_not_there_is_one_line(labelled, capsys):
    assert main(["compare", "nowhere.toml", "--labelled", labelled]) == 6
    assert capsys.readouterr().err.strip().startswith("error: the recipe nowhere.toml cannot be read")


def test_a_file_without_labels_is_one_line(tmp_path, capsys):
    file = tmp_path / "rows.jsonl"
    file.write_text('{"text": "x"}\n', encoding="utf-8")
    assert main(["compare", "builtin", "--labelled", str(file)]) == 3
    assert "no labelled row" in capsys.readouterr().err
