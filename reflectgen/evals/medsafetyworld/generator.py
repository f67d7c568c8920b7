"""The one seam to a model: prompts in, texts out. A checkpoint, an endpoint and a script all stand behind it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

VERDICT_TOKENS = 12  # enough for the longest written verdict of the template form


@dataclass(frozen=True, slots=True)
class Prompt:
    """`prefill` is put into the model's mouth: the answer goes on from there. Without a question it is plain text."""

    question: str
    prefill: str = ""


@dataclass(frozen=True, slots=True)
class GenerateOptions:
    """`banned` are pieces of text, a token each, that the model may not write. Temperature 0 takes the likeliest."""

    max_new_tokens: int = 40
    temperature: float = 0.0
    num_samples: int = 1
    banned: tuple[str, ...] = ()
    seed: int = 0


class Generator(Protocol):
    def generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        """Return `num_samples` texts for each prompt, in order: what follows the prefill, markers included.

        Raises:
            TeacherError: an endpoint cannot be asked.
        """
        ...


class ScriptedGenerator:
    """Answers by a function of the prompt, the options and the number of the sample, and keeps what it was asked."""

    def __init__(self, script: Callable[[Prompt, GenerateOptions, int], str]) -> None:
        self._script = script
        self.asked: list[tuple[Prompt, GenerateOptions]] = []

    def generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        self.asked += [(prompt, options) for prompt in prompts]
        return [[self._script(prompt, options, n) for n in range(options.num_samples)] for prompt in prompts]
