import hashlib
import json
import shutil
from datetime import UTC, datetime
from pathlib import Path

import pytest
from pydantic import ValidationError

from reflectgen.cli import main
from reflectgen.errors import InputError, RecipeError, VerificationError
from reflectgen.export.sft.record import SftOptions
from reflectgen.export.sft.run import SftFile, SftManifest
from reflectgen.reflection.form import FormOptions
from tests.train.chat_worlds import CHATML, plain, tune_options, woven, write_checkpoint, write_rows

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

LORA = {"rank": 4, "alpha": 8}


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base", CHATML)


@pytest.fixture(scope="module")
def chat(tmp_path_factory):
    return write_rows(tmp_path_factory.mktemp("chat") / "mine.jsonl", [plain(number) for number in range(24)])


@pytest.fixture(scope="module")
def sft_data(tmp_path_factory):
    """A folder as `reflectgen sft-data` leaves it."""
    folder = tmp_path_factory.mktemp("job") / "sft"
    folder.mkdir()
    files = []
    for name, numbers in (("train.jsonl", range(24)), ("mix.jsonl", (2, 5))):
        path = write_rows(folder / name, [woven(number) for number in numbers])
        sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
        files.append(SftFile(path=name, sha256=sha256, num_bytes=path.stat().st_size, num_rows=len(numbers)))
    manifest = SftManifest(
        created_at=datetime(2026, 1, 1, tzinfo=UTC).isoformat(),
        code_version="0",
        recipe={"guard": "of tests"},
        recipe_sha256="",
        form=FormOptions(),
        options=SftOptions(mix=0.1),
        provenances={},
        counts={},
        files=files,
    )
    (folder / "manifest.json").write_text(manifest.model_dump_json())
    return folder.parent


