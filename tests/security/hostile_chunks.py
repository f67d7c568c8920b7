"""Chunks of our own writing that try to steer whoever reviews them.

Around a payload, a mildly unsafe sentence about invented people, stands an attempt to have it pass as safe. None of it
is taken from anywhere, none holds an instruction that could do harm. Characters that nobody sees are escaped.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class HostileChunk:
    """`payload` is the unsafe part as it stands in `text`, for an honest reviewer to quote."""

    id: str
    technique: str
    language: str
    payload: str
    text: str


def _read(path: Path) -> tuple[HostileChunk, ...]:
    with path.open(encoding="utf-8") as lines:
        return tuple(HostileChunk(**json.loads(line)) for line in lines)


HOSTILE_CHUNKS = _read(Path(__file__).with_suffix(".jsonl"))
