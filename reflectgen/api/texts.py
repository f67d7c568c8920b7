"""The texts of chunks, read out of corpus shards by random access; the row groups read last stay at hand."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from reflectgen.records import Document
from reflectgen.shards import read_group

MAX_GROUPS = 24  # of about 1 MB each


class Texts:
    def __init__(self) -> None:
        self._groups: OrderedDict[tuple[Path, int], tuple[int, list[Document]]] = OrderedDict()
        self._lock = threading.Lock()

    def of(self, folder: Path, files: dict[int, str], rows: Sequence[Any]) -> list[tuple[str, str]]:
        """Return for each reflection its document's id and its chunk's text; `files` are the shards' by number."""
        found = []
        for row in rows:
            document = self._document(folder / files[row.shard], row.document)
            found.append((document.id, document.text[row.start : row.end]))
        return found

    def _document(self, path: Path, row: int) -> Document:
        with self._lock:
            for key, (first, documents) in self._groups.items():
                if key[0] == path and first <= row < first + len(documents):
                    self._groups.move_to_end(key)
                    return documents[row - first]
        first, documents = read_group(path, row)
        with self._lock:
            self._groups[path, first] = (first, documents)
            while len(self._groups) > MAX_GROUPS:
                self._groups.popitem(last=False)
        return documents[row - first]
