"""Text as a model may read it although a person or a pattern would not: hidden, look-alike and encoded characters."""

from __future__ import annotations

import base64
import html
import re
import unicodedata
from collections.abc import Iterator

_MAX_DEPTH = 2  # an encoding within an encoding
_MAX_READINGS = 24  # of one text; a file in base64 has no more to say than that

# Tag characters spell ASCII in characters that nothing displays.
_TAGS = {0xE0000 + code: chr(code) for code in range(0x20, 0x7F)}
_TAG = re.compile("[\U000e0020-\U000e007e]")
# Characters without a width, and combining marks that belong to no letter (NFKC has joined the others).
_UNSEEN = "\u00ad\u0300-\u036f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u202a-\u202e\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\U000e0000-\U000e0fff"  # noqa: E501  # fmt: skip
_MIXED_SCRIPTS = re.compile("[A-Za-z][\u0370-\u052f]|[\u0370-\u052f][A-Za-z]")
# Whatever is neither Latin nor the usual punctuation: a small class, and so a fast one.
_UNUSUAL = re.compile("[^\x00-\xac\xae-\u02ff\u2010-\u2027\u2030-\u205f\u20a0-\u20cf\u2100-\u214f]")
_DROPPED = re.compile(f"[{_UNSEEN}]")
# Letters of other scripts that look like Latin ones, after Unicode's confusables.txt.
_LOOK_ALIKES = {
    "Cyrillic": ("абсԁеһіјӏорԛѕхуѵԝАВСЕНІЈКМОРЅТХУ", "abcdehijlopqsxyvwABCEHIJKMOPSTXY"),
    "Greek": ("ΑΒΕΖΗΙΚΜΝΟΡΤΥΧαιορυχν", "ABEZHIKMNOPTYXaiopuxv"),
}
_LATIN_FOR = str.maketrans(*("".join(pairs) for pairs in zip(*_LOOK_ALIKES.values(), strict=True)))

_BASE64 = re.compile(r"(?:[A-Za-z0-9+/_-]{20,}\r?\n?)+[A-Za-z0-9+/_-]*")
_ENTITY = re.compile(r"&(?:#\d{2,7}|#[xX][0-9a-fA-F]{2,6}|[a-z]{2,6});")
_HEX = re.compile(r"(?:(?:\\x|%|0x)?[0-9A-Fa-f]{2}[ ,]?){16,}")
_NOT_HEX = re.compile(r"\\x|0x|[^0-9A-Fa-f]")


def is_plain(text: str) -> bool:
    """Say, fast, that `text` is in Latin letters which are what they seem, in compatibility form or not."""
    return text.isascii() or not _UNUSUAL.search(text)


def undisguise(text: str) -> str:
    """Return `text` in compatibility form, without what nobody sees, and look-alikes as what they look like."""
    if text.isascii():
        return text
    if is_plain(text):
        return unicodedata.normalize("NFKC", text)
    if _TAG.search(text):
        text = text.translate(_TAGS)
    seen = _DROPPED.sub("", unicodedata.normalize("NFKC", text))
    return seen.translate(_LATIN_FOR) if _MIXED_SCRIPTS.search(seen) else seen


def readings(text: str) -> Iterator[tuple[str, str]]:
    """Yield the name of an encoding and what `text`, or a part of it, says in it.

    What was not encoded reads as noise: whoever looks for something must look for words.
    """
    left = _MAX_READINGS
    queue = [(text, 0)]
    for written, depth in queue:
        for encoding, decoded in _decoded(written):
            yield encoding, decoded
            left -= 1
            if not left:
                return
            if depth + 1 < _MAX_DEPTH:
                queue.append((decoded, depth + 1))


def _decoded(text: str) -> Iterator[tuple[str, str]]:
    if _ENTITY.search(text):
        yield "character references", html.unescape(text)
    for found in _HEX.finditer(text):
        digits = _NOT_HEX.sub("", found[0])
        yield "hexadecimal", bytes.fromhex(digits[: len(digits) // 2 * 2]).decode("utf-8", "ignore")
    for found in _BASE64.finditer(text):
        digits = re.sub(r"\s", "", found[0]).replace("-", "+").replace("_", "/")
        for skipped in range(4):  # what stands before the first digit may have been taken for digits too
            yield "base64", _from_base64(digits[skipped:])


def _from_base64(digits: str) -> str:
    usable = digits[: len(digits) - (len(digits) % 4 == 1)]
    return base64.b64decode(usable + "=" * (-len(usable) % 4)).decode("utf-8", "ignore")
