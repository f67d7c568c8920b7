"""What a filter is given, and what it is."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import Field, dataclass
from functools import cached_property
from typing import Any, ClassVar, Protocol

from reflectgen.records import Chunk, Decision, Label, Reply
from reflectgen.reflection.words import words_of


@dataclass(frozen=True)
class Candidate:
    """A teacher's reply on one chunk, with the guard's label, before anybody has accepted it.

    The words are split on first use and shared by the filters that need them.
    """

    chunk: Chunk
    label: Label
    reply: Reply

    @cached_property
    def chunk_words(self) -> str:
        """The chunk's words, joined for `contains_words`."""
        return words_of(self.chunk.text)[1]

    @cached_property
    def rationale_words(self) -> Sequence[str]:
        """The words of the rationale; none when the reply could not be parsed."""
        return words_of(self.reply.reflection.rationale)[0] if self.reply.reflection else ()


class Filter(Protocol):
    """One reason to reject: a frozen dataclass whose fields are its parameters, saved with the job's recipe."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]

    def decide(self, candidate: Candidate) -> Decision:
        """Accept, or reject with `name` as the reason. Never raises, whatever the texts hold."""
        ...
