"""Requests to one service: sent again where nothing can come of it twice, and files gone on with."""

from __future__ import annotations

import hashlib
import json
import time
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import httpx2

from reflectgen.client.values import Event

PIECE_BYTES = 1 << 20
_RETRIED_STATUSES = (429, 502, 503, 504)
_MAX_WAIT_SECONDS = 30.0


class APIError(Exception):
    """A problem that the service answered with; `status` 0: it did not answer. The message is one line."""

    def __init__(self, status: int, detail: str, type: str = "", errors: Sequence[Any] = ()) -> None:  # noqa: A002
        super().__init__(detail)
        self.status, self.detail, self.type, self.errors = status, detail, type, list(errors)


class Connection:
    """Talks to one service with one key. What may be sent again is, a few times, where the service is away or busy."""

    def __init__(
        self,
        url: str,
        key: str,
        *,
        timeout_seconds: float = 60.0,
        max_attempts: int = 4,
        transport: httpx2.BaseTransport | None = None,
    ) -> None:
        self._max_attempts = max_attempts
        headers = {"Authorization": f"Bearer {key}", "User-Agent": "reflectgen-client"}
        self._http = httpx2.Client(
            base_url=url.rstrip("/"), headers=headers, timeout=timeout_seconds, transport=transport, trust_env=False
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._http.close()

    def _pages(self, path: str, params: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        after: dict[str, str] = {}
        while True:
            page = self._ask("GET", path, params={"limit": "100", **params, **after})
            yield from page["data"]
            if not page["has_more"]:
                return
            after = {"after": page["last_id"]}

    def _ask(self, method: str, path: str, *, is_repeatable: bool = False, **how: Any) -> Any:
        """Send a request, again where nothing can come of it twice."""
        may_repeat = is_repeatable or method == "GET"
        for attempt in range(1, self._max_attempts + 1):
            is_last = attempt == self._max_attempts or not may_repeat
            try:
                answer = self._http.request(method, path, **how)
            except httpx2.TransportError as error:
                if is_last:
                    raise APIError(0, f"{self._http.base_url} does not answer ({type(error).__name__})") from error
                time.sleep(0.5 * 2**attempt)
                continue
            if answer.status_code in _RETRIED_STATUSES and not is_last:
                time.sleep(_wait_seconds(answer, attempt))
                continue
            if answer.is_success:
                return answer.json()
            raise _error(answer)
        raise AssertionError

    def _stream(self, job_id: str, after: int) -> Iterator[Event]:
        headers = {"Last-Event-ID": str(after), "Accept": "text/event-stream"}
        # A comment comes every 15 s, so that silence means that nobody is there.
        with self._http.stream("GET", f"/v1/jobs/{job_id}/events", headers=headers, timeout=40.0) as answer:
            if answer.status_code != 200:
                answer.read()
                raise _error(answer)
            said: dict[str, str] = {}
            for line in answer.iter_lines():
                if line and not line.startswith(":"):
                    name, _, value = line.partition(":")
                    said[name] = value.removeprefix(" ")
                elif not line and "id" in said:
                    yield Event(int(said["id"]), said.get("event", ""), json.loads(said.get("data", "{}")))
                    said = {}

    def _fetch(self, url: str, path: Path, file: Mapping[str, Any]) -> None:
        partial = path.with_name(path.name + ".partial")
        for attempt in range(1, self._max_attempts + 1):
            have = partial.stat().st_size if partial.is_file() else 0
            headers = {"Range": f"bytes={have}-"} if 0 < have < file["num_bytes"] else {}
            try:
                with self._http.stream("GET", url, headers=headers) as answer:
                    if answer.status_code not in (200, 206):
                        answer.read()
                        raise _error(answer)
                    with partial.open("ab" if answer.status_code == 206 else "wb") as out:
                        for piece in answer.iter_bytes(PIECE_BYTES):
                            out.write(piece)
                break
            except httpx2.TransportError as error:
                if attempt == self._max_attempts:
                    raise APIError(0, f"the service went away: {type(error).__name__}") from error
                time.sleep(attempt)
        with partial.open("rb") as whole:
            found = hashlib.file_digest(whole, "sha256").hexdigest()
        if file["sha256"] not in (None, found):
            partial.unlink()
            raise APIError(0, f"{file['name']} is not what the manifest says; download it again")
        partial.replace(path)


def _wait_seconds(answer: httpx2.Response, attempt: int) -> float:
    said = answer.headers.get("Retry-After", "")
    return min(float(said) if said.isdecimal() else 0.5 * 2**attempt, _MAX_WAIT_SECONDS)


def _error(answer: httpx2.Response) -> APIError:
    try:
        problem = answer.json()
        return APIError(answer.status_code, problem["detail"], problem["type"], problem.get("errors") or ())
    except (ValueError, KeyError, TypeError):
        return APIError(answer.status_code, f"the service answers with status {answer.status_code}")
