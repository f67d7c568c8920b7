"""The model card: what the model was learnt from, how, and what it was measured to be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from reflectgen import __version__
from reflectgen.export.token_manifest import TokenManifest
from reflectgen.train.options import FitOptions


def write_card(
    folder: Path, corpus: TokenManifest, corpus_sha256: str, options: FitOptions, figures: dict[str, Any]
) -> None:
    """Write README.md into a model's folder."""
    lines = [
        "---",
        "library_name: transformers",
        "pipeline_tag: text-generation",
        "tags: [reflectgen, safety-reflection-pretraining]",
        "---",
        "",
        "# A model trained with reflectgen",
        "",
        "It writes safety reflections about its own text, in the form of Safety Reflection Pretraining",
        "(arXiv 2606.19168); a reader should be shown only what a reflection has called safe.",
        "",
        "| learnt from | |",
        "|---|---|",
        f"| arm | {corpus.arm} |",
        f"| manifest of the token shards, SHA-256 | `{corpus_sha256}` |",
        f"| export, SHA-256 of its contents | `{corpus.source_manifest_sha256 or 'none'}` |",
        f"| tokenizer, SHA-256 | `{corpus.tokenizer.sha256 if corpus.tokenizer else 'none'}` |",
        f"| documents, tokens | {corpus.num_documents:,}, {corpus.num_tokens:,} |",
        *(f"| of them {kind.replace('_', ' ')} | {num:,} |" for kind, num in corpus.tokens_by_kind.items() if num),
        "",
        *measured_and_made(figures, options),
        "The corpus was made with this recipe:",
        "",
        *fenced_json(corpus.recipe),
        "",
    ]
    (folder / "README.md").write_text("\n".join(lines), encoding="utf-8")


def measured_and_made(figures: dict[str, Any], options: FitOptions) -> list[str]:
    """Return the part of every card that says what a run measured last, and with which options it ran."""
    rows = [f"| {name.replace('_', ' ')} | {_shown(value)} |" for name, value in figures.items() if _is_steady(name)]
    made = [f"Made by reflectgen {__version__} with these options:", "", *fenced_json(options.model_dump(mode="json"))]
    return ["| measured at the end | |", "|---|---|", *rows, "", *made, ""]


def _is_steady(name: str) -> bool:
    """Whether a figure says something of the model, and not of the machine's hour."""
    return name not in ("tokens_per_second", "mfu", "lr", "grad_norm", "tokens")


def fenced_json(value: Any) -> list[str]:
    """Return a value as a block of JSON in Markdown."""
    return ["```json", json.dumps(value, indent=2, ensure_ascii=False, default=str).replace("```", "'''"), "```"]


def _shown(value: float) -> str:
    return f"{value:,}" if isinstance(value, int) else f"{value:.4f}"
