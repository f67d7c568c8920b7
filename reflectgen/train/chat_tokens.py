"""Conversations become tokens by a checkpoint's own tokenizer and chat template."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reflectgen.errors import InputError
from reflectgen.export.marked_tokenizer import MarkedTokenizer, load_marked_tokenizer
from reflectgen.export.plain_tokenizer import is_bracketed
from reflectgen.export.tokenise import Tokeniser
from reflectgen.reflection.form import FormOptions
from reflectgen.train.chat_template import ChatTemplate, simple_template
from reflectgen.train.conversations import Conversation
from reflectgen.train.data import TokenArrays


@dataclass(frozen=True, slots=True)
class ChatTokenizer:
    """A checkpoint's tokenizer: `marked` for texts that nobody vouches for, `tokenizer` as transformers has it.

    `tokenizer` has a chat template, ours where the checkpoint had none.
    """

    marked: MarkedTokenizer
    tokenizer: Any
    form: FormOptions

    @property
    def template(self) -> ChatTemplate:
        return ChatTemplate(self.tokenizer, self.form, list(self.marked.marker_ids))

    @property
    def end_ids(self) -> list[int]:
        """The ids that end an answer: the end of text, and what the template writes after one."""
        turn_end = self.template.turn_end or self.marked.end_of_text
        return sorted({self.marked.end_of_text_id, self.marked.marker_ids[turn_end]})

    @property
    def identity(self) -> dict[str, str]:
        template = hashlib.sha256(str(self.tokenizer.chat_template).encode()).hexdigest()
        return {"tokenizer": self.marked.sha256, "chat_template": template}

    def tokenise(self, conversations: Iterable[Conversation]) -> TokenArrays:
        """Return the tokens of conversations, each a document.

        Raises:
            InputError: the template refuses one.
        """
        template = self.template
        marked = (template.marked(conversation) for conversation in conversations)
        tokens = Tokeniser(self.marked, self.form).tokenise_marked(marked)
        return TokenArrays(tokens, self.marked.end_of_text_id)


def load_chat_tokenizer(checkpoint: Path, form: FormOptions) -> ChatTokenizer:
    """Return the tokenizer of a Hugging Face folder.

    Raises:
        InputError: there is no such folder, or its tokenizer cannot be read or lacks a marker.
    """
    from transformers import AutoTokenizer

    if not (checkpoint / "config.json").is_file():
        raise InputError(f"there is no checkpoint in {checkpoint}: it has no config.json; name a Hugging Face folder")
    marked = load_marked_tokenizer(str(checkpoint), form)
    if marked.added:
        raise InputError(
            f"the tokenizer of {checkpoint} has no token {', '.join(marked.added)}: "
            "start from a model that was trained with reflections (`reflectgen train`), or set [form]"
        )
    try:
        tokenizer = AutoTokenizer.from_pretrained(checkpoint, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise InputError(f"cannot load the tokenizer of {checkpoint}: {str(error).partition(chr(10))[0]}") from error
    if tokenizer.chat_template is None:
        tokenizer.chat_template = simple_template(form.end_of_text)
    # What the template spells of these is meant; all else that spells them is text.
    controls = {
        token["content"]: token["id"]
        for token in json.loads(marked.content)["added_tokens"]
        if token["special"] or is_bracketed(token["content"])
    }
    return ChatTokenizer(replace(marked, marker_ids=controls | marked.marker_ids), tokenizer, form)
