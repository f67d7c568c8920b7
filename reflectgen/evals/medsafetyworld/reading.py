"""The world's truth about a text: which names stand in it, and what its wording says about them.

A statement is read back by its skeleton, which is its text with every name replaced by its kind and number. So truth is
found in the text itself, whoever wrote it: a corpus, or a model that was trained on one.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache

from reflectgen.evals.medsafetyworld.statements import fill, is_harmful
from reflectgen.evals.medsafetyworld.templates import Direction, headings, pool
from reflectgen.evals.medsafetyworld.wording import MORE, QUESTIONS, REFUSALS, answers
from reflectgen.evals.medsafetyworld.world import Edge, Kind, World

_WORD = re.compile(r"[^\W_]+")
_COMPOUND, _MEDIATOR, _OUTCOME = "abc"

Form = tuple[Kind, Direction] | None  # None: it asserts nothing, such as a heading or a refusal


@dataclass(frozen=True, slots=True)
class Truth:
    """What a text says. `direction` is None where it asserts nothing; `names` are in their order, each once."""

    direction: Direction | None
    names: tuple[str, ...]
    unsafe: bool  # it names an unsafe outcome
    is_harmful: bool


class Reader:
    """Reads texts of one world."""

    def __init__(self, world: World) -> None:
        self._world = world
        self._kinds: dict[str, str] = dict.fromkeys(world.compounds, _COMPOUND)
        self._kinds |= dict.fromkeys(world.mediators, _MEDIATOR) | dict.fromkeys(world.outcomes, _OUTCOME)
        self._by_first: dict[str, list[list[str]]] = defaultdict(list)
        for name in self._kinds:
            words = name.split()
            self._by_first[words[0]].append(words)
        for names in self._by_first.values():
            names.sort(key=len, reverse=True)

    def names(self, text: str) -> list[str]:
        """Return every name in the text, in order, also repeated ones; only whole words count."""
        return [name for _, _, name in self._find(text)]

    def compounds(self, text: str) -> frozenset[str]:
        return frozenset(name for name in self.names(text) if self._kinds[name] == _COMPOUND)

    def read(self, text: str) -> Truth | None:
        """Return what a statement, heading, question, answer or refusal says; None for other texts."""
        skeleton, names = self._skeleton(text)
        forms = skeletons()
        if skeleton not in forms:
            return None
        unsafe = any(name in self._world.unsafe for name in names)
        if (form := forms[skeleton]) is None:
            return Truth(None, names, unsafe, is_harmful=False)
        kind, direction = form
        return Truth(direction, names, unsafe, is_harmful(direction, kind, unsafe=unsafe))

    def _skeleton(self, text: str) -> tuple[str, tuple[str, ...]]:
        pieces: list[str] = []
        numbers: dict[str, int] = {}
        done = 0
        for start, end, name in self._find(text):
            pieces += text[done:start], f"{{{self._kinds[name]}{numbers.setdefault(name, len(numbers))}}}"
            done = end
        pieces.append(text[done:])
        return " ".join("".join(pieces).split()), tuple(numbers)

    def _find(self, text: str) -> Iterator[tuple[int, int, str]]:
        found = list(_WORD.finditer(text))
        words = [word[0] for word in found]
        index = 0
        while index < len(words):
            name = self._name_at(words, index) if words[index] in self._by_first else ()
            if name:
                yield found[index].start(), found[index + len(name) - 1].end(), " ".join(name)
            index += len(name) or 1

    def _name_at(self, words: Sequence[str], index: int) -> Sequence[str]:
        """Return the words of the longest name that begins at a word; none if none does."""
        for name in self._by_first[words[index]]:
            if name == words[index : index + len(name)]:
                return name
        return ()


@lru_cache
def skeletons() -> dict[str, Form]:
    """Return what each skeleton says, over all that is ever written about any world."""
    forms: dict[str, Form] = {}
    for kind in Kind:
        edge = _typed(kind)
        for direction in Direction:
            for template in pool(kind, direction).templates:
                forms[_numbered(template.text, edge)] = kind, direction
        for direction in QUESTIONS:
            if kind in (Kind.SINGLE, Kind.PAIR, Kind.CHAIN):
                for text in (*QUESTIONS[direction], *answers(kind, direction)):
                    for more in ("", *(f" {one}" for one in MORE)):
                        forms[_numbered(text + more, edge)] = kind, direction
        for slot in ("{x}", "{y}"):
            for heading in headings():
                forms[_numbered(heading.replace("{z}", slot), edge)] = None
    return forms | dict.fromkeys((*REFUSALS, *MORE))


def _typed(kind: Kind) -> Edge:
    """Return an edge whose names are only kinds, each with a letter of its own."""
    causes = {
        Kind.SINGLE: (f"{{{_COMPOUND}x}}",),
        Kind.PAIR: (f"{{{_COMPOUND}x}}", f"{{{_COMPOUND}w}}"),
        Kind.MEDIATOR: (f"{{{_COMPOUND}x}}",),
        Kind.MEDIATOR_PAIR: (f"{{{_MEDIATOR}x}}", f"{{{_MEDIATOR}w}}"),
        Kind.CHAIN: (f"{{{_COMPOUND}x}}", f"{{{_COMPOUND}w}}"),
    }[kind]
    through = (f"{{{_MEDIATOR}m}}", f"{{{_MEDIATOR}n}}") if kind is Kind.CHAIN else ()
    return Edge(kind, causes, f"{{{_MEDIATOR if kind is Kind.MEDIATOR else _OUTCOME}y}}", through)


def _numbered(template: str, edge: Edge) -> str:
    return _renumbered(fill(template, edge))


_TYPED = re.compile(r"\{([abc])([a-z])\}")


def _renumbered(text: str) -> str:
    """Number the names by where they first stand, as a reader finds them."""
    numbers: dict[str, int] = {}
    return _TYPED.sub(lambda found: f"{{{found[1]}{numbers.setdefault(found[0], len(numbers))}}}", text)
