"""`reflectgen train` and its like on bad input: one line on stderr, an exit code, and the last checkpoint whole."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.export.tokenizers_of_tests import write_tokenizer
from tests.train.chat_worlds import CHATML, plain, write_checkpoint, write_rows
from tests.train.commands import said_of, write_config, write_tokens
from tests.train.worlds import TINY

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.fixture(scope="module")
def finished(tmp_path_factory, tokens):
    """A run of 4 steps that no test changes, and whose folder tests copy."""
    from reflectgen.cli import main

    folder = tmp_path_factory.mktemp("run")
    assert main(["train", str(write_config(folder / "train.toml", tokens, folder / "out"))]) == 0
    return folder / "out"


@pytest.fixture(scope="module")
def base(tmp_path_factory):
    return write_checkpoint(tmp_path_factory.mktemp("base") / "base", CHATML)


def flipped(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def cut_short(path: Path) -> None:
    path.write_bytes(path.read_bytes()[:-3])


def hashes(folder: Path) -> dict[str, str]:
    paths = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest() for path in paths}


def weights_of(out: Path) -> str:
    return hashes(out / "model")["model.safetensors"]


def edited(path: Path, change: Callable[[dict], object]) -> None:
    said = json.loads(path.read_text())
    change(said)
    path.write_text(json.dumps(said))


@pytest.mark.parametrize("ending", ["tokens", "kinds", "ends"])
@pytest.mark.parametrize(("damage", "told"), [(flipped, "SHA-256"), (cut_short, "bytes instead of")])
def test_a_damaged_token_shard_is_named_and_nothing_is_learnt_from_it(
    tmp_path, tokens, finished, capsys, damage, told, ending
):
    corpus, out = shutil.copytree(tokens, tmp_path / "tokens"), shutil.copytree(finished, tmp_path / "out")
    before = hashes(out)
    damage(path := next(corpus.glob(f"*.{ending}")))
    code, said = said_of(capsys, "train", write_config(tmp_path / "a.toml", corpus, out))
    assert code == 7
    assert len(said) == 1
    assert path.name in said[0]
    assert told in said[0]
    assert hashes(out) == before


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (lambda said: said.update(num_tokens=said["num_tokens"] + 1), 7, "its shards hold others"),
        (lambda said: said["shards"][0]["files"][0].update(sha256="0" * 64), 7, "SHA-256"),
        (lambda said: said.update(end_of_text_id=10**6), 7, "has no id 1000000"),
        (lambda said: said.pop("shards"), 7, "shards"),
        (lambda said: said.update(arm="filter"), 6, "corpus was"),  # as good as the other, but not what was learnt
    ],
)
def test_an_edited_manifest_is_refused(tmp_path, tokens, finished, capsys, change, code, told):
    corpus, out = shutil.copytree(tokens, tmp_path / "tokens"), shutil.copytree(finished, tmp_path / "out")
    before = hashes(out)
    edited(corpus / "manifest.json", change)
    found, said = said_of(capsys, "train", write_config(tmp_path / "a.toml", corpus, out))
    assert found == code
    assert len(said) == 1
    assert told in said[0]
    assert hashes(out) == before


def test_a_corpus_that_changed_since_the_checkpoint_is_refused(tmp_path, finished, capsys):
    out = shutil.copytree(finished, tmp_path / "out")
    before = hashes(out)
    other = write_tokens(tmp_path / "other", num_documents=19)
    code, said = said_of(capsys, "train", write_config(tmp_path / "a.toml", other, out))
    assert code == 6
    assert len(said) == 1
    assert "corpus was" in said[0]
    assert "is of another run" in said[0]
    assert hashes(out) == before


@pytest.mark.parametrize(
    ("name", "told"), [("export", "/tokens is one"), ("none", "export it again"), ("a file", "cannot read")]
)
def test_what_holds_no_token_shards_is_said_with_the_way_to_them(tmp_path, tokens, capsys, name, told):
    path = {"export": tokens.parent, "none": tmp_path / "none", "a file": tokens / "manifest.json"}[name]
    code, said = said_of(capsys, "train", write_config(tmp_path / "a.toml", path, tmp_path / "out"))
    assert code == 7
    assert len(said) == 1
    assert told in said[0]
    assert not (tmp_path / "out").exists()


def other_words(start: Path) -> None:
    def swap(said: dict) -> None:
        vocab = said["model"]["vocab"]
        vocab["a"], vocab["b"] = vocab["b"], vocab["a"]

    edited(start / "tokenizer.json", swap)


def other_added_token(start: Path) -> None:
    named = "<think>"
    edited(
        start / "tokenizer.json",
        lambda said: [one.update(content="<hm>") for one in said["added_tokens"] if one["content"] == named],
    )


def no_json(start: Path) -> None:
    (start / "tokenizer.json").write_text("{")


@pytest.mark.parametrize(
    ("change", "code", "told"),
    [
        (other_words, 6, "another tokenizer"),
        (other_added_token, 6, "another tokenizer"),
        (no_json, 3, "tokenizer.json"),
        (lambda start: cut_short(start / "model.safetensors"), 3, "cannot load a model"),
        (lambda start: (start / "model.safetensors").unlink(), 3, "cannot load a model"),
        (lambda start: (start / "config.json").write_text("{"), 3, "cannot load a model"),
        (shutil.rmtree, 3, "cannot load a model"),
    ],
)
def test_a_start_that_does_not_fit_or_load_is_refused(tmp_path, tokens, finished, capsys, change, code, told):
    start = shutil.copytree(finished / "model", tmp_path / "start")
    change(start)
    config = write_config(tmp_path / "a.toml", tokens, tmp_path / "out", model={"shape": None, "start": str(start)})
    found, said = said_of(capsys, "train", config)
    assert len(said) == 1, said
    assert found == code
    assert told in said[0]
    assert not (tmp_path / "out").exists()


def test_sequences_longer_than_the_models_positions_are_refused(tmp_path, tokens, finished, capsys):
    for model in ({}, {"shape": None, "start": str(finished / "model")}):
        config = write_config(
            tmp_path / "a.toml", tokens, tmp_path / "out", model=model, data={"sequence_length": 4096}
        )
        code, said = said_of(capsys, "train", config)
        assert code == 6
        assert len(said) == 1
        assert "2048 positions" in said[0]


def test_a_held_out_corpus_of_another_tokenizer_is_refused(tmp_path, tokens, capsys):
    other = write_tokens(tmp_path / "other", write_tokenizer("unigram", tmp_path))
    config = write_config(tmp_path / "a.toml", tokens, tmp_path / "out", data={"held_out_path": str(other)})
    code, said = said_of(capsys, "train", config)
    assert code == 6
    assert len(said) == 1
    assert "held_out_path was made with another tokenizer" in said[0]


@pytest.mark.parametrize(
    ("groups", "told"),
    [
        ({"data": {"sequence_lenght": 5}}, "data.sequence_lenght: there is no such key"),
        ({"loops": {"steps": 5}}, "loops: there is no such key"),
        ({"model": {"shape": None, "start": "there", "preset": "gpt5"}}, "model"),
        ({"loop": {"steps": "many"}}, "loop.steps"),
    ],
)
@pytest.mark.parametrize("command", ["train", "sft", "finetune"])
def test_a_key_that_nobody_knows_is_named(tmp_path, tokens, capsys, command, groups, told):
    groups = {"model": {"shape": None, "start": "there"}} | groups
    code, said = said_of(capsys, command, write_config(tmp_path / "a.toml", tokens, tmp_path / "out", **groups))
    assert code == 6
    assert len(said) == 1
    assert told in said[0].partition("a.toml: ")[2]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("command", ["train", "sft", "finetune"])
def test_a_file_of_options_that_is_none_is_said(tmp_path, capsys, command):
    config = tmp_path / "a.toml"
    for content, told in ((None, "cannot be read"), (b"out = ", "is not TOML"), (b"\xff", "is not TOML")):
        if content is not None:
            config.write_bytes(content)
        code, said = said_of(capsys, command, config)
        assert code == 6
        assert len(said) == 1
        assert told in said[0]


def test_a_loss_that_is_no_number_ends_the_command_and_spares_the_last_checkpoint(tmp_path, tokens, capsys):
    wild = {"lr": 1e20, "clip": 1e30, "warmup": 0.0}
    config = write_config(
        tmp_path / "a.toml", tokens, tmp_path / "out", optimizer=wild, checkpoint={"every": 1}, loop={"steps": 20}
    )
    code, said = said_of(capsys, "train", config)
    assert code == 10
    assert len(said) == 1
    assert "is the last good checkpoint" in said[0]
    from safetensors.torch import load_file

    last = max((tmp_path / "out/checkpoints").iterdir())
    assert str(last) in said[0]
    assert all(tensor.isfinite().all() for tensor in load_file(last / "model.safetensors").values())
    assert not (tmp_path / "out/model").exists()


def test_a_checkpoint_of_which_a_part_is_damaged_is_named(tmp_path, tokens, finished, capsys):
    config = write_config(tmp_path / "a.toml", tokens, tmp_path / "out")
    for part in ("model.safetensors", "training/state.safetensors", "training/state.json"):
        out = shutil.copytree(finished, tmp_path / "out")
        cut_short(out / "checkpoints/step-00000004" / part)
        code, said = said_of(capsys, "train", config)
        assert code == 7, part
        assert len(said) == 1
        assert "step-00000004" in said[0]
        assert "remove" in said[0]
        shutil.rmtree(out / "checkpoints/step-00000004")
        assert said_of(capsys, "train", config) == (0, [])  # as told
        assert weights_of(out) == weights_of(finished)
        shutil.rmtree(out)


@pytest.mark.parametrize("name", ["step-00000004", "step-00000009", "step-00000003.partial"])
def test_a_half_written_checkpoint_is_passed_over_and_costs_no_whole_one(tmp_path, tokens, finished, capsys, name):
    out = shutil.copytree(finished, tmp_path / "out")
    shutil.rmtree(out / "checkpoints/step-00000004")
    half = out / "checkpoints" / name
    shutil.copytree(out / "checkpoints/step-00000002", half)
    (half / "training/state.json").unlink()
    config = write_config(tmp_path / "a.toml", tokens, out, checkpoint={"every": 1, "keep": 1})
    assert said_of(capsys, "train", config) == (0, [])
    assert weights_of(out) == weights_of(finished)
    assert (out / "checkpoints/step-00000004/training/state.json").exists()


def test_a_folder_that_cannot_be_written_is_said(tmp_path, tokens, capsys):
    (tmp_path / "out").write_text("a file")
    code, said = said_of(capsys, "train", write_config(tmp_path / "a.toml", tokens, tmp_path / "out"))
    assert code == 4
    assert len(said) == 1
    assert "cannot write" in said[0]


def no_marker(start: Path) -> None:
    path = start / "tokenizer.json"
    path.write_text(path.read_text().replace('"<think>"', '"<hm>"'))


DAMAGED = [
    (lambda start: cut_short(start / "model.safetensors"), "cannot load a model"),
    (lambda start: (start / "config.json").unlink(), "config.json"),
    (lambda start: (start / "config.json").write_text("{"), "config.json"),
    (lambda start: cut_short(start / "tokenizer.json"), "tokenizer"),
    (shutil.rmtree, "/start"),
]


@pytest.mark.parametrize(("change", "told"), [*DAMAGED, (no_marker, "has no token <think>")])
def test_fine_tuning_of_a_damaged_checkpoint_is_refused(tmp_path, base, capsys, change, told):
    start = shutil.copytree(base, tmp_path / "start")
    change(start)
    chat = write_rows(tmp_path / "mine.jsonl", [plain(number) for number in range(8)])
    model = {"shape": None, "start": str(start)}
    code, said = said_of(capsys, "finetune", write_config(tmp_path / "a.toml", chat, tmp_path / "out", model=model))
    assert len(said) == 1, said
    assert code == 3
    assert told in said[0]
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize(("change", "told"), DAMAGED)
def test_nothing_is_generated_from_a_damaged_checkpoint(tmp_path, base, capsys, change, told):
    start = shutil.copytree(base, tmp_path / "start")
    change(start)
    code, said = said_of(capsys, "generate", start, "--prompt", "Once")
    assert len(said) == 1, said
    assert code == 3
    assert told in said[0]


@pytest.mark.parametrize(
    ("row", "told"), [("[1]\n", "line 9: not a JSON object"), ("{\n", "line 9: not JSON"), ("{}\n", "line 9: no chat")]
)
def test_a_row_that_is_no_chat_is_named_by_its_line(tmp_path, base, capsys, row, told):
    chat = write_rows(tmp_path / "mine.jsonl", [plain(number) for number in range(8)])
    with chat.open("a") as file:
        file.write(row)
    model = {"shape": None, "start": str(base)}
    code, said = said_of(capsys, "finetune", write_config(tmp_path / "a.toml", chat, tmp_path / "out", model=model))
    assert code == 3
    assert len(said) == 1
    assert told in said[0]


def test_conversations_that_changed_since_the_checkpoint_are_refused(tmp_path, base, capsys):
    chat = write_rows(tmp_path / "mine.jsonl", [plain(number) for number in range(8)])
    model = {"shape": None, "start": str(base)}
    config = write_config(tmp_path / "a.toml", chat, tmp_path / "out", model=model, data={"sequence_length": 128})
    assert said_of(capsys, "finetune", config) == (0, [])
    before = hashes(tmp_path / "out")
    write_rows(chat, [plain(number) for number in range(9)])
    code, said = said_of(capsys, "finetune", config)
    assert code == 6
    assert len(said) == 1
    assert "is of another run" in said[0]
    assert hashes(tmp_path / "out") == before


FULL_DISK = """
import os, resource, sys
from reflectgen.cli import main
import reflectgen.train.train  # once, for all that are forked

