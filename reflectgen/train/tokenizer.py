"""A tokenizer of one's own, for small worlds: byte-level BPE, so that any text has ids and comes back unchanged."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path

from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file


def train_tokenizer(texts: Iterable[str], folder: Path, vocab_size: int, form: FormOptions) -> int:
    """Learn a tokenizer in which the form's markers are single tokens; write it, and return its number of ids.

    The folder is one that `AutoTokenizer` loads. Fewer ids than `vocab_size` come of a text that has no more.

    Raises:
        OutputError: the folder cannot be written.
    """
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocab_size,
        special_tokens=[form.end_of_text, form.open_marker, form.close_marker],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(texts, trainer)
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "bos_token": form.end_of_text,
        "eos_token": form.end_of_text,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1_000_000,
    }
    for name, content in (("tokenizer.json", tokenizer.to_str(pretty=True)), ("tokenizer_config.json", _json(config))):
        with whole_file(folder / name) as partial:
            partial.write_text(content, encoding="utf-8")
    return int(tokenizer.get_vocab_size())


def _json(value: object) -> str:
    return json.dumps(value, indent=2) + "\n"
