"""From a status to an error by type, in the server's own words, on one line and without the key."""

from __future__ import annotations

import re
from typing import NoReturn

from reflectgen.errors import RequestRejected, TeacherBusy, TeacherUnauthorized, TeacherUnavailable
from reflectgen.llm.answers import one_line, words_in
from reflectgen.llm.wire import Answer

KEY_VARIABLES = "the key in REFLECTGEN_TEACHER_API_KEY (for a guard, REFLECTGEN_GUARD_API_KEY)"
MISSING = (404, 405, 410)


class Refusals:
    """Puts into words what the server at `root` answered to a request that carried `key`."""

    def __init__(self, root: str, key: str) -> None:
        self._root, self._key = root, key

    def line(self, answer: Answer, where: str = "") -> str:
        said = self.without_key(words_in(answer.body))
        return f"{where or self._root} answered {answer.status}" + (f": {said}" if said else "")

    def without_key(self, words: str) -> str:
        return words.replace(self._key, "***") if self._key else words

    def unusable(self, answer: Answer, wanted: str, where: str = "") -> TeacherUnavailable:
        """Return the error for a success that is not `wanted`."""
        seen = f"{self.without_key(one_line(answer.kind, 60)) or 'no content type'}, {len(answer.body)} bytes"
        return TeacherUnavailable(f"{where or self._root} answered 200 with something that is no {wanted} ({seen})")

    def raise_for(self, answer: Answer, where: str = "") -> NoReturn:
        """Raise the error that the answer's status means; `MISSING` ones are for the caller, who knows what is missing.

        Raises:
            TeacherError: TeacherUnauthorized, TeacherBusy, TeacherUnavailable or RequestRejected.
        """
        line = self.line(answer, where)
        match answer.status:
            case 401 | 402 | 403:
                raise TeacherUnauthorized(f"{line}; {'check' if self._key else 'set'} {KEY_VARIABLES}")
            case 429 | 503:
                raise TeacherBusy(line, _seconds(answer.retry_after))
            case status if 300 <= status < 400:
                to = one_line(self.without_key(answer.location), 80)
                raise TeacherUnavailable(f"{self._root} answered {status}: it redirects to {to!r}, we do not follow")
            case status if status < 400 or status >= 500 or status in (408, 425):
                raise TeacherUnavailable(line)
        raise RequestRejected(line)


def _seconds(retry_after: str) -> float | None:
    """Read a Retry-After in seconds; one that names a date is not read."""
    return float(retry_after) if re.fullmatch(r"\d{1,6}(\.\d+)?", retry_after) else None
