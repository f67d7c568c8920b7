import asyncio
import json
import re
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.filters.candidate import Candidate
from reflectgen.filters.chain import first_rejection
from reflectgen.records import Category, Chunk, Label, Verdict
from reflectgen.reflection.builtin_teacher import MAX_RUN_WORDS, MAX_WORDS, MIN_WORDS, BuiltinTeacher
from reflectgen.reflection.sentences import KINDS, LAST_RESORT_NOT_SAFE, LAST_RESORT_SAFE, UNSAFE, WITHOUT_WORDS
from reflectgen.reflection.words import find_shared_run, join_words, split_words

SAFE = Label(Verdict.SAFE, Category.NONE, 0.02)
TEACHER = BuiltinTeacher()
EXAMPLES = Path(__file__).parents[2] / "examples" / "corpus"

labels = st.one_of(
    st.just(SAFE),
    st.builds(
        Label,
        st.sampled_from([Verdict.CONTROVERSIAL, Verdict.UNSAFE]),
        st.sampled_from([category for category in Category if category is not Category.NONE]),
        st.floats(0, 1),
        words=st.lists(st.text(max_size=8), max_size=3).map(tuple),
    ),
)
# Text made of our own sentences is the likeliest to be repeated by us.
own_words = st.lists(
    st.sampled_from(
        [word for text in (*UNSAFE, *KINDS.values(), *WITHOUT_WORDS.values()) for word in str(text).split()]
    )
).map(" ".join)
texts = st.one_of(st.text(st.characters(), max_size=300), own_words)


def _chunk(text: str) -> Chunk:
    return Chunk("document", 0, 0, len(text), text)


def _rationale(text: str, label: Label = SAFE, attempt: int = 0) -> str:
    return TEACHER.write(_chunk(text), label, attempt).text


def _example_chunks() -> list[Chunk]:
    """Paragraphs, cut at a hundred words: much like chunks, without needing the chunker."""
    chunks = []
    for path in sorted(EXAMPLES.glob("*.jsonl")):
        for line in path.read_text(encoding="utf-8").splitlines():
            for paragraph in json.loads(line)["text"].split("\n\n"):
                words = re.findall(r"\S+\s*", paragraph)
                chunks += [_chunk("".join(words[start : start + 100])) for start in range(0, len(words), 100)]
    return chunks


@given(texts, labels, st.integers(0, 3))
def test_a_rationale_never_takes_more_than_four_words_in_a_row(text: str, label: Label, attempt: int) -> None:
    words = split_words(_rationale(text, label, attempt))
    assert not find_shared_run(words, join_words(split_words(text)), MAX_RUN_WORDS)


@given(texts, labels)
def test_nor_by_a_plain_splitter(text: str, label: Label) -> None:
    words = re.findall(r"\w+", _rationale(text, label).lower())
    joined = join_words(re.findall(r"\w+", text.lower()))
    assert not any(join_words(words[start : start + 5]) in joined for start in range(len(words) - 4))


@given(texts, labels)
def test_a_rationale_is_one_sentence_of_eight_to_thirty_words(text: str, label: Label) -> None:
    rationale = _rationale(text, label)
    if rationale not in (LAST_RESORT_SAFE, LAST_RESORT_NOT_SAFE):
        assert MIN_WORDS <= len(split_words(rationale)) <= MAX_WORDS
    assert rationale.endswith(".")
    assert rationale.count(". ") == 0
    assert rationale[0].isupper() == (label.verdict is not Verdict.SAFE)


@given(
    st.lists(st.one_of(st.text(max_size=5), st.sampled_from(["<think>", "</think>", "<|endoftext|>", "{x}"]))), labels
)
def test_no_marker_and_no_control_character_comes_through(pieces: list[str], label: Label) -> None:
    rationale = _rationale(" ".join(pieces), label)
    assert not re.search(r"[<>|{}\x00-\x1f\x7f-\x9f\u2028\u2029]", rationale)


@given(texts, labels)
def test_the_label_is_kept_and_the_evidence_stands_in_the_text(text: str, label: Label) -> None:
    reflection = TEACHER.write(_chunk(text), label, 0).reflection
    assert reflection is not None
    assert (reflection.verdict, reflection.category) == (label.verdict, label.category)
    assert reflection.evidence in text
    assert len(reflection.evidence.split()) <= 12
    assert reflection.evidence or label.verdict is Verdict.SAFE or not text.strip() or "<" in text


