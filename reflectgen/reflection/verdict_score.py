"""How sure a guard was: the probability, 0 to 1, that a text is not safe, read off the tokens of its verdict."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from reflectgen.llm.completion import Completion, TokenChances
from reflectgen.records import Verdict

SCORE_WITHOUT_CHANCES = {Verdict.SAFE: 0.05, Verdict.CONTROVERSIAL: 0.5, Verdict.UNSAFE: 0.95}
IS_NOT_SAFE = {verdict.value: verdict is not Verdict.SAFE for verdict in Verdict}


def verdict_score(completion: Completion, verdict: Verdict) -> float:
    """Return the share of the unsafe and the controversial in the first token of the JSON object's verdict.

    Where the server gave no chances, or the token cannot be found, the score is the verdict's own: 0.05, 0.5 or 0.95.
    """
    return _share(_first_of_value(completion.chances, '"verdict"'), IS_NOT_SAFE, verdict)


def score_of(completion: Completion, verdict: Verdict, marker: str, names: Mapping[str, bool]) -> float:
    """Return the same for a verdict that stands in plain text right after `marker`.

    `names` are the words that can stand there, in lower case, and whether each says that the text is not safe.
    """
    return _share(_first_after(completion.chances, marker), names, verdict)


def _share(token: TokenChances | None, names: Mapping[str, bool], verdict: Verdict) -> float:
    if token is None:
        return SCORE_WITHOUT_CHANCES[verdict]
    mass = {True: 0.0, False: 0.0}
    for written, logprob in token.alternatives:
        begun = written.strip().strip('"').lower()
        # `s`, `saf` and `safe` all begin the one verdict; a lone quotation mark begins any.
        matches = {is_not_safe for name, is_not_safe in names.items() if begun and name.startswith(begun)}
        if len(matches) == 1:
            mass[matches.pop()] += math.exp(min(logprob, 0.0))
    total = sum(mass.values())
    return mass[True] / total if total else SCORE_WITHOUT_CHANCES[verdict]


def _first_after(tokens: Sequence[TokenChances], marker: str) -> TokenChances | None:
    """Return the first token that is no blank and comes after `marker`, however the text was cut into tokens."""
    written = ""
    for token in tokens:
        if marker in written and token.token.strip():
            return token
        written += token.token
    return None


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
