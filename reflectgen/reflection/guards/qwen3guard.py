"""Qwen3Guard-Gen: three severities and nine categories, `Safety: Unsafe` above `Categories: Violent`.

Source: the cards of Qwen/Qwen3Guard-Gen-0.6B, -4B and -8B, and the Qwen3Guard technical report. The instruction is in
the model's own chat template, so the chunk is the user's whole message.
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
    r"Safety: (Safe|Controversial|Unsafe)[ \t]*\n+Categories: ([^\n]+?)[ \t]*(?:\n+Refusal: (?:Yes|No))?"
)
IS_NOT_SAFE = {"safe": False, "controversial": True, "unsafe": True}
CATEGORIES = {
    "violent": Category.VIOLENT_CRIMES,
    "non-violent illegal acts": Category.NONVIOLENT_CRIMES,
    "sexual content or sexual acts": Category.SEXUAL_CONTENT,
    "pii": Category.PRIVACY,
    "personally identifiable information": Category.PRIVACY,
    "suicide & self-harm": Category.SUICIDE_SELF_HARM,
    "unethical acts": Category.HATE,  # bias, insults, harassment: hate is its largest part
    "politically sensitive topics": Category.OTHER,
    "copyright violation": Category.INTELLECTUAL_PROPERTY,
    "jailbreak": Category.OTHER,
    "none": Category.NONE,
}


class Qwen3Guard:
    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        return [Question(({"role": "user", "content": without_control(text)},))]

    def read(self, completions: Sequence[Completion]) -> Label:
        (completion,) = completions
        found = REPLY.fullmatch(completion.text.strip())
        if found is None:
            raise UnusableReplyError("not_qwen3guard")
        verdict = Verdict(found[1].lower())
        first = found[2].split(",")[0].strip().lower()
        score = score_of(completion, verdict, "Safety:", IS_NOT_SAFE)
        return label_of(verdict, CATEGORIES.get(first, Category.OTHER), score, f"{found[1]}: {found[2]}")
