"""WildGuard: three yes-or-no answers about a request and a response; here the chunk is the request.

Source: the card of allenai/wildguard and Han et al. 2024 (arXiv 2406.18495). The model has no chat template of its
own; the prompt file holds the text that it was trained with, and its server has to pass it through (docs/guards.md).
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from reflectgen.llm.completion import Completion
from reflectgen.llm.prompts import Prompt
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.guards.guard_format import Question, label_of
from reflectgen.reflection.guards.untrusted import without_control
from reflectgen.reflection.parse import UnusableReplyError
from reflectgen.reflection.verdict_score import score_of

REPLY = re.compile(
    r"Harmful request: (yes|no)(?:\s*\nResponse refusal: (?:yes|no|n/a))?(?:\s*\nHarmful response: (?:yes|no|n/a))?",
    re.IGNORECASE,
)
IS_NOT_SAFE = {"no": False, "yes": True}


class WildGuard:
    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        assert prompt is not None
        (message,) = prompt.render(passage=without_control(text))
        return [Question(({**message, "content": message["content"] + "\n"},))]

    def read(self, completions: Sequence[Completion]) -> Label:
        (completion,) = completions
        found = REPLY.fullmatch(completion.text.strip())
        if found is None:
            raise UnusableReplyError("not_wildguard")
        verdict = Verdict.UNSAFE if found[1].lower() == "yes" else Verdict.SAFE
        score = score_of(completion, verdict, "request:", IS_NOT_SAFE)
        return label_of(verdict, Category.OTHER, score, " / ".join(found[0].splitlines()))
