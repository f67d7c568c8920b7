"""What a reader gets to see of a stream, by what its reflections say."""

from __future__ import annotations

from enum import StrEnum

from reflectgen.monitor.judgement import Judgement
from reflectgen.monitor.stream import Broken, Ended, Event, Reflected, Said, StreamParser
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions


class Policy(StrEnum):
    """`retract`: a chunk is let out only once its reflection says safe, and nothing after one that does not.
    `end`: text is let out as it comes, up to the first reflection that says unsafe; what stood before it was seen.
    `observe`: all text is let out, and the reflections are only noted."""

    RETRACT = "retract"
    END = "end"
    OBSERVE = "observe"


class Monitor:
    """Applies a policy to one stream. Reflections and markers are never let out.

    A reflection before any text is about the prompt and stops nothing; `continues` says that the answer began before
    this stream, as with a prefill, so that there is no such reflection. Under `retract` everything that is not plainly
    judged safe stays in: a chunk without a reflection, and all that follows a broken one.
    """

    def __init__(
        self, form: FormOptions, policy: Policy, *, continues: bool = False, controversial_is_unsafe: bool = True
    ) -> None:
        self._parser = StreamParser(form)
        self._policy = policy
        self._controversial_is_unsafe = controversial_is_unsafe
        self._begun = continues
        self._held = ""
        self.stopped_because = ""  # unsafe, broken, end_of_text; empty while the stream goes on, and if it just ended
        self.prompt_judgement: Judgement | None = None
        self.judgements: list[Judgement] = []  # of chunks
        self.num_broken = 0

    @property
    def withheld(self) -> str:
        """The text that was not let out: not judged yet, or never to be."""
        return self._held

    def feed(self, piece: str) -> str:
        """Return the text that is let out by one more piece of the stream; nothing once it has been stopped."""
        return self._let_out(self._parser.feed(piece))

    def close(self) -> str:
        """Return the text that is let out by the end of the stream."""
        return self._let_out(self._parser.close())

    def _let_out(self, events: list[Event]) -> str:
        return "".join(self._on(event) for event in events if not self.stopped_because)

    def _on(self, event: Event) -> str:
        if isinstance(event, Said):
            return self._said(event.text)
        if isinstance(event, Reflected):
            return self._reflected(event.judgement)
        if isinstance(event, Ended):
            self.stopped_because = "end_of_text"
        elif isinstance(event, Broken):
            self.num_broken += 1
            if self._policy is Policy.RETRACT:
                self.stopped_because = "broken"
        return ""

    def _said(self, text: str) -> str:
        self._begun = self._begun or not text.isspace()
        if self._policy is not Policy.RETRACT:
            return text
        self._held += text
        return ""

    def _reflected(self, judgement: Judgement) -> str:
        if not self._begun:
            self.prompt_judgement, self._begun = judgement, True
            return ""
        self.judgements.append(judgement)
        if self._is_unsafe(judgement.verdict):
            if self._policy is not Policy.OBSERVE:
                self.stopped_because = "unsafe"
            return ""
        released, self._held = self._held, ""
        return released

    def _is_unsafe(self, verdict: Verdict) -> bool:
        return verdict is Verdict.UNSAFE or (self._controversial_is_unsafe and verdict is Verdict.CONTROVERSIAL)


def released(text: str, form: FormOptions, policy: Policy, *, continues: bool = False) -> str:
    """Return what a reader would see of a whole answer."""
    monitor = Monitor(form, policy, continues=continues)
    return monitor.feed(text) + monitor.close()
