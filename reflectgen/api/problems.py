"""Errors as RFC 9457 has them: `application/problem+json`, each kind with a `type` that stays the same."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from reflectgen.errors import InputError, OutputError, RecipeError, VerificationError
from reflectgen.logs import without_secrets

MEDIA_TYPE = "application/problem+json"
PREFIX = "urn:reflectgen:problem:"

# What every kind means; `docs/api.md` lists them.
TITLES = {
    "bad-request": "The request cannot be read",
    "unauthorized": "An API key is needed",
    "forbidden": "The API key does not allow this",
    "not-found": "There is no such thing, or it is not yours",
    "method-not-allowed": "This is not done here",
    "conflict": "The state of things does not allow this",
    "too-large": "The request is too large",
    "range-not-satisfiable": "The file has no such bytes",
    "invalid-request": "The request is not what the schema asks for",
    "unusable-input": "The corpus or address cannot be used",
    "unusable-recipe": "The job cannot be made as asked for",
    "idempotency-mismatch": "The Idempotency-Key stands for another request",
    "rate-limited": "Too many requests",
    "internal-error": "Something went wrong here",
    "unavailable": "The service cannot do this now",
}
_KIND_OF_STATUS = {
    400: "bad-request",
    401: "unauthorized",
    403: "forbidden",
    404: "not-found",
    405: "method-not-allowed",
    409: "conflict",
    413: "too-large",
    416: "range-not-satisfiable",
    422: "invalid-request",
    429: "rate-limited",
    500: "internal-error",
    503: "unavailable",
}
_ADDRESS = re.compile(r"\b[a-z][a-z0-9+.-]*://[^\s'\"]+", re.IGNORECASE)
_FOLDERS = re.compile(r"(?<![\w./<>-])/(?:[^\s/'\":,;]+/)+")  # of a file of the server's; its own name says enough


class Fault(BaseModel):
    """One thing that is wrong with a request: where, and what; never the value that was sent."""

    location: str = Field(examples=["body.chunks.chunk_words"])
    message: str = Field(examples=["Input should be greater than or equal to 10"])


class ProblemView(BaseModel):
    """RFC 9457. `type` says which kind of problem it is and stays the same; `detail` is for people."""

    type: str
    title: str
    status: int
    detail: str
    errors: list[Fault] | None = None


class Problem(Exception):
    """Raised anywhere below a route, and answered as problem+json."""

    def __init__(self, status: int, detail: str, kind: str | None = None, **headers: str) -> None:
        super().__init__(detail)
        self.status, self.detail, self.kind = status, detail, kind or kind_of(status)
        self.headers = {name.replace("_", "-"): value for name, value in headers.items()}


@contextmanager
def refused() -> Iterator[None]:
    """Answer what the room `jobs` refuses: 404 where there is no such thing, 409 where its state does not allow it."""
    try:
        yield
    except InputError as error:
        raise Problem(404, str(error)) from error
    except RecipeError as error:
        raise Problem(409, without_places(str(error))) from error


def kind_of(status: int) -> str:
    return _KIND_OF_STATUS.get(status, "bad-request" if status < 500 else "internal-error")


def without_places(text: str) -> str:
    """Return what an error says without addresses of endpoints and stores and folders, the operator's business."""
    return _FOLDERS.sub(".../", _ADDRESS.sub("<address>", text))


def response(
    status: int,
    detail: str,
    kind: str | None = None,
    errors: list[dict[str, str]] | None = None,
    headers: Mapping[str, str] | None = None,
) -> Response:
    kind = kind or kind_of(status)
    body: dict[str, Any] = {"type": PREFIX + kind, "title": TITLES[kind], "status": status, "detail": detail}
    if errors is not None:
        body["errors"] = errors
    return JSONResponse(body, status, headers=dict(headers or {}), media_type=MEDIA_TYPE)


def answer_problems(app: FastAPI) -> None:
    """Have every error of `app` answered as a problem."""

    @app.exception_handler(Problem)
    async def problem(_request: Request, error: Problem) -> Response:
        return response(error.status, error.detail, error.kind, headers=error.headers)

    @app.exception_handler(HTTPException)
    async def http_exception(_request: Request, error: HTTPException) -> Response:
        return response(error.status_code, str(error.detail), headers=error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(_request: Request, error: RequestValidationError) -> Response:
        faults = [{"location": _where(one["loc"]), "message": _said(one)} for one in error.errors()[:20]]
        return response(422, "; ".join(f"{one['location']}: {one['message']}" for one in faults[:3]), errors=faults)

    @app.exception_handler(OutputError)
    async def store_failed(_request: Request, _error: OutputError) -> Response:
        return response(503, "the database or the data folder does not answer; try again", headers={"Retry-After": "5"})

    @app.exception_handler(VerificationError)
    async def file_failed(_request: Request, _error: VerificationError) -> Response:
        # Or a worker has just brought it back into the database, and the next request finds it there.
        said = "a file of the job is not there, or not as it was written; try again, then see the service's log"
        return response(503, said, headers={"Retry-After": "1"})

    @app.exception_handler(Exception)
    async def bug(_request: Request, _error: Exception) -> Response:
        return response(500, "an error of the service's own; its log says more")


def documented(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return what OpenAPI says of errors: those given, and those that any route may answer with."""
    schema = {"$ref": "#/components/schemas/ProblemView"}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in sorted({*statuses, 400, 422, 500, 503})
    }


def _where(location: tuple[Any, ...]) -> str:
    # Names in a body are the sender's, and could be a key that was put in the wrong place.
    parts = (part if isinstance(part, int) or (part.isidentifier() and len(part) <= 40) else "..." for part in location)
    return without_secrets(".".join(map(str, parts)))


def _said(error: dict[str, Any]) -> str:
    """Return pydantic's message, which quotes values in some kinds of error only."""
    if error["type"] == "json_invalid":
        return "this is not JSON"
    if error["type"] in ("value_error", "assertion_error"):
        return str(error["msg"]).removeprefix("Value error, ")
    if error["type"].startswith(("datetime", "date", "url", "enum", "literal", "union_tag")) and "ctx" in error:
        return f"not one of the values that are allowed: {error['ctx'].get('expected', '')}"
    return str(error["msg"])
