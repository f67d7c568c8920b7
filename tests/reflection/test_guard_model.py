import hashlib
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from reflectgen.reflection.builtin_guard import MODEL_FILE
from reflectgen.reflection.guard_model import (
    NUM_SIGNALS,
    WINDOWS,
    GuardModel,
    categories,
    load_model,
    probabilities,
    signals,
    weigh,
)
from reflectgen.reflection.ngrams import CLASS_TABLE_BITS, UNIGRAM, ngrams, tokenize

BITS = 16


def model_that_hears(word: str) -> GuardModel:
    """A model to which one word is all there is."""
    table = np.zeros(1 << CLASS_TABLE_BITS, dtype=np.uint8)
    weights = np.zeros(1 << BITS, dtype=np.int16)
    weights[next(bucket for kind, _, bucket in ngrams(tokenize([word]), table, BITS) if kind == UNIGRAM)] = 1000
    return GuardModel(
        weights=weights,
        scale=0.01,
        intercept=-1.0,
        class_table=table,
        signal_weights=np.array([0.5] * NUM_SIGNALS + [0.0]),
        controversial=0.3,
        unsafe=0.5,
        categories=np.array(["hate", "privacy"]),
        category_weights=np.zeros((2, 1 << BITS), dtype=np.int8),
        category_intercepts=np.array([0.0, 1.0]),
    )


def signals_of(texts: list[str], model: GuardModel) -> np.ndarray:
    tokens = tokenize(texts)
    return signals(tokens, weigh(tokens, model), len(texts), model)


def test_only_the_word_that_weighs_weighs() -> None:
    tokens = tokenize(["so loud a bang", "so quiet"])
    assert weigh(tokens, model_that_hears("loud")).tolist() == [0, 1000, 0, 0, 0, 0]


@pytest.mark.parametrize("at", [0, 7, 30, 99])
def test_a_loud_word_is_heard_in_a_window_wherever_it_stands_in_a_long_text(at: int) -> None:
    words = ["calm"] * 100
    words[at] = "loud"
    whole, *windows, _ = signals_of([" ".join(words)], model_that_hears("loud"))[0]
    assert sorted(windows, reverse=True) == windows
    assert windows[-1] > whole


def test_a_text_no_longer_than_a_window_is_its_only_window() -> None:
    whole, *windows, _ = signals_of([" ".join(["loud"] * WINDOWS[0])], model_that_hears("loud"))[0]
    assert windows == [whole] * len(WINDOWS)


def test_no_window_reaches_from_one_text_into_the_next() -> None:
    texts = ["calm " * 40, "loud " * 40, "", "calm " * 40]
    together = signals_of(texts, model_that_hears("loud"))
    alone = np.concatenate([signals_of([text], model_that_hears("loud")) for text in texts])
    assert together.tolist() == alone.tolist()


def test_probabilities_rise_with_the_signals() -> None:
    model = model_that_hears("loud")
    calm, some, much = probabilities(signals_of(["calm day", "loud day", "loud loud loud day"], model), model).tolist()
    assert 0 < calm < some < much < 1


def test_each_text_has_the_category_that_fits_best() -> None:
    model = model_that_hears("loud")
    weights = model.category_weights.copy()
    weights[0] = np.where(model.weights > 0, 100, 0)
    hears_hate = replace(model, category_weights=weights)
    assert categories(tokenize(["quiet", "loud"]), 2, hears_hate) == ["privacy", "hate"]


def test_a_model_survives_its_file_and_equal_models_have_equal_bytes(tmp_path: Path) -> None:
    model = model_that_hears("loud")
    file = tmp_path / "model.npz"
    file.write_bytes(model.to_bytes())
    read, digest = load_model(file)
    assert read.to_bytes() == model.to_bytes()
    assert digest == hashlib.sha256(model.to_bytes()).hexdigest()


def test_the_shipped_thresholds_are_in_order() -> None:
    model, _ = load_model(MODEL_FILE)
    assert 0 < model.controversial < model.unsafe < 1
