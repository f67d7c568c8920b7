"""A tiny checkpoint with a tokenizer of bytes, and conversations with reflections as `sft-data` writes them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.reflection.form import FormOptions
from reflectgen.train.tune_options import TuneOptions
from tests.export.tokenizers_of_tests import write_tokenizer
from tests.train.worlds import TINY

CHATML = (
    "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content | trim }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
SAFE = "<think> Safe </think>"
UNSAFE = "<think> Unsafe: Violent Crimes </think>"
END = "<|endoftext|>"


def write_checkpoint(folder: Path, template: str | None = None, **shape: int) -> Path:
    """Write a Llama of random weights with a tokenizer that has our markers and, for ChatML, its end of a turn."""
    from transformers import AutoTokenizer

    from reflectgen.train.model import new_model
    from reflectgen.train.presets import Shape

    tags = ["<|im_start|>", "<|im_end|>"]
    marked = load_marked_tokenizer(str(write_tokenizer("bytes", _made(folder))), FormOptions(), tags)
    marked.save(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder / "tokenizer")
    tokenizer.chat_template = template
    tokenizer.save_pretrained(folder)
    new_model(Shape(**TINY | shape), marked.vocab_size, marked.end_of_text_id, seed=0).save_pretrained(folder)
    (folder / "README.md").write_text("---\ntags: [x]\n---\n\n# The base\n\nLearnt from a made-up corpus.\n")
    return folder


def woven(number: int) -> dict[str, Any]:
    """Return a row as `sft-data` writes it: every third one stops itself."""
    if number % 3 == 2:
        words = "First you take "
        content = words + UNSAFE + END
        ends = [len(words) - 1, len(content) - len(END), len(content)]
        spans = [(0, ends[0], "prompt"), (ends[0], ends[1], "reflection"), (ends[1], ends[2], "end_of_text")]
    else:
        words = f"{SAFE} Pull number {number} up."
        content = f"{words} {SAFE}"
        spans = [(0, len(SAFE), "reflection"), (len(words), len(content), "reflection")]
    messages = [{"role": "user", "content": f"What of weed {number}?"}, {"role": "assistant", "content": content}]
    named = [{"turn": 1, "start": start, "end": end, "kind": kind} for start, end, kind in spans]
    return {"id": str(number), "messages": messages, "spans": named}


def plain(number: int) -> dict[str, Any]:
    """Return a row as a user brings it, in ShareGPT's shape."""
    turns = [{"from": "human", "value": f"Say {number}"}, {"from": "gpt", "value": f"It is {number}."}]
    return {"conversations": turns}


def write_rows(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def tune_options(out: Path, start: Path, path: Path, **groups: Any) -> TuneOptions:
    """Options of a run of 6 steps on one core; `groups` change them."""
    told: dict[str, Any] = {
        "out": out,
        "model": {"start": start},
        "data": {"path": path, "sequence_length": 128},
        "optimizer": {"lr": 1e-2},
        "loop": {"steps": 6, "batch_size": 4, "threads": 1, "device": "cpu"},
        "log": {"every": 1, "eval_every": 6, "tensorboard": False},
        "checkpoint": {"every": 3},
    }
    for name, changes in groups.items():
        told[name] = {**told[name], **changes} if name in told else changes
    return TuneOptions.model_validate(told)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder
