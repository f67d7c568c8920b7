"""Corpora: uploads, and references to what lies where the operator allows."""

from __future__ import annotations

import json
import secrets
import shutil
from pathlib import Path
from typing import Annotated, Any
from urllib.parse import urlsplit

from fastapi import APIRouter, Query, Request
from fastapi import Path as InPath
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.concurrency import run_in_threadpool

from reflectgen.api import schemas as s
from reflectgen.api.access import Reader, Submitter, owner_of
from reflectgen.api.bodies import MAX_JSON_BYTES, refuse_longer
from reflectgen.api.places import under_roots
from reflectgen.api.problems import Problem, documented
from reflectgen.api.service import Here, Service
from reflectgen.api.uploads import Received, receive_form, receive_raw
from reflectgen.api.views import corpus_view
from reflectgen.corpus.fetch import fetch
from reflectgen.corpus.guarded import check_file, wants_guard
from reflectgen.corpus.sources import COMPRESSED, READABLE, find_sources, format_of
from reflectgen.errors import InputError
from reflectgen.store import corpora
from reflectgen.store.keys import Key

router = APIRouter(prefix="/v1/corpora", tags=["corpora"])
FETCH_SECONDS = 3600.0
_BODY = {
    "requestBody": {
        "required": True,
        "content": {
            "application/json": {
                "schema": {"$ref": "#/components/schemas/CorpusReference"},
                "examples": {"path": {"value": {"path": "essays/2026", "name": "essays"}}},
            },
            "application/octet-stream": {"schema": {"type": "string", "format": "binary"}},
            "multipart/form-data": {
                "schema": {
                    "type": "object",
                    "properties": {"file": {"type": "string", "format": "binary"}},
                    "required": ["file"],
                }
            },
        },
    }
}
Name = Annotated[
    str | None,
    Query(max_length=200, pattern=r"^[\w .+-]+$", description="of a raw upload; its ending says the format"),
]


@router.post("", status_code=201, responses=documented(401, 403, 413, 429), openapi_extra=_BODY)
async def add_corpus(request: Request, here: Here, key: Submitter, name: Name = None) -> s.CorpusView:
    """Upload a corpus, raw or as the file of a form, or name one as JSON.

    The ending of its name says what it is: .jsonl, .ndjson or .json (also .gz, .zst), .parquet, .arrow, .txt, .md.
    """
    content_type = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if content_type == "application/json":
        return await _refer(request, here, key)
    public_id = "corpus_" + secrets.token_hex(12)
    folder = here.settings.data / "corpora" / public_id
    await run_in_threadpool(folder.mkdir, parents=True)
    try:
        partial = folder / ".partial"
        limit = here.settings.max_upload_bytes
        refuse_longer(request, limit + (1 << 16))  # a form has lines of its own around the file
        if content_type == "multipart/form-data":
            whole = request.headers["content-type"]
            received = await receive_form(request.stream(), whole, partial, limit)
        else:
            received = await receive_raw(request.stream(), partial, limit)
            received.name = name or ""
        return await run_in_threadpool(_keep_upload, here, key, public_id, partial, received)
    except BaseException:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise


@router.get("", responses=documented(401, 403, 404, 429))
def list_corpora(
    here: Here,
    key: Reader,
    after: Annotated[str | None, Query(pattern=s.CORPUS_ID)] = None,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
) -> s.Page[s.CorpusView]:
    """List corpora, the newest first."""
    with here.store.read() as connection:
        last = None if after is None else _found(corpora.find(connection, after, owner_of(key)), after)
        found = corpora.page(connection, owner_of(key), last, limit + 1)
    shown = [corpus_view(one) for one in found[:limit]]
    return s.page_of(shown, has_more=len(found) > limit)


@router.get("/{corpus_id}", responses=documented(401, 403, 404, 429))
def get_corpus(here: Here, key: Reader, corpus_id: Annotated[str, InPath(pattern=s.CORPUS_ID)]) -> s.CorpusView:
    """Show one corpus."""
    with here.store.read() as connection:
        return corpus_view(_found(corpora.find(connection, corpus_id, owner_of(key)), corpus_id))


@router.delete("/{corpus_id}", responses=documented(401, 403, 404, 409, 429))
def delete_corpus(
    here: Here, key: Submitter, corpus_id: Annotated[str, InPath(pattern=s.CORPUS_ID)]
) -> s.CorpusDeleted:
    """Delete a corpus that no job reads any more; what was named by reference stays where it lies.

    Jobs that have ended keep what they read: they have documents of their own.
    """
    with here.store.write() as connection:
        _found(corpora.find(connection, corpus_id, owner_of(key), lock=True), corpus_id)
        if corpora.is_wanted(connection, corpus_id):
            raise Problem(409, "a job that has not ended reads it; cancel that, or wait for it")
        corpora.remove(connection, corpus_id)
    shutil.rmtree(here.settings.data / "corpora" / corpus_id, ignore_errors=True)
    return s.CorpusDeleted(id=corpus_id)


