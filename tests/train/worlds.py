"""A small corpus with reflections, and options that train on it in a second."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

from reflectgen.export.kinds import Kind
from reflectgen.export.token_shards import TokenShards, TokenShardsWriter
from reflectgen.train.options import FitOptions

END, OPEN, SAFE, UNSAFE, CLOSE = range(5)
VOCAB_SIZE = 40
Document = tuple[list[int], list[int]]


def make_documents(num_documents: int, seed: int = 0) -> list[Document]:
    """Texts that count up from a number, safe where they stay below 20 or so, unsafe where they begin above."""
    chance = random.Random(seed)
    documents = []
    for _ in range(num_documents):
        unsafe, length = chance.random() < 0.3, chance.randrange(3, 12)
        first = chance.randrange(22, 28) if unsafe else chance.randrange(5, 11)
        text = [first + place for place in range(length)]
        verdict = UNSAFE if unsafe else SAFE
        documents.append(([*text, OPEN, verdict, CLOSE], [Kind.TEXT] * length + [Kind.REFLECTION] * 3))
    return documents


def write_corpus(folder: Path, num_documents: int = 200, seed: int = 0, **about: Any) -> TokenShards:
    with TokenShardsWriter(folder, vocab_size=VOCAB_SIZE, end_of_text_id=END, num_shards=2, **about) as writer:
        for ids, kinds in make_documents(num_documents, seed):
            writer.add(ids, kinds)
    return TokenShards.open(folder)


TINY = {"hidden_size": 32, "num_layers": 2, "num_heads": 2, "intermediate_size": 64}


def fit_options(**groups: dict[str, Any]) -> FitOptions:
    """Options of a run of 12 steps on one core; `groups` change them."""
    told: dict[str, dict[str, Any]] = {
        "data": {"sequence_length": 32},
        "loop": {"steps": 12, "batch_size": 4, "threads": 1, "device": "cpu"},
        "log": {"every": 1, "eval_every": 6, "tensorboard": False},
        "checkpoint": {"every": 4},
    }
    for name, changes in groups.items():
        told[name] = told.get(name, {}) | changes
    return FitOptions.model_validate(told)
