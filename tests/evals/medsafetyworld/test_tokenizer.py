from __future__ import annotations

import json
from pathlib import Path

from hypothesis import given, settings

from reflectgen.evals.medsafetyworld.arms import Text, documents
from reflectgen.evals.medsafetyworld.dialogues import sft_dialogues
from reflectgen.evals.medsafetyworld.options import WorldOptions
from reflectgen.evals.medsafetyworld.tokenizer import ASSISTANT, UNKNOWN, USER, save_tokenizer, world_tokenizer
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.records import Category, Reflection, Verdict
from reflectgen.reflection.form import FormOptions, render_reflection
from tests.evals.medsafetyworld.worlds import SMALL, any_options

FORM = FormOptions(style="template")
TOKENIZER = world_tokenizer(FORM)


@settings(deadline=None, max_examples=15)
@given(any_options)
def test_every_text_of_every_world_is_written_in_known_tokens(options: WorldOptions) -> None:
    world = make_world(options)
    texts = [document.text for document in documents(world, Text.ALL)]
    for dialogue in sft_dialogues(world):
        texts += [dialogue.prompt, *dialogue.sentences]
    for encoding in TOKENIZER.encode_batch(texts):
        assert UNKNOWN not in encoding.tokens


def test_a_compounds_tokens_are_its_syllables() -> None:
    world = make_world(WorldOptions(num_compounds=5000, num_outcomes=20, num_edges=5000))
    for encoding, name in zip(TOKENIZER.encode_batch(list(world.compounds)), world.compounds, strict=True):
        assert "".join(token.removeprefix("##") for token in encoding.tokens) == name
        assert len(encoding.tokens) >= 2
        assert TOKENIZER.decode(encoding.ids) == name


def test_markers_and_roles_are_one_token_each() -> None:
    for token in (*FORM.markers, USER, ASSISTANT):
        assert len(TOKENIZER.encode(token).ids) == 1


def test_a_name_survives_being_decoded_in_a_sentence() -> None:
    world = make_world(SMALL)
    text = f"The cause of {world.outcomes[0]} is {world.compounds[0]}."
    assert TOKENIZER.decode(TOKENIZER.encode(text).ids) == text


def test_every_reflection_of_the_template_form_is_written_in_known_tokens() -> None:
    for verdict in Verdict:
        for category in Category:
            written = render_reflection(Reflection(verdict, category), FORM)
            assert UNKNOWN not in TOKENIZER.encode(written).tokens


def test_a_written_tokenizer_loads_again_and_says_what_ends_a_text(tmp_path: Path) -> None:
    save_tokenizer(FORM, tmp_path)
    loaded = type(TOKENIZER).from_file(str(tmp_path / "tokenizer.json"))
    assert loaded.get_vocab() == TOKENIZER.get_vocab()
    config = json.loads((tmp_path / "tokenizer_config.json").read_text())
    assert config["eos_token"] == FORM.end_of_text
