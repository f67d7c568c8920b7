"""Llama Guard 3 and 4: `safe`, or `unsafe` above the codes of the hazards, `S1,S10`.

Source: the model cards of Llama Guard 3 (8B, 1B) and Llama Guard 4 (12B). The instruction and its list of hazards are
in the model's own chat template, so the chunk is the user's whole message. Both have S1 to S14, with equal names.
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

REPLY = re.compile(r"(safe|unsafe)(?:\s*\n\s*(S\d{1,2}(?:\s*,\s*S\d{1,2})*))?")
IS_NOT_SAFE = {"safe": False, "unsafe": True}
CATEGORIES = {
    "S1": Category.VIOLENT_CRIMES,
    "S2": Category.NONVIOLENT_CRIMES,
    "S3": Category.SEX_RELATED_CRIMES,
    "S4": Category.CHILD_SEXUAL_EXPLOITATION,
    "S5": Category.DEFAMATION,
    "S6": Category.SPECIALIZED_ADVICE,
    "S7": Category.PRIVACY,
    "S8": Category.INTELLECTUAL_PROPERTY,
    "S9": Category.INDISCRIMINATE_WEAPONS,
    "S10": Category.HATE,
    "S11": Category.SUICIDE_SELF_HARM,
    "S12": Category.SEXUAL_CONTENT,
    "S13": Category.SPECIALIZED_ADVICE,  # elections, which AILuminate counts there
    "S14": Category.OTHER,  # abuse of a code interpreter
}


class LlamaGuard:
    def questions(self, text: str, prompt: Prompt | None) -> Sequence[Question]:
        return [Question(({"role": "user", "content": without_control(text)},))]

    def read(self, completions: Sequence[Completion]) -> Label:
        (completion,) = completions
        found = REPLY.fullmatch(completion.text.strip())
        if found is None or (found[1] == "safe" and found[2]):
            raise UnusableReplyError("not_llama_guard")
        verdict = Verdict(found[1])
        codes = re.findall(r"S\d+", found[2] or "")
        category = CATEGORIES.get(codes[0], Category.OTHER) if codes else Category.OTHER
        native = " ".join([found[1], ",".join(codes)]).strip()
        return label_of(verdict, category, score_of(completion, verdict, "", IS_NOT_SAFE), native)
