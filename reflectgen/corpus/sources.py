"""From what a user names (files, folders, patterns, addresses, `-`) to the files to read, in a fixed order."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from glob import glob
from pathlib import PurePosixPath
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import fsspec
from fsspec.implementations.local import LocalFileSystem

from reflectgen.corpus.saved_dataset import beside_saved_datasets
from reflectgen.errors import InputError

STDIN = "-"
READABLE = ".jsonl, .ndjson or .json (also .gz, .zst), .parquet, .arrow, .txt, .md, .markdown"


class SourceFormat(StrEnum):
    JSONL = "jsonl"
    PARQUET = "parquet"
    ARROW = "arrow"
    TEXT = "text"


_FORMATS = {
    **dict.fromkeys((".jsonl", ".ndjson", ".json"), SourceFormat.JSONL),
    **dict.fromkeys((".txt", ".md", ".markdown"), SourceFormat.TEXT),
    ".parquet": SourceFormat.PARQUET,
    ".arrow": SourceFormat.ARROW,
}
COMPRESSED = (".gz", ".zst")
_STAMPS = ("ETag", "etag", "md5Hash", "crc32c", "LastModified", "last_modified", "updated", "mtime", "created")


@dataclass(frozen=True, slots=True)
class Source:
    """One file to read: `path` as it is shown, `name` its path within the folder it was found in.

    `stamp` changes when the file does, as far as its store can tell; stdin has none, and 0 bytes.
    """

    path: str
    format: SourceFormat
    size_bytes: int
    stamp: str
    name: str = ""


class Found(NamedTuple):
    """The sources in reading order, and the files in named folders that no reader knows."""

    sources: list[Source]
    skipped: list[str]


def find_sources(inputs: Sequence[str]) -> Found:
    """Find what to read: each input in the order given, the files of a folder or pattern by name, no file twice.

    Raises:
        InputError: an input does not exist, cannot be listed, holds nothing readable, or is of no known kind.
    """
    sources: dict[str, Source] = {}
    skipped: dict[str, None] = {}
    for named in inputs:
        found = _find(named)
        for source in found.sources:
            sources.setdefault(source.path, source)
        skipped.update(dict.fromkeys(found.skipped))
    if not sources:
        raise InputError("nothing to read; name a file, a folder, a pattern, an address, or - for standard input")
    return Found(_named_apart(list(sources.values())), list(skipped))


def _named_apart(sources: list[Source]) -> list[Source]:
    """Name text files of several folders by their whole path where they would share a name, and so an id."""
    times = Counter(source.name for source in sources)
    return [replace(source, name=source.path) if times[source.name] > 1 else source for source in sources]


def open_filesystem(path: str) -> tuple[fsspec.AbstractFileSystem, str]:
    """Return the file system that `path` lies on and the path there; without `://` it is a local path.

    Raises:
        InputError: nothing here can read from such an address.
    """
    if "://" not in path:
        return LocalFileSystem(), path
    try:
        filesystem, inner = fsspec.url_to_fs(path)
    except (ImportError, ValueError) as error:
        raise InputError(f"cannot read from {path}: {error}; install what it names or copy the file here") from error
    return filesystem, inner


def _find(named: str) -> Found:
    if named == STDIN:
        return Found([Source(STDIN, SourceFormat.JSONL, 0, "", "stdin")], [])
    filesystem, path = open_filesystem(named)
    try:
        if filesystem.exists(path):
            found = _look(filesystem, path, named)
        else:
            matches = _matches(filesystem, path) if any(sign in path for sign in "*?[") else []
            if not matches:
                raise InputError(f"there is no {named}; name an existing file, folder or pattern")
            parts = [_look(filesystem, match, _shown(filesystem, match)) for match in matches]
            found = Found([s for part in parts for s in part.sources], [s for part in parts for s in part.skipped])
    except InputError:
        raise
    except Exception as error:  # each store raises errors of its own
        raise InputError(
            f"cannot look at {named}: {one_line(error)}; check the address and the access to it"
        ) from error
    if not found.sources:
        raise InputError(f"nothing in {named} is of a known kind; name or make files that end in {READABLE}")
    return found


def _look(filesystem: fsspec.AbstractFileSystem, path: str, shown: str) -> Found:
    """Sort one existing file, or the files of a folder, into readable and unknown ones."""
    found = Found([], [])
    # Not `isdir`, for which a web server would have to send the whole file.
    if filesystem.info(path)["type"] == "directory":
        names = sorted(name for name in _names(filesystem, path) if not _is_hidden(name))
        leave_out = beside_saved_datasets(names, lambda name: filesystem.cat_file(f"{path.rstrip('/')}/{name}"))
        files = [
            (f"{path.rstrip('/')}/{name}", f"{shown.rstrip('/')}/{name}", name)
            for name in names
            if name not in leave_out
        ]
    else:
        files = [(path, shown, PurePosixPath(urlsplit(path).path if "://" in path else path).name)]
    for file, file_shown, name in files:
        kind = format_of(name)
        if kind is None:
            found.skipped.append(file_shown)
        else:
            info = filesystem.info(file)
            found.sources.append(Source(file_shown, kind, int(info.get("size") or 0), _stamp(info), name))
    return found


def _matches(filesystem: fsspec.AbstractFileSystem, pattern: str) -> list[str]:
    """Return what a pattern matches, by name; what a relative local pattern matches is relative too."""
    if isinstance(filesystem, LocalFileSystem):
        return sorted(glob(pattern, recursive=True))  # noqa: PTH207 - Path.glob takes no absolute patterns
    return sorted(filesystem.glob(pattern))


def format_of(name: str) -> SourceFormat | None:
    """Return the format that a file's name promises, or None."""
    name = name.lower()
    for compression in COMPRESSED:
        if name.endswith(compression):
            inner = _FORMATS.get(PurePosixPath(name.removesuffix(compression)).suffix)
            return inner if inner is SourceFormat.JSONL else None
    return _FORMATS.get(PurePosixPath(name).suffix)


def one_line(error: Exception) -> str:
    """Return what an error says as one line of at most 200 characters."""
    said = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return " ".join((said or type(error).__name__).split())[:200]


def _names(filesystem: fsspec.AbstractFileSystem, folder: str) -> Iterator[str]:
    """Yield the files under a folder, at any depth, as paths relative to it, with `/`."""
    if not isinstance(filesystem, LocalFileSystem):
        prefix = filesystem._strip_protocol(folder).rstrip("/") + "/"
        yield from (file.removeprefix(prefix) for file in filesystem.find(folder))
        return
    seen = set()  # a link may lead back to a folder above it
    for above, folders, files in os.walk(folder, onerror=_raise, followlinks=True):
        if (real := os.path.realpath(above)) in seen:
            folders.clear()
            continue
        seen.add(real)
        relative = os.path.relpath(above, folder).replace(os.sep, "/")
        yield from (file if relative == "." else f"{relative}/{file}" for file in files)


def _raise(error: OSError) -> None:
    raise error


def _is_hidden(name: str) -> bool:
    return any(part.startswith(".") for part in name.split("/"))


def _shown(filesystem: fsspec.AbstractFileSystem, path: str) -> str:
    return path if isinstance(filesystem, LocalFileSystem) else str(filesystem.unstrip_protocol(path))


def _stamp(info: dict[str, Any]) -> str:
    changes = next((info[key] for key in _STAMPS if info.get(key) is not None), "")
    return f"{info.get('size')}-{changes}"
