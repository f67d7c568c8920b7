from pathlib import Path

import pytest
import yaml

from reflectgen.export.card import render_card
from reflectgen.export.formats import Format
from reflectgen.export.front_matter import size_category
from reflectgen.export.manifest import recipe_sha256
from reflectgen.export.markdown import escape
from reflectgen.export.read import read_rows
from reflectgen.reflection.form import FormOptions

from .making import corpus, export


def test_the_front_matter_is_yaml_with_a_configuration_for_each_format_of_the_first_ones_kind(tmp_path: Path) -> None:
    card = render_card(export(tmp_path, [Format.JSONL, Format.JSONL_ZST, Format.PARQUET, Format.STANDOFF]))
    front = yaml.safe_load(card.split("---\n")[1])
    assert [config["config_name"] for config in front["configs"]] == ["jsonl", "jsonl-zst", "standoff"]
    assert [config.get("default", False) for config in front["configs"]] == [True, False, False]
    for config in front["configs"]:
        assert list(tmp_path.glob(config["data_files"][0]["path"]))
    assert front["task_categories"] == ["text-generation"]
    assert front["size_categories"] == ["n<1K"]
    assert {"safety", "srp"} <= set(front["tags"])
    assert front["license"] == "unknown"


def test_the_card_tells_the_counts_and_who_wrote(tmp_path: Path) -> None:
    manifest = export(tmp_path)
    card = render_card(manifest)
    counts = manifest.counts
    share = f"{100 * counts.verdicts['unsafe'] / counts.num_chunks:.2f} %"
    assert f"| Unsafe | {counts.verdicts['unsafe']} | {share} |" in card
    assert "| teacher | builtin |" in card
    assert "Of 40 replies of the teacher's, 36 were accepted (90.00 %)." in card
    assert "| too\\_short | 4 |" in card
    assert "| duplicate\\_id | 1 |" in card
    assert "3 times a document or a rationale held something that reads as one of the markers" in card
    assert manifest.recipe_sha256 in card


def test_the_card_says_how_the_export_was_written_where_the_recipe_said_otherwise(tmp_path: Path) -> None:
    manifest = export(tmp_path, [Format.JSONL], FormOptions(style="template"))
    recipe = {"form": {"style": "contextual"}, "formats": ["parquet"]}
    changed = manifest.model_copy(update={"recipe": recipe, "recipe_sha256": recipe_sha256(recipe)})
    card = render_card(changed)
    assert "| form.style | template |" in card
    assert '| formats | \\["jsonl"\\] |' in card
    assert "\n    <think> Safe </think>\n" in card


def test_what_others_wrote_cannot_break_out_of_the_card(tmp_path: Path) -> None:
    manifest = export(tmp_path)
    nasty = "a | b\n\n# <script>x</script> [y](http://evil) `z`"
    recipe = {"teacher": {"model": nasty, "url": "https://user:key@host/v1"}, "x|y": None}
    card = render_card(manifest.model_copy(update={"recipe": recipe}))
    assert "<script>" not in card
    assert "evil" not in card  # an option that holds an address is not shown
    assert "user:key" not in card
    assert "| x\\|y | null |" in card
    line = escape(nasty)
    assert "\n" not in line
    assert " | " not in line
    assert "://" not in line
    assert "<" not in line


@pytest.mark.parametrize("formats", [[Format.STANDOFF], [Format.JSONL]])
def test_a_card_of_one_format_speaks_of_that_format(tmp_path: Path, formats: list[Format]) -> None:
    card = render_card(export(tmp_path, formats))
    assert ("def original(row)" in card) == (formats == [Format.JSONL])
    assert ("`insert_at`" in card) == (formats == [Format.STANDOFF])


def test_the_way_to_take_reflections_out_that_the_card_shows_works(tmp_path: Path) -> None:
    manifest = export(tmp_path, [Format.PARQUET])
    code = render_card(manifest).split("```python\n")[2].split("```")[0]
    names: dict = {}
    exec(code, names)
    rows = [row for entry in manifest.files for row in read_rows(tmp_path / entry.path, entry.format)]
    assert [names["original"](row) for row in rows] == [document.text for document, _ in corpus()]


@pytest.mark.parametrize(
    ("num_documents", "category"),
    [(0, "n<1K"), (999, "n<1K"), (1000, "1K<n<10K"), (10**6, "1M<n<10M"), (10**11, "100B<n<1T"), (10**12, "n>1T")],
)
def test_size_categories_are_the_hubs(num_documents: int, category: str) -> None:
    assert size_category(num_documents) == category
