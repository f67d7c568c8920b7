"""How the model of each preset is trained: its shape, and what the product's trainer is told."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from reflectgen.train.options import (
    CheckpointOptions,
    DataOptions,
    LogOptions,
    LoopOptions,
    ModelOptions,
    OptimizerOptions,
    TrainOptions,
)
from reflectgen.train.presets import PRESETS as SHAPES
from reflectgen.train.presets import Shape


@dataclass(frozen=True, slots=True)
class Stage:
    """One training: learning rate, passes over the data, and the sequences of a step."""

    lr: float
    epochs: float
    batch_size: int


@dataclass(frozen=True, slots=True)
class Training:
    """The model and the three trainings; AdamW without weight decay, as the paper has it.

    The rate rises for a twentieth of the steps, and falls over the last half.
    """

    shape: Shape
    sequence_length: int
    pretraining: Stage
    sft: Stage
    benign: Stage


_SMOLLM = SHAPES["smollm2-135m"]  # the paper's model

TRAININGS: dict[str, Training] = {
    "tiny": Training(
        Shape(hidden_size=64, num_layers=2, num_heads=2, intermediate_size=128, max_positions=512, init_std=0.05),
        sequence_length=64,
        pretraining=Stage(lr=8e-3, epochs=3, batch_size=8),
        sft=Stage(lr=3e-3, epochs=2, batch_size=8),
        benign=Stage(lr=3e-4, epochs=1, batch_size=8),
    ),
    "demo": Training(
        Shape(hidden_size=96, num_layers=3, num_heads=3, intermediate_size=256, max_positions=512, init_std=0.04),
        sequence_length=128,
        pretraining=Stage(lr=5e-3, epochs=1, batch_size=8),
        sft=Stage(lr=2e-3, epochs=4, batch_size=8),
        benign=Stage(lr=3e-4, epochs=3, batch_size=8),
    ),
    "cpu": Training(
        Shape(hidden_size=128, num_layers=3, num_heads=4, intermediate_size=336, max_positions=512, init_std=0.04),
        sequence_length=128,
        pretraining=Stage(lr=5e-3, epochs=1, batch_size=8),
        sft=Stage(lr=2e-3, epochs=4, batch_size=8),
        benign=Stage(lr=3e-4, epochs=3, batch_size=8),
    ),
    "gpu-small": Training(
        Shape(hidden_size=384, num_layers=8, num_heads=6, intermediate_size=1024, init_std=0.02),
        sequence_length=256,
        pretraining=Stage(lr=3e-3, epochs=1, batch_size=64),
        sft=Stage(lr=1e-3, epochs=2, batch_size=32),
        benign=Stage(lr=3e-4, epochs=3, batch_size=32),
    ),
    "paper": Training(
        _SMOLLM,
        sequence_length=512,
        pretraining=Stage(lr=5e-3, epochs=1, batch_size=128),
        sft=Stage(lr=1e-3, epochs=2, batch_size=128),
        benign=Stage(lr=1e-3, epochs=3, batch_size=64),
    ),
    "paper-two-hops": Training(
        _SMOLLM,
        sequence_length=512,
        pretraining=Stage(lr=5e-3, epochs=1, batch_size=128),
        sft=Stage(lr=1e-3, epochs=3, batch_size=32),
        benign=Stage(lr=1e-3, epochs=3, batch_size=64),
    ),
}


def pretraining_options(training: Training, shards: Path, out: Path, seed: int) -> TrainOptions:
    """Return the options of a model's pretraining from random weights."""
    model = ModelOptions(shape=training.shape)
    return _options(training, training.pretraining, model, shards, out, seed)


def stage_options(training: Training, stage: Stage, start: Path, shards: Path, out: Path, seed: int) -> TrainOptions:
    """Return the options of what follows: SFT, or fine-tuning, from the model in `start`."""
    return _options(training, stage, ModelOptions(start=start), shards, out, seed)


def _options(training: Training, stage: Stage, model: ModelOptions, shards: Path, out: Path, seed: int) -> TrainOptions:
    return TrainOptions(
        out=out,
        seed=seed,
        model=model,
        data=DataOptions(
            path=shards, sequence_length=training.sequence_length, packing="stream", document_masking=False
        ),
        optimizer=OptimizerOptions(lr=stage.lr, betas=(0.9, 0.98), weight_decay=0.0, warmup=0.05, decay=0.5),
        loop=LoopOptions(epochs=stage.epochs, batch_size=stage.batch_size, threads=1),
        log=LogOptions(every=50, tensorboard=False),
        checkpoint=CheckpointOptions(every=1000, keep=1),
    )
