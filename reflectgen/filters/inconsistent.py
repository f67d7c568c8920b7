"""Reject a reflection that contradicts itself."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Category, Decision, Reflection, Verdict, reject

# Verdicts as a model may put them before its rationale: "Unsafe: it plans an ambush".
_VERDICT_NAMES = {
    "safe": Verdict.SAFE,
    "not unsafe": Verdict.SAFE,
    "controversial": Verdict.CONTROVERSIAL,
    "unsafe": Verdict.UNSAFE,
    "not safe": Verdict.UNSAFE,
    "sicher": Verdict.SAFE,
    "unsicher": Verdict.UNSAFE,
    "seguro": Verdict.SAFE,
    "inseguro": Verdict.UNSAFE,
    "sûr": Verdict.SAFE,
    "dangereux": Verdict.UNSAFE,
    "безопасно": Verdict.SAFE,
    "небезопасно": Verdict.UNSAFE,
    "آمن": Verdict.SAFE,
    "غير آمن": Verdict.UNSAFE,
    "安全": Verdict.SAFE,
    "有争议": Verdict.CONTROVERSIAL,
    "不安全": Verdict.UNSAFE,
}
_HEAD = re.compile(r"[\W_]*([^\W\d_]+(?: [^\W\d_]+)?)[\"'*_)\]]*(?:\s*[:：,，;.。！!—]|\s+[–-]\s|\s*$)")

# Only a sentence about the text itself counts: "warns that it is dangerous to swim there" says nothing of the verdict.
_SUBJECT = (
    r"(?:^[\W_]*(?:it|this)|\b(?:this|the)(?: (?:whole|entire|given|provided))?"
    r" (?:text|passage|chunk|segment|excerpt|content|message|document|paragraph))"
)
_IS = (
    r" (?:is|was|seems|appears|looks)(?: to be)?"
    r"(?: (?:very|quite|entirely|completely|perfectly|clearly|totally|generally|fully|wholly|considered|thus))*"
)
_SAYS_SAFE = re.compile(
    rf"{_SUBJECT}{_IS} (?:safe|harmless|benign|innocuous|not (?:unsafe|harmful|dangerous))"
    r"(?![\w-]| (?:to|only|if|but)\b)"
    rf"|{_SUBJECT} (?:contains|has|poses) (?:no|nothing) (?:harmful|unsafe|dangerous|risk)"
)
_SAYS_UNSAFE = re.compile(
    rf"{_SUBJECT}{_IS} (?:unsafe|harmful|dangerous|not safe)\b"
    rf"|{_SUBJECT} (?:contains|promotes|incites) (?:harmful|unsafe|dangerous)\b"
)
# One is in all that the pattern finds; of most rationales that settles it.
_TELLING_SAFE = (" safe", "harm", "danger", "benign", "innocuous", "unsafe", " risk")
_TELLING_UNSAFE = ("unsafe", "harmful", "dangerous", "not safe")


@dataclass(frozen=True, slots=True)
class Inconsistent:
    """Verdict against category, and verdict against what the rationale plainly says (in English)."""

    name: ClassVar[str] = "inconsistent"

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        if (reflection.verdict is Verdict.SAFE) != (reflection.category is Category.NONE):
            return reject(self.name, f"verdict {reflection.verdict} with category {reflection.category}")
        said = _verdict_said(reflection)
        if said is None or said is reflection.verdict:
            return ACCEPTED
        return reject(self.name, f"verdict {reflection.verdict}, but the rationale says {said}")


def _verdict_said(reflection: Reflection) -> Verdict | None:
    """Return the verdict the rationale states, or None where it leaves that to the verdict field."""
    rationale = reflection.rationale.lower()
    head = _HEAD.match(rationale)
    if head and head[1] in _VERDICT_NAMES:
        return _VERDICT_NAMES[head[1]]
    # "controversial" stands between the two: a rationale may lean either way.
    if reflection.verdict is Verdict.SAFE and _says(_SAYS_UNSAFE, _TELLING_UNSAFE, rationale):
        return Verdict.UNSAFE
    if reflection.verdict is Verdict.UNSAFE and _says(_SAYS_SAFE, _TELLING_SAFE, rationale):
        return Verdict.SAFE
    return None


def _says(pattern: re.Pattern[str], telling: Sequence[str], rationale: str) -> bool:
    for word in telling:  # a plain loop: this is asked about every rationale, and mostly in vain
        if word in rationale:
            return pattern.search(rationale) is not None
    return False
