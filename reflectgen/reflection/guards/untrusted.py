"""Corpus text as the whole of a user's message, for models whose form has no fence."""

from __future__ import annotations

import re

# What chat templates are made of. A server reads these in a message as the real ones, so that a text could end its own
# turn and answer for the model.
_CONTROL = re.compile(
    r"<\|[^|<>\n]{1,64}\|>|</?s>|\[/?INST\]|<</?SYS>>|</?(?:start_of_turn|end_of_turn|bos|eos|pad|unk)>"
    r"|<(?:BEGIN|END) [A-Z ]{1,60}>",
    re.IGNORECASE,
)


def without_control(text: str) -> str:
    """Return `text` with a space inside every control token, so that it is read as letters and nothing is lost."""
    return _CONTROL.sub(lambda found: f"{found[0][0]} {found[0][1:]}", text)
