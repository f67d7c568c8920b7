from __future__ import annotations

import json

from reflectgen.corpus.saved_dataset import beside_saved_datasets

STATE = json.dumps({"_data_files": [{"filename": "data-00000-of-00001.arrow"}]}).encode()


def beside(files: dict[str, bytes]) -> set[str]:
    return beside_saved_datasets(sorted(files), files.__getitem__)


def test_descriptions_and_caches_of_a_saved_dataset_hold_no_rows() -> None:
    files = {"data-00000-of-00001.arrow": b"", "cache-1.arrow": b"", "state.json": STATE, "dataset_info.json": b"{}"}
    assert beside(files) == {"cache-1.arrow", "state.json", "dataset_info.json"}


def test_every_part_of_a_dataset_dict_is_a_saved_dataset() -> None:
    part = {"data-00000-of-00001.arrow": b"", "state.json": STATE}
    files = {f"{split}/{name}": content for split in ("train", "test") for name, content in part.items()}
    assert beside({**files, "dataset_dict.json": b"{}"}) == {"train/state.json", "test/state.json", "dataset_dict.json"}


def test_a_state_file_that_lists_other_files_is_a_file_like_any_other() -> None:
    assert beside({"state.json": STATE}) == set()
    assert beside({"state.json": b"[1]", "a.arrow": b""}) == set()
    assert beside({"state.json": b"\xff", "a.arrow": b""}) == set()
