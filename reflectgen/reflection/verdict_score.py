"""How sure a guard was: the probability, 0 to 1, that a text is not safe, read off the tokens of its verdict."""

from __future__ import annotations

import math
from collections.abc import Sequence

from reflectgen.llm.completion import Completion, TokenChances
from reflectgen.records import Verdict

SCORE_WITHOUT_CHANCES = {Verdict.SAFE: 0.05, Verdict.CONTROVERSIAL: 0.5, Verdict.UNSAFE: 0.95}


def verdict_score(completion: Completion, verdict: Verdict) -> float:
    """Return the share of the unsafe and the controversial in the first token of the verdict's value.

    Where the server gave no chances, or the token cannot be found, the score is the verdict's own: 0.05, 0.5 or 0.95.
    """
    chances = _first_of_value(completion.chances, '"verdict"')
    if chances is None:
        return SCORE_WITHOUT_CHANCES[verdict]
    mass = dict.fromkeys(Verdict, 0.0)
    for token, logprob in chances.alternatives:
        begun = token.strip().strip('"').lower()
        # `s`, `saf` and `safe` all begin the one verdict; a lone quotation mark begins any.
        matches = [name for name in Verdict if begun and name.startswith(begun)]
        if len(matches) == 1:
            mass[matches[0]] += math.exp(min(logprob, 0.0))
    total = sum(mass.values())
    if not total:
        return SCORE_WITHOUT_CHANCES[verdict]
    return (mass[Verdict.UNSAFE] + mass[Verdict.CONTROVERSIAL]) / total


def _first_of_value(tokens: Sequence[TokenChances], key: str) -> TokenChances | None:
    """Return the token in which the string value of `key` begins, however the text was cut into tokens."""
    written = ""
    for token in tokens:
        written += token.token
        _, found, after = written.partition(key)
        value = after.lstrip(": \n\t")
        if found and value.startswith('"') and len(value) > 1:
            return token
    return None
