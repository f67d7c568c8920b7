"""The card of a fine-tuned model: what it started from, what it learnt, how, and the card of what it started from."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from reflectgen.export.kinds import Kind
from reflectgen.train.card import fenced_json, measured_and_made
from reflectgen.train.conversations import ChatFile
from reflectgen.train.data import TokenArrays
from reflectgen.train.tune_options import TuneOptions

_FRONT_MATTER = re.compile(r"\A---\n.*?\n---\n", re.DOTALL)


@dataclass(frozen=True, slots=True)
class TuneCard:
    """What is known before the first step; `figures` are the run's last ones, and change."""

    options: TuneOptions
    files: Sequence[ChatFile]
    data: TokenArrays
    base_sha256: str

    def write(self, folder: Path, figures: dict[str, Any]) -> None:
        """Write README.md into a model's folder."""
        options, data = self.options, self.data
        how = "every weight" if options.lora is None else f"LoRA of rank {options.lora.rank}"
        counts = np.bincount(data.kinds(0, data.num_tokens), minlength=len(Kind))
        lines = [
            "---",
            "library_name: transformers",
            "pipeline_tag: text-generation",
            "tags: [reflectgen, safety-reflection-pretraining]",
            "---",
            "",
            "# A model fine-tuned with reflectgen",
            "",
            "It writes safety reflections about its own text, in the form of Safety Reflection Pretraining",
            "(arXiv 2606.19168); a reader should be shown only what a reflection has called safe.",
            "",
            "| | |",
            "|---|---|",
            f"| started from | {options.model.start.name} |",
            f"| its weights, SHA-256 | `{self.base_sha256}` |",
            f"| learnt | {how} |",
            *(row for file in self.files for row in _rows_of(file)),
            f"| conversations, tokens | {data.num_documents:,}, {data.num_tokens:,} |",
            *(f"| of them {kind.name.lower().replace('_', ' ')} | {counts[kind]:,} |" for kind in Kind if counts[kind]),
            f"| conversations cut, as longer than a sequence | {num_longer(data, options.data.sequence_length):,} |",
            "",
            *measured_and_made(figures, options),
            *(line for file in self.files if file.manifest for line in _made_by(file)),
            *_of_base(options.model.start),
        ]
        (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def num_longer(data: TokenArrays, length: int) -> int:
    """Return how many documents are longer than a sequence."""
    return int((np.diff(data.document_ends, prepend=0) > length).sum())


def weights_sha256(folder: Path) -> str:
    """Return one hash of all weights of a Hugging Face folder."""
    whole = hashlib.sha256()
    for path in sorted([*folder.glob("*.safetensors"), *folder.glob("*.bin")]):
        with path.open("rb") as file:
            whole.update(hashlib.file_digest(file, "sha256").digest())
    return whole.hexdigest()


def _rows_of(file: ChatFile) -> list[str]:
    rows = [f"| {file.path.name}, SHA-256 | `{file.sha256}` |"]
    if file.manifest is not None:
        rows.append(f"| manifest of its `sft-data`, SHA-256 | `{file.manifest_sha256}` |")
    return rows


def _made_by(file: ChatFile) -> list[str]:
    assert file.manifest is not None
    recipe = {"options": file.manifest.options.model_dump(mode="json"), "recipe": file.manifest.recipe}
    return [f"The reflections of {file.path.name} were made with this recipe:", "", *fenced_json(recipe), ""]


def _of_base(folder: Path) -> list[str]:
    try:
        card = (folder / "README.md").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ["What it started from has no card.", ""]
    body = _FRONT_MATTER.sub("", card).strip()
    return ["## The card of what it started from", "", *(f"> {line}".rstrip() for line in body.splitlines()), ""]
