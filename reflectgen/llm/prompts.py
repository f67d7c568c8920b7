"""Prompts are files of the package `prompts`, and their variables are strict.

A prompt is Markdown cut into messages by the lines `=== system ===` and `=== user ===`. `{{ name }}` is a variable: all
must be given, no other may be, and what is put in is never looked at again, so that a value cannot smuggle one in.
"""

from __future__ import annotations

import hashlib
import importlib.resources
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import NoReturn

from reflectgen.errors import PromptError
from reflectgen.llm.completion import Message

NAME = re.compile(r"[a-z0-9_]+(/[a-z0-9_]+)*")
HEADING = re.compile(r"^=== (system|user) ===$", re.MULTILINE)
VARIABLE = re.compile(r"\{\{ ([a-z][a-z0-9_]*) \}\}")


@dataclass(frozen=True, slots=True)
class Prompt:
    """A prompt file. `sha256` is that of its bytes; `parts` are (role, text) in order."""

    name: str
    sha256: str
    parts: tuple[tuple[str, str], ...]
    variables: frozenset[str] = field(init=False)
    _pieces: tuple[tuple[str, list[str]], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Once, for a prompt is rendered for every chunk: texts at even places, names of variables at odd ones.
        pieces = tuple((role, VARIABLE.split(text)) for role, text in self.parts)
        object.__setattr__(self, "_pieces", pieces)
        object.__setattr__(self, "variables", frozenset(name for _, split in pieces for name in split[1::2]))

    def render(self, **variables: str) -> tuple[Message, ...]:
        """Return the messages with `variables` put in.

        Raises:
            PromptError: a variable is missing, or one is given that the prompt does not have.
        """
        if self.variables != variables.keys():
            self._refuse(variables.keys())
        return tuple({"role": role, "content": _filled_in(split, variables)} for role, split in self._pieces)

    def _refuse(self, given: Collection[str]) -> NoReturn:
        if missing := self.variables.difference(given):
            raise PromptError(f"prompt {self.name!r} has variables that were not given: {', '.join(sorted(missing))}")
        unknown = set(given) - self.variables
        raise PromptError(f"prompt {self.name!r} has no variable {', '.join(sorted(unknown))}")


def _filled_in(pieces: list[str], variables: dict[str, str]) -> str:
    """Return the text; it is the same object each time where it has no variable."""
    if len(pieces) == 1:
        return pieces[0]
    filled = pieces.copy()
    filled[1::2] = [variables[name] for name in pieces[1::2]]
    return "".join(filled)


def load_prompt(name: str) -> Prompt:
    """Read the prompt `name`, its path in `prompts/` without `.md`; from a wheel, an editable install, a bare checkout.

    Raises:
        PromptError: there is no such prompt, or the file is not a prompt.
    """
    if not NAME.fullmatch(name):
        raise PromptError(f"{name!r} is not the name of a prompt: names look like reflection/contextual")
    try:
        content = importlib.resources.files("prompts").joinpath(f"{name}.md").read_bytes()
        return parse_prompt(name, content)
    except (OSError, ModuleNotFoundError, UnicodeDecodeError) as error:
        raise PromptError(f"prompt {name!r} cannot be read: {error}") from error


def parse_prompt(name: str, content: bytes) -> Prompt:
    """Return the prompt that a file's bytes are.

    Raises:
        PromptError: text before the first heading, no heading, an empty message, or braces that are no variable.
    """
    before, *rest = HEADING.split(content.decode("utf-8"))
    parts = tuple((role, text.strip()) for role, text in zip(rest[::2], rest[1::2], strict=True))
    if before.strip() or not parts or not all(text for _, text in parts):
        raise PromptError(f"prompt {name!r}: every message stands under === system === or === user ===, none is empty")
    if any("{{" in VARIABLE.sub("", text) or "}}" in VARIABLE.sub("", text) for _, text in parts):
        raise PromptError(f"prompt {name!r}: braces that are no variable; one is written {{{{ name }}}}")
    return Prompt(name, hashlib.sha256(content).hexdigest(), parts)
