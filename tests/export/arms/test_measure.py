from pathlib import Path

import pytest
import tokenizers
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import InputError
from reflectgen.export.arms.measure import TokenMeasure, Words


@given(st.text(), st.integers(0, 20))
def test_what_is_cut_has_as_many_words_as_were_wanted(text: str, length: int) -> None:
    words = Words()
    assert words.count(text[: words.cut(text, length)]) == min(length, words.count(text))


def test_a_marker_is_one_token_and_a_text_is_cut_after_so_many(tmp_path: Path) -> None:
    tokenizer = tokenizers.Tokenizer(tokenizers.models.WordLevel({"a": 0, "[U]": 1}, unk_token="[U]"))
    tokenizer.pre_tokenizer = tokenizers.pre_tokenizers.Split(tokenizers.Regex("."), "isolated")
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    measure = TokenMeasure(tmp_path, ("<think>", "<end>"))
    assert measure.count("ab<think>c") == 4
    assert measure.count("ab<end>") == 2  # the end of a document is counted apart, wherever it is written
    assert measure.cut("ab<think>c", 3) == 9
    assert measure.cut("\ud800b", 1) == 1
    assert measure.name.startswith("tokens of sha256:")


def test_what_is_no_tokenizer_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"name a tokenizer\.json"):
        TokenMeasure(tmp_path, ("<end>",))
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match=r"not a tokenizer\.json"):
        TokenMeasure(tmp_path, ("<end>",))
