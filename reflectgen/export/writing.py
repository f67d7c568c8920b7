"""What decides a shard of an export, and the record of each shard that is written: an export goes on from these.

records/train-00000-of-00004.json    beside the data files of a shard, once all of them are whole
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import zstandard
from pydantic import BaseModel, ValidationError

from reflectgen import __version__
from reflectgen.export.arms.arm import Reflected, Rewritten
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.registry import Arm
from reflectgen.export.formats import Format
from reflectgen.export.manifest import FileEntry
from reflectgen.export.shard import write_shard
from reflectgen.export.tally import Tally
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

RECORDS = "records"
_RULES = 1  # raised when the same documents become other files


@dataclass(frozen=True, slots=True)
class ShardKey:
    """A corpus shard that is to be written; where `made_from` is the same, it has the same documents."""

    number: int
    made_from: str


class ShardRecord(BaseModel, frozen=True, extra="forbid"):
    """A shard that was written: of what, in which way (the SHA-256 of its `Writing`), and what it became."""

    made_from: str
    made_by: str
    files: tuple[FileEntry, ...]
    tally: Tally


@dataclass(frozen=True, slots=True)
class Writing:
    """Where an export is written, and all that decides what is written of its documents."""

    directory: Path
    num_shards: int
    formats: tuple[Format, ...]
    form: FormOptions
    arm: ArmOptions = field(default_factory=ArmOptions)

    @property
    def sha256(self) -> str:
        """The hash of what the files depend on besides their documents; formats do not change each other."""
        said = [_RULES, __version__, pa.__version__, zstandard.__version__, self.num_shards]
        said += [self.form.model_dump(mode="json"), self.arm.model_dump(mode="json")]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()

    def write(
        self,
        key: ShardKey,
        documents: Iterable[Reflected],
        arm: Arm,
        rewrites: Mapping[tuple[int, int], Rewritten] | None = None,
    ) -> ShardRecord:
        """Write a shard as `arm` has it, and its record.

        Raises:
            OutputError, InputError, VerificationError: see `write_shard`.
        """
        place = (key.number, self.num_shards)
        files, tally = write_shard(*place, documents, self.directory, self.formats, self.form, arm, rewrites)
        record = ShardRecord(made_from=key.made_from, made_by=self.sha256, files=tuple(files), tally=tally)
        with whole_file(self._record_path(key.number)) as path:
            path.write_text(record.model_dump_json() + "\n", encoding="utf-8")
        return record

    def finished(self, key: ShardKey) -> ShardRecord | None:
        """Return a shard as it was written before, if it is there whole in every format, made of the same."""
        try:
            record = ShardRecord.model_validate_json(self._record_path(key.number).read_bytes())
            if (record.made_from, record.made_by) != (key.made_from, self.sha256):
                return None
            by_format = {entry.format: entry for entry in record.files}
            files = tuple(by_format[format_] for format_ in self.formats)
            if all(self._is_whole(entry) for entry in files):
                return record.model_copy(update={"files": files})
        except (OSError, ValidationError, KeyError):
            pass
        return None

    def own_files(self) -> set[str]:
        """Return the paths, within the export, of all that this writes; manifest and cards apart."""
        shards = range(self.num_shards)
        data = {format_.file(shard, self.num_shards) for format_ in self.formats for shard in shards}
        return data | {self._record_path(shard).relative_to(self.directory).as_posix() for shard in shards}

    def _is_whole(self, entry: FileEntry) -> bool:
        with (self.directory / entry.path).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest() == entry.sha256

    def _record_path(self, shard: int) -> Path:
        return self.directory / RECORDS / f"train-{shard:05d}-of-{self.num_shards:05d}.json"
