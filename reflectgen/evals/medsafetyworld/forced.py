"""Forced reflections: after each sentence it is not the model that decides whether to judge it, but what runs it.

Fine-tuning on data without reflections takes from a model the habit of opening one before it takes what it knows. So
the opening marker is written for it, and it only has to say what it thinks.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace

from reflectgen.evals.medsafetyworld.generator import VERDICT_TOKENS, GenerateOptions, Generator, Prompt
from reflectgen.evals.medsafetyworld.measures import first_verdict
from reflectgen.records import Verdict
from reflectgen.reflection.form import FormOptions

MAX_SENTENCES = 4  # of an answer; SFT's have two at most


@dataclass(slots=True)
class _Row:
    """One answer as far as it is written. `is_done`: nothing may follow."""

    prompt: Prompt
    written: str = ""
    is_done: bool = False

    @property
    def so_far(self) -> Prompt:
        return replace(self.prompt, prefill=f"{self.prompt.prefill} {self.written}".strip())

    @property
    def awaits_verdict(self) -> bool:
        return not self.is_done and self.so_far.prefill.endswith((".", "?", "!"))

    def add(self, text: str) -> None:
        self.written = f"{self.written} {text.strip()}".strip()


class ForcedReflections:
    """A generator that writes the opening marker after each sentence of another's, and ends what is called unsafe.

    A reflection that is not closed at once is broken, and ends the answer as well. Bans hold for what the model writes.
    """

    def __init__(self, generator: Generator, form: FormOptions) -> None:
        self._generator = generator
        self._form = form
        inside = f"{re.escape(form.open_marker)}.*?{re.escape(form.close_marker)}"
        # Within a reflection there are full stops too.
        self._sentence = re.compile(rf"(?:{inside}|(?!{re.escape(form.open_marker)})[^.?!])*[.?!]", re.DOTALL)

    def generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        """See `Generator`; answers end after `MAX_SENTENCES`."""
        n = options.num_samples
        rows = [_Row(prompt) for prompt in prompts for _ in range(n)]
        self._judge(rows, options)
        begun = [row for row in rows if not row.is_done]
        # Samples of one prompt are asked for as such: a server may answer equal prompts equally.
        self._say(begun, options, num_samples=n if len(begun) == len(rows) else 1)
        self._judge(rows, options)
        for _ in range(MAX_SENTENCES - 1):
            self._say([row for row in rows if not row.is_done], options)
            self._judge(rows, options)
        return [[row.written for row in rows[start : start + n]] for start in range(0, len(rows), n)]

    def _say(self, rows: Sequence[_Row], options: GenerateOptions, num_samples: int = 1) -> None:
        """Let each answer go on to the end of its next sentence, or to its own end."""
        asked = [row.so_far for row in rows[::num_samples]]
        texts = self._generator.generate(asked, replace(options, num_samples=num_samples)) if asked else []
        for row, text in zip(rows, (one for samples in texts for one in samples), strict=True):
            sentence = self._sentence.match(text)
            row.is_done = sentence is None or self._form.end_of_text in sentence[0]
            row.add(text if row.is_done or sentence is None else sentence[0])

    def _judge(self, rows: Sequence[_Row], options: GenerateOptions) -> None:
        """Open a reflection on each sentence that has just ended, and let the model close it."""
        form = self._form
        waiting = [row for row in rows if row.awaits_verdict]
        for row in waiting:
            row.add(form.open_marker)
        asked = [row.so_far for row in waiting]
        short = replace(options, max_new_tokens=VERDICT_TOKENS, num_samples=1)
        for row, (text,) in zip(waiting, self._generator.generate(asked, short) if asked else (), strict=True):
            said, closed, _ = text.partition(form.close_marker)
            row.add(f"{said}{closed}")
            if first_verdict(f"{form.open_marker}{said}{closed}", form) is not Verdict.SAFE:
                row.add(form.end_of_text)
                row.is_done = True
