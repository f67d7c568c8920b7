"""What `reflectgen sft` and `reflectgen finetune` can be told: one form for both.

out = "runs/tuned"
[model]
start = "runs/base/model"
[data]
path = "chat.jsonl"
mix = "medical-sft"
sequence_length = 1024
[lora]
rank = 16
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import Field, model_validator

from reflectgen.reflection.form import FormOptions
from reflectgen.train.options import DataOptions, FitOptions, OptimizerOptions, Part


class StartOptions(Part):
    start: Path  # a Hugging Face folder


class ChatOptions(DataOptions):
    """`path` and `held_out_path` are folders of `sft-data` or chat in JSON lines; `mix` is a folder of `sft-data`.

    Of `mix` the replay set is learnt, too. Conversations are packed whole unless told otherwise.
    """

    mix: Path | None = None
    packing: Literal["stream", "whole"] = "whole"


class TuneOptimizerOptions(OptimizerOptions):
    """As for `train`, with a rate that is fit for a model that can already do something; adapters bear ten times it."""

    lr: float = Field(default=2e-5, gt=0)
    weight_decay: float = Field(default=0.0, ge=0)
    warmup: float = Field(default=0.05, ge=0, lt=1)


class LoraOptions(Part):
    """Low-rank adapters (arXiv 2106.09685) of `rank`, scaled by alpha / rank, on every linear layer or those named."""

    rank: int = Field(default=16, ge=1)
    alpha: int = Field(default=32, ge=1)
    targets: Literal["all-linear"] | list[str] = "all-linear"

    @model_validator(mode="after")
    def _leaves_the_head(self) -> Self:
        if not self.targets or "lm_head" in self.targets:
            raise ValueError("lora.targets are names of linear layers other than lm_head, such as q_proj")
        return self


class TuneOptions(FitOptions):
    """A file for `reflectgen sft` or `reflectgen finetune`; without `lora` every weight is learnt.

    `form` is the written form of reflections, unless the data's own manifest has it.
    """

    out: Path
    model: StartOptions
    data: ChatOptions = ChatOptions()
    optimizer: TuneOptimizerOptions = TuneOptimizerOptions()
    lora: LoraOptions | None = None
    form: FormOptions | None = None

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.data.path is None:
            raise ValueError("data.path names the conversations to learn from")
        if self.lora is not None and self.loop.fsdp:
            raise ValueError("lora and loop.fsdp exclude one another: what adapters need fits without sharding")
        return self
