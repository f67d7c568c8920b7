"""Tokens at the command line: from a job, from an export, with a run, and proved by `verify`."""

from __future__ import annotations

import json
import time

import pytest

from reflectgen.cli import main
from reflectgen.export.any_format import AnyFormat, of_tokens
from reflectgen.export.dolma import DOLMA
from reflectgen.export.formats import Format
from reflectgen.export.token_shards import TokenShards
from reflectgen.export.trainer_formats import TokenFormat
from tests.export.tokenizers_of_tests import write_tokenizer


def printed(capsys, *arguments):
    assert main(list(map(str, arguments))) == 0
    return capsys.readouterr().out


def test_every_format_can_be_asked_for_and_those_of_tokens_are_known_to_need_a_tokenizer():
    assert list(AnyFormat) == [*Format, *TokenFormat, DOLMA]
    assert of_tokens(list(AnyFormat)) == list(TokenFormat)


def test_a_job_is_exported_as_tokens_and_verifies(finished, tmp_path, capsys):
    tokenizer, to = write_tokenizer("bytes", tmp_path), tmp_path / "out"
    arguments = ["export", finished, "--to", to, "--tokenizer", tokenizer, "--weight-text", "0.5"]
    arguments += ["--processes", "1"]
    for format_ in (*TokenFormat, DOLMA):
        arguments += ["--format", format_]
    told = printed(capsys, *arguments)
    assert "added to the tokenizer: <think> </think>" in told
    read = TokenShards.open(to / "tokens", verify=True)
    assert f"{read.num_tokens:,} tokens: {to / 'tokens'}" in told
    assert read.manifest.arm == "srp"
    assert read.weights.tolist() == [0.5, 1, 1, 0, 0]
    assert read.num_documents == json.loads((to / "manifest.json").read_text())["counts"]["num_documents"]
    assert "documents with attributes" in told
    assert "verified" in printed(capsys, "verify", to)
    assert printed(capsys, "verify", to / "tokens").startswith("verified: 4 files")
    damaged = next((to / "olmo").glob("*.npy"))
    damaged.write_bytes(damaged.read_bytes()[:-2])
    assert main(["verify", str(to)]) == 7


def test_tokens_of_the_same_job_are_the_same_bytes_whenever_they_are_exported(finished, tmp_path, capsys):
    tokenizer, to = write_tokenizer("bytes", tmp_path), tmp_path / "out"
    command = ["export", finished, "--to", to, "--tokenizer", tokenizer, "-f", "tokens", "-f", "dolma"]
    printed(capsys, *command)
    before = bytes_of(to)
    time.sleep(1.1)  # the manifest says the second
    printed(capsys, *command)
    after = bytes_of(to)
    assert before.pop("manifest.json") != after.pop("manifest.json")  # which says when
    assert before == after


def bytes_of(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_an_arm_is_exported_as_tokens(finished, tmp_path, capsys):
    tokenizer, to = write_tokenizer("unigram", tmp_path), tmp_path / "out"
    printed(capsys, "export", finished, "--to", to, "--arm", "prefix", "-f", "tokens", "--tokenizer", tokenizer)
    read = TokenShards.open(to / "tokens")
    assert read.manifest.arm == "prefix"
    assert read.manifest.tokens_by_kind["prefix"] > 0 == read.manifest.tokens_by_kind["reflection"]
    assert "verified" in printed(capsys, "verify", to)


def test_an_export_is_written_as_tokens_elsewhere(finished, tmp_path, capsys):
    tokenizer, to = write_tokenizer("bytes", tmp_path), tmp_path / "out"
    printed(capsys, "export", finished / "export", "--to", to, "-f", "olmo", "--tokenizer", tokenizer)
    assert "verified" in printed(capsys, "verify", to / "olmo")
    assert main(["export", str(finished / "export"), "--to", str(to), "-f", "jsonl"]) == 6
    assert "is an export and no job" in capsys.readouterr().err


def test_tokens_without_a_tokenizer_are_a_wrong_command_line(finished, tmp_path, capsys):
    assert main(["export", str(finished), "--to", str(tmp_path / "out"), "-f", "megatron"]) == 2
    assert "--tokenizer" in capsys.readouterr().err


def test_a_tokenizer_that_is_not_there_is_said_in_one_line(finished, tmp_path, capsys):
    missing = str(tmp_path / "none.json")
    arguments = ["export", str(finished), "--to", str(tmp_path / "out"), "-f", "megatron", "--tokenizer", missing]
    assert main(arguments) == 3
    assert missing in capsys.readouterr().err


def test_a_run_writes_tokens_beside_its_export(tmp_path, capsys):
    (tmp_path / "corpus.jsonl").write_text('{"text": "Leaves turn light into sugar."}\n')
    tokenizer, out = write_tokenizer("bytes", tmp_path), tmp_path / "job"
    arguments = ["run", tmp_path / "corpus.jsonl", "--out", out, "-f", "tokens", "--tokenizer", tokenizer]
    printed(capsys, *arguments)
    assert TokenShards.open(out / "export" / "tokens").num_documents == 1
    assert "verified" in printed(capsys, "verify", out)


@pytest.mark.parametrize("name", ["notes.txt", "parquet"])
def test_a_folder_with_anything_else_in_it_is_not_written_to(finished, tmp_path, capsys, name):
    to = tmp_path / "out"
    to.mkdir()
    (to / name).mkdir()
    expected = 0 if name == "parquet" else 4  # the folder of an export that was interrupted
    assert main(["export", str(finished), "--to", str(to)]) == expected
