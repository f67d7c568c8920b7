"""Write reflectgen/corpus/unicode_properties.tsv: the properties by which words and grapheme clusters are found.

The properties are those of the installed package `regex`. To move to another Unicode version, install a `regex` that
has it, set `VERSION` in reflectgen/corpus/unicode_properties.py and run this again.
"""

from __future__ import annotations

from pathlib import Path

import regex  # type: ignore[import-untyped]

from reflectgen.corpus import unicode_properties

HEADER = """\
# Unicode {version}. First code point of a range (hex), Word_Break, Grapheme_Cluster_Break, and letters: a Alphabetic
# or number, w whitespace to Python, p Extended_Pictographic, and Indic_Conjunct_Break c Consonant, l Linker, e Extend.
# Written by scripts/build_unicode_properties.py.
"""
WORD = (
    "CR LF Newline Extend ZWJ Format Katakana Hebrew_Letter ALetter MidLetter MidNum MidNumLet Single_Quote"
    " Double_Quote Numeric ExtendNumLet Regional_Indicator WSegSpace"
)
GRAPHEME = "CR LF Control Extend ZWJ Regional_Indicator Prepend SpacingMark L V T LV LVT"
LETTERS = {
    "a": r"[\p{Alphabetic}\p{N}]",
    "p": r"\p{Extended_Pictographic}",
    "c": r"\p{Indic_Conjunct_Break=Consonant}",
    "l": r"\p{Indic_Conjunct_Break=Linker}",
    "e": r"\p{Indic_Conjunct_Break=Extend}",
}
CODES = range(0x110000)
CHARACTERS = "".join(chr(code) for code in CODES if not 0xD800 <= code < 0xE000)


def main() -> None:
    words = _property("Word_Break", WORD)
    graphemes = _property("Grapheme_Cluster_Break", GRAPHEME)
    letters = ["w" if chr(code).isspace() else "" for code in CODES]
    for letter, pattern in LETTERS.items():
        for found in regex.findall(pattern, CHARACTERS):
            letters[ord(found)] += letter
    lines, last = [], ""
    for code, (word, grapheme, extra) in enumerate(zip(words, graphemes, letters, strict=True)):
        line = f"{word}\t{grapheme}\t{extra or '-'}"
        if line != last:
            lines.append(f"{code:X}\t{line}\n")
        last = line
    header = HEADER.format(version=unicode_properties.VERSION)
    Path(str(unicode_properties.TABLE)).write_text(header + "".join(lines), encoding="ascii")
    print(f"{unicode_properties.TABLE.name}: {len(lines)} ranges")


def _property(name: str, values: str) -> list[str]:
    table = ["-"] * len(CODES)
    for value in values.split():
        for found in regex.findall(rf"\p{{{name}={value}}}", CHARACTERS):
            table[ord(found)] = value
    return table


if __name__ == "__main__":
    main()
