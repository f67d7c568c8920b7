"""The training loop: any model of transformers, any data of tokens, kinds and document ends."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import torch

from reflectgen.errors import RecipeError, TrainingError, TrainingStopped
from reflectgen.export.kinds import Weights
from reflectgen.train import checkpoint
from reflectgen.train.batch import Batch, make_batch
from reflectgen.train.data import TokenData
from reflectgen.train.evaluate import Sums, evaluate
from reflectgen.train.flops import model_flops_per_token, peak_flops
from reflectgen.train.log import LOG_NAME, RunLog, read_log
from reflectgen.train.model import on_device
from reflectgen.train.options import FitOptions
from reflectgen.train.packing import pack, rows_of_step
from reflectgen.train.places import CHECKPOINTS, MODEL, newest
from reflectgen.train.prepare import accelerator_for, identity_of, prepare
from reflectgen.train.schedule import learning_rate, num_steps
from reflectgen.train.verdicts import VerdictProbe

HELD_OUT = 1  # what the order of held-out rows is keyed by, beside the seed
IsToStop = Callable[[int, int], bool]


@dataclass(frozen=True, slots=True)
class Fitted:
    """A finished run: the folder of its model, and the last figures of each kind."""

    folder: Path
    num_steps: int
    num_tokens: int
    loss: float
    held_out: dict[str, float]


def fit(
    options: FitOptions,
    model: Any,
    data: TokenData,
    *,
    out: Path,
    held_out: TokenData | None = None,
    weights: Weights | None = None,
    tokenizer: Any = None,
    probe: VerdictProbe | None = None,
    identity: dict[str, Any] | None = None,
    describe: Callable[[Path, dict[str, Any]], None] | None = None,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    is_to_stop: IsToStop = lambda step, num_steps: False,
) -> Fitted:
    """Train `model` (changed in place) on `data` and write it to `out`/model; go on where `out` was left.

    Args:
        weights: of the loss on each kind of token, unless the options say; 1 for what is not a prefix or a prompt.
        tokenizer: saved beside every checkpoint.
        probe: where verdicts are, for their accuracy on held-out documents.
        identity: what else must be the same for a run to be gone on with, beside options and corpora.
        describe: writes further files, such as a model card, into a checkpoint; it gets the run's last figures.
        on_log: is called with every line of the log.
        is_to_stop: is asked before every step, with the steps that are done and all that there are; processes that
            train together must be told the same.

    Raises:
        TrainingStopped: it was to stop; a checkpoint is there, and the same call goes on from it.
        RecipeError: `out` holds another run, or the options do not fit one another or the data.
        TrainingError: the loss is no number; the last checkpoint is whole.
        OutputError: a checkpoint cannot be written; the last one is whole.
    """
    weights = options.data.weights or weights or Weights()
    run = _Run(options, model, data, held_out, weights, tokenizer, probe, out, identity or {}, describe, on_log)
    return run.to_the_end(is_to_stop)


class _Run:
    def __init__(
        self,
        options: FitOptions,
        model: Any,
        data: TokenData,
        held_out: TokenData | None,
        weights: Weights,
        tokenizer: Any,
        probe: VerdictProbe | None,
        out: Path,
        identity: dict[str, Any],
        describe: Callable[[Path, dict[str, Any]], None] | None,
        on_log: Callable[[int, dict[str, float]], None] | None,
    ) -> None:
        self.options, self.data, self.held_out, self.out = options, data, held_out, out
        self.tokenizer, self.probe, self.describe, self.on_log = tokenizer, probe, describe, on_log
        self.packing = pack(data, options.data.sequence_length, options.seed, options.data.packing)
        self.num_steps = num_steps(options, self.packing)
        self.identity = identity_of(options, data, held_out, weights, identity)
        self.weights = weights.by_kind()
        self.accelerator = accelerator_for(options, model)
        # What is compiled is compiled again for every length; a GPU's memory is planned for one.
        self.may_vary_length = self.accelerator.device.type == "cpu" and not options.loop.compile
        self._check_batches()
        self.plain = model  # as transformers has it: what is saved
        self.flops_per_token = model_flops_per_token(model, options.data.sequence_length)
        self._prepare(model)
        self.step, self.num_tokens, self.saved_step = 0, 0, 0
        self.last: dict[str, float] = {}

    def to_the_end(self, is_to_stop: IsToStop) -> Fitted:
        self._resume()
        loop = self.options.loop
        config = self.options.model_dump(mode="json")
        is_writer = self.accelerator.is_main_process
        with RunLog(self.out, self.options.log, self.step, config) if is_writer else nullcontext() as log:
            self.log = log
            self._measure_held_out_before_the_first()
            self._train(is_to_stop)
        kind = torch.bfloat16 if loop.precision == "bf16" else None
        checkpoint.save_model(self.out / MODEL, self.plain, is_writer, self._extra_files, kind)
        self.accelerator.wait_for_everyone()
        held_out = {n.removeprefix("held_out_"): v for n, v in self.last.items() if n.startswith("held_out_")}
        return Fitted(self.out / MODEL, self.step, self.num_tokens, self.last.get("loss", math.nan), held_out)

    def _train(self, is_to_stop: IsToStop) -> None:
        log, save = self.options.log, self.options.checkpoint
        since, tokens, spent = time.perf_counter(), 0, 0.0
        while self.step < self.num_steps:
            if is_to_stop(self.step, self.num_steps):
                self._stop()
            batch = self._batch(self.step)
            is_last = self.step + 1 == self.num_steps
            wants_log = (self.step + 1) % log.every == 0 or is_last
            figures = self._take_step(batch, wants_log)
            self.step += 1
            tokens += int((batch.documents >= 0).sum())
            if wants_log:
                spent = time.perf_counter() - since
                self._write(figures | self._speed(tokens, spent))
                since, tokens = time.perf_counter(), 0
            aside = time.perf_counter()
            if self.held_out is not None and (self.step % log.eval_every == 0 or is_last):
                self._measure_held_out()
            if self.step % save.every == 0 or is_last:
                self._save()
            since += time.perf_counter() - aside

    def _stop(self) -> NoReturn:
        if self.step > self.saved_step:
            self._save()
        raise TrainingStopped(f"stopped after step {self.step} of {self.num_steps}; begun again, it goes on from there")

    def _take_step(self, batch: Batch, wants_figures: bool) -> dict[str, float]:
        """Learn from a batch, and return the figures of it where they are wanted."""
        accelerator, options = self.accelerator, self.options
        rate = learning_rate(options.optimizer, self.step, self.num_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        total_weight = max(batch.total_weight, 1e-8)
        mine = self._share(batch)
        micro = min(options.loop.micro_batch_size or len(mine.ids), len(mine.ids))
        sums = Sums()
        loss = torch.zeros((), device=accelerator.device)
        for start in range(0, len(mine.ids), micro):
            part = mine.rows(start, start + micro)
            if self.may_vary_length:
                part = part.without_padding()
            is_last = start + micro >= len(mine.ids)
            with nullcontext() if is_last else accelerator.no_sync(self.model):
                total, of_token, _ = self.model(**on_device(part, accelerator.device))
                # DDP and FSDP average over processes, and each has only its share of the sum.
                accelerator.backward(total * (accelerator.num_processes / total_weight))
            loss += total.detach()
            if wants_figures:
                sums.add_losses(part, of_token.float().cpu().numpy())
        norm = accelerator.clip_grad_norm_(self.model.parameters(), options.optimizer.clip)
        loss = accelerator.reduce(loss, "sum") / total_weight
        self._check_numbers(float(loss), float(norm))
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)
        self.num_tokens += int((batch.documents >= 0).sum())
        if not wants_figures:
            return {}
        # All ranks' sums make the same loss as above.
        return self._reduced(sums).measures() | {"lr": rate, "grad_norm": float(norm)}

    def _check_numbers(self, loss: float, norm: float) -> None:
        if math.isfinite(loss) and math.isfinite(norm):
            return
        last = newest(self.out / CHECKPOINTS)
        kept = f"{last} is the last good checkpoint" if last else "no checkpoint was written yet"
        raise TrainingError(
            f"step {self.step + 1}: loss {loss:g}, gradient norm {norm:g}; {kept}; "
            "start anew with a lower optimizer.lr or a longer warmup"
        )

    def _batch(self, step: int) -> Batch:
        options = self.options
        rows = rows_of_step(self.packing, options.loop.batch_size, options.seed, step)
        shape = options.data
        return make_batch(self.data, rows, shape.sequence_length, self.weights, shape.document_masking)

    def _share(self, batch: Batch) -> Batch:
        share = len(batch.ids) // self.accelerator.num_processes
        first = self.accelerator.process_index * share
        return batch.rows(first, first + share)

    def _measure_held_out_before_the_first(self) -> None:
        if self.held_out is not None and self.step == 0:
            self._measure_held_out()

    def _measure_held_out(self) -> None:
        assert self.held_out is not None
        shape, most = self.options.data, self.options.log.eval_sequences
        packing = pack(self.held_out, shape.sequence_length, HELD_OUT, shape.packing)
        rows = rows_of_step(packing, min(most, packing.num_rows), HELD_OUT, 0)
        rank, world = self.accelerator.process_index, self.accelerator.num_processes
        at_once = self.options.loop.micro_batch_size or max(1, self.options.loop.batch_size // world)
        # FSDP's processes must make the same number of passes; an empty one takes part with the first rows, unweighted.
        batches = [
            make_batch(
                self.held_out,
                rows[start : start + at_once],
                shape.sequence_length,
                self.weights,
                shape.document_masking,
            )
            for start in range(0, len(rows), at_once)
        ]
        mine = batches[rank::world]
        if len(mine) < -(-len(batches) // world):
            mine.append(batches[0].without_weight())
        measures = self._reduced(evaluate(self.model, mine, self.probe, self.accelerator.device)).measures()
        self._write({f"held_out_{name}": value for name, value in measures.items()})

    def _reduced(self, sums: Sums) -> Sums:
        if self.accelerator.num_processes == 1:
            return sums
        values = torch.from_numpy(sums.values).to(self.accelerator.device, torch.float64)
        return Sums(np.asarray(self.accelerator.reduce(values, "sum").cpu().numpy()))

    def _speed(self, tokens: int, seconds: float) -> dict[str, float]:
        per_second = tokens / seconds
        device = self.accelerator.device
        name = torch.cuda.get_device_name(device) if device.type == "cuda" else ""
        peak = peak_flops(name, self.options.log.peak_tflops)
        found = {"tokens": float(self.num_tokens), "tokens_per_second": per_second}
        if peak is not None:
            found["mfu"] = per_second * self.flops_per_token / (peak * self.accelerator.num_processes)
        return found

    def _write(self, figures: dict[str, float]) -> None:
        self.last |= figures
        if self.log is not None:
            self.log.write(self.step, figures)
            if self.on_log is not None:
                self.on_log(self.step, figures)

    def _save(self) -> None:
        position = checkpoint.Position(self.step, self.num_tokens, self.identity)
        keep, is_writer = self.options.checkpoint.keep, self.accelerator.is_main_process
        checkpoint.save(
            self.out / CHECKPOINTS, self.plain, self.bare_optimizer, position, keep, is_writer, self._extra_files
        )
        self.accelerator.wait_for_everyone()
        self.saved_step = self.step

    def _extra_files(self, folder: Path) -> None:
        if self.tokenizer is not None:
            checkpoint.save_tokenizer(folder, self.tokenizer)
        if self.describe is not None:
            self.describe(folder, {"step": self.step, "num_tokens": self.num_tokens, **self.last})

    def _resume(self) -> None:
        found = newest(self.out / CHECKPOINTS)
        if found is None:
            return
        position = checkpoint.read_position(found, self.identity)
        checkpoint.restore(found, self.plain, self.bare_optimizer)
        self.step, self.num_tokens = position.step, position.tokens
        self.saved_step = self.step
        for line in read_log(self.out / LOG_NAME):
            if line["step"] <= self.step:
                self.last |= {name: value for name, value in line.items() if name != "step"}

    def _check_batches(self) -> None:
        world, batch = self.accelerator.num_processes, self.options.loop.batch_size
        if batch % world:
            raise RecipeError(f"loop.batch_size {batch} cannot be shared by {world} processes; choose a multiple")

    def _prepare(self, model: Any) -> None:
        whole, made = prepare(model, self.options)
        self.model, self.optimizer = self.accelerator.prepare(whole, made)
        self.bare_optimizer = self.optimizer.optimizer
