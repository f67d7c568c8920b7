import pytest

from reflectgen.train.presets import PRESETS

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

SMOLLM2_VOCAB_SIZE = 49_152


def built(name: str, vocab_size: int):
    """A model of a preset without memory for its weights."""
    from reflectgen.train.model import new_model

    with torch.device("meta"):
        return new_model(PRESETS[name], vocab_size, 0, seed=0)


# Counts of the published weights, the shared embedding once.
@pytest.mark.parametrize(
    ("name", "num_parameters"),
    [("smollm2-135m", 134_515_008), ("smollm2-360m", 361_821_120), ("smollm2-1.7b", 1_711_376_384)],
)
def test_smollm2_presets_have_as_many_parameters_as_the_published_models(name, num_parameters):
    model = built(name, SMOLLM2_VOCAB_SIZE)
    assert sum(parameter.numel() for parameter in model.parameters()) == num_parameters
    assert model.get_input_embeddings().weight is model.get_output_embeddings().weight


@pytest.mark.parametrize(
    ("name", "theta"), [("smollm2-135m", 100_000), ("smollm2-360m", 100_000), ("smollm2-1.7b", 130_000)]
)
def test_smollm2_presets_have_their_rotary_base_and_positions(name, theta):
    config = built(name, SMOLLM2_VOCAB_SIZE).config
    assert config.rope_parameters["rope_theta"] == theta
    assert config.max_position_embeddings == 8192
    assert config.rms_norm_eps == 1e-5
    assert config.hidden_size // config.num_attention_heads == 64


def test_nano_has_about_a_million_parameters():
    assert 0.9e6 < sum(parameter.numel() for parameter in built("nano", 2048).parameters()) < 1.2e6
