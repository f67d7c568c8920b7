"""Datasets saved by Hugging Face `datasets` (`save_to_disk`): which of their files hold rows.

my_dataset/data-00000-of-00002.arrow, ..., state.json, dataset_info.json     a Dataset
my_dataset/dataset_dict.json, train/..., test/...                            a DatasetDict of them
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

_DESCRIPTIONS = ("state.json", "dataset_info.json")


def beside_saved_datasets(names: Sequence[str], read: Callable[[str], bytes]) -> set[str]:
    """Return those of a folder's files that belong to a saved dataset but hold no rows of it.

    They are its descriptions, and Arrow files that its state does not list, such as caches.
    """
    present = set(names)
    beside = {name for name in names if PurePosixPath(name).name == "dataset_dict.json"}
    for state in (name for name in names if PurePosixPath(name).name == "state.json"):
        folder = PurePosixPath(state).parent
        arrows = {name for name in names if PurePosixPath(name).parent == folder and name.endswith(".arrow")}
        listed = {str(folder / filename) for filename in _data_files(read(state))}
        if listed and listed <= arrows:
            beside |= (arrows - listed) | ({str(folder / name) for name in _DESCRIPTIONS} & present)
    return beside


def _data_files(state: bytes) -> list[str]:
    try:
        return [str(file["filename"]) for file in json.loads(state)["_data_files"]]
    except (ValueError, KeyError, TypeError):
        return []
