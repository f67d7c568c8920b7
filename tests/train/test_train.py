"""`reflectgen train` as a whole: what it leaves, how it goes on from another model, and what does not change a run."""

from __future__ import annotations

import json
import re
import shutil
import sys
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.export.manifest import read_manifest
from tests.train.commands import said_of, write_config
from tests.train.worlds import TINY

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tokens):
    """A run of 40 steps that no test changes."""
    folder = tmp_path_factory.mktemp("run")
    loop, log = {"steps": 40, "batch_size": 8}, {"eval_every": 20, "tensorboard": True}
    config = write_config(
        folder / "train.toml",
        tokens,
        folder / "out",
        loop=loop,
        log=log,
        data={"held_out": 0.2},
        optimizer={"lr": 0.01},
    )
    assert main(["train", str(config)]) == 0
    return folder / "out"


def weights(folder: Path) -> dict[str, torch.Tensor]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def logged(out: Path) -> list[dict[str, float]]:
    return [json.loads(line) for line in (out / "log.jsonl").read_text().splitlines()]


def losses(out: Path) -> list[float]:
    return [line["loss"] for line in logged(out) if "loss" in line]


def run(folder: Path, tokens: Path, **groups) -> Path:
    assert main(["train", str(write_config(folder / "train.toml", tokens, folder / "out", **groups))]) == 0
    return folder / "out"


def test_the_card_says_corpus_arm_recipe_options_and_figures(tokens, finished):
    import hashlib

    card = (finished / "model/README.md").read_text()
    manifest = json.loads((tokens / "manifest.json").read_text())
    for name, value in {
        "arm": "srp",
        "manifest of the token shards, SHA-256": hashlib.sha256((tokens / "manifest.json").read_bytes()).hexdigest(),
        "export, SHA-256 of its contents": read_manifest(tokens.parent).contents_sha256,
        "tokenizer, SHA-256": hashlib.sha256((tokens / "tokenizer/tokenizer.json").read_bytes()).hexdigest(),
    }.items():
        assert re.search(rf"^\| {re.escape(name)} \| `?{value}`? \|$", card, re.MULTILINE), name
    assert f"| documents, tokens | {manifest['num_documents']:,}, {manifest['num_tokens']:,} |" in card
    options, recipe = (json.loads(block) for block in re.findall(r"```json\n(.*?)\n```", card, re.DOTALL))
    assert options["loop"]["steps"] == 40
    assert recipe == manifest["recipe"]
    assert recipe["teacher"] == {"model": "builtin"}
    last = logged(finished)[-1]
    assert f"| held out loss text | {last['held_out_loss_text']:.4f} |" in card
    assert card == (finished / "checkpoints/step-00000040/README.md").read_text()


def test_a_run_leaves_a_picture_of_its_losses(finished):
    assert (finished / "loss.png").read_bytes().startswith(b"\x89PNG")


def test_tensorboard_reads_the_figures_of_a_run_and_forgets_what_came_after_a_checkpoint(tmp_path, finished):
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    from reflectgen.train.log import RunLog
    from reflectgen.train.options import LogOptions

    def read(folder: Path) -> list[tuple[int, float]]:
        events = EventAccumulator(str(folder / "tensorboard"))
        events.Reload()
        return [(one.step, one.value) for one in events.Scalars("loss")]

    wanted = [(line["step"], pytest.approx(line["loss"], rel=1e-6)) for line in logged(finished) if "loss" in line]
    assert read(finished) == wanted
    with RunLog(tmp_path, LogOptions(), 0, {}) as log:
        for step in range(1, 5):
            log.write(step, {"loss": 5.0})
    with RunLog(tmp_path, LogOptions(), 2, {}) as log:
        log.write(3, {"loss": 1.0})
    assert read(tmp_path) == [(1, 5.0), (2, 5.0), (3, 1.0)]
    assert [line["step"] for line in logged(tmp_path)] == [1, 2, 3]


def test_generate_prints_what_a_checkpoint_writes_and_counts_its_reflections(tmp_path, finished, capsys):
    prompts = tmp_path / "prompts.txt"
    prompts.write_text("leaves turn\nlight into\n", encoding="utf-8")
    arguments = ["generate", finished / "model", "--prompts", prompts, "--prompt", "sugar", "--max-new-tokens", "8"]
    assert main([*map(str, arguments), "--json"]) == 0
    said = capsys.readouterr()
    rows = [json.loads(line) for line in said.out.splitlines()]
    assert [row["prompt"] for row in rows] == ["sugar", "leaves turn", "light into"]
    assert re.search(r"\d+ reflections: \d+ parse", said.err)
    assert main(list(map(str, arguments))) == 0
    assert capsys.readouterr().out == "".join(f"{row['prompt']}{row['text']}\n\n" for row in rows)


def test_what_is_drawn_depends_on_the_seed_and_not_on_the_prompts_beside_it(finished, capsys):
    def drawn(*more: str) -> str:
        arguments = ["generate", str(finished / "model"), "--max-new-tokens", "8", *more]
        assert main([*arguments, "--prompt", "leaves turn", "--json"]) == 0
        return capsys.readouterr().out.splitlines()[-1]

    warm = ("--temperature", "1.5", "--seed")
    assert drawn(*warm, "1") == drawn(*warm, "1") != drawn(*warm, "2")
    assert drawn() == drawn("--prompt", "a much longer prompt that has to be padded for")


