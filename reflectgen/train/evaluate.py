"""Held-out documents: the loss on their text and on their reflections, and verdicts guessed right."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch

from reflectgen.export.kinds import Kind
from reflectgen.train.batch import Batch
from reflectgen.train.model import on_device
from reflectgen.train.verdicts import VerdictProbe

COUNTED = (Kind.TEXT, Kind.REFLECTION)


@dataclass(slots=True)
class Sums:
    """Sums over tokens, to be added over batches and processes before anything is divided."""

    values: np.ndarray = field(default_factory=lambda: np.zeros(10))

    def add_losses(self, batch: Batch, of_token: np.ndarray) -> None:
        """Add the loss, weighted; and each kind's, unweighted, where it is learnt."""
        self.values[:2] += (of_token * batch.weights).sum(dtype=np.float64), batch.total_weight
        for place, kind in enumerate(COUNTED):
            of_kind = (batch.kinds == kind) & (batch.weights > 0)
            self.values[2 + 2 * place : 4 + 2 * place] += of_token[of_kind].sum(dtype=np.float64), of_kind.sum()

    def add_verdicts(self, said: np.ndarray, wanted: np.ndarray, safe_id: int) -> None:
        unsafe = wanted != safe_id
        self.values[6:] += (said == wanted).sum(), len(wanted), (said[unsafe] != safe_id).sum(), unsafe.sum()

    def measures(self) -> dict[str, float]:
        """Return the mean loss, each kind's, and the share of verdicts said right; what has no case is left out."""
        names = ("loss", "loss_text", "loss_reflection", "verdict_accuracy", "unsafe_recall")
        pairs = self.values.reshape(-1, 2)
        found = {name: total / count for name, (total, count) in zip(names, pairs.tolist(), strict=True) if count}
        return found | ({"num_verdicts": int(self.values[7])} if self.values[7] else {})


def evaluate(model: Any, batches: list[Batch], probe: VerdictProbe | None, device: torch.device) -> Sums:
    """Return the sums of some batches; `model` is a `LossModel`, wrapped or not."""
    sums = Sums()
    was_training = model.training
    model.eval()
    with torch.no_grad():
        for batch in batches:
            _, of_token, hidden = model(**on_device(batch, device))
            sums.add_losses(batch, of_token.float().cpu().numpy())
            if probe is not None and (places := probe.places(batch)).any():
                said = _said(model, hidden[torch.from_numpy(places.ravel()).to(device)])
                sums.add_verdicts(said, batch.targets[places], probe.safe_id)
    model.train(was_training)
    return sums


def _said(model: Any, hidden: torch.Tensor) -> np.ndarray:
    inner = getattr(model, "module", model)  # DDP's
    head = inner.model.get_output_embeddings().weight
    head = head.full_tensor() if hasattr(head, "full_tensor") else head  # FSDP's
    return np.asarray((hidden.to(head.dtype) @ head.T).argmax(-1).cpu().numpy())
