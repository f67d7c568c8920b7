"""What a filter is given, and what it is."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import Field, dataclass
from typing import Any, ClassVar, Generic, Protocol, TypeVar, overload

from reflectgen.records import NO_NEIGHBOURS, Chunk, Decision, Label, Neighbours, Reply
from reflectgen.reflection.words import words_of

T = TypeVar("T")

UNSCORED = Decision(detail="unscored")  # accepted for want of an answer, and counted as such


class _Part(Generic[T]):
    """A part of a candidate that is worked out on first use and kept.

    `functools.cached_property` does the same, but up to Python 3.11 it takes a lock, which costs as much as a filter.
    """

    def __init__(self, work_out: Callable[[Candidate], T]) -> None:
        self._work_out = work_out
        self._name = work_out.__name__
        self.__doc__ = work_out.__doc__

    @overload
    def __get__(self, candidate: None, owner: type) -> _Part[T]: ...
    @overload
    def __get__(self, candidate: Candidate, owner: type) -> T: ...
    def __get__(self, candidate: Candidate | None, owner: type) -> _Part[T] | T:
        if candidate is None:
            return self
        part = candidate.__dict__[self._name] = self._work_out(candidate)
        return part


@dataclass(frozen=True)
class Candidate:
    """A teacher's reply on one chunk, with the guard's label, before anybody has accepted it.

    `neighbours` are what the teacher was shown beside the chunk. `instructions` is the text of the prompt that was
    sent, without the chunk; empty where nobody was asked. The words are split on first use and shared by the filters.
    """

    chunk: Chunk
    label: Label
    reply: Reply
    neighbours: Neighbours = NO_NEIGHBOURS
    instructions: str = ""

    @_Part
    def chunk_word_list(self) -> Sequence[str]:
        """The chunk's words, in order."""
        return words_of(self.chunk.text)[0]

    @_Part
    def chunk_words(self) -> str:
        """The same, joined for `contains_words`."""
        return words_of(self.chunk.text)[1]

    @_Part
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


class Check(Protocol):
    """A filter that asks a model. It is asked only about candidates that every `Filter` has accepted."""

    __dataclass_fields__: ClassVar[dict[str, Field[Any]]]
    name: ClassVar[str]

    async def decide(self, candidate: Candidate) -> Decision:
        """Accept, or reject with `name` as the reason; an answer that says nothing usable is accepted as `UNSCORED`.

        Raises:
            TeacherError: the model cannot be asked.
        """
        ...