for config, limit in zip(sys.argv[1::2], map(int, sys.argv[2::2])):
    if child := os.fork():
        print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
        continue
    os.dup2(os.open(f"{config}.{limit}", os.O_CREAT | os.O_WRONLY), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))
    os._exit(main(["train", config]))
"""


def test_a_disk_that_is_full_at_any_file_is_said_in_one_line_and_leaves_the_last_checkpoint(tmp_path, tokens):
    """A file that may not grow beyond so many bytes is written to as a full disk is; each file is the first once."""
    small = {"shape": {**TINY, "hidden_size": 8, "intermediate_size": 8, "num_layers": 1}}  # less than its tokenizer
    told = {"model": small, "log": {"tensorboard": True}}
    whole = tmp_path / "whole"
    from reflectgen.cli import main

    assert main(["train", str(write_config(tmp_path / "whole.toml", tokens, whole, **told))]) == 0
    sizes = {path.stat().st_size: path.name for path in whole.rglob("*") if path.is_file()}
    arguments, room = [], 1 << 30
    for size, name in sizes.items():
        out = tmp_path / f"{size}-{name}"
        shutil.copytree(whole / "checkpoints/step-00000002", out / "checkpoints/step-00000002")
        shutil.copy(whole / "log.jsonl", out)
        config = str(write_config(tmp_path / f"{out.name}.toml", tokens, out, **told))
        arguments += [config, str(size - 1), config, str(room)]
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONWARNINGS": "ignore"}
    program = [sys.executable, "-c", FULL_DISK, *arguments]
    done = subprocess.run(program, env=environ, check=True, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["4", "0"] * len(sizes), done.stderr
    for config, limit in zip(arguments[::2], arguments[1::2], strict=True):
        said = Path(f"{config}.{limit}").read_text().splitlines()
        assert len(said) == (0 if int(limit) == room else 1), said
        assert all("cannot write" in line and "File too large" in line for line in said)
        out = Path(config).with_suffix("")
        assert hashes(out / "checkpoints/step-00000002") == hashes(whole / "checkpoints/step-00000002")
        assert weights_of(out) == weights_of(whole)