def weights(folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return load_file(next(folder.glob("*model.safetensors")))


def answers(folder: Path) -> tuple[str, list[int]]:
    """Ask a plain Hugging Face folder with its own chat template, greedily."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    asked = tokenizer.apply_chat_template(
        [{"role": "user", "content": "What of weed 4?"}], add_generation_prompt=True, return_tensors="pt"
    )
    found = model.generate(**asked, max_new_tokens=60, do_sample=False, pad_token_id=0)
    return tokenizer.decode(found[0, asked["input_ids"].shape[1] :]), model.generation_config.eos_token_id


def test_sft_teaches_to_answer_with_reflections_and_to_end(tmp_path, base, sft_data):
    from reflectgen.train.tune import sft

    options = tune_options(
        tmp_path, base, sft_data, loop={"steps": 150, "batch_size": 4}, optimizer={"schedule": "cosine"}
    )
    fitted = sft(options)
    answer, ends = answers(fitted.folder)
    assert answer.startswith("<think> Safe </think> Pull number")
    assert answer.endswith(" <think> Safe </think><|im_end|>")
    assert len(ends) == 2
    card = (fitted.folder / "README.md").read_text()
    manifest_sha256 = hashlib.sha256((sft_data / "sft/manifest.json").read_bytes()).hexdigest()
    for part in (manifest_sha256, '"guard": "of tests"', "> Learnt from a made-up corpus.", '"steps": 150'):
        assert part in card
    assert "tags: [x]" not in card
    assert (tmp_path / "loss.png").exists()


@pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")  # peft's
def test_an_adapter_leaves_the_base_as_it_is_and_the_merged_model_answers_as_both_together(tmp_path, base, chat):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    from reflectgen.train.tune import tune

    before = {path.name: path.read_bytes() for path in base.iterdir() if path.is_file()}
    fitted = tune(tune_options(tmp_path, base, chat, lora=LORA))
    assert {path.name: path.read_bytes() for path in base.iterdir() if path.is_file()} == before
    assert all("lora_" in name for name in weights(tmp_path / "adapter"))
    ids = torch.arange(5, 25)[None]
    plain_base = AutoModelForCausalLM.from_pretrained(base, dtype=torch.float32)
    without = plain_base(ids).logits
    together = PeftModel.from_pretrained(plain_base, tmp_path / "adapter")(ids).logits
    model = AutoModelForCausalLM.from_pretrained(fitted.folder, dtype=torch.float32)
    torch.testing.assert_close(model(ids).logits, together, rtol=1e-4, atol=1e-4)
    assert (together - without).abs().max() > 0.01
    unadapted = [name for name in weights(base) if "norm" in name or "embed" in name]
    assert all(torch.equal(weights(base)[name], weights(fitted.folder)[name]) for name in unadapted)
    assert "LoRA of rank 4" in (fitted.folder / "README.md").read_text()
    assert json.loads((fitted.folder / "config.json").read_text())["architectures"] == ["LlamaForCausalLM"]


@pytest.mark.parametrize("lora", [None, LORA])
def test_going_on_from_a_checkpoint_is_the_undisturbed_run(tmp_path, base, chat, lora):
    from reflectgen.train.tune import tune

    for name in ("whole", "parted"):
        tune(tune_options(tmp_path / name, base, chat, lora=lora))
    shutil.rmtree(tmp_path / "parted/checkpoints/step-00000006")
    shutil.rmtree(tmp_path / "parted/model")
    tune(tune_options(tmp_path / "parted", base, chat, lora=lora))
    ours, theirs = weights(tmp_path / "whole/model"), weights(tmp_path / "parted/model")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    card = (tmp_path / "parted/model/README.md").read_text()
    finished = tune(tune_options(tmp_path / "parted", base, chat, lora=lora))  # nothing is learnt again
    assert finished.loss > 0
    assert (tmp_path / "parted/model/README.md").read_text() == card
    again = weights(tmp_path / "parted/model")
    assert again.keys() == ours.keys()
    assert all(torch.equal(again[name], ours[name]) for name in ours)
    with pytest.raises(RecipeError, match=r"lora"):
        tune(tune_options(tmp_path / "whole", base, chat, lora=LORA if lora is None else None))


def test_the_replay_set_is_learnt_beside_a_users_own_data(tmp_path, base, chat, sft_data):
    from reflectgen.train.tune import tune

    fitted = tune(tune_options(tmp_path, base, chat, data={"mix": sft_data, "held_out": 0.1}))
    card = (fitted.folder / "README.md").read_text()
    assert "mix.jsonl, SHA-256" in card
    assert "| conversations, tokens | 26," in card
    assert "loss_reflection" not in fitted.held_out  # only the user's own are held out


def test_conversations_longer_than_a_sequence_are_counted(tmp_path, base, chat):
    from reflectgen.train.tune import tune

    notes: list[str] = []
    tune(tune_options(tmp_path, base, chat, data={"sequence_length": 16}), on_note=notes.append)
    assert notes == ["24 of 24 conversations are longer than data.sequence_length and are cut"]


def test_a_checkpoint_that_is_none_is_an_error_in_one_line(tmp_path, base, chat):
    from reflectgen.train.tune import sft, tune

    with pytest.raises(InputError, match="no checkpoint in"):
        tune(tune_options(tmp_path / "out", tmp_path, chat))
    with pytest.raises(InputError, match=r"has no token <think>"):
        lacking = shutil.copytree(base, tmp_path / "lacking")
        said = (lacking / "tokenizer.json").read_text()
        (lacking / "tokenizer.json").write_text(said.replace('"<think>"', '"<hm>"'))
        tune(tune_options(tmp_path / "out", lacking, chat))
    with pytest.raises(InputError, match="reflectgen finetune"):
        sft(tune_options(tmp_path / "out", base, chat))
    with pytest.raises(RecipeError, match="positions"):
        tune(tune_options(tmp_path / "out", base, chat, data={"sequence_length": 10**6}))
    with pytest.raises(RecipeError, match=r"lora.targets \['no_proj'\] do not fit"):
        tune(tune_options(tmp_path / "out", base, chat, lora={"targets": ["no_proj"]}))


def test_conversations_that_are_not_their_manifests_are_refused(tmp_path, base, sft_data):
    from reflectgen.train.tune import sft

    copy = shutil.copytree(sft_data, tmp_path / "copy")
    with (copy / "sft/train.jsonl").open("a") as file:
        file.write("\n")
    with pytest.raises(VerificationError, match="SHA-256"):
        sft(tune_options(tmp_path / "out", base, copy))
    other = SftManifest.model_validate_json((copy / "sft/manifest.json").read_bytes())
    other = other.model_copy(update={"form": FormOptions(open_marker="<tool_call>", close_marker="<|im_start|>")})
    (copy / "sft/manifest.json").write_text(other.model_dump_json())
    with pytest.raises(RecipeError, match="do not agree"):
        sft(tune_options(tmp_path / "out", base, sft_data, data={"mix": copy}))


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"lora": {"targets": ["lm_head"]}}, "other than lm_head"),
        ({"lora": LORA, "loop": {"fsdp": True}}, "exclude"),
        ({"lora": {"ranks": 4}}, "Extra inputs"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(tmp_path, told, said):
    with pytest.raises(ValidationError, match=said):
        tune_options(tmp_path, tmp_path, tmp_path, **told)


def test_the_command_tunes_from_a_file_and_ends_in_one_line_on_bad_input(tmp_path, base, chat, capsys):
    config = tmp_path / "tune.toml"
    config.write_text(
        f'out = "{tmp_path / "out"}"\n[model]\nstart = "{base}"\n[data]\npath = "{chat}"\nsequence_length = 64\n'
        '[loop]\nsteps = 1\nbatch_size = 2\ndevice = "cpu"\nthreads = 1\n[log]\ntensorboard = false\n[lora]\nrank = 2\n'
    )
    assert main(["finetune", str(config)]) == 0
    assert "1 steps" in capsys.readouterr().out
    assert main(["sft", str(config)]) == 3
    said = capsys.readouterr().err
    assert "reflectgen finetune" in said
    assert len(said.splitlines()) == 1
