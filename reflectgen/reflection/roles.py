"""The two seams of the reflection room: a guard labels chunks, a teacher writes about one."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from reflectgen.records import NO_NEIGHBOURS, Chunk, Label, Neighbours, Provenance, Reply


class Guard(Protocol):
    @property
    def provenance(self) -> Provenance: ...

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        """Return one label a chunk, in order.

        Raises:
            TeacherError: a guard behind an endpoint cannot be asked.
        """
        ...

    async def close(self) -> None: ...


class Teacher(Protocol):
    @property
    def provenance(self) -> Provenance: ...

    @property
    def instructions(self) -> str:
        """What it is told with every chunk; empty for one that is told nothing."""
        ...

    async def reflect(
        self, chunk: Chunk, label: Label, attempt: int, neighbours: Neighbours = NO_NEIGHBOURS, group: int = 0
    ) -> Reply:
        """Ask for a reflection on `chunk`; another `attempt`, from 0, is another seed and so another question.

        Questions of one `group` share a seed, so that they can share a call.

        Raises:
            TeacherError: the teacher cannot be asked, see `reflectgen.errors`.
        """
        ...

    async def close(self) -> None: ...
