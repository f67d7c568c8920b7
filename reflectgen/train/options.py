"""What a training run can be told; saved with every checkpoint, and an unknown key is an error.

out = "runs/nano"
[data]
path = "tokens"
[model]
preset = "nano"
[optimizer]
lr = 3e-3
[loop]
steps = 500
"""

from __future__ import annotations

from pathlib import Path
from typing import Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from reflectgen.export.kinds import Weights
from reflectgen.train.presets import DEFAULT_PRESET, PRESETS, Shape


class Part(BaseModel):
    """Every group of options refuses what it does not know."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class DataOptions(Part):
    """`held_out` is the share of documents, from the corpus's end, that are never learnt and only measured.

    Packing `stream` cuts the corpus as one long text; `whole` never cuts a document that fits a sequence, and pads.
    """

    path: Path | None = None  # token shards
    held_out: float = Field(default=0.0, ge=0, le=0.5)
    held_out_path: Path | None = None  # token shards; instead of a share of `path`
    sequence_length: int = Field(default=256, ge=2)
    packing: Literal["stream", "whole"] = "stream"
    document_masking: bool = True
    weights: Weights | None = None  # unless told, those of the corpus's manifest

    @model_validator(mode="after")
    def _whole_documents_are_masked(self) -> Self:
        if self.packing == "whole" and not self.document_masking:
            raise ValueError("packing 'whole' puts unrelated documents side by side, so it needs document_masking")
        return self


class ModelOptions(Part):
    """A preset, changed or not, from random weights; or `start`, a Hugging Face folder to go on from."""

    preset: str | None = None
    shape: Shape | None = None
    start: Path | None = None

    @model_validator(mode="after")
    def _one_of_them(self) -> Self:
        if sum(given is not None for given in (self.preset, self.shape, self.start)) > 1:
            raise ValueError("preset, shape and start exclude one another")
        if self.preset is not None and self.preset not in PRESETS:
            raise ValueError(f"preset {self.preset!r} is none of {', '.join(PRESETS)}")
        return self

    @property
    def wanted_shape(self) -> Shape:
        return self.shape or PRESETS[self.preset or DEFAULT_PRESET]


class OptimizerOptions(Part):
    """AdamW, and how its learning rate goes: up for `warmup` of the steps, then down to `final` times `lr`.

    `wsd` stays level and falls in a straight line over the last `decay` of the steps; `cosine` falls all the way.
    """

    lr: float = Field(default=3e-3, gt=0)
    betas: tuple[float, float] = (0.9, 0.95)
    eps: float = Field(default=1e-8, gt=0)
    weight_decay: float = Field(default=0.1, ge=0)
    clip: float = Field(default=1.0, gt=0)
    schedule: Literal["wsd", "cosine", "constant"] = "wsd"
    warmup: float = Field(default=0.02, ge=0, lt=1)
    decay: float = Field(default=0.2, ge=0, le=1)
    final: float = Field(default=0.0, ge=0, le=1)


class LoopOptions(Part):
    """`batch_size` is the sequences of one step, over all processes; `micro_batch_size` those of one pass of one."""

    steps: int | None = Field(default=None, ge=1)
    epochs: float | None = Field(default=None, gt=0)
    batch_size: int = Field(default=16, ge=1)
    micro_batch_size: int | None = Field(default=None, ge=1)
    precision: Literal["fp32", "bf16"] = "fp32"
    compile: bool = False
    gradient_checkpointing: bool = False
    fsdp: bool = False
    threads: int | None = Field(default=None, ge=1)  # of the CPU
    device: Literal["auto", "cpu"] = "auto"

    @model_validator(mode="after")
    def _steps_or_epochs(self) -> Self:
        if self.steps is not None and self.epochs is not None:
            raise ValueError("steps and epochs exclude one another")
        return self


class LogOptions(Part):
    """How often, in steps, the log has a line and the held-out documents are measured."""

    every: int = Field(default=10, ge=1)
    eval_every: int = Field(default=200, ge=1)
    eval_sequences: int = Field(default=256, ge=1)
    tensorboard: bool = True
    wandb_project: str | None = None
    peak_tflops: float | None = Field(default=None, gt=0)  # dense, at the run's precision; known for common GPUs


class CheckpointOptions(Part):
    every: int = Field(default=500, ge=1)
    keep: int = Field(default=2, ge=1)


class FitOptions(Part):
    """All that `fit` needs, whatever made the model and the data."""

    seed: int = Field(default=0, ge=0, lt=1 << 63)
    data: DataOptions = DataOptions()
    optimizer: OptimizerOptions = OptimizerOptions()
    loop: LoopOptions = LoopOptions()
    log: LogOptions = LogOptions()
    checkpoint: CheckpointOptions = CheckpointOptions()

    @model_validator(mode="after")
    def _batches_divide(self) -> Self:
        micro = self.loop.micro_batch_size
        if micro is not None and self.loop.batch_size % micro:
            raise ValueError(f"loop.batch_size {self.loop.batch_size} is not a multiple of micro_batch_size {micro}")
        return self


class TrainOptions(FitOptions):
    """A file for `reflectgen train`."""

    out: Path
    model: ModelOptions = ModelOptions()

    @model_validator(mode="after")
    def _has_data(self) -> Self:
        if self.data.path is None:
            raise ValueError("data.path names the folder of token shards to learn from")
        return self
