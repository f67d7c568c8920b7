"""Supervised fine-tuning data in numbers."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field, fields
from typing import Any


@dataclass(slots=True)
class SftCounts:
    """What became of conversations. Verdicts on prompts are of the reflections that open answers."""

    num_conversations: int = 0
    num_recovery_examples: int = 0
    num_mixed_rows: int = 0  # conversations and recovery examples that are also in the replay set
    num_answers: int = 0
    num_empty_answers: int = 0
    num_answers_without_prompt: int = 0  # nobody had said anything since the last one
    num_unsafe_prompts: int = 0
    num_refusals: int = 0  # of ours, in place of an unsafe answer to an unsafe prompt
    num_cut_answers: int = 0  # that end after their first unsafe chunk
    num_dropped_turns: int = 0  # that followed an unsafe answer
    num_neutralised: int = 0  # forged markers in answers and in reflections
    num_forged_in_prompts: int = 0  # left as they are: only a tokenizer can tell them from markers of ours
    shapes: Counter[str] = field(default_factory=Counter)
    roles: Counter[str] = field(default_factory=Counter)
    prompt_verdicts: Counter[str] = field(default_factory=Counter)
    answer_verdicts: Counter[str] = field(default_factory=Counter)

    def to_json(self) -> dict[str, Any]:
        """Return plain values, every group of counts by name in order."""
        values = {one.name: getattr(self, one.name) for one in fields(self)}
        return {k: {str(n): v[n] for n in sorted(v)} if isinstance(v, Counter) else v for k, v in values.items()}
