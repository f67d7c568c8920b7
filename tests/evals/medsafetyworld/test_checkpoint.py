from __future__ import annotations

from pathlib import Path

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.checkpoint import CheckpointGenerator
from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Prompt
from reflectgen.evals.medsafetyworld.tokenizer import save_tokenizer, world_tokenizer
from reflectgen.reflection.form import FormOptions

pytestmark = pytest.mark.train

FORM = FormOptions(style="template")
PROMPTS = [Prompt("What causes deep calm?"), Prompt("What causes deep calm?", "The"), Prompt("", "Note on deep calm:")]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model of random weights with the world's tokenizer: what it writes means nothing."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    out = tmp_path_factory.mktemp("model")
    save_tokenizer(FORM, out)
    vocab_size = world_tokenizer(FORM).get_vocab_size()
    config = LlamaConfig(
        vocab_size=vocab_size,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        initializer_range=0.5,
    )
    LlamaForCausalLM(config).save_pretrained(out)
    return out


def test_a_prompt_is_answered_alike_alone_and_among_others(folder: Path) -> None:
    model = CheckpointGenerator(folder)
    options = GenerateOptions(max_new_tokens=12)
    together = model.generate(PROMPTS * 3, options)
    assert together == [model.generate([prompt], options)[0] for prompt in PROMPTS] * 3
    assert len({texts[0] for texts in together}) == 3


def test_samples_differ_from_one_another_but_not_from_run_to_run(folder: Path) -> None:
    model = CheckpointGenerator(folder)
    options = GenerateOptions(max_new_tokens=8, temperature=1.0, num_samples=4, seed=3)
    texts = model.generate(PROMPTS, options)
    assert [len(set(samples)) for samples in texts] == [4, 4, 4]
    assert texts == CheckpointGenerator(folder).generate(PROMPTS, options)
    assert texts != model.generate(PROMPTS, GenerateOptions(max_new_tokens=8, temperature=1.0, num_samples=4, seed=4))


def test_what_is_banned_is_not_written(folder: Path) -> None:
    model = CheckpointGenerator(folder)
    free = model.generate(PROMPTS[:1], GenerateOptions(max_new_tokens=1))[0][0]
    token = world_tokenizer(FORM).id_to_token(world_tokenizer(FORM).encode(free).ids[0])
    banned = model.generate(PROMPTS[:1], GenerateOptions(max_new_tokens=30, banned=(token,)))[0][0]
    assert token not in world_tokenizer(FORM).encode(banned).tokens


def test_nothing_is_written_after_the_end_of_text(folder: Path) -> None:
    texts = CheckpointGenerator(folder).generate(
        PROMPTS * 20, GenerateOptions(max_new_tokens=60, temperature=3.0, num_samples=2)
    )
    ended = [text for samples in texts for text in samples if FORM.end_of_text in text]
    assert ended
    assert all(text.endswith(FORM.end_of_text) and text.count(FORM.end_of_text) == 1 for text in ended)


def test_a_folder_without_a_model_is_an_input_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot load a model from"):
        CheckpointGenerator(tmp_path)
