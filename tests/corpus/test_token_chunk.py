from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers

from reflectgen.corpus.chunk import ChunkOptions, make_chunker
from reflectgen.corpus.token_chunk import TokenChunker
from reflectgen.corpus.unicode_breaks import Breaks
from reflectgen.errors import InputError
from tests.corpus.texts import LONG_TEXTS, texts

MAX_TOKENS = 16


@pytest.fixture(scope="module")
def tokenizer_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A byte-level BPE of 400 tokens that merges across what a cut may part."""
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400, initial_alphabet=pre_tokenizers.ByteLevel.alphabet(), show_progress=False
    )
    tokenizer.train_from_iterator(["A sentence of some words. Another sentence of words, and more."] * 9, trainer)
    tokenizer.enable_truncation(8)
    path = tmp_path_factory.mktemp("tokenizer") / "tokenizer.json"
    tokenizer.save(str(path))
    return path


@pytest.fixture(scope="module")
def chunker(tokenizer_file: Path) -> TokenChunker:
    return TokenChunker(str(tokenizer_file), MAX_TOKENS)


def num_tokens(tokenizer_file: Path, text: str) -> int:
    tokenizer = Tokenizer.from_file(str(tokenizer_file))
    tokenizer.no_truncation()
    return len(tokenizer.encode(text, add_special_tokens=False))


@given(text=texts)
def test_joined_chunks_are_the_document(chunker: TokenChunker, text: str) -> None:
    ends = chunker.ends(text)
    assert ends == sorted(set(ends))
    assert ends[-1:] == ([len(text)] if text else [])


@given(text=texts)
def test_each_chunk_alone_has_no_more_tokens_than_allowed(
    chunker: TokenChunker, tokenizer_file: Path, text: str
) -> None:
    ends = chunker.ends(text)
    for start, end in zip([0, *ends], ends, strict=False):
        chunk = text[start:end]
        assert num_tokens(tokenizer_file, chunk) <= MAX_TOKENS or Breaks(chunk).graphemes.sum() == 1


@given(text=texts)
def test_no_cut_parts_a_grapheme_cluster(chunker: TokenChunker, text: str) -> None:
    clusters = Breaks(text).graphemes
    assert all(clusters[end] for end in chunker.ends(text)[:-1])


@pytest.mark.parametrize("kind", ["one letter", "a line of words", "no spaces", "a gap", "NUL"])
def test_a_long_text_is_cut_without_loss(chunker: TokenChunker, kind: str) -> None:
    text = LONG_TEXTS[kind][:30_000]
    assert chunker.ends(text)[-1] == len(text)


def test_a_cut_falls_after_a_sentence(chunker: TokenChunker) -> None:
    text = "A sentence of some words. Another sentence of words. A sentence of words and more words."
    assert all(text[:end].rstrip().endswith(".") for end in chunker.ends(text))


def test_lone_surrogates_are_cut_like_anything_else(chunker: TokenChunker) -> None:
    assert chunker.ends("\ud800" * 40)[-1] == 40


def test_a_folder_with_a_tokenizer_is_as_good_as_its_file(tokenizer_file: Path) -> None:
    options = ChunkOptions(chunk_tokens=MAX_TOKENS, tokenizer=str(tokenizer_file.parent))
    assert make_chunker(options).version == TokenChunker(str(tokenizer_file), MAX_TOKENS).version


def test_a_missing_tokenizer_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"^cannot read the tokenizer .*: No such file or directory; name .*$"):
        TokenChunker(str(tmp_path / "nowhere"), 64)


def test_a_file_that_is_no_tokenizer_is_one_line(tmp_path: Path) -> None:
    broken = tmp_path / "tokenizer.json"
    broken.write_text("{}", encoding="utf-8")
    with pytest.raises(InputError, match=r"^.* is not a tokenizer\.json .*$"):
        TokenChunker(str(broken), 64)
