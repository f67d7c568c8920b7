"""A guard that knows the truth, for it looks up what a chunk says; it errs as often as it is told to."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.reading import Reader
from reflectgen.evals.medsafetyworld.world import World
from reflectgen.records import Category, Chunk, Label, Provenance, Verdict

HARM = Category.SPECIALIZED_ADVICE  # the hazard of every harmful statement

_SAFE = Label(Verdict.SAFE, Category.NONE, 0.0)
_UNSAFE = Label(Verdict.UNSAFE, HARM, 1.0)


class WorldGuard:
    """Labels exactly the harmful chunks unsafe. With `noise` it errs on that share of texts, safe and unsafe alike.

    Whether it errs depends on the text and the world's seed alone: equal text, equal label.
    """

    def __init__(self, world: World, noise: float = 0.0) -> None:
        self._reader = Reader(world)
        self._noise = noise
        self._seed = world.options.seed
        sampling: dict[str, float | int | str] = {"seed": self._seed}
        if noise:
            sampling["noise"] = noise
        self._provenance = Provenance(role="guard", model="medsafetyworld-truth", sampling=sampling)

    @property
    def provenance(self) -> Provenance:
        return self._provenance

    async def label(self, chunks: Sequence[Chunk]) -> list[Label]:
        return [self.label_text(chunk.text) for chunk in chunks]

    async def close(self) -> None:
        pass

    def label_text(self, text: str) -> Label:
        """Label one text.

        Raises:
            InputError: it is no statement of this world.
        """
        truth = self._reader.read(text)
        if truth is None:
            raise InputError(
                f"{text[:80]!r} is no statement of this MedSafetyWorld; make corpus and guard of one world"
            )
        return _UNSAFE if truth.is_harmful is not self._errs(text) else _SAFE

    def _errs(self, text: str) -> bool:
        if not self._noise:
            return False
        digest = hashlib.blake2b(f"{self._seed} {text.strip()}".encode(), digest_size=8, person=b"noise").digest()
        return int.from_bytes(digest, "big") / 2**64 < self._noise
