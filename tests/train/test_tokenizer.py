import json

import pytest

from reflectgen.cli.app import main
from reflectgen.reflection.form import FormOptions
from reflectgen.train.tokenizer import train_tokenizer

TEXTS = ["A kettle sang on the stove. 湯 ☕", "The stove was warm, and the kettle sang."] * 5


def test_markers_are_single_tokens_and_any_text_comes_back(tmp_path):
    from tokenizers import Tokenizer

    form = FormOptions()
    num_ids = train_tokenizer(TEXTS, tmp_path, 320, form)
    tokenizer = Tokenizer.from_file(str(tmp_path / "tokenizer.json"))
    assert 259 < num_ids <= 320
    for marker in form.markers:
        assert len(tokenizer.encode(marker).ids) == 1
    for text in [*TEXTS, "never seen: Ж\n\t <think> Safe </think><|endoftext|>"]:
        assert tokenizer.decode(tokenizer.encode(text).ids, skip_special_tokens=False) == text


def test_the_command_learns_from_a_corpus(tmp_path, capsys):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in TEXTS))
    assert main(["train-tokenizer", str(corpus), "--to", str(tmp_path / "made"), "--vocab-size", "300"]) == 0
    assert "a tokenizer of 2" in capsys.readouterr().err


@pytest.mark.train
def test_transformers_loads_it(tmp_path):
    pytest.importorskip("torch")
    from transformers import AutoTokenizer

    from reflectgen.train.verdicts import VerdictProbe

    train_tokenizer(TEXTS, tmp_path, 320, FormOptions())
    tokenizer = AutoTokenizer.from_pretrained(tmp_path)
    assert tokenizer.eos_token == "<|endoftext|>"
    probe = VerdictProbe.of(tokenizer, "<think>")
    assert probe is not None
    assert probe.open_id == tokenizer.convert_tokens_to_ids("<think>")
