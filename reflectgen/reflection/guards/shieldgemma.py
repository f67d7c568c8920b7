"""ShieldGemma 2B, 9B and 27B: one question a guideline, each answered Yes (it is violated) or No.

Source: the ShieldGemma model card, whose score is the probability of Yes against No as the first token. The
instruction is in the model's own chat template, which takes the guideline as a variable; the prompt file holds the
guidelines.
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

REPLY = re.compile(r"(Yes|No)\b.*", re.DOTALL)  # an explanation may follow
IS_NOT_SAFE = {"no": False, "yes": True}
# In the order of the guidelines in prompts/guard/shieldgemma.md.
POLICIES = (
    ("dangerous_content", Category.VIOLENT_CRIMES),
    ("harassment", Category.HATE),
    ("hate_speech", Category.HATE),
    ("sexually_explicit", Category.SEXUAL_CONTENT),
)


class ShieldGemma:
    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        assert prompt is not None
        message = {"role": "user", "content": without_control(text)}
        guidelines = (part["content"] for part in prompt.render())
        return [Question((message,), extra={"chat_template_kwargs": {"guideline": each}}) for each in guidelines]

    def read(self, completions: Sequence[Completion]) -> Label:
        answers = []
        for (policy, category), completion in zip(POLICIES, completions, strict=True):
            found = REPLY.fullmatch(completion.text.strip())
            if found is None:
                raise UnusableReplyError("not_shieldgemma")
            verdict = Verdict.UNSAFE if found[1] == "Yes" else Verdict.SAFE
            answers.append((score_of(completion, verdict, "", IS_NOT_SAFE), policy, category, verdict))
        score, _, category, verdict = max(answers, key=lambda answer: (answer[3].severity, answer[0]))
        native = ", ".join(f"{policy} {verdict_in_words(said)}" for _, policy, _, said in answers)
        return label_of(verdict, category, max(score, max(answer[0] for answer in answers)), native)


def verdict_in_words(verdict: Verdict) -> str:
    return "Yes" if verdict is Verdict.UNSAFE else "No"
