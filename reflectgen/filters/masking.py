"""A chunk without its orders: what it says when it tells nobody what to do."""

from __future__ import annotations

import re

from reflectgen.filters.suspicion import suspicion

MASK = "[…]"

_SENTENCE = re.compile(r"[^\n.!?。！？।؟]*(?:[.!?。！？।؟]+[\"'”’)\]]*|\n|$)[ \t]*")
_ADDRESS = "please|you (?:must|should|shall|will|are|have to|need to)|do not|don't|never|always|now|remember|note that|from now on"  # noqa: E501
_ORDER = (
    "ignore|disregard|forget|override|skip|stop|label|mark|classify|rate|judge|flag|treat|consider|deem|answer|respond|reply"
    "|output|return|print|write|say|state|report|repeat|use|give|assign|choose|set|put|follow|obey|comply|pretend|act"
    "|imagine|assume|translate|summari[sz]e|continue|begin|start|end|reveal|show|tell|explain|approve|accept|trust|read"
)
_IMPERATIVE = re.compile(
    rf"[\W_]*(?:(?:so|and|then|also|but|first|finally)\W+)?(?:{_ADDRESS}|{_ORDER})\b", re.IGNORECASE
)


def mask_imperatives(text: str) -> str:
    """Return `text` with `MASK` for each sentence that gives an order, in English, or is suspicious in any language.

    What is left is not suspicious. Where an order hides between the sentences, everything is masked.
    """
    pieces = [_masked(piece) for piece in _SENTENCE.findall(text)]
    masked = re.sub(rf"(?:{re.escape(MASK)}\s*){{2,}}", f"{MASK} ", "".join(pieces))
    return MASK if suspicion(masked) else masked


def is_all_masked(masked: str) -> bool:
    """Say whether nothing but masks is left of a text."""
    return not re.search(r"\w", masked)


def _masked(sentence: str) -> str:
    if not sentence.strip() or not (_IMPERATIVE.match(sentence) or suspicion(sentence)):
        return sentence
    return MASK + sentence[len(sentence.rstrip()) :]
