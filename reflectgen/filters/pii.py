"""Reject a rationale that gives personal data away.

Only the rationale is searched: it is what is woven into the corpus. The evidence quotes the chunk, where the same data
stands already, and stays in the store.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable
from dataclasses import dataclass
from ipaddress import ip_address
from typing import ClassVar, NamedTuple

from reflectgen.filters import check_digits
from reflectgen.filters.candidate import Candidate
from reflectgen.records import ACCEPTED, Decision, reject

_PERHAPS = re.compile(r"[@\d\[({]")  # one is in whatever is looked for
_MAX_CHARACTERS = 2000  # are searched; a rationale of more is too long anyway
_SEPARATORS = re.compile(r"[^0-9A-Za-z]")


def _compact(written: str) -> str:
    return _SEPARATORS.sub("", written).upper()


def _is_address(written: str) -> bool:
    """Whether this is the address of a machine out there; those of networks at home and of examples are nobody's."""
    try:
        return ip_address(written).is_global
    except ValueError:
        return False


def _is_phone(written: str) -> bool:
    digits = re.sub(r"\D", "", written)
    return 8 <= len(digits) <= 15 and not (len(digits) in (10, 13) and check_digits.isbn(digits))


def _always(_written: str) -> bool:
    return True


class _Kind(NamedTuple):
    """One kind of personal data: what it looks like, and what makes sure of it."""

    name: str
    pattern: re.Pattern[str]
    is_one: Callable[[str], bool] = _always


