import json
from collections import Counter
from pathlib import Path

import pytest

from scripts.guard.rows import ADMITTED_LICENCES, fold_of, read_prose, read_rows

ROW = {"text": "a calm day", "label": "safe", "category": None, "source": "diary", "license": "MIT", "group": "g1"}


def write(path: Path, *rows: dict[str, object]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


@pytest.mark.parametrize("licence", sorted(ADMITTED_LICENCES))
def test_rows_of_an_open_licence_may_train(tmp_path: Path, licence: str) -> None:
    (row,) = read_rows(write(tmp_path / "rows.jsonl", ROW | {"license": licence}))
    assert row.refused == ""


@pytest.mark.parametrize(
    "licence", ["CC-BY-SA-3.0", "Apache-2.0", "CC-BY-4.0 (prompts); Apache-2.0 (Mistral output)", "unknown", ""]
)
def test_rows_of_any_other_licence_are_refused_with_the_licence(tmp_path: Path, licence: str) -> None:
    (row,) = read_rows(write(tmp_path / "rows.jsonl", ROW | {"license": licence}))
    assert row.refused == f"refused, licence {licence}"


def test_text_that_a_model_wrote_is_refused_whatever_its_licence(tmp_path: Path) -> None:
    by_model = ROW | {"meta": {"model": "some-model"}}
    rows = read_rows(write(tmp_path / "rows.jsonl", by_model, ROW | {"source": "cyberseceval-frr"}))
    assert [row.refused for row in rows] == ["refused, a model wrote the text"] * 2


def test_both_sides_of_a_group_are_held_out_together() -> None:
    assert len({fold_of("one group") for _ in range(3)}) == 1
    assert set(Counter(fold_of(f"group {number}") for number in range(200))) == {0, 1, 2, 3, 4}


def test_prose_carries_its_documents_refusal_and_headings_are_left_out(tmp_path: Path) -> None:
    document = {"id": "d1", "text": "A heading\n" + "word " * 30, "source": "wiki", "license": "CC-BY-SA-3.0"}
    chunks = read_prose(write(tmp_path / "corpus.jsonl", document), lambda text: [10, len(text)])
    assert [(chunk.document, chunk.refused) for chunk in chunks] == [("d1", "refused, licence CC-BY-SA-3.0")]


def test_the_shared_folder_trains_on_no_refused_licence_and_no_models_text(shared_data: Path) -> None:
    for name in ("safety_labeled", "contrast"):
        with (shared_data / f"{name}.jsonl").open(encoding="utf-8") as lines:
            originals = [json.loads(line) for line in lines]
        for row, original in zip(read_rows(shared_data / f"{name}.jsonl"), originals, strict=True):
            if not row.refused:
                assert original["license"] in ADMITTED_LICENCES
                assert not (original.get("meta") or {}).get("model")