def _found(found: corpora.Corpus | None, public_id: str) -> corpora.Corpus:
    if found is None:
        raise Problem(404, f"there is no corpus {public_id}")
    return found


def _keep_upload(here: Service, key: Key, public_id: str, partial: Path, received: Received) -> s.CorpusView:
    """Check an upload and keep it under a name of ours: nothing of the sender's name but its ending is used."""
    path = partial.with_name("corpus" + _ending(received.name))
    if not received.num_bytes:
        raise Problem(422, "the upload is empty", "unusable-input")
    partial.rename(path)
    try:
        for source in find_sources([str(path)]).sources:
            if wants_guard(source):
                check_file(source)
    except InputError as error:
        raise Problem(422, str(error).replace(str(path), "the upload"), "unusable-input") from error
    shown_as = received.name if received.name.isprintable() else ""
    return _add(here, key, public_id, shown_as[:200] or path.name, path, received.num_bytes, received.sha256)


def _ending(name: str) -> str:
    """Return a name's ending, compression included; a name without one is taken for JSON lines.

    Raises:
        Problem: no reader knows it.
    """
    if not name or "." not in name:
        return ".jsonl"
    name = name.lower()
    compression = next((one for one in COMPRESSED if name.endswith(one)), "")
    ending = Path(name.removesuffix(compression)).suffix + compression
    if format_of("corpus" + ending) is None:
        raise Problem(422, f"a corpus's name ends in {READABLE}", "unusable-input")
    return ending


def _add(here: Service, key: Key, public_id: str, name: str, path: Path, num_bytes: int, sha256: str) -> s.CorpusView:
    with here.store.write() as connection:
        corpora.add(connection, public_id, key.id, name, str(path), num_bytes, sha256)
        found = corpora.find(connection, public_id, None)
    return corpus_view(_found(found, public_id))


async def _refer(request: Request, here: Service, key: Key) -> s.CorpusView:
    reference = await _read_reference(request)
    if (reference.path is None) == (reference.url is None):
        raise Problem(422, "give either a path or a url", "invalid-request")
    if reference.path is not None:
        return await run_in_threadpool(_refer_to_path, here, key, reference.path, reference.name)
    if not here.settings.corpus_urls:
        raise Problem(422, "this service fetches no addresses; upload the corpus", "unusable-input")
    return await _fetch(here, key, str(reference.url), reference.name)


async def _read_reference(request: Request) -> s.CorpusReference:
    refuse_longer(request, MAX_JSON_BYTES)
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MAX_JSON_BYTES:
            raise Problem(413, f"a request may have {MAX_JSON_BYTES} bytes")
    try:
        return s.CorpusReference.model_validate(json.loads(body))
    except ValidationError as error:
        found: list[Any] = [{**one, "loc": ("body", *one["loc"])} for one in error.errors(include_input=False)]
        raise RequestValidationError(found) from error
    except (ValueError, RecursionError) as error:
        raise RequestValidationError([{"type": "json_invalid", "loc": ("body",), "msg": "", "input": None}]) from error


def _refer_to_path(here: Service, key: Key, named: str, name: str | None) -> s.CorpusView:
    path = under_roots(named, here.settings.corpus_roots)
    try:
        sources = find_sources([str(path)]).sources
    except InputError as error:
        raise Problem(422, "nothing of this name is of a kind that is read", "unusable-input") from error
    num_bytes = sum(source.size_bytes for source in sources)
    return _add(here, key, "corpus_" + secrets.token_hex(12), name or path.name[:200], path, num_bytes, "")


async def _fetch(here: Service, key: Key, url: str, name: str | None) -> s.CorpusView:
    public_id = "corpus_" + secrets.token_hex(12)
    folder = here.settings.data / "corpora" / public_id
    await run_in_threadpool(folder.mkdir, parents=True)
    try:
        partial = folder / ".partial"
        last = Path(urlsplit(url).path).name
        _ending(last)  # refused before anything is asked
        fetched = await fetch(url, partial, max_bytes=here.settings.max_upload_bytes, max_seconds=FETCH_SECONDS)
        received = Received(fetched.num_bytes, fetched.sha256, last)
        found = await run_in_threadpool(_keep_upload, here, key, public_id, partial, received)
        return found.model_copy(update={"name": name}) if name else found
    except InputError as error:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise Problem(422, str(error), "unusable-input") from error
    except BaseException:
        await run_in_threadpool(shutil.rmtree, folder, ignore_errors=True)
        raise
