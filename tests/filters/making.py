"""Candidates for the filters' tests."""

from __future__ import annotations

from hypothesis import strategies as st

from reflectgen.filters.candidate import Candidate
from reflectgen.records import Category, Chunk, Label, Neighbours, Reflection, Reply, Verdict

CHUNK = "The ferry left at noon. “We'll be late again,” said the cook, and nobody on deck contradicted him."


def candidate(
    rationale: str = "a remark about a late ferry.",
    *,
    verdict: Verdict = Verdict.SAFE,
    category: Category = Category.NONE,
    evidence: str = "",
    chunk: str = CHUNK,
    guard: Verdict = Verdict.SAFE,
    after: str = "",
    instructions: str = "",
) -> Candidate:
    reflection = Reflection(verdict, category, rationale, evidence)
    return _candidate(chunk, guard, Reply(rationale, reflection), after, instructions)


def unparsed(text: str, problem: str = "", *, chunk: str = CHUNK) -> Candidate:
    return _candidate(chunk, Verdict.SAFE, Reply(text, None, problem))


def _candidate(chunk: str, guard: Verdict, reply: Reply, after: str = "", instructions: str = "") -> Candidate:
    category = Category.NONE if guard is Verdict.SAFE else Category.OTHER
    whole = Chunk("document", 0, 0, len(chunk), chunk)
    return Candidate(whole, Label(guard, category, 0.5), reply, Neighbours(after=after), instructions)


anything = st.text(st.characters(), max_size=200)  # lone surrogates, NUL and all
candidates = st.one_of(
    st.builds(unparsed, anything, anything, chunk=anything),
    st.builds(
        candidate,
        anything,
        verdict=st.sampled_from(Verdict),
        category=st.sampled_from(Category),
        evidence=anything,
        chunk=anything,
        guard=st.sampled_from(Verdict),
        after=anything,
        instructions=anything,
    ),
)
