"""The record of each shard that is whole, by which an export goes on that was interrupted.

records/train-00000-of-00004.json    written once all files of the shard are
"""

from __future__ import annotations

from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from reflectgen.shards import whole_file

RECORDS = "records"

Record = TypeVar("Record", bound=BaseModel)


def record_path(folder: Path, name: str) -> Path:
    return folder / RECORDS / f"{name}.json"


def write_record(folder: Path, name: str, record: BaseModel) -> None:
    """Raises OutputError if it cannot be written."""
    with whole_file(record_path(folder, name)) as path:
        path.write_text(record.model_dump_json() + "\n", encoding="utf-8")


def read_record(folder: Path, name: str, kind: type[Record]) -> Record | None:
    """Return the record of a shard; None where there is none that can be read."""
    try:
        return kind.model_validate_json(record_path(folder, name).read_bytes())
    except (OSError, ValidationError):
        return None