_NAMES = r"(?:[A-ZÀ-Þ][\w'.-]*\s+){1,3}"
_ROADS = "Street|St|Road|Rd|Avenue|Ave|Boulevard|Blvd|Lane|Ln|Drive|Ct|Place|Terrace|Close|Crescent|Parkway|Pkwy|Way"
_STREET = "|".join(
    (
        rf"(?<![\d.,-])\d{{1,5}}[A-Za-z]?,?\s+{_NAMES}(?:{_ROADS})\b(?!\s+[a-z]+(?:s|ers)\b)",
        (
            r"\b(?:[A-ZÄÖÜ][\wäöüß-]*(?:stra(?:ß|ss)e|str\.|gasse|allee|damm|ufer|weg|platz)"
            r"|[A-ZÄÖÜ][\wäöüß-]+\s(?:Stra(?:ß|ss)e|Allee|Weg|Platz))\s+\d{1,3}\s?[a-z]?\b"
        ),
        (
            r"(?<!\d)\d{1,4}(?:\s?(?:bis|ter))?,?\s+(?:rue|avenue|boulevard|place|chemin|impasse|quai|allée)\s+"
            r"(?:de\s|du\s|des\s|la\s|le\s|les\s|l'|d')*[A-ZÀ-Þ]"
        ),
        (
            r"\b(?:Calle|Avenida|Avda\.|Paseo|Rua|Via|Viale|Corso|Piazza|ul\.|ulica|улица|ул\.)\s+(?:[A-ZÀ-ÞА-Я][\w'.-]*|de|del|da|di|la|los|las)"
            r"(?:\s+[\w'.-]+){0,3}?,?\s+(?:n[.º°]*\s*|д\.\s*)?\d{1,4}\b"
        ),
        r"\bP\.?\s?O\.?\s?Box\s+\d+",
    )
)
_PHONE = "|".join(
    (
        r"(?<![\w+])(?:\+|00)[1-9]\d{0,2}(?:[\s./-]?\(?\d{1,5}\)?){2,6}(?!\w)",
        r"(?<![\w(])\(\d{2,5}\)[\s.-]?\d{3,4}[\s.-]?\d{3,5}(?!\w)",
        r"(?<![\w.-])\d{3}[\s.-]\d{3}[\s.-]\d{4}(?![\w-])",
        r"(?<![\w.,-])0\d{1,4}(?:\s?[\s/-]\s?)\d{2,4}(?:[\s-]?\d{2,4}){1,3}(?![\w-])",
    )
)
_IPV4 = (
    r"(?<![\w.-])(?<!version )(?<!release )(?<!firmware )(?<!build )(?<!section )(?:\d{1,3}\.){3}\d{1,3}(?!\.?[\w-])"
)
# In this order: what is surer, and names the thing better, goes first.
_KINDS = (
    _Kind("an e-mail address", re.compile(r"(?<![\w.+-])[\w.+-]+@[\w-]+(?:\.[\w-]+)*\.[^\W\d_]{2,}")),
    _Kind(
        "an e-mail address",
        re.compile(r"(?<![\w.+-])[\w.+-]+\s?[\[({]\s?at\s?[\])}]\s?[\w-]+\s?(?:\.|[\[({]\s?dot\s?[\])}])\s?\w{2,}", re.IGNORECASE),  # noqa: E501
    ),
    _Kind("a handle", re.compile(r"(?<![\w.@/`'\"])@[A-Za-z_]\w{2,29}\b(?![(/{])(?<!@media)(?<!@import)(?<!@param)(?<!@property)(?<!@user)")),  # noqa: E501
    _Kind(
        "a bank account",
        re.compile(r"\b[A-Z]{2}\d{2}(?:\s?[A-Z0-9]{4}){2,7}(?:\s?[A-Z0-9]{1,3})?\b"),
        lambda written: 15 <= len(_compact(written)) <= 34 and check_digits.iban(_compact(written)),
    ),
    _Kind("a national id", re.compile(r"(?<![\w-])(?!000|666|9)\d{3}-(?!00)\d{2}-(?!0000)\d{4}(?![\w-])")),
    _Kind("a national id", re.compile(r"\b[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z]\s?(?:\d{2}\s?){3}[A-D]\b")),
    _Kind("a national id", re.compile(r"\b[A-Z]{6}\d{2}[A-EHLMPRST]\d{2}[A-Z]\d{3}[A-Z]\b")),
    _Kind(
        "a national id",
        re.compile(r"(?<![\w.-])(?:\d{8}|[XYZ]-?\d{7})-?[A-HJ-NP-TV-Z]\b"),
        lambda written: check_digits.dni(_compact(written)),
    ),
    _Kind(
        "a national id",
        re.compile(r"(?<![\w.-])\d{3}\.?\d{3}\.?\d{3}-?\d{2}(?![\w-])"),
        lambda written: check_digits.cpf(_compact(written)),
    ),
    _Kind(
        "a national id",
        re.compile(r"(?<!\w)[12]\s?\d{2}\s?\d{2}\s?(?:\d{2}|2[AB])\s?\d{3}\s?\d{3}\s?\d{2}(?!\w)"),
        lambda written: check_digits.nir(_compact(written)),
    ),
    _Kind(
        "a national id",
        re.compile(r"(?<!\d)[1-9]\d{5}(?:19|20)\d{2}(?:0[1-9]|1[0-2])(?:[0-2]\d|3[01])\d{3}[\dXx](?!\d)"),
        lambda written: check_digits.chinese_id(_compact(written)),
    ),
    _Kind(
        "a card number",
        re.compile(r"(?<![\w.-])[2-6]\d{3}(?:[\s-]?\d{4}){2}[\s-]?\d{1,7}(?![\w-])|(?<![\w.-])3\d{3}[\s-]?\d{6}[\s-]?\d{5}(?![\w-])"),
        lambda written: 13 <= len(_compact(written)) <= 19 and check_digits.luhn(_compact(written)),
    ),
    _Kind("an IP address", re.compile(_IPV4, re.IGNORECASE), lambda written: len(written) > 8 and _is_address(written)),
    _Kind("an IP address", re.compile(r"(?<![\w:.])[0-9A-Fa-f]{1,4}(?::[0-9A-Fa-f]{0,4}){2,7}(?![\w:])"), _is_address),
    _Kind("a phone number", re.compile(_PHONE), _is_phone),
    _Kind("a street address", re.compile(_STREET)),
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pii:
    """E-mail and street addresses, handles, phone, bank, card and national numbers, IP addresses.

    A number counts only by its shape and, where it has them, its check digits: a year, a price, a version or an ISBN
    passes. The detail names the kind and never the data.
    """

    name: ClassVar[str] = "pii"

    def decide(self, candidate: Candidate) -> Decision:
        reflection = candidate.reply.reflection
        if reflection is None:
            return ACCEPTED
        rationale = reflection.rationale[:_MAX_CHARACTERS]
        if not rationale.isascii():
            rationale = unicodedata.normalize("NFKC", rationale).replace("’", "'").replace("‑", "-")
        kind = _PERHAPS.search(rationale) and kind_of_personal_data(rationale)
        return reject(self.name, f"the rationale holds {kind}") if kind else ACCEPTED


def kind_of_personal_data(text: str) -> str:
    """Return what kind of personal data `text` holds, such as "a phone number", or ""."""
    for kind in _KINDS:
        if any(kind.is_one(found[0]) for found in kind.pattern.finditer(text)):
            return kind.name
    return ""
