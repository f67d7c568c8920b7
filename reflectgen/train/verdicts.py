"""Which token of a reflection says its verdict, and how often a model would have said the same."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from reflectgen.export.kinds import Kind
from reflectgen.records import Verdict
from reflectgen.reflection.taxonomy import VERDICT_NAMES
from reflectgen.train.batch import Array, Batch


@dataclass(frozen=True, slots=True)
class VerdictProbe:
    """After the opening marker come `offset` tokens that every verdict has, then the one that tells it."""

    open_id: int
    offset: int
    safe_id: int

    @classmethod
    def of(cls, tokenizer: Any, open_marker: str) -> VerdictProbe | None:
        """Return the probe for a tokenizer; None where verdicts do not begin in one way each."""
        written = [
            tokenizer.encode(f"{open_marker} {name}", add_special_tokens=False)
            for name in (VERDICT_NAMES[Verdict.SAFE], VERDICT_NAMES[Verdict.UNSAFE])
        ]
        if written[0][:1] != written[1][:1]:
            return None
        same = next((i for i, (a, b) in enumerate(zip(*written, strict=False)) if a != b), None)
        return None if same is None else cls(written[0][0], same - 1, written[0][same])

    def places(self, batch: Batch) -> Array:
        """Return where, in (rows, length), the target is a verdict."""
        opened = np.zeros(batch.ids.shape, bool)
        length = batch.ids.shape[1]
        opened[:, self.offset :] = batch.ids[:, : length - self.offset] == self.open_id
        opened[:, self.offset :] &= batch.documents[:, self.offset :] == batch.documents[:, : length - self.offset]
        found: Array = opened & (batch.kinds == Kind.REFLECTION) & (batch.weights > 0)
        return found
