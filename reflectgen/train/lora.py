"""Low-rank adapters by peft: put on a model, and merged into it at the end."""

from __future__ import annotations

import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch

from reflectgen.errors import RecipeError
from reflectgen.train.tune_options import LoraOptions


def with_adapters(model: Any, options: LoraOptions, seed: int) -> Any:
    """Return the model with adapters, all else in it frozen; the same seed gives the same ones.

    Raises:
        RecipeError: the model has no layer of a name in `targets`.
    """
    from peft import LoraConfig, get_peft_model

    config = LoraConfig(
        task_type="CAUSAL_LM",
        r=options.rank,
        lora_alpha=options.alpha,
        target_modules=options.targets,
        lora_dropout=0.0,
    )
    with torch.random.fork_rng(devices=[]), _without_deprecations():
        torch.manual_seed(seed)
        try:
            return get_peft_model(model, config)
        except ValueError as error:
            first = str(error).partition("\n")[0]
            raise RecipeError(f"lora.targets {options.targets} do not fit the model: {first}") from None


def merged(model: Any) -> Any:
    """Return the plain model with its adapters added to its weights; `model` is of no use after it."""
    with _without_deprecations():
        return model.merge_and_unload()


@contextmanager
def _without_deprecations() -> Iterator[None]:
    """Keep to ourselves that peft still uses a property that transformers renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "`is_gradient_checkpointing` is deprecated", FutureWarning)
        yield
