"""The world's own tokenizer: a token a word, and in compounds' names a token a syllable, as in `car ##vo ##rai ##don`.

A vocabulary of some hundreds of tokens keeps a model of a few hundred thousand parameters from being all embeddings,
and a name is something to be spelled out, not one token that could be guessed. White space is no token.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from pathlib import Path

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

from reflectgen.evals.medsafetyworld import names
from reflectgen.evals.medsafetyworld.templates import Direction, headings, pool
from reflectgen.evals.medsafetyworld.wording import MORE, QUESTIONS, REFUSALS, answers
from reflectgen.evals.medsafetyworld.world import Kind
from reflectgen.export.arms.random_tag import TAG
from reflectgen.reflection.form import FormOptions
from reflectgen.reflection.taxonomy import CATEGORY_NAMES, VERDICT_NAMES
from reflectgen.shards import whole_file

USER, ASSISTANT = "<|user|>", "<|assistant|>"  # open a turn of a dialogue
UNKNOWN = "[UNK]"
CHAT_TEMPLATE = (
    "{% for message in messages %}{{ ('<|user|> ' if message.role == 'user' else '<|assistant|> ') + message.content }}"
    "{% if not loop.last %}{{ ' ' }}{% elif message.role != 'user' %}{{ ' <|endoftext|>' }}{% endif %}{% endfor %}"
    "{% if add_generation_prompt %}{{ ' <|assistant|>' }}{% endif %}"
)

_PIECE = re.compile(r"\w+|[^\w\s]")
_SLOT = re.compile(r"\{\w\}")


def world_tokenizer(form: FormOptions) -> Tokenizer:
    """Return the tokenizer, the same for every world and arm; markers, roles and the random tag are a token each."""
    pieces = dict.fromkeys([UNKNOWN, *names.HEADS])
    pieces |= dict.fromkeys(f"##{part}" for part in (*names.MIDDLES, *names.TAILS))
    pieces |= dict.fromkeys(sorted({piece for text in _all_wording() for piece in _PIECE.findall(text)}))
    vocabulary = {piece: number for number, piece in enumerate(pieces)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token=UNKNOWN, max_input_chars_per_word=100))
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.WhitespaceSplit(), pre_tokenizers.Punctuation("isolated")]
    )
    tokenizer.decoder = decoders.WordPiece(prefix="##", cleanup=True)
    special = [form.end_of_text, form.open_marker, form.close_marker, USER, ASSISTANT, TAG]
    tokenizer.add_special_tokens([AddedToken(token, normalized=False, special=True) for token in special])
    return tokenizer


def save_tokenizer(form: FormOptions, folder: Path) -> Path:
    """Write the tokenizer into a folder that transformers' `AutoTokenizer` loads.

    Raises:
        OutputError: the folder cannot be written.
    """
    config = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "eos_token": form.end_of_text,
        "pad_token": form.end_of_text,
        "unk_token": UNKNOWN,
        "clean_up_tokenization_spaces": False,
        "model_max_length": 1 << 20,
        "chat_template": CHAT_TEMPLATE.replace("<|endoftext|>", form.end_of_text),
    }
    for name, text in (
        ("tokenizer.json", world_tokenizer(form).to_str(pretty=True)),
        ("tokenizer_config.json", json.dumps(config, indent=1)),
    ):
        with whole_file(folder / name) as partial:
            partial.write_text(text, encoding="utf-8")
    return folder


def _all_wording() -> Iterable[str]:
    """Yield every text that can be written, names of compounds left out."""
    yield " ".join(names.all_words())
    yield " ".join((*VERDICT_NAMES.values(), *CATEGORY_NAMES.values(), "with"))
    for kind in (Kind.SINGLE, Kind.CHAIN):
        for direction in Direction:
            yield from (_SLOT.sub(" ", template.text) for template in pool(kind, direction).templates)
        for direction in QUESTIONS:
            yield from (_SLOT.sub(" ", text) for text in (*QUESTIONS[direction], *answers(kind, direction)))
    yield from (_SLOT.sub(" ", heading) for heading in headings())
    yield from (*MORE, *REFUSALS)
