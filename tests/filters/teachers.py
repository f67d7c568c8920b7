"""A teacher and a guard that answer as they are told."""

from __future__ import annotations

from collections.abc import Sequence

from reflectgen.records import (
    NO_NEIGHBOURS,
    Category,
    Chunk,
    Label,
    Neighbours,
    Provenance,
    Reflection,
    Reply,
    Verdict,
)


class AnsweringTeacher:
    """Gives every chunk the same verdict, an unparsed reply for None, or raises; `asked` holds the chunks."""

    instructions = ""

    def __init__(self, answer: Verdict | Exception | None) -> None:
        self.asked: list[Chunk] = []
        self._answer = answer

    @property
    def provenance(self) -> Provenance:
        return Provenance("teacher", "answering")

    async def reflect(
        self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> Reply:
        self.asked.append(chunk)
        if isinstance(self._answer, Exception):
            raise self._answer
        return Reply("", Reflection(self._answer, Category.OTHER, "a remark.") if self._answer else None)

    async def close(self) -> None:
        pass


class AnsweringGuard:
    """Gives every chunk the same label, or raises; `asked` holds the chunks."""

    def __init__(self, answer: Label | Exception) -> None:
        self.asked: list[Chunk] = []
        self._answer = answer

    @property
    def provenance(self) -> Provenance:
        return Provenance("guard", "answering")

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        self.asked += chunks
        if isinstance(self._answer, Exception):
            raise self._answer
        return [self._answer for _ in chunks]

    async def close(self) -> None:
        pass
