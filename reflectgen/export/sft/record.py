"""A conversation as it is written: its messages, and the spans of them that are not what somebody said."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from typing import Any, Literal

from pydantic import BaseModel, Field

from reflectgen.corpus.chat import Message


class SftOptions(BaseModel, frozen=True, extra="forbid"):
    """What decides how conversations are written, beside their reflections.

    `recovery` is the share of conversations with an unsafe answer that give a recovery example beside, `mix` the share
    of all rows that also go into the replay set; `seed` decides which.
    """

    recovery: float = Field(default=0.0, ge=0, le=1)
    mix: float = Field(default=0.0, ge=0, le=1)
    seed: int = Field(default=0, ge=0)


@dataclass(frozen=True, slots=True)
class SftSpan:
    """`content[start:end]` of message `turn`, in code points; what no span of an answer covers is text that is learnt.

    Kinds are those of tokens (`export.kinds`): `prompt` is an answer's text that is not to be learnt. A reflection has
    verdict, category and the key of its provenance; the others have none.
    """

    turn: int
    start: int
    end: int
    kind: Literal["reflection", "end_of_text", "prompt"]
    verdict: str = ""
    category: str = ""
    provenance: str = ""


@dataclass(frozen=True, slots=True)
class SftRow:
    """One line of the output. In a `recovery` the assistant's unsafe words are given, and it stops itself."""

    id: str
    kind: Literal["conversation", "recovery"]
    messages: tuple[Message, ...]
    spans: tuple[SftSpan, ...]
    metadata: str

    def to_line(self) -> bytes:
        """Return the row as a line of JSON in UTF-8; every span has every field, so that readers need not guess."""
        row: dict[str, Any] = {
            "id": self.id,
            "kind": self.kind,
            "messages": list(self.messages),
            "spans": [asdict(span) for span in self.spans],
            "metadata": self.metadata,
        }
        return (json.dumps(row, ensure_ascii=False, separators=(",", ":")) + "\n").encode()
