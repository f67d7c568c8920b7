"""What lies in a shard's archive, read where it lies: the reflections of a page, and the shard's part of the counts.

It means the same as the queries of `store.pages` and `store.counts`, over a table of Arrow instead of one of SQL.
"""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from reflectgen.jobs.archive import read_archive
from reflectgen.store.archives import Archive
from reflectgen.store.counts import UNSCORED, Part
from reflectgen.store.pages import Filters
from reflectgen.store.reflections import FREE_TEXT
from reflectgen.store.reviews import Place
from reflectgen.store.text import from_stored, to_stored


def page(folder: Path, archive: Archive, wanted: Filters, after: Place | None, limit: int) -> list[Any]:
    """Return rows of a shard's current reflections that follow `after`, in corpus order.

    Raises:
        VerificationError: the file is not there, or not the one that was written.
    """
    answers = read_archive(folder, archive)
    found = _current(answers)
    for name in ("verdict", "category", "road"):
        if (value := getattr(wanted, name)) is not None:
            found = found.filter(pc.equal(found[name], value))
    if wanted.text:
        found = found.filter(pc.match_substring(found["rationale"], to_stored(wanted.text), ignore_case=True))
    if wanted.reason:
        rejected = answers.filter(pc.equal(answers["reason"], wanted.reason))
        found = found.filter(pa.array(np.isin(_chunks(found), _chunks(rejected))))
    if after is not None:
        _, document, chunk = after
        found = found.filter(pa.array(_chunks(found) > _chunk(document, chunk)))
    return [_row(one) for one in found.slice(0, limit).to_pylist()]


def counts(folder: Path, archive: Archive) -> Part:
    """Return what a shard adds to its job's counts.

    Raises:
        VerificationError: the file is not there, or not the one that was written.
    """
    answers = read_archive(folder, archive)
    found = _current(answers)
    differs = pc.fill_null(pc.not_equal(found["teacher_verdict"], found["guard_verdict"]), False)
    found = found.append_column("differs", pc.cast(differs, pa.int64()))
    names = ["verdict", "category", "road"]
    of_current = found.group_by(names).aggregate([([], "count_all"), ("differs", "sum")])
    unscored = pc.and_(pc.equal(answers["reason"], ""), pc.equal(answers["detail"], UNSCORED))
    answers = answers.append_column("reused", pc.cast(pc.not_equal(answers["reused_from"], ""), pa.int64()))
    answers = answers.append_column("unscored", pc.cast(unscored, pa.int64()))
    summed = ["reused", "unscored", "prompt_tokens", "completion_tokens"]
    of_all = answers.group_by(["road", "reason"]).aggregate([([], "count_all"), *((name, "sum") for name in summed)])
    return Part(
        _tuples(of_current, [*names, "count_all", "differs_sum"]),
        _tuples(of_all, ["road", "reason", "count_all", *(f"{name}_sum" for name in summed)]),
    )


def _current(answers: pa.Table) -> pa.Table:
    """The accepted answer of the highest revision to each chunk; a file has a chunk's answers by revision."""
    accepted = answers.filter(pc.equal(answers["reason"], ""))
    chunks = _chunks(accepted)
    is_last = np.ones(len(chunks), dtype=bool)
    is_last[:-1] = chunks[1:] != chunks[:-1]
    return accepted.filter(pa.array(is_last))


def _chunks(answers: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    """One number a row, in corpus order, that is the same for the same chunk."""
    numbers: np.ndarray[Any, np.dtype[np.int64]] = _chunk(answers["document"].to_numpy(), answers["chunk"].to_numpy())
    return numbers


def _chunk(document: Any, chunk: Any) -> Any:
    return (document << 31) + chunk  # both are below 2**31


def _tuples(table: pa.Table, names: list[str]) -> list[tuple[Any, ...]]:
    return list(zip(*(table[name].to_pylist() for name in names), strict=True))


def _row(read: dict[str, Any]) -> Any:
    return SimpleNamespace(**{**read, **{name: from_stored(read[name]) for name in FREE_TEXT}})
