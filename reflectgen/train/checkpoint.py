"""Checkpoints: a plain Hugging Face folder, and in it `training/`, with all that going on exactly needs.

    checkpoints/step-00000200/
        config.json model.safetensors tokenizer.json ... README.md
        training/state.json            step, options, what it was learnt from; written last
        training/state.safetensors     the optimiser's moments by parameter, random state

A folder is written under another name and renamed, so that there is a whole checkpoint or none.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.distributed.tensor import DTensor, distribute_tensor
from transformers import GenerationConfig, PreTrainedModel
from transformers.utils import logging as transformers_logging

from reflectgen.errors import OutputError, RecipeError, VerificationError
from reflectgen.train.places import STATE, whole_ones

PARTIAL = ".partial"
TENSORS = "training/state.safetensors"
RANDOM = "random"


@dataclass(frozen=True, slots=True)
class Position:
    """Where a run is, and what it is a run of; `identity` must be the same for another to go on."""

    step: int
    tokens: int
    identity: dict[str, Any]


def read_position(checkpoint: Path, identity: dict[str, Any]) -> Position:
    """Return a checkpoint's position.

    Raises:
        RecipeError: it is of another corpus, tokenizer, model or options; the first difference is named.
        VerificationError: it cannot be read.
    """
    try:
        position = Position(**json.loads((checkpoint / STATE).read_text(encoding="utf-8")))
    except (OSError, ValueError, TypeError) as error:
        raise VerificationError(f"{checkpoint / STATE} cannot be read: {error}; remove this checkpoint") from error
    here, there = _flat(identity), _flat(position.identity)
    for name in sorted(here.keys() | there.keys()):
        if here.get(name) != there.get(name):
            said = f"{name} was {there.get(name)!r} and is now {here.get(name)!r}"
            raise RecipeError(f"{checkpoint} is of another run: {said}; choose another `out` or put it back")
    return position


def save(
    folder: Path,
    model: Any,
    optimizer: torch.optim.Optimizer,
    position: Position,
    keep: int,
    is_writer: bool,
    extra_files: Callable[[Path], None],
) -> None:
    """Write a checkpoint under `folder`, and remove all but the newest `keep`. Every process calls it; one writes.

    Raises:
        OutputError: it cannot be written, as when the disk is full; the one before it is whole.
    """
    weights = gathered(model, is_writer)
    tensors = _training_tensors(model, optimizer, is_writer)
    if not is_writer:
        return
    with whole_folder(folder / f"step-{position.step:08d}") as partial:
        _save_model(partial, model, weights)
        extra_files(partial)
        (partial / STATE).parent.mkdir()
        save_file(tensors, partial / TENSORS)
        said = {"step": position.step, "tokens": position.tokens, "identity": position.identity}
        (partial / STATE).write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
    for old in whole_ones(folder)[:-keep]:
        shutil.rmtree(old, ignore_errors=True)


def save_model(
    folder: Path, model: Any, is_writer: bool, extra_files: Callable[[Path], None], kind: torch.dtype | None = None
) -> None:
    """Write a model alone as a Hugging Face folder, in place of one that is there; in another type if `kind` says so.

    Raises:
        OutputError: it cannot be written.
    """
    weights = gathered(model, is_writer)
    if is_writer:
        if kind is not None:
            weights = {name: tensor.to(kind) for name, tensor in weights.items()}
        with whole_folder(folder) as partial:
            _save_model(partial, model, weights)
            if kind is not None and (config := partial / "config.json").exists():
                said = json.loads(config.read_text(encoding="utf-8")) | {"dtype": str(kind).removeprefix("torch.")}
                config.write_text(json.dumps(said, indent=2) + "\n", encoding="utf-8")
            extra_files(partial)


def restore(checkpoint: Path, model: Any, optimizer: torch.optim.Optimizer) -> None:
    """Put weights, moments and random state back, on every process.

    Raises:
        VerificationError: something is missing in the checkpoint or does not fit the model.
    """
    try:
        tensors = _read(checkpoint / TENSORS)
        weights = {} if _has_own_weights(tensors) else _read(*sorted(checkpoint.glob("*.safetensors")))
        with torch.no_grad():
            for name, parameter in _trained(model):
                _copy(parameter, weights[name] if name in weights else tensors[f"weight.{name}"])
                optimizer.state[parameter] = _moments(parameter, name, tensors)
        torch.set_rng_state(tensors[RANDOM])
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise VerificationError(
            f"{checkpoint} cannot be gone on from: {error}; remove it to go on from another"
        ) from error


def save_tokenizer(folder: Path, tokenizer: Any) -> None:
    """Write a tokenizer of transformers.

    Raises:
        OSError: it cannot be written; the tokenizers library says so by a bare Exception.
    """
    try:
        tokenizer.save_pretrained(folder)
    except Exception as error:
        if type(error) is not Exception:
            raise
        raise OSError(str(error)) from error


@contextmanager
def whole_folder(path: Path) -> Iterator[Path]:
    """Yield a folder to write to, which takes the place of `path` only if the block ends well.

    Raises:
        OutputError: it cannot be written.
    """
    partial = path.with_name(path.name + PARTIAL)
    try:
        shutil.rmtree(partial, ignore_errors=True)
        partial.mkdir(parents=True)
        yield partial
        for file in partial.rglob("*"):
            if file.is_file():
                with file.open("rb+") as written:
                    os.fsync(written.fileno())
        if path.exists():
            shutil.rmtree(path)
        partial.replace(path)
    except (OSError, SafetensorError) as error:
        said = getattr(error, "strerror", None) or error
        raise OutputError(
            f"cannot write {path}: {said}; free space and run again, it goes on from the last one"
        ) from error
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def gathered(model: Any, is_writer: bool) -> dict[str, Tensor]:
    """Return every weight as a whole, on the CPU, for the process that writes; under FSDP all processes must call."""
    found = {}
    tied = set(getattr(model, "_tied_weights_keys", None) or {})
    for name, tensor in model.state_dict().items():
        whole = _whole(tensor)
        if is_writer and name not in tied:
            found[name] = whole.detach().cpu().contiguous()
    return found


def _save_model(folder: Path, model: Any, weights: dict[str, Tensor]) -> None:
    transformers_logging.disable_progress_bar()  # type: ignore[no-untyped-call]
    model.save_pretrained(folder, state_dict=weights)
    config = getattr(model, "generation_config", None)
    if isinstance(config, GenerationConfig):
        config.save_pretrained(folder)


def _training_tensors(model: Any, optimizer: torch.optim.Optimizer, is_writer: bool) -> dict[str, Tensor]:
    found = {RANDOM: torch.get_rng_state()}
    is_plain = isinstance(model, PreTrainedModel)
    for name, parameter in _trained(model):
        parts = dict(optimizer.state.get(parameter, {}))
        if not is_plain:  # its folder holds adapters, under names of their own
            parts["weight"] = parameter.data
        for part, value in parts.items():
            whole = _whole(value)
            if is_writer:
                found[f"{part}.{name}"] = whole.detach().cpu().contiguous()
    return found


def _trained(model: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    return ((name, parameter) for name, parameter in model.named_parameters() if parameter.requires_grad)


def _moments(parameter: nn.Parameter, name: str, tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    step = tensors[f"step.{name}"].to(parameter.device)
    found = {"step": step}
    for part in ("exp_avg", "exp_avg_sq"):
        found[part] = torch.zeros_like(parameter)
        _copy(found[part], tensors[f"{part}.{name}"])
    return found


def _has_own_weights(tensors: dict[str, Tensor]) -> bool:
    return any(name.startswith("weight.") for name in tensors)


def _copy(into: Tensor, value: Tensor) -> None:
    if into.shape != value.shape:
        raise ValueError(f"a weight has the shape {tuple(value.shape)} instead of {tuple(into.shape)}")
    if isinstance(into, DTensor):
        value = distribute_tensor(value.to(into.device), into.device_mesh, into.placements)
    into.copy_(value)


def _whole(tensor: Tensor) -> Tensor:
    return tensor.full_tensor() if isinstance(tensor, DTensor) else tensor


def _read(*paths: Path) -> dict[str, Tensor]:
    found = {}
    for path in paths:
        with safe_open(path, framework="pt") as file:
            found.update({name: file.get_tensor(name) for name in file.keys()})  # noqa: SIM118
    return found


def _flat(value: Any, name: str = "") -> dict[str, Any]:
    if not isinstance(value, dict):
        return {name: value}
    return {k: v for key, inner in value.items() for k, v in _flat(inner, f"{name}.{key}" if name else key).items()}
