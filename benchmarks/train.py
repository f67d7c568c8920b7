"""The trainer beside a plain Hugging Face Trainer and a nanoGPT-style loop: same model, same batch, one core, float32.

    python -m benchmarks.train

Each contender is a process of its own, in turn, twice; the faster time counts. Needs the extra `train`.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.processes import own_peak_mb
from benchmarks.report import REPOSITORY, Bar, report

WARM, STEPS, ROWS, LENGTH, VOCAB_SIZE = 3, 18, 8, 256, 2048
CONTENDERS = ("reflectgen", "reflectgen_masked", "trainer", "nanogpt")
ROUNDS = 2


def main() -> int:
    best: dict[str, float] = {}
    peak: dict[str, float] = {}
    for _ in range(ROUNDS):
        for name in CONTENDERS:
            done = subprocess.run(
                [sys.executable, "-m", "benchmarks.train", name],
                cwd=REPOSITORY,
                capture_output=True,
                text=True,
                check=True,
            )
            figures = json.loads(done.stdout.splitlines()[-1])
            best[name] = max(best.get(name, 0.0), figures["tokens_per_second"])
            peak[name] = max(peak.get(name, 0.0), figures["peak_mb"])
    shown = {f"{name}_tokens_per_second": round(value) for name, value in best.items()}
    shown |= {f"{name}_peak_mb": round(value) for name, value in peak.items()}
    bars = [
        Bar("tokens/s beside a Hugging Face Trainer", best["reflectgen"] / best["trainer"], ">=", 1.0),
        Bar("tokens/s beside a nanoGPT-style loop", best["reflectgen"] / best["nanogpt"], ">=", 0.9),
    ]
    return 0 if report("train", shown, bars) else 1


def contend(name: str) -> None:
    import torch

    from reflectgen.train.model import new_model
    from reflectgen.train.presets import PRESETS

    torch.set_num_threads(1)
    model = new_model(PRESETS["nano"], VOCAB_SIZE, 0, seed=0)
    ids = np.random.default_rng(0).integers(1, VOCAB_SIZE, ROWS * LENGTH * 8)
    run = {"trainer": with_trainer, "nanogpt": with_loop}.get(name)
    seconds = run(model, ids) if run else with_ours(model, ids, name == "reflectgen_masked")
    # In kilobytes on Linux; torch and transformers themselves are some 600 MB of it.
    figures = {
        "tokens_per_second": ROWS * LENGTH * (STEPS - WARM) / seconds,
        "peak_mb": own_peak_mb(),
    }
    print(json.dumps(figures))


def with_ours(model: Any, ids: np.ndarray, masked: bool) -> float:
    from reflectgen.train.data import TokenArrays
    from reflectgen.train.loop import fit
    from reflectgen.train.options import FitOptions

    documents = [(part, np.zeros(len(part))) for part in np.array_split(ids, len(ids) // 100)]
    options = FitOptions.model_validate(
        {
            "data": {"sequence_length": LENGTH, "document_masking": masked},
            "loop": {"steps": STEPS, "batch_size": ROWS, "threads": 1, "device": "cpu"},
            "log": {"every": WARM, "tensorboard": False},
        }
    )
    at: dict[int, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        fit(
            options,
            model,
            TokenArrays(documents, 0),
            out=Path(folder),
            on_log=lambda step, figures: at.setdefault(step, time.perf_counter()) and None,
        )
    return at[STEPS] - at[WARM]


def with_trainer(model: Any, ids: np.ndarray) -> float:
    from transformers import Trainer, TrainerCallback, TrainingArguments

    rows = [{"input_ids": row, "labels": row} for row in ids.reshape(-1, LENGTH).tolist()]
    at: dict[int, float] = {}

    class Clock(TrainerCallback):
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:
            at[state.global_step] = time.perf_counter()

    with tempfile.TemporaryDirectory() as folder:
        arguments = TrainingArguments(
            output_dir=folder,
            max_steps=STEPS,
            per_device_train_batch_size=ROWS,
            optim="adamw_torch_fused",
            learning_rate=3e-3,
            lr_scheduler_type="constant",
            max_grad_norm=1.0,
            use_cpu=True,
            save_strategy="no",
            logging_strategy="no",
            report_to=[],
            disable_tqdm=True,
        )
        Trainer(model=model, args=arguments, train_dataset=rows, callbacks=[Clock()]).train()
    return at[STEPS] - at[WARM]


def with_loop(model: Any, ids: np.ndarray) -> float:
    """The loop of karpathy/nanoGPT's train.py, less what it logs and saves."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3, betas=(0.9, 0.95), weight_decay=0.1, fused=True)
    chance, started = np.random.default_rng(1), 0.0
    for step in range(STEPS):
        if step == WARM:
            started = time.perf_counter()
        places = chance.integers(0, len(ids) - LENGTH - 1, ROWS)
        given = torch.stack([torch.from_numpy(ids[place : place + LENGTH]) for place in places])
        wanted = torch.stack([torch.from_numpy(ids[place + 1 : place + 1 + LENGTH]) for place in places])
        logits = model(input_ids=given, use_cache=False).logits
        loss = torch.nn.functional.cross_entropy(logits.view(-1, logits.shape[-1]), wanted.view(-1))
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        optimizer.zero_grad(set_to_none=True)
        loss.item()
    return time.perf_counter() - started


if __name__ == "__main__":
    parser = argparse.ArgumentParser(prog="python -m benchmarks.train", description=__doc__)
    parser.add_argument("contender", nargs="?", choices=CONTENDERS, help="measure this one alone, in this process")
    chosen = parser.parse_args().contender
    sys.exit(contend(chosen) if chosen else main())
