"""The formats of an export, and where their files lie: one folder a format, one file a corpus shard."""

from __future__ import annotations

import re
from enum import StrEnum


class Format(StrEnum):
    PARQUET = "parquet"
    JSONL = "jsonl"
    JSONL_ZST = "jsonl.zst"
    STANDOFF = "standoff"

    @property
    def folder(self) -> str:
        """The format's folder within an export; the card's configuration for `datasets` has the same name."""
        return self.value.replace(".", "-")

    @property
    def suffix(self) -> str:
        return ".jsonl.zst" if self is Format.STANDOFF else f".{self.value}"

    @property
    def pattern(self) -> str:
        """A glob that finds the format's files from within the export."""
        return f"{self.folder}/train-*{self.suffix}"

    def file(self, shard: int, num_shards: int) -> str:
        """Return the path, within the export, of the file of one corpus shard."""
        return f"{self.folder}/train-{shard:05d}-of-{num_shards:05d}{self.suffix}"

    def owns(self, name: str) -> bool:
        """Whether a file name in the format's folder is one that some export, whole or interrupted, wrote there."""
        pattern = rf"train-\d{{5,}}-of-\d{{5,}}{re.escape(self.suffix)}(\.[0-9a-f]{{8}}\.partial)?"
        return re.fullmatch(pattern, name) is not None
