"""A corpus of tokens with its tokenizer, a file of options, and `reflectgen train` as a person calls it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reflectgen.cli import main
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import open_woven
from reflectgen.reflection.form import FormOptions
from tests.export.making import corpus, export
from tests.export.tokenizers_of_tests import write_tokenizer
from tests.train.worlds import TINY


def write_tokens(folder: Path, tokenizer: Path | None = None, num_documents: int = 20) -> Path:
    """Weave and tokenise the small corpus; return the folder that `data.path` names."""
    folder.mkdir(parents=True)
    form = FormOptions()
    export(folder, [Format.JSONL], form, corpus(num_documents))
    marked = load_marked_tokenizer(str(tokenizer or write_tokenizer("bytes", folder.parent)), form)
    export_tokens(open_woven(folder), folder, [TokenFormat.TOKENS], Making(marked, form, Weights()))
    return folder / "tokens"


def write_config(path: Path, tokens: Path, out: Path, **groups: dict[str, Any]) -> Path:
    """Write the options of a run of 4 steps that saves every second; `groups` change them."""
    told: dict[str, dict[str, Any]] = {
        "data": {"path": str(tokens), "sequence_length": 32},
        "model": {"shape": TINY},
        "loop": {"steps": 4, "batch_size": 2, "threads": 1, "device": "cpu"},
        "log": {"every": 1, "eval_every": 2, "tensorboard": False},
        "checkpoint": {"every": 2},
    }
    for name, changes in groups.items():
        told[name] = told.get(name, {}) | changes
    path.parent.mkdir(parents=True, exist_ok=True)
    lines = [f"out = {json.dumps(str(out))}"]
    for name, options in told.items():
        lines += [f"[{name}]", *(f"{key} = {_toml(value)}" for key, value in options.items() if value is not None)]
    path.write_text("\n".join(lines) + "\n")
    return path


def _toml(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key} = {_toml(inner)}" for key, inner in value.items()) + "}"
    return json.dumps(value)


def said_of(capsys: Any, *arguments: object) -> tuple[int, list[str]]:
    """Run a command; return its exit code, and what it wrote to stderr by line."""
    capsys.readouterr()
    code = main(list(map(str, arguments)))
    return code, capsys.readouterr().err.splitlines()
