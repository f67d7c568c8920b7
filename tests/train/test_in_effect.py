"""What a run is told is done, also where its losses are the same without: seen at the model and in its checkpoints."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.train.worlds import END, TINY, VOCAB_SIZE, fit_options, make_documents

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

ONE_STEP = {"loop": {"steps": 1, "batch_size": 4}, "checkpoint": {"every": 1}}
FLAT = {"schedule": "constant", "warmup": 0.0}


def small_model() -> Any:
    from reflectgen.train.model import new_model
    from reflectgen.train.presets import Shape

    return new_model(Shape(**TINY), VOCAB_SIZE, END, seed=0)


def run(out: Path, model: Any, **groups: dict[str, Any]) -> Any:
    """Train for one step, or as `groups` say."""
    from reflectgen.train.data import TokenArrays
    from reflectgen.train.loop import fit

    told = {name: ONE_STEP.get(name, {}) | groups.get(name, {}) for name in ONE_STEP | groups}
    return fit(fit_options(**told), model, TokenArrays(make_documents(60), END), out=out)


def watched(model: Any) -> list[torch.dtype]:
    """Return a list that grows by a type each time that a projection in the first layer is computed."""
    seen: list[torch.dtype] = []
    projection = model.get_decoder().layers[0].self_attn.q_proj
    projection.register_forward_hook(lambda module, given, found: seen.append(found.dtype))
    return seen


def changes(model: Any) -> dict[str, torch.Tensor]:
    """Return by how much each weight is another than in the beginning."""
    begun = small_model().state_dict()
    return {name: weight.detach() - begun[name] for name, weight in model.named_parameters()}


@pytest.mark.parametrize(
    ("loop", "passes"),
    [({}, 1), ({"micro_batch_size": 2}, 2), ({"micro_batch_size": 1}, 4), ({"gradient_checkpointing": True}, 2)],
)
def test_a_step_has_as_many_passes_as_it_is_told(tmp_path, loop, passes):
    model = small_model()
    seen = watched(model)
    run(tmp_path, model, loop=loop)
    assert len(seen) == passes


@pytest.mark.parametrize(("precision", "kind"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_products_are_computed_in_the_precision_that_is_told(tmp_path, precision, kind):
    model = small_model()
    seen = watched(model)
    run(tmp_path, model, loop={"precision": precision})
    assert set(seen) == {kind}
    assert {weight.dtype for weight in model.parameters()} == {torch.float32}  # what is learnt is kept exactly


@pytest.mark.parametrize(
    ("optimizer", "rate"), [(FLAT, 0.01), ({"schedule": "wsd", "warmup": 0.5, "decay": 0.0}, 0.005)]
)
def test_the_first_step_has_the_rate_of_its_schedule(tmp_path, optimizer, rate):
    """Adam's first step changes each weight by the rate itself, however large its gradient is."""
    model = small_model()
    loop = {"steps": 1} if optimizer is FLAT else {"steps": 2}
    run(tmp_path, model, loop=loop, optimizer={"lr": 0.01, "weight_decay": 0.0, **optimizer})
    from safetensors.torch import load_file

    begun = small_model().state_dict()
    first = load_file(tmp_path / "checkpoints/step-00000001/model.safetensors")
    assert max(float((first[name] - begun[name]).abs().max()) for name in first) == pytest.approx(rate, rel=1e-3)


def test_gradients_are_clipped(tmp_path):
    from safetensors.torch import load_file

    for clip in (1.0, 1e-3):
        run(tmp_path / str(clip), small_model(), optimizer={"clip": clip, **FLAT})
        kept = load_file(tmp_path / str(clip) / "checkpoints/step-00000001/training/state.safetensors")
        moments = [tensor for name, tensor in kept.items() if name.startswith("exp_avg.")]
        # The first moment is a tenth of the gradient.
        assert float(torch.cat([one.flatten() for one in moments]).norm()) == pytest.approx(clip / 10, rel=1e-3)


def test_only_matrices_decay(tmp_path):
    model = small_model()
    run(tmp_path, model, optimizer={"lr": 0.01, "weight_decay": 0.5, **FLAT})
    begun, changed = small_model().state_dict(), changes(model)
    unseen = VOCAB_SIZE - 1  # no document has it, so nothing but the decay changes its embedding
    embedding = "model.embed_tokens.weight"
    assert not any(unseen in ids for ids, _ in make_documents(60))
    norms = [change for name, change in changed.items() if begun[name].ndim == 1]
    assert norms
    assert all(float(change.abs().max()) <= 0.01 * (1 + 1e-3) for change in norms)
    pulled = changed[embedding] - changed_without_decay(tmp_path)[embedding]
    torch.testing.assert_close(pulled, -0.01 * 0.5 * begun[embedding], rtol=1e-3, atol=1e-6)


def changed_without_decay(tmp_path: Path) -> dict[str, torch.Tensor]:
    model = small_model()
    run(tmp_path / "without", model, optimizer={"lr": 0.01, "weight_decay": 0.0, **FLAT})
    return changes(model)


def test_mfu_is_the_models_arithmetic_over_the_peak_that_is_told(tmp_path):
    from reflectgen.train.log import read_log

    run(tmp_path, small_model(), log={"peak_tflops": 2.0})
    (line,) = (line for line in read_log(tmp_path / "log.jsonl") if "loss" in line)
    # By hand: a layer has four matrices of 32 x 32 and three of 32 x 64, the head 64 rows; attention is 32 wide.
    per_token = 6 * (2 * (4 * 32 * 32 + 3 * 32 * 64) + 64 * 32) + 12 * 2 * 32 * 32
    assert line["tokens_per_second"] > 0
    assert line["mfu"] == pytest.approx(line["tokens_per_second"] * per_token / 2e12)


def test_mfu_is_not_logged_where_no_peak_is_known(tmp_path):
    run(tmp_path, small_model())
    assert "mfu" not in (tmp_path / "log.jsonl").read_text()


def test_a_checkpoint_holds_options_corpus_and_position(tmp_path):
    from reflectgen.train.data import TokenArrays

    run(tmp_path, small_model(), optimizer={"lr": 0.01})
    said = json.loads((tmp_path / "checkpoints/step-00000001/training/state.json").read_text())
    assert (said["step"], said["tokens"]) == (1, 4 * 32)
    assert said["identity"]["corpus"] == TokenArrays(make_documents(60), END).manifest_sha256
    assert said["identity"]["optimizer"]["lr"] == 0.01
    assert said["identity"]["seed"] == 0
