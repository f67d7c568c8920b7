"""A stream of text, in pieces of any size, becomes events: what was said, what was judged, what was broken.

However a stream is cut into pieces, the same events come of it, but that what is said may come in more parts.
"""

from __future__ import annotations

from dataclasses import dataclass

from reflectgen.monitor.judgement import Judgement, read_judgement
from reflectgen.reflection.form import FormOptions

MAX_REFLECTION_CHARACTERS = 4000  # a longer one is broken; memory must not grow with what a model writes


@dataclass(frozen=True, slots=True)
class Said:
    text: str


@dataclass(frozen=True, slots=True)
class Reflected:
    judgement: Judgement


@dataclass(frozen=True, slots=True)
class Broken:
    """What was meant as a reflection, or made to look like one, and is none: `not_a_verdict`, `nested`, `unopened`,
    `unclosed` or `too_long`."""

    reason: str
    text: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The end-of-text marker."""


Event = Said | Reflected | Broken | Ended


class StreamParser:
    """Finds markers as the form spells them; anything else, however alike, is text."""

    def __init__(self, form: FormOptions) -> None:
        self._form = form
        self._rest = ""  # not decided yet: the content of an open reflection, or what may be the start of a marker
        self._inside = False
        self._too_long = False

    def feed(self, piece: str) -> list[Event]:
        """Return what the stream has come to with one more piece."""
        self._rest += piece
        events: list[Event] = []
        while (found := self._next_marker()) is not None:
            at, marker = found
            before, self._rest = self._rest[:at], self._rest[at + len(marker) :]
            if self._inside:
                self._leave(before, marker, events)
            else:
                self._said(before, events)
                self._enter(marker, events)
        self._let_go(len(self._rest) - self._held_back(), events)
        return events

    def close(self) -> list[Event]:
        """Return what is left once no more will come."""
        events: list[Event] = []
        if self._inside:
            self._broken("unclosed", self._rest, events)
        else:
            self._said(self._rest, events)
        self._rest, self._inside, self._too_long = "", False, False
        return events

    def _next_marker(self) -> tuple[int, str] | None:
        """Return the first marker and where it begins; no marker holds or overlaps another, so there is one answer."""
        found = [(at, marker) for marker in self._form.markers if (at := self._rest.find(marker)) >= 0]
        return min(found, default=None)

    def _enter(self, marker: str, events: list[Event]) -> None:
        if marker == self._form.open_marker:
            self._inside = True
        elif marker == self._form.close_marker:
            self._broken("unopened", marker, events)
        else:
            events.append(Ended())

    def _leave(self, content: str, marker: str, events: list[Event]) -> None:
        """A marker ends the reflection that is open, well or badly."""
        form = self._form
        self._too_long |= self._is_too_long(content, events)
        if marker == form.open_marker:
            self._broken("nested", content, events)
        elif marker == form.end_of_text:
            self._broken("unclosed", content, events)
        elif not self._too_long:
            judgement = read_judgement(content, form)
            events.append(Reflected(judgement) if judgement else Broken("not_a_verdict", content))
        self._inside, self._too_long = marker == form.open_marker, False
        if marker == form.end_of_text:
            events.append(Ended())

    def _let_go(self, length: int, events: list[Event]) -> None:
        """Pass on so much of the rest as is surely no part of a marker."""
        if not self._inside:
            self._said(self._rest[:length], events)
            self._rest = self._rest[length:]
        elif self._too_long or self._is_too_long(self._rest[:length], events):
            self._too_long, self._rest = True, self._rest[length:]

    def _is_too_long(self, content: str, events: list[Event]) -> bool:
        """Say so once of a reflection that goes on for ever; the rest of it is passed over."""
        if self._too_long or len(content) <= MAX_REFLECTION_CHARACTERS:
            return False
        events.append(Broken("too_long", content[:MAX_REFLECTION_CHARACTERS]))
        return True

    def _broken(self, reason: str, text: str, events: list[Event]) -> None:
        if not self._too_long:
            events.append(Broken(reason, text))

    def _said(self, text: str, events: list[Event]) -> None:
        if text:
            events.append(Said(text))

    def _held_back(self) -> int:
        """Return how many characters at the end may be the start of a marker."""
        most = min(len(self._rest), max(map(len, self._form.markers)) - 1)
        for length in range(most, 0, -1):
            if any(marker.startswith(self._rest[-length:]) for marker in self._form.markers):
                return length
        return 0
