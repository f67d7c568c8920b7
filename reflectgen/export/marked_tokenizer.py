"""A Hugging Face tokenizer with our markers as single tokens: loaded, enlarged where it lacks one, saved beside."""

from __future__ import annotations

import hashlib
import json
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import tokenizers

from reflectgen.errors import InputError
from reflectgen.export.token_manifest import TOKENIZER_FOLDER, TOKENIZER_NAME, TokenFile
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

_ON_THE_HUB = re.compile(r"[\w.-]+(/[\w.-]+)?(?<!\.json)")
_CONFIG = "tokenizer_config.json"
# What else a tokenizer's folder holds that belongs to it; vocabularies in other forms do not know our markers.
_BESIDE = (_CONFIG, "special_tokens_map.json", "chat_template.jinja", "generation_config.json")


@dataclass(frozen=True, slots=True)
class MarkedTokenizer:
    """A tokenizer in which every marker is one token; `content` is its tokenizer.json, `added` what it lacked.

    `vocab_size` is one more than its highest id. `beside` are other files of its folder, by name.
    """

    content: str
    marker_ids: dict[str, int]
    end_of_text: str
    vocab_size: int
    added: tuple[str, ...]
    beside: dict[str, bytes]

    @property
    def end_of_text_id(self) -> int:
        return self.marker_ids[self.end_of_text]

    @property
    def sha256(self) -> str:
        return hashlib.sha256(self.content.encode()).hexdigest()

    def entry(self) -> TokenFile:
        return TokenFile(path=TOKENIZER_NAME, sha256=self.sha256, num_bytes=len(self.content.encode()))

    def save(self, folder: Path) -> None:
        """Write the tokenizer's own folder within `folder`; transformers' `AutoTokenizer` loads it.

        Raises:
            OutputError: the folder cannot be written.
        """
        config = _with_end_of_text(self.beside.get(_CONFIG, b"{}"), self.end_of_text)
        files = {**self.beside, _CONFIG: config, "tokenizer.json": self.content.encode()}
        for name, content in files.items():
            with whole_file(folder / TOKENIZER_FOLDER / name) as partial:
                partial.write_bytes(content)


def load_marked_tokenizer(name: str, form: FormOptions, tags: Sequence[str] = ()) -> MarkedTokenizer:
    """Load a tokenizer.json, a folder with one, or a name on the Hugging Face Hub, and add what is missing.

    `tags` are further texts, besides the form's markers, that are to be single tokens.

    Raises:
        InputError: there is no such tokenizer, or it cannot be read.
    """
    content, beside = _found(name)
    try:
        tokenizer = tokenizers.Tokenizer.from_str(content)
    except Exception as error:  # the library raises nothing narrower
        raise InputError(f"{name} is not a tokenizer that this version of tokenizers reads: {error}") from None
    wanted = list(dict.fromkeys([form.open_marker, form.close_marker, *tags, form.end_of_text]))
    there = {token.content for token in tokenizer.get_added_tokens_decoder().values()}
    known = tokenizer.get_vocab()
    for marker in wanted:
        if marker not in there:
            # What reads reflections must see them, so only the end-of-text is one of those that decoding may skip.
            token = tokenizers.AddedToken(marker, normalized=False, special=marker == form.end_of_text)
            (tokenizer.add_special_tokens if token.special else tokenizer.add_tokens)([token])
    vocabulary = tokenizer.get_vocab()
    return MarkedTokenizer(
        content=tokenizer.to_str(pretty=True),
        marker_ids={marker: vocabulary[marker] for marker in wanted},
        end_of_text=form.end_of_text,
        vocab_size=1 + max(vocabulary.values()),
        added=tuple(marker for marker in wanted if marker not in known),
        beside=beside,
    )


def _found(name: str) -> tuple[str, dict[str, bytes]]:
    path = Path(name)
    if not path.exists() and _ON_THE_HUB.fullmatch(name):
        return _from_hub(name)
    file = path / "tokenizer.json" if path.is_dir() else path
    try:
        content = file.read_text(encoding="utf-8")
        beside = {n: (path / n).read_bytes() for n in _BESIDE if (path / n).is_file()} if path.is_dir() else {}
    except OSError as error:
        advice = "name a tokenizer.json or a folder with one"
        raise InputError(f"cannot read the tokenizer {file}: {error.strerror}; {advice}") from error
    except UnicodeDecodeError:
        raise InputError(f"{file} is not a tokenizer.json: it is not UTF-8; name a tokenizer.json") from None
    return content, beside


def _from_hub(name: str) -> tuple[str, dict[str, bytes]]:
    advice = "name a tokenizer.json or a folder with one"
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise InputError(f"there is no tokenizer {name}, and transformers is not here to fetch it; {advice}") from None
    try:
        with tempfile.TemporaryDirectory() as folder:
            AutoTokenizer.from_pretrained(name).save_pretrained(folder)
            return _found(folder)
    except Exception as error:  # whatever the network, the Hub or the files bring about
        reason = str(error).strip().split("\n")[0][:200]
        raise InputError(f"there is no tokenizer {name} here or on the Hub ({reason}); {advice}") from None


def _with_end_of_text(config: bytes, end_of_text: str) -> bytes:
    """Return the configuration with what makes `AutoTokenizer` take tokenizer.json as it is, and know its end."""
    said: dict[str, Any] = json.loads(config)
    said = {"eos_token": end_of_text, **said, "tokenizer_class": "PreTrainedTokenizerFast"}
    said.pop("auto_map", None)  # code of somebody's that would build another tokenizer
    return (json.dumps(said, indent=2, ensure_ascii=False) + "\n").encode()
