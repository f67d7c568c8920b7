"""What decides a shard of an export: what it is made from, and how it is written."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa
import zstandard
from pydantic import BaseModel

from reflectgen import __version__
from reflectgen.export.arms.arm import Reflected, Rewritten
from reflectgen.export.arms.options import ArmOptions
from reflectgen.export.arms.registry import Arm
from reflectgen.export.formats import Format
from reflectgen.export.hashed import are_whole
from reflectgen.export.manifest import FileEntry
from reflectgen.export.shard import write_shard
from reflectgen.export.shard_records import read_record, record_path, write_record
from reflectgen.export.tally import Tally
from reflectgen.reflection.form import FormOptions

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
        write_record(self.directory, self._name(key.number), record)
        return record

    def finished(self, key: ShardKey) -> ShardRecord | None:
        """Return a shard as it was written before, if it is there whole in every format, made of the same."""
        record = read_record(self.directory, self._name(key.number), ShardRecord)
        if record is None or (record.made_from, record.made_by) != (key.made_from, self.sha256):
            return None
        by_format = {entry.format: entry for entry in record.files}
        files = tuple(by_format[format_] for format_ in self.formats if format_ in by_format)
        if len(files) < len(self.formats) or not are_whole(self.directory, files):
            return None
        return record.model_copy(update={"files": files})

    def own_files(self) -> set[str]:
        """Return the paths, within the export, of all that this writes; manifest and cards apart."""
        shards = range(self.num_shards)
        data = {format_.file(shard, self.num_shards) for format_ in self.formats for shard in shards}
        records = (record_path(self.directory, self._name(shard)) for shard in shards)
        return data | {path.relative_to(self.directory).as_posix() for path in records}

    def _name(self, shard: int) -> str:
        return f"train-{shard:05d}-of-{self.num_shards:05d}"
