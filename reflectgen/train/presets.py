"""Shapes of models: a nano one for CPUs, and SmolLM2's (arXiv 2502.02737), which the paper's models follow.

SmolLM2's layers, heads, widths and rotary bases are those of torchtune's `models/smol`; with a vocabulary of 49,152 ids
they have the published numbers of parameters.
"""

from __future__ import annotations

from pydantic import BaseModel, Field


class Shape(BaseModel, frozen=True, extra="forbid"):
    """A Llama decoder; the vocabulary comes from the corpus's tokenizer."""

    hidden_size: int = Field(ge=8)
    num_layers: int = Field(ge=1)
    num_heads: int = Field(ge=1)
    num_kv_heads: int | None = Field(default=None, ge=1)
    intermediate_size: int = Field(ge=8)
    max_positions: int = Field(default=2048, ge=2)
    rope_theta: float = Field(default=10_000.0, gt=0)
    tie_embeddings: bool = True
    init_std: float = Field(default=0.02, gt=0)


DEFAULT_PRESET = "nano"
PRESETS = {
    "nano": Shape(hidden_size=128, num_layers=4, num_heads=4, intermediate_size=384, init_std=0.04),
    "smollm2-135m": Shape(
        hidden_size=576,
        num_layers=30,
        num_heads=9,
        num_kv_heads=3,
        intermediate_size=1536,
        max_positions=8192,
        rope_theta=100_000.0,
        init_std=576**-0.5,
    ),
    "smollm2-360m": Shape(
        hidden_size=960,
        num_layers=32,
        num_heads=15,
        num_kv_heads=5,
        intermediate_size=2560,
        max_positions=8192,
        rope_theta=100_000.0,
    ),
    "smollm2-1.7b": Shape(
        hidden_size=2048,
        num_layers=24,
        num_heads=32,
        num_kv_heads=32,
        intermediate_size=8192,
        max_positions=8192,
        rope_theta=130_000.0,
    ),
}