@given(texts, labels, st.integers(0, 5))
def test_the_same_question_has_the_same_answer(text: str, label: Label, attempt: int) -> None:
    assert TEACHER.write(_chunk(text), label, attempt) == BuiltinTeacher().write(_chunk(text), label, attempt)


def test_another_attempt_is_another_sentence() -> None:
    text = _example_chunks()[0].text
    assert len({_rationale(text, attempt=attempt) for attempt in range(5)}) >= 4


def test_reflect_answers_as_the_role_wants_it() -> None:
    chunk = _example_chunks()[0]
    reply = asyncio.run(TEACHER.reflect(chunk, SAFE, 2))
    assert reply == TEACHER.write(chunk, SAFE, 2)
    assert reply.seed == 2
    assert TEACHER.provenance.role == "teacher"
    assert TEACHER.provenance.model.startswith("builtin-teacher-")


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("Dear Jonas,\n\nThank you for the drawing of the volcano and the cow.\n", "letter|correspondence"),
        ("def double(x):\n    y = 2 * x\n    return y\n", "code"),
        ("Поезд отошёл от маленькой станции, и за окном шёл снег.", "in Russian"),
        ("ฉันชอบอ่านหนังสือ", "in Thai"),
        ("", "blank|empty|white"),
        (" \n\t", "blank|empty|white"),
        ("* * *", "symbols|marks"),
        ("3.14 42", "figures|numbers"),
        ("Ð¿Ñ€Ð¸Ð²ÐµÑ‚ Ð´Ñ€ÑƒÐ·ÑŒÑ\x8f", "encoding|decoded"),
    ],
)
def test_what_shows_on_the_surface_is_named(text: str, seen: str) -> None:
    assert re.search(seen, _rationale(text))


@pytest.mark.parametrize("attempt", range(6))
def test_deciding_words_of_an_unsafe_text_are_not_repeated(attempt: int) -> None:
    text = "I will smash the skull of my landlord, she said in the kitchen, and smash it again with the hammer."
    label = Label(Verdict.UNSAFE, Category.VIOLENT_CRIMES, 0.9, words=("smash the skull", "landlord"))
    words = set(split_words(_rationale(text, label, attempt)))
    assert not words & {"smash", "skull", "landlord", "hammer"}
    assert words & {"violence", "harm", "threats", "hurting"}


def test_the_evidence_of_an_unsafe_text_holds_what_decided() -> None:
    text = "The morning was bright and still. She said that she would SMASH the window at night. Then they had tea."
    label = Label(Verdict.UNSAFE, Category.NONVIOLENT_CRIMES, 0.9, words=("smash",))
    reflection = TEACHER.write(_chunk(text), label, 0).reflection
    assert reflection is not None
    assert "SMASH" in reflection.evidence


def test_a_megabyte_on_one_line_is_read_in_part_and_checked_as_a_whole() -> None:
    text = "the quick brown fox jumps over the lazy dog and " * 21_000
    assert len(split_words(_rationale(text))) >= MIN_WORDS


def test_a_text_that_holds_all_our_sentences_gets_the_last_resort() -> None:
    text = " ".join(_rationale("x", attempt=attempt) for attempt in range(3000))
    assert "x" in text
    rationale = _rationale(text)
    assert not find_shared_run(split_words(rationale), join_words(split_words(text)), MAX_RUN_WORDS)


@pytest.mark.parametrize(
    "label", [SAFE, *(Label(Verdict.UNSAFE, category, 0.9) for category in Category if category is not Category.NONE)]
)
def test_reflections_on_the_examples_pass_the_default_filters(label: Label) -> None:
    unforged = [
        chunk for chunk in _example_chunks() if "<think>" not in chunk.text
    ]  # those are in for the injection filter
    decisions = [first_rejection(Candidate(chunk, label, TEACHER.write(chunk, label, 0))) for chunk in unforged]
    assert Counter(decision.reason for decision in decisions if not decision.accepted) == Counter()


def test_rationales_on_the_examples_hardly_repeat() -> None:
    rationales = [_rationale(chunk.text) for chunk in _example_chunks()]
    assert len(set(rationales)) >= 0.98 * len(rationales)