def test_generate_is_what_transformers_writes(finished, capsys):
    from transformers import AutoModelForCausalLM, AutoTokenizer

    assert main(["generate", str(finished / "model"), "--max-new-tokens", "8", "--prompt", "leaves", "--json"]) == 0
    text = json.loads(capsys.readouterr().out)["text"]
    tokenizer = AutoTokenizer.from_pretrained(finished / "model")
    asked = tokenizer("leaves", return_tensors="pt", add_special_tokens=False)["input_ids"]
    model = AutoModelForCausalLM.from_pretrained(finished / "model")
    found = model.generate(asked, max_new_tokens=8, do_sample=False, pad_token_id=0)[0, asked.shape[1] :]
    assert tokenizer.decode(found) == text


def test_too_few_reflections_that_parse_fail_the_command(finished, capsys):
    asked = ("generate", finished / "model", "--max-new-tokens", "1", "--must-parse", "0.99")
    code, said = said_of(capsys, *asked)
    assert code == 7
    assert "99.0%" in said[-1]


def test_prompts_that_cannot_be_read_are_said_in_one_line(tmp_path, finished, capsys):
    (tmp_path / "latin").write_bytes(b"\xe9")
    for path in (tmp_path / "none", tmp_path / "latin"):
        code, said = said_of(capsys, "generate", finished / "model", "--prompts", path)
        assert code == 3
        assert len(said) == 1
        assert str(path) in said[0]


def test_a_run_goes_on_from_a_hugging_face_folder(tmp_path, tokens, finished):
    start = {"shape": None, "start": str(finished / "model")}
    went_on = run(tmp_path / "on", tokens, model=start, optimizer={"lr": 1e-4, "schedule": "constant", "warmup": 0.0})
    anew = run(tmp_path / "anew", tokens)
    assert losses(went_on)[0] < losses(anew)[0] - 1  # it has not begun again
    before, after = weights(finished / "model"), weights(went_on / "model")
    assert before.keys() == after.keys()
    assert any(not torch.equal(before[name], after[name]) for name in before)
    assert all((before[name] - after[name]).abs().max() < 0.01 for name in before)


def test_a_run_from_a_hugging_face_folder_is_resumed_exactly(tmp_path, tokens, finished):
    start = {"shape": None, "start": str(finished / "model")}
    whole, parted = (run(tmp_path / name, tokens, model=start) for name in ("whole", "parted"))
    shutil.rmtree(parted / "checkpoints/step-00000004")
    shutil.rmtree(parted / "model")
    run(tmp_path / "parted", tokens, model=start)
    ours, theirs = weights(whole / "model"), weights(parted / "model")
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert losses(whole) == losses(parted)


def test_a_start_without_our_markers_gets_room_for_them(tmp_path, tokens):
    from reflectgen.train.model import new_model
    from reflectgen.train.presets import Shape
    from tests.export.tokenizers_of_tests import write_tokenizer

    start = tmp_path / "start"
    model = new_model(Shape(**TINY), 605, 600, seed=0)
    model.resize_token_embeddings(605)  # as many rows as its tokenizer has ids, and none to spare
    model.save_pretrained(start)
    write_tokenizer("bytes", start).rename(start / "tokenizer.json")
    out = run(tmp_path, tokens, model={"shape": None, "start": str(start)})
    rows = len(weights(out / "model")["model.embed_tokens.weight"])
    assert rows >= json.loads((tokens / "manifest.json").read_text())["vocab_size"] > 605
    assert json.loads((out / "model/config.json").read_text())["vocab_size"] == rows


@pytest.mark.filterwarnings("ignore")  # torch warns itself while it compiles, and stops where a warning is an error
def test_compiled_and_checkpointed_layers_have_the_losses_of_plain_ones(tmp_path, tokens):
    from torch._dynamo.utils import counters

    shape = {"shape": {**TINY, "num_layers": 1}}
    plain = losses(run(tmp_path / "plain", tokens, model=shape))
    counters.clear()
    for name in ("compile", "gradient_checkpointing"):
        changed = losses(run(tmp_path / name, tokens, model=shape, loop={name: True}))
        assert changed == pytest.approx(plain, rel=1e-4), name
    assert counters["stats"]["unique_graphs"] == 1  # it was compiled, and once for all steps


def test_weights_and_biases_has_the_figures_of_a_run(tmp_path, tokens, monkeypatch):
    pytest.importorskip("wandb")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_SILENT", "true")
    out = run(tmp_path, tokens, log={"wandb_project": "reflections"}, data={"held_out": 0.2})
    [kept] = (out / "wandb").glob("offline-run-*/run-out.wandb")
    content = kept.read_bytes()
    for name in (b"loss_reflection", b"held_out_loss_text", b"sequence_length"):
        assert name in content


def test_weights_and_biases_that_is_not_installed_is_said_before_the_first_step(tmp_path, tokens, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "wandb", None)  # as if it were not there
    config = write_config(tmp_path / "a.toml", tokens, tmp_path / "out", log={"wandb_project": "reflections"})
    code, said = said_of(capsys, "train", config)
    assert code == 6
    assert len(said) == 1
    assert "pip install wandb" in said[0]
