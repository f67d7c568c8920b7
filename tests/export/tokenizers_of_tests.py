"""Three small tokenizers, trained on this repository's own documentation, each awkward in its own way."""

from __future__ import annotations

import json
from functools import cache
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers

NAMES = ("bytes", "unigram", "wordpiece")
DOCS = Path(__file__).parents[2] / "docs"


def write_tokenizer(name: str, folder: Path) -> Path:
    """Write a tokenizer.json into a folder and return its path."""
    path = folder / f"{name}.json"
    path.write_text(_TRAINED[name](), encoding="utf-8")
    return path


@cache
def byte_level() -> str:
    """Bytes, as GPT-2 has them, without <think>; four spaces are a token, and so are the marks of a chat and tools."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    _train(tokenizer, trainers.BpeTrainer(vocab_size=600, initial_alphabet=alphabet, show_progress=False))
    tokenizer.add_special_tokens(["<|endoftext|>", "<|im_start|>"])
    tokenizer.add_tokens([AddedToken("    ", normalized=True), AddedToken("<tool_call>", normalized=False), "[INST]"])
    end = tokenizer.token_to_id("<|endoftext|>")
    tokenizer.post_processor = processors.TemplateProcessing(
        single="<|endoftext|> $A", special_tokens=[("<|endoftext|>", end)]
    )
    tokenizer.enable_truncation(4)
    tokenizer.enable_padding(length=64)
    return tokenizer.to_str()


@cache
def unigram() -> str:
    """Sentence pieces with <think>, a space before a document alone, and control tokens that its model could find."""
    tokenizer = Tokenizer(models.Unigram())
    tokenizer.normalizer = normalizers.NFKC()
    tokenizer.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="first")
    tokenizer.decoder = decoders.Metaspace()
    special = ["<unk>", "</s>", "<s>", "<think>", "</think>"]
    _train(
        tokenizer,
        trainers.UnigramTrainer(vocab_size=500, special_tokens=special, unk_token="<unk>", show_progress=False),
    )
    return tokenizer.to_str()


@cache
def wordpiece() -> str:
    """Words in lower case, without white space and without a way to spell what it does not know."""
    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    _train(
        tokenizer,
        trainers.WordPieceTrainer(vocab_size=700, special_tokens=["[UNK]", "[CLS]", "</s>"], show_progress=False),
    )
    return tokenizer.to_str()


_TRAINED = {"bytes": byte_level, "unigram": unigram, "wordpiece": wordpiece}


def _train(tokenizer: Tokenizer, trainer: trainers.Trainer) -> None:
    tokenizer.train_from_iterator([path.read_text(encoding="utf-8") for path in sorted(DOCS.glob("f*.md"))], trainer)


def control_ids(content: str, unknown: str) -> set[int]:
    """Return the ids of a tokenizer.json that text must not come out as, found without the code under test."""
    added = json.loads(content)["added_tokens"]
    return {token["id"] for token in added if token["content"].strip() and token["content"] != unknown}
