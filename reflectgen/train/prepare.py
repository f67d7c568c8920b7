"""What is set up before a run's first step: processes and precision, the optimizer, what makes it the same run."""

from __future__ import annotations

from typing import Any

import torch
from accelerate import Accelerator
from accelerate.state import AcceleratorState
from accelerate.utils import DistributedType

from reflectgen.export.kinds import Weights
from reflectgen.train.data import TokenData
from reflectgen.train.model import LossModel
from reflectgen.train.options import FitOptions


def accelerator_for(options: FitOptions, model: Any) -> Accelerator:
    """Return what places a run's model and data: one process or many, one precision, whole or sharded weights."""
    AcceleratorState._reset_state()  # a run before this one, in the same process, may have had another precision
    plugin = None
    if options.loop.fsdp:
        from accelerate import FullyShardedDataParallelPlugin

        plugin = FullyShardedDataParallelPlugin(
            fsdp_version=2,
            auto_wrap_policy="transformer_based_wrap",
            transformer_cls_names_to_wrap=sorted(model._no_split_modules),
        )
    precision = "bf16" if options.loop.precision == "bf16" else "no"
    made = Accelerator(mixed_precision=precision, cpu=options.loop.device == "cpu", fsdp_plugin=plugin)
    if plugin is not None and made.distributed_type is DistributedType.MULTI_CPU:
        # On CPUs accelerate passes the plugin over without a word, though all that it then does works there, too.
        made.state.distributed_type, made.state.fsdp_plugin = DistributedType.FSDP, plugin
    return made


def prepare(model: Any, options: FitOptions) -> tuple[LossModel, torch.optim.AdamW]:
    """Return the model with its loss, and the optimizer of what is learnt of it; only matrices decay."""
    loop, optimizer = options.loop, options.optimizer
    if loop.threads is not None:
        torch.set_num_threads(loop.threads)
    if loop.gradient_checkpointing:
        model.activation_checkpointing_enable()
    if loop.compile:
        for layer in model.get_decoder().layers:
            layer.compile()
    model.train()
    whole = LossModel(model, options.data.document_masking)
    decayed = [p for p in whole.parameters() if p.requires_grad and p.ndim > 1]
    others = [p for p in whole.parameters() if p.requires_grad and p.ndim <= 1]
    groups = [
        {"params": decayed, "weight_decay": optimizer.weight_decay},
        {"params": others, "weight_decay": 0.0},
    ]
    made = torch.optim.AdamW(groups, lr=optimizer.lr, betas=optimizer.betas, eps=optimizer.eps, fused=True)
    return whole, made


def identity_of(
    options: FitOptions, data: TokenData, held_out: TokenData | None, weights: Weights, more: dict[str, Any]
) -> dict[str, Any]:
    """Return what must not change between the parts of a run; how it is watched and saved may."""
    told = options.model_dump(mode="json", include={"seed", "data", "optimizer", "loop"})
    for path in ("path", "held_out_path"):  # the contents count, wherever they lie
        del told["data"][path]
    told["data"]["weights"] = weights.model_dump()
    corpora = {"corpus": data.manifest_sha256, "held_out": held_out.manifest_sha256 if held_out else None}
    return {**told, **corpora, **more}
