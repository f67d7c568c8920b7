"""Having a teacher write what stands in place of unsafe chunks: a job of its own beside the one whose chunks they are.

DIR/arms/rewrite.jsonl    the unsafe chunks, one document each, named by shard, row and chunk
DIR/arms/rewrite          a job's folder like any other: its ledger, its answers, its limits; what it writes is not
                          woven but waits there for `export --arm rewrite`
DIR/arms/rewrite-HASH     such a folder of other unsafe chunks: those before `regenerate`, or with --strict
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from sqlalchemy import Connection

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.read import ReadOptions
from reflectgen.errors import RecipeError
from reflectgen.export.arms.arm import Rewrites, Rewritten
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.rewritten import KINDS
from reflectgen.filters.chain import to_spec
from reflectgen.filters.copies_chunk import CopiesChunk
from reflectgen.filters.harmful_detail import HarmfulDetail
from reflectgen.filters.length import Length
from reflectgen.filters.malformed import Malformed
from reflectgen.filters.pii import Pii
from reflectgen.filters.prompt_leak import PromptLeak
from reflectgen.filters.refusal import Refusal
from reflectgen.jobs.finish import ReflectedShard
from reflectgen.jobs.folder import STORE, existing_job, job_folder
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.jobs.roles import Roles
from reflectgen.reflection.rewriter import Rewriter, RewriterOptions
from reflectgen.shards import whole_file
from reflectgen.store import Store, corpus, reflections
from reflectgen.store.jobs import Job

ARMS = "arms"
PROMPTS = {
    ArmName.REWRITE: "rewrite/rewrite",
    ArmName.REFUSE: "rewrite/refuse",
    ArmName.MORAL_EDUCATION: "rewrite/moral_education",
}
FILTERS = (
    Refusal(),
    Malformed(),
    Length(min_words=10, max_words=300),
    PromptLeak(),
    Pii(),
    CopiesChunk(),
    HarmfulDetail(),
)
MIN_SCORE = 0.5  # from which a guard that calls a rewrite unsafe is believed: half of what a rationale is allowed


def place_of(folder: Path, arm: ArmName) -> Path:
    return folder / ARMS / arm.value


def bind_rewriters(roles: Roles, file: RecipeFile, arm: ArmName) -> None:
    """Let the recipe's teachers rewrite instead of reflect.

    Raises:
        RecipeError: there is none behind an endpoint.
    """
    said = file.teacher.options("any")
    shared = said.model_dump(include={"temperature", "seed", "extra"})
    rewriters = [
        Rewriter(bound.pool, RewriterOptions(model=bound.model, prompt=PROMPTS[arm], **shared))
        for bound in roles.bound
        if bound.role.startswith("teacher")
    ]
    if not rewriters:
        raise RecipeError(f"a teacher behind an endpoint must write; without one, --arm {arm} has its template")
    roles.teachers = list(rewriters)


def rewriting_recipe(file: RecipeFile, roles: Roles) -> Recipe:
    """Return the recipe of the job that rewrites: its own filters, and the guard as a check of what was written."""
    first, *others = (named(teacher.provenance) for teacher in roles.teachers)
    return Recipe(
        read=ReadOptions(),
        chunks=ChunkOptions(chunk_words=2000),  # a document is a chunk already
        guard=named(roles.guard.provenance),
        teacher=first,
        fallbacks=others,
        max_attempts=file.policy.max_attempts,
        filters=to_spec(FILTERS),
        checks=[{"name": "guarded_rationale", "min_score": MIN_SCORE}],
        max_repeats=1_000_000,
        near_duplicate_threshold=None,
    )


class Passages(NamedTuple):
    """The file of chunks to write anew, and where what was written for others was put, if there was any."""

    path: Path
    num_passages: int
    set_aside: Path | None


def write_passages(store: Store, job: Job, folder: Path, options: ArmOptions) -> Passages:
    """Write the chunks that `options` call unsafe as documents.

    If they are not those that were written for before, as after `regenerate`, that work is put aside under the hash of
    its passages; work on just these, put aside earlier, comes back.

    Raises:
        OutputError: the folder cannot be written.
        RecipeError: somebody is writing for the chunks as they were.
    """
    path = folder / ARMS / f"{options.name}.jsonl"
    with store.read() as connection, whole_file(path) as partial:
        num_passages = _write_unsafe(connection, job, folder, options, partial)
        return Passages(path, num_passages, _change_places(place_of(folder, options.name), path, partial))


def _write_unsafe(connection: Connection, job: Job, folder: Path, options: ArmOptions, path: Path) -> int:
    num_passages = 0
    with path.open("w", encoding="utf-8") as out:
        for shard in corpus.shards(connection, job.id):
            documents = ReflectedShard(connection, job.id, folder, shard, _keys(connection))
            for row, (document, chunks) in enumerate(documents):
                for chunk in chunks:
                    text = document.text[chunk.start : chunk.end]
                    if options.is_unsafe(chunk.verdict) and text.strip():
                        out.write(json.dumps({"id": f"{shard.number}/{row}/{chunk.index}", "text": text}) + "\n")
                        num_passages += 1
    return num_passages


def _change_places(place: Path, old: Path, new: Path) -> Path | None:
    if not old.exists() or (before := _place_for(place, old)) == (after := _place_for(place, new)):
        return None
    set_aside = None
    if (place / STORE).exists():
        with job_folder(place):  # nobody else is at work in it
            pass
        set_aside = place.rename(before)
    if after.exists():
        after.rename(place)
    return set_aside


def _place_for(place: Path, passages: Path) -> Path:
    with passages.open("rb") as file:
        return place.with_name(f"{place.name}-{hashlib.file_digest(file, 'sha256').hexdigest()[:12]}")


@contextmanager
def open_rewrites(folder: Path, arm: ArmName) -> Iterator[Rewrites | None]:
    """Yield what was written for an arm of the job in `folder`; None where no teacher was asked.

    Raises:
        RecipeError: the rewriting was begun and not ended.
    """
    place = place_of(folder, arm)
    if arm not in KINDS or not (place / STORE).exists():
        yield None
        return
    with existing_job(place) as (store, job), store.read() as connection:
        if job.state != "finished":
            raise RecipeError(f"{place} is not finished; end it with `reflectgen rewrite`, or remove it")
        known = reflections.provenances(connection)
        in_use = [known[number] for number in reflections.provenances_in_use(connection, job.id)]
        by_shard = groupby(_accepted(connection, job, place), key=lambda one: one[0])
        following = next(by_shard, None)

        def of_shard(number: int) -> dict[tuple[int, int], Rewritten]:
            nonlocal following
            while following is not None and following[0] < number:  # another process has those
                following = next(by_shard, None)
            if following is None or following[0] != number:
                return {}
            found = {place: rewritten for _, place, rewritten in following[1]}
            following = next(by_shard, None)
            return found

        stamp = f"{job.recipe_sha256} {job.created_at} {reflections.num_answers(connection, job.id)}"
        yield Rewrites(of_shard, in_use, stamp)


def _accepted(connection: Connection, job: Job, folder: Path) -> Iterator[tuple[int, tuple[int, int], Rewritten]]:
    """Yield shard, place and text of all that was accepted; a chunk whose answers were not is absent."""
    for shard in corpus.shards(connection, job.id):
        for document, given in ReflectedShard(connection, job.id, folder, shard, _keys(connection)):
            if all(one.rationale for one in given):
                number, row, chunk = map(int, document.id.split("/"))
                text = "\n".join(one.rationale for one in given)
                yield number, (row, chunk), Rewritten(text, given[0].provenance)


def _keys(connection: Connection) -> dict[int, str]:
    return {number: record.key for number, record in reflections.provenances(connection).items()}
