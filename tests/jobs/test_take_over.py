"""A claim begins with what older claims have left: files alone."""

import json
import os
import shutil
from pathlib import Path

from reflectgen.jobs.take_over import take_over
from reflectgen.jobs.unfinished import EXPORT, TRAINING
from reflectgen.train.places import newest, step_of
from tests.jobs.training_world import steps_of


def claimed(folder: Path, token: int, steps=(), *, tokens: str = "") -> Path:
    made = folder / f"training_a-{token}"
    for step in steps:
        (made / f"checkpoints/step-{step:08d}/training").mkdir(parents=True)
        (made / f"checkpoints/step-{step:08d}/training/state.json").write_text(f"{token}")
        (made / "log.jsonl").write_text(json.dumps({"step": step}) + "\n")
    if tokens:
        (made / "tokens").mkdir(parents=True)
        (made / "tokens/manifest.json").write_text(tokens)
    made.mkdir(exist_ok=True, parents=True)
    return made


def test_a_claim_begins_with_the_newest_checkpoint_and_the_tokens_that_it_was_learnt_from(tmp_path):
    claimed(tmp_path, 1, (2, 4), tokens="first")
    claimed(tmp_path, 2, (3,), tokens="second")
    claimed(tmp_path, 3)
    new = tmp_path / "training_a-4"
    take_over(new, TRAINING)
    assert [path.name for path in new.glob("checkpoints/*")] == ["step-00000004"]
    assert (new / "tokens/manifest.json").read_text() == "first"
    assert steps_of(new) == [4]
    assert list(tmp_path.iterdir()) == [new]


def test_a_straggler_touches_nothing_of_a_newer_claim_or_of_another_training(tmp_path):
    newer, other = claimed(tmp_path, 9, (8,), tokens="t"), tmp_path / "training_b-1"
    other.mkdir()
    take_over(tmp_path / "training_a-2", TRAINING)
    assert list((tmp_path / "training_a-2").iterdir()) == []
    assert (newer / "checkpoints/step-00000008/training/state.json").exists() and other.exists()


def test_what_a_straggler_writes_after_it_was_taken_over_from_changes_nothing(tmp_path):
    old = claimed(tmp_path, 1, (2,), tokens="t")
    log = (old / "log.jsonl").open("a")
    new = tmp_path / "training_a-2"
    take_over(new, TRAINING)
    with log:
        log.write(json.dumps({"step": 3}) + "\n")
    assert steps_of(new) == [2]


def test_a_checkpoint_that_vanishes_while_it_is_taken_over_gives_way_to_the_one_after(tmp_path, monkeypatch):
    old, link, calls = claimed(tmp_path, 1, (2,), tokens="t"), os.link, []

    def vanishing(path, to):
        calls.append(path)
        if len(calls) == 2:
            shutil.rmtree(old / "checkpoints/step-00000002")
            claimed(tmp_path, 1, (4,))
        link(path, to)

    monkeypatch.setattr("os.link", vanishing)
    new = tmp_path / "training_a-2"
    take_over(new, TRAINING)
    assert step_of(newest(new / "checkpoints")) == 4
    assert (new / "tokens/manifest.json").exists()


def test_a_claim_that_died_while_it_took_over_is_none_to_take_over_from(tmp_path):
    claimed(tmp_path, 1, (2,), tokens="t")
    half = tmp_path / "training_a-2.partial"
    (half / "tokens").mkdir(parents=True)
    (half / "tokens/manifest.json").write_text("half")
    take_over(tmp_path / "training_a-3", TRAINING)
    assert (tmp_path / "training_a-3/tokens/manifest.json").read_text() == "t"


def test_where_there_are_no_links_files_are_copied(tmp_path, monkeypatch):
    def refused(*_):
        raise PermissionError(1, "no links here")

    monkeypatch.setattr("os.link", refused)
    claimed(tmp_path, 1, (2,), tokens="t")
    take_over(tmp_path / "training_a-2", TRAINING)
    assert step_of(newest(tmp_path / "training_a-2/checkpoints")) == 2


def test_a_claim_of_an_export_begins_with_the_shards_that_are_whole(tmp_path):
    for token, names in ((1, ["records/train-0.json", "tokens/records/train-0.json"]), (2, ["records/train-1.json"])):
        for name in (*names, "manifest.json", "tokens/manifest.json", "parquet/train-0.parquet", "a.12345678.partial"):
            (tmp_path / f"export_a-{token}" / name).parent.mkdir(parents=True, exist_ok=True)
            (tmp_path / f"export_a-{token}" / name).write_text(str(token))
    new = tmp_path / "export_a-3"
    take_over(new, EXPORT)
    taken = {str(path.relative_to(new)): path.read_text() for path in new.rglob("*") if path.is_file()}
    assert taken == dict.fromkeys(
        ["records/train-0.json", "tokens/records/train-0.json", "parquet/train-0.parquet"], "1"
    )
    assert list(tmp_path.iterdir()) == [new]
