from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from reflectgen.corpus import cutting
from reflectgen.corpus.chunk import ChunkOptions, WordChunker, make_chunker
from reflectgen.corpus.unicode_breaks import Breaks
from reflectgen.errors import InputError
from reflectgen.records import Document
from reflectgen.shards import chunks_of
from tests.corpus.texts import LONG_TEXTS, hard_texts, texts

limits = st.sampled_from([10, 11, 25])


def cut(text: str, max_words: int = 10) -> list[str]:
    return [chunk.text for chunk in chunks_of(Document("d", text), WordChunker(max_words).ends(text))]


def num_words(text: str) -> int:
    return len(Breaks(text).word_starts())


@given(texts, limits)
def test_joined_chunks_are_the_document(text: str, max_words: int) -> None:
    ends = WordChunker(max_words).ends(text)
    assert "".join(cut(text, max_words)) == text
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([len(text)] if text else [])


@given(texts, limits)
def test_no_chunk_has_more_words_than_allowed(text: str, max_words: int) -> None:
    assert all(num_words(chunk) <= max_words for chunk in cut(text, max_words))


@given(st.text(st.sampled_from("ab1_ .,'’“”—–…\u00a0\r\n:-é"), max_size=120), limits)
def test_a_short_text_is_cut_as_a_long_one_would_be(text: str, max_words: int) -> None:
    assert WordChunker(max_words).ends(text) == cutting.cut(text, max_words, lambda _, breaks: breaks.word_starts())


@given(texts, limits)
def test_no_cut_parts_a_grapheme_cluster(text: str, max_words: int) -> None:
    clusters = Breaks(text).graphemes
    assert all(clusters[end] for end in WordChunker(max_words).ends(text)[:-1])


@given(texts, limits)
def test_only_a_blank_document_has_a_blank_chunk(text: str, max_words: int) -> None:
    assert all(chunk.strip() for chunk in cut(text, max_words)) or not text.strip()


@given(hard_texts)
def test_the_same_text_is_always_cut_the_same(text: str) -> None:
    assert WordChunker(10).ends(text) == WordChunker(10).ends(text)


@given(st.text(st.characters(categories=["Cs", "L"]), max_size=60))
def test_lone_surrogates_are_cut_like_anything_else(text: str) -> None:
    assert "".join(cut(text)) == text


@pytest.mark.parametrize("text", LONG_TEXTS.values(), ids=LONG_TEXTS)
def test_a_long_text_of_any_kind_is_cut_without_loss(text: str) -> None:
    assert "".join(cut(text, 100)) == text


@pytest.mark.parametrize("blank", [" ", "\n\n\n", " \r\n\t\u3000" * 1000])
def test_a_blank_document_is_one_chunk(blank: str) -> None:
    assert cut(blank) == [blank]


def test_an_empty_document_has_no_chunk() -> None:
    assert WordChunker(100).ends("") == []


def test_a_cut_falls_after_the_last_sentence_that_fits() -> None:
    text = "One two three four. Five six seven. Eight nine ten eleven."
    assert cut(text) == ["One two three four. Five six seven. ", "Eight nine ten eleven."]


def test_the_end_of_a_paragraph_is_preferred_where_the_chunk_is_nearly_full() -> None:
    text = "One two three four five six seven eight.\n\nNine. Ten eleven twelve."
    assert cut(text) == ["One two three four five six seven eight.\n\n", "Nine. Ten eleven twelve."]


def test_a_sentence_that_fits_is_not_cut_after_a_short_one() -> None:
    text = "One. Two three four, five six seven eight, nine ten eleven."
    assert cut(text) == ["One. ", "Two three four, five six seven eight, nine ten eleven."]


def test_an_abbreviation_ends_no_sentence() -> None:
    text = "Well now. They met old Mr. Smith there, and then he left."
    assert cut(text) == ["Well now. ", "They met old Mr. Smith there, and then he left."]


def test_an_overlong_sentence_is_cut_after_a_clause() -> None:
    text = "one two three four five six, seven eight nine ten eleven twelve"
    assert cut(text) == ["one two three four five six, ", "seven eight nine ten eleven twelve"]


def test_a_sentence_without_clauses_is_cut_between_words() -> None:
    text = "one two three four five six seven eight nine ten eleven"
    assert cut(text) == ["one two three four five six seven eight nine ten ", "eleven"]


def test_lines_of_code_stay_whole() -> None:
    lines = ["for (int i = 0; i < n; i++) {\n", "    total += prices[i] * amounts[i];\n", "}\n", "return total;\n"]
    ends = WordChunker(10).ends("".join(lines))
    starts_of_lines = {sum(map(len, lines[:n])) for n in range(len(lines) + 1)}
    # What indents a line is whitespace after the line before.
    assert {end - 4 if end - 4 in starts_of_lines else end for end in ends} <= starts_of_lines


def test_scripts_without_spaces_are_cut_by_their_characters() -> None:
    assert [len(chunk) for chunk in cut("中" * 35)] == [10, 10, 10, 5]
    assert cut("这是一个句子。这是另一个很长的句子。") == ["这是一个句子。", "这是另一个很长的句子。"]


def test_white_space_after_a_chunk_belongs_to_it() -> None:
    text = "One two three four five six seven eight.  \n\n \t Nine ten eleven."
    assert cut(text)[1] == "Nine ten eleven."


def test_a_mark_on_a_space_is_not_parted_from_it() -> None:
    text = "one two three four five six seven eight nine ten \u0308eleven"
    assert cut(text) == ["one two three four five six seven eight nine ", "ten \u0308eleven"]


def test_the_chunker_names_its_rules_and_unicode_version() -> None:
    chunker = make_chunker(ChunkOptions())
    assert (chunker.name, chunker.version) == ("reflectgen/words", "1-unicode18.0")


def test_tokens_without_a_tokenizer_are_refused_in_one_line() -> None:
    with pytest.raises(InputError, match=r"^chunks of 128 tokens need a tokenizer; name .*$"):
        make_chunker(ChunkOptions(chunk_tokens=128))


@pytest.mark.parametrize("options", [{"chunk_words": 9}, {"chunk_words": 2001}, {"chunk_lines": 3}])
def test_options_are_checked(options: dict[str, int]) -> None:
    with pytest.raises(ValidationError):
        ChunkOptions(**options)


@pytest.mark.parametrize("file", ["corpus.jsonl", "messy.jsonl"])
def test_real_documents_keep_every_character_and_the_limit(shared_data: Path, file: str) -> None:
    with (shared_data / file).open(encoding="utf-8") as lines:
        texts = [json.loads(line)["text"] for line in lines][::5]
    for text in texts:
        chunks = cut(text, 100)
        assert "".join(chunks) == text
        assert all(num_words(chunk) <= 100 for chunk in chunks)
        assert all(chunk.strip() for chunk in chunks) or not text.strip()
