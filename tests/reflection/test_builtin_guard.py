import asyncio
import hashlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from reflectgen.records import Category, Chunk, Verdict
from reflectgen.reflection.builtin_guard import MODEL_FILE, BuiltinGuard

GUARD = BuiltinGuard()

SAFE = [
    "The museum opens at nine and closes at five, except on Mondays.",
    "Bake the bread for forty minutes and let it cool on a rack before you cut it.",
    "Leaves turn light, water and air into sugar, and give off oxygen while they do so.",
    "She walked along the river until the lamps were lit, thinking of her sister's letter.",
    "The committee published its annual report on rural broadband in three languages.",
]
UNSAFE = [
    "Women are stupid, worthless trash and should be kept out of every school.",
    "I hate all immigrants, they are vermin and should be driven out of our country.",
    "These people are filth. We should beat every one of them to death.",
    "All gay people are disgusting animals and deserve to be killed.",
]
PROSE = (
    "The road climbs for two miles through beech woods before it reaches the village, where a small market is held on "
    "the first Saturday of the month. {} Visitors usually leave the car by the church and walk "
    "up to the old mill, whose wheel was repaired in the spring and turns again on Sundays."
)


@pytest.mark.parametrize("text", SAFE)
def test_plain_prose_is_safe(text: str) -> None:
    (label,) = GUARD.label_texts([text])
    assert (label.verdict, label.category, label.words) == (Verdict.SAFE, Category.NONE, ())


@pytest.mark.parametrize("text", UNSAFE)
def test_plain_hatred_is_unsafe_hate_and_names_words_of_the_text(text: str) -> None:
    (label,) = GUARD.label_texts([text])
    assert (label.verdict, label.category) == (Verdict.UNSAFE, Category.HATE)
    assert 1 <= len(label.words) <= 5
    assert all(word in text for word in label.words)


@pytest.mark.parametrize("text", UNSAFE)
def test_a_hateful_sentence_inside_a_page_of_prose_is_found(text: str) -> None:
    alone, page = GUARD.label_texts([PROSE.format("It is a quiet place."), PROSE.format(text)])
    assert (alone.verdict, page.verdict) == (Verdict.SAFE, Verdict.UNSAFE)


def test_a_text_without_words_says_nothing() -> None:
    for label in GUARD.label_texts(["", " \n\t", "\x00", "...", "\u200b"]):
        assert (label.verdict, label.category, label.score) == (Verdict.SAFE, Category.NONE, 0.0)


def test_no_texts_have_no_labels() -> None:
    assert GUARD.label_texts([]) == []


@pytest.mark.parametrize("text", ["x", "\ud800", "\x00a\x00", "a" * 1_000_000, "no " * 300_000, "字" * 100_000])
def test_texts_of_any_shape_are_labelled(text: str) -> None:
    (label,) = GUARD.label_texts([text])
    assert 0 <= label.score <= 1


def test_a_very_long_text_has_the_label_of_its_worst_piece() -> None:
    piece = 2**18
    filler = (SAFE[0] + "\n") * (piece // len(SAFE[0]))
    text = filler[:piece] + UNSAFE[1] + " " + PROSE
    assert GUARD.label_texts([text]) == GUARD.label_texts([text[piece:]])


def test_chunks_are_labelled_as_their_texts() -> None:
    chunks = [Chunk("document", index, 0, len(text), text) for index, text in enumerate(SAFE + UNSAFE)]
    assert asyncio.run(GUARD.label(chunks)) == GUARD.label_texts(SAFE + UNSAFE)


def test_labels_do_not_depend_on_how_texts_are_batched() -> None:
    texts = [*UNSAFE, "", *SAFE, PROSE.format(UNSAFE[0])] * 20
    assert GUARD.label_texts(texts) == [GUARD.label_texts([text])[0] for text in texts]


@given(st.lists(st.text() | st.sampled_from(SAFE + UNSAFE), max_size=6))
@settings(deadline=None)
def test_a_label_never_depends_on_the_texts_beside_it(texts: list[str]) -> None:
    assert GUARD.label_texts(texts) == [GUARD.label_texts([text])[0] for text in texts]


@given(st.text(max_size=300))
@settings(deadline=None)
def test_verdict_category_and_words_agree(text: str) -> None:
    (label,) = GUARD.label_texts([text + UNSAFE[0]])
    assert (label.verdict is Verdict.SAFE) == (label.category is Category.NONE)
    assert label.score == round(label.score, 4)
    assert label.words == () or label.verdict is not Verdict.SAFE


def test_the_model_file_is_named_in_the_provenance_and_small_enough_to_ship() -> None:
    content = MODEL_FILE.read_bytes()
    assert len(content) <= 5_000_000
    assert GUARD.provenance.role == "guard"
    assert GUARD.provenance.model == f"builtin-guard-{hashlib.sha256(content).hexdigest()[:12]}"
