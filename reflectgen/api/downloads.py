"""Files of exports and trainings: what a manifest lists, whole or in ranges, and no other file."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence, Set
from functools import lru_cache
from pathlib import Path
from typing import Annotated, Any

from fastapi import Header
from fastapi import Path as InPath
from starlette.responses import FileResponse

from reflectgen.api import schemas as s
from reflectgen.api.problems import Problem, documented
from reflectgen.errors import VerificationError
from reflectgen.export.card import CARD_NAME
from reflectgen.export.manifest import MANIFEST_NAME, FileEntry, read_manifest
from reflectgen.export.token_manifest import TOKENIZER_FOLDER, TokenFile
from reflectgen.export.verify_made import listed_files, made_folders
from reflectgen.train.model_manifest import read_model_manifest

FileName = Annotated[str, InPath(max_length=200, examples=["parquet/train-00000-of-00001.parquet"])]
Range = Annotated[str | None, Header(alias="range", description="one range of bytes, as in `bytes=0-1023`")]

_RANGE = re.compile(r"bytes=(?:(\d{1,18})-(\d{1,18})?|-(\d{1,18}))")
_BYTES = {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
DOCUMENTED: dict[int | str, dict[str, Any]] = {
    **documented(401, 403, 404, 416, 429),
    200: {"description": "the whole file", **_BYTES},
    206: {"description": "the range that was asked for", **_BYTES},
}


class Download(FileResponse):
    """A file, or one range of it; a range that cannot be read is passed over, as RFC 9110 allows."""

    def __init__(self, path: Path, wanted: str | None, headers: dict[str, str]) -> None:
        super().__init__(path, headers=headers, media_type="application/octet-stream", filename=path.name)
        self._range = _RANGE.fullmatch(wanted.strip()) if wanted else None
        if self._range:
            first, last, suffix = self._range.groups()
            size = path.stat().st_size
            if int(first or 0) >= size or suffix == "0":
                raise Problem(416, f"the file has {size} bytes", Content_Range=f"bytes */{size}")
            if last is not None and int(last) < int(first):
                self._range = None

    async def __call__(self, scope, receive, send) -> None:  # type: ignore[no-untyped-def]
        if self._range is None:
            scope = {**scope, "headers": [one for one in scope["headers"] if one[0] != b"range"]}
        await super().__call__(scope, receive, send)


def download(folder: Path, files: Sequence[s.ExportFile], name: str, wanted: str | None) -> Download:
    """Return one of `files`, which lie in `folder`.

    Raises:
        Problem: it is none of them, is gone, or has no such range.
    """
    entry = next((one for one in files if one.name == name), None)
    if entry is None:
        raise Problem(404, "there is no such file")
    path = folder / entry.name
    if not path.is_file():
        raise Problem(503, "the file is not where the database says")
    return Download(path, wanted, {"ETag": f'"{entry.sha256}"'} if entry.sha256 else {})


def files_of_export(folder: Path) -> list[s.ExportFile]:
    """Return the files of a whole export.

    Raises:
        Problem: its manifest cannot be read.
    """
    return _read(folder, _listed_in_export)


def files_of_training(folder: Path) -> list[s.ExportFile]:
    """Return the files of a whole training.

    Raises:
        Problem: its manifest cannot be read.
    """
    return _read(folder, _listed_in_training)


def _read(folder: Path, listed: Callable[[Path], tuple[s.ExportFile, ...]]) -> list[s.ExportFile]:
    try:
        return list(listed(folder))
    except (OSError, VerificationError) as error:
        raise Problem(503, "its manifest cannot be read") from error


@lru_cache(maxsize=256)  # an export that has its folder changes no more
def _listed_in_export(folder: Path) -> tuple[s.ExportFile, ...]:
    listed = [_shown(one) for one in read_manifest(folder).files]
    for made in made_folders(folder):
        listed += [_shown(one, f"{made.name}/") for one in listed_files(made)]
        listed += _beside(folder, made, known={one.name for one in listed})
    return (*listed, *_beside(folder, folder))


@lru_cache(maxsize=256)
def _listed_in_training(folder: Path) -> tuple[s.ExportFile, ...]:
    return (*map(_shown, read_model_manifest(folder).files), *_beside(folder, folder))


def _shown(file: FileEntry | TokenFile, under: str = "") -> s.ExportFile:
    return s.ExportFile(name=f"{under}{file.path}", num_bytes=file.num_bytes, sha256=file.sha256)


def _beside(folder: Path, described: Path, known: Set[str] = frozenset()) -> list[s.ExportFile]:
    """Return the files that no manifest lists: it itself, the card, and what belongs to a tokenizer."""
    paths = [described / name for name in (MANIFEST_NAME, CARD_NAME)]
    paths += sorted((described / TOKENIZER_FOLDER).glob("*"))
    names = [(path, path.relative_to(folder).as_posix()) for path in paths if path.is_file()]
    return [
        s.ExportFile(name=name, num_bytes=path.stat().st_size, sha256=None) for path, name in names if name not in known
    ]
