"""How many steps a run has, and the learning rate as a function of the step alone."""

from __future__ import annotations

import math

from reflectgen.train.options import FitOptions, OptimizerOptions
from reflectgen.train.packing import Packing


def learning_rate(options: OptimizerOptions, step: int, num_steps: int) -> float:
    """Return the rate of a step, the first being 0.

    WSD (arXiv 2404.06395) with a linear decay, as SmolLM2 has it; cosine as in arXiv 1608.03983, without restarts.
    """
    warmup = round(options.warmup * num_steps)
    if step < warmup:
        return options.lr * (step + 1) / (warmup + 1)
    if options.schedule == "constant":
        return options.lr
    if options.schedule == "cosine":
        done = (step - warmup) / max(1, num_steps - warmup)
        share = (1 + math.cos(math.pi * done)) / 2
    else:
        decay = max(1, round(options.decay * num_steps)) if options.decay else 0
        share = min(1.0, (num_steps - step) / decay) if decay else 1.0
    return options.lr * (options.final + (1 - options.final) * share)


def num_steps(options: FitOptions, packing: Packing) -> int:
    """Return how many steps a run has: as told, or as many epochs; one epoch unless told."""
    if options.loop.steps is not None:
        return options.loop.steps
    return max(1, round((options.loop.epochs or 1.0) * packing.num_rows / options.loop.batch_size))
