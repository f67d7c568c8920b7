"""A model that follows a script: for tests and dry runs, no server needed."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable

from reflectgen.errors import TeacherError
from reflectgen.llm.completion import Completion, CompletionRequest

Line = str | Completion | Exception  # an answer's text, a whole completion, or what is raised instead
Script = Callable[[CompletionRequest], Line]


class ScriptedModel:
    """Answers with the next line of a list, or with what a function makes of the request; exceptions are raised.

    `requests` holds what was asked, in order. A list that has run out raises TeacherError.
    """

    def __init__(self, script: Script | Iterable[Line], *, endpoint: str = "scripted") -> None:
        self.requests: list[CompletionRequest] = []
        self._endpoint = endpoint
        self._script = script if callable(script) else _read_out(script)

    @property
    def endpoint(self) -> str:
        return self._endpoint

    async def complete(self, request: CompletionRequest) -> Completion:
        self.requests.append(request)
        line = self._script(request)
        await asyncio.sleep(0)  # as a real call does, let others run before the answer
        if isinstance(line, Exception):
            raise line
        if isinstance(line, Completion):
            return line
        return Completion(line, model=request.model, prompt_tokens=_words(request), completion_tokens=len(line.split()))

    async def close(self) -> None:
        pass


def _read_out(lines: Iterable[Line]) -> Script:
    left = iter(lines)
    return lambda request: next(left, TeacherError("the script has no more lines"))


def _words(request: CompletionRequest) -> int:
    return sum(len(message["content"].split()) for message in request.messages)
