"""`python -m workers.health [api|worker|beat]`: exit code 0 where that part of the service, in this container, is well.

Without a name it is whichever part runs here. Nothing heavy is imported: it runs every few seconds.
"""

from __future__ import annotations

import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path

READY = "http://127.0.0.1:8080/readyz"
MAX_AGE_SECONDS = 60.0  # of the file; it is touched every few seconds
PARTS = ("worker", "beat")


def alive_file(part: str) -> Path:
    """Return what `part` touches; where several run on one machine, each has a TMPDIR of its own."""
    return Path(tempfile.gettempdir()) / f"reflectgen-{part}.alive"


def touch(part: str) -> None:
    alive_file(part).touch()


def problem(part: str, *, now: float, url: str = READY) -> str:
    """Return what is wrong with `part`; empty where nothing is."""
    if part == "api":
        return _problem_of_api(url)
    if part not in PARTS:
        return f"there is no part {part!r}: api, worker or beat"
    try:
        age_seconds = now - alive_file(part).stat().st_mtime
    except FileNotFoundError:
        return f"the {part} has made no progress yet"
    return f"no progress for {age_seconds:.0f} s" if age_seconds > MAX_AGE_SECONDS else ""


def parts_here() -> list[str]:
    return [part for part in PARTS if alive_file(part).exists()] or ["api"]


def _problem_of_api(url: str) -> str:
    try:
        with urllib.request.urlopen(url, timeout=4) as answer:  # noqa: S310
            return "" if answer.status == 200 else f"{url} answered {answer.status}"
    except urllib.error.HTTPError as error:
        return f"{url} answered {error.code}: {error.read(200).decode('utf-8', 'replace')}"
    except OSError as error:
        return f"{url} does not answer: {error}"


def main(arguments: list[str]) -> int:
    problems = [found for part in arguments or parts_here() if (found := problem(part, now=time.time()))]
    print("; ".join(problems) or "well")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
