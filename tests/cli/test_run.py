"""The command line as a user meets it: what it prints, where it ends, and that it goes on."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.cli.app import app

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
INPUTS = [str(EXAMPLES / "corpus"), str(EXAMPLES / "bad_rows.jsonl")]
COMMAND = [sys.executable, "-c", "import sys; from reflectgen.cli import main; sys.exit(main())"]


def export_bytes(out: Path) -> dict[str, bytes]:
    data = [path for path in (out / "export").rglob("*") if path.is_file() and path.name != "manifest.json"]
    return {path.relative_to(out).as_posix(): path.read_bytes() for path in data}


def run(out: Path, *arguments: str) -> int:
    return main(["run", *INPUTS, "--out", str(out), "--quiet", *arguments])


FORMATS = ("-f", "parquet", "-f", "standoff")


def test_the_example_corpus_is_woven_and_verifies(finished, capsys):
    assert main(["verify", str(finished)]) == 0
    assert "without them every document is its original" in capsys.readouterr().out


def test_the_same_command_finds_the_job_finished_and_changes_nothing(finished, capsys):
    before = export_bytes(finished)
    assert run(finished, *FORMATS) == 0
    assert "woven corpus" in capsys.readouterr().out
    assert export_bytes(finished) == before


def test_a_finished_job_says_that_its_input_has_changed_since(tmp_path, capsys):
    source = tmp_path / "a.jsonl"
    source.write_text('{"id": "a", "text": "A calm day."}\n')
    command = ["run", str(source), "--out", str(tmp_path / "out"), "--quiet"]
    assert main(command) == 0
    assert main(command) == 0
    assert "note:" not in capsys.readouterr().err
    source.write_text('{"id": "a", "text": "A calm day."}\n{"id": "b", "text": "Another."}\n')
    assert main(command) == 0
    captured = capsys.readouterr()
    assert "a.jsonl is new or changed" in captured.err
    assert "1 documents" in captured.out


def test_an_id_field_that_no_document_has_is_told(tmp_path, capsys):
    source = tmp_path / "a.jsonl"
    source.write_text('{"name": "a", "text": "A calm day."}\n')
    for field, told in (("nmae", True), ("name", False)):
        assert main(["run", str(source), "--out", str(tmp_path / field), "--quiet", "--id-field", field]) == 0
        assert (f"no document has the field {field!r}" in capsys.readouterr().out) is told


def test_two_runs_write_the_same_bytes_whatever_the_concurrency(finished, tmp_path):
    assert run(tmp_path / "out", *FORMATS, "--concurrency", "3") == 0
    assert export_bytes(tmp_path / "out") == export_bytes(finished)


def test_a_run_that_is_killed_again_and_again_writes_the_same_bytes(finished, tmp_path):
    rng = random.Random(0)
    arguments = [*COMMAND, "run", *INPUTS, "--out", str(tmp_path / "out"), "--quiet", *FORMATS]
    num_killed = 0
    for _ in range(10):
        process = subprocess.Popen(arguments, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        time.sleep(rng.uniform(0.3, 2.0))
        num_killed += process.poll() is None
        process.kill()
        process.wait()
    subprocess.run(arguments, check=True, stdout=subprocess.DEVNULL)
    assert num_killed
    assert export_bytes(tmp_path / "out") == export_bytes(finished)
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_ctrl_c_stops_cleanly_and_says_how_to_go_on(tmp_path):
    source = tmp_path / "many.jsonl"
    text = "The quiet harbour slept under its lamps while the tide went out. " * 20
    source.write_text("".join(json.dumps({"id": str(n), "text": f"{n} {text}"}) + "\n" for n in range(20_000)))
    process = subprocess.Popen(
        [*COMMAND, "run", str(source), "--out", str(tmp_path / "out")], stderr=subprocess.PIPE, text=True
    )
    store = tmp_path / "out" / "reflectgen.sqlite-wal"
    while not (store.exists() and store.stat().st_size > 100_000):
        assert process.poll() is None
        time.sleep(0.05)
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command goes on from there" in said
    assert "Traceback" not in said


def test_json_summary_is_one_object_with_a_balanced_ledger(tmp_path, capsys):
    assert (
        main(
            [
                "run",
                str(EXAMPLES / "bad_rows.jsonl"),
                str(EXAMPLES / "corpus"),
                "-o",
                str(tmp_path / "o"),
                "--json",
                "-q",
            ]
        )
        == 0
    )
    counts = json.loads(capsys.readouterr().out)
    assert counts["balanced"]
    assert counts["num_rows"] == counts["num_documents"] + counts["num_rejected_rows"]
    rejects = (tmp_path / "o" / "rejects.jsonl").read_text().splitlines()
    assert len(rejects) == counts["num_rejected_rows"] > 0


def test_the_template_mode_writes_verdict_and_category_alone(tmp_path, capsys):
    assert run(tmp_path / "out", "--mode", "template") == 0
    assert main(["show", str(tmp_path / "out"), "--json", "--limit", "100"]) == 0
    shown = [json.loads(line) for line in capsys.readouterr().out.splitlines() if line.startswith("{")]
    answers = [answer for document in shown for answer in document["answers"]]
    assert {answer["road"] for answer in answers} == {"template"}
    assert {answer["rationale"] for answer in answers} == {""}


def test_another_recipe_is_refused_in_one_line(finished, capsys):
    assert run(finished, "--chunk-words", "50") == 6
    said = capsys.readouterr().err.strip()
    assert "chunks.chunk_words was 100, is 50" in said
    assert "\n" not in said


@pytest.mark.parametrize(
    ("arguments", "code", "said"),
    [
        (["missing.jsonl"], 3, "missing.jsonl"),
        (["empty_folder"], 3, "empty_folder"),
        (["table.csv"], 3, "table.csv"),
        (["good.jsonl", "--text-field", "body"], 3, "body"),
        (["bad.jsonl", "--strict"], 3, "line 2"),
        (["good.jsonl", "--chunk-words", "1"], 2, "chunk"),
        (["good.jsonl", "--open-marker", "think"], 2, "think"),
        (["good.jsonl", "--teacher-url", "ftp://nowhere"], 5, "http"),
        (["good.jsonl", "--teacher-url", "http://127.0.0.1:9", "--teacher-model", "m"], 5, "127.0.0.1:9"),
    ],
)
def test_bad_input_ends_in_one_line_with_its_code_and_no_export(arguments, code, said, tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    good = json.dumps({"id": "a", "text": "A calm day."})
    Path("good.jsonl").write_text(good + "\n")
    Path("bad.jsonl").write_text(good + "\nbroken\n")
    Path("table.csv").write_text("a,b\n")
    Path("empty_folder").mkdir()
    assert main(["run", *arguments, "--out", "out", "--quiet"]) == code
    err = capsys.readouterr().err
    assert said in err
    assert "Traceback" not in err
    assert not Path("out/export").exists()
    assert not list(Path().rglob("*.partial"))
    assert main(["run", "good.jsonl", "--out", "out", "--quiet"]) == 0


def test_an_output_that_cannot_be_written_ends_with_its_code(tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file" / "out") == 4
    assert capsys.readouterr().err.startswith("error: cannot write")


def test_a_folder_with_other_files_is_not_touched(tmp_path, capsys):
    (tmp_path / "thesis.txt").write_text("mine")
    assert run(tmp_path) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["thesis.txt"]


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount a small file system")
def test_a_full_disk_ends_in_one_line_and_the_run_goes_on_with_more_space(finished, tmp_path, capsys):
    small = tmp_path / "small"
    small.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=300k", "tmpfs", str(small)], check=False)
    if mounted.returncode:
        pytest.skip("this machine lets nobody mount a tmpfs")
    try:
        assert run(small / "out", *FORMATS) == 4
        assert len(capsys.readouterr().err.strip().splitlines()) == 1
        subprocess.run(["mount", "-o", "remount,size=64m", str(small)], check=True)
        assert run(small / "out", *FORMATS) == 0
        assert export_bytes(small / "out") == export_bytes(finished)
    finally:
        # Lazily: the kernel may hold on to what was mapped of it for a moment after everything is closed.
        subprocess.run(["umount", "--lazy", str(small)], check=True)


def test_every_command_is_in_the_docs():
    documented = (EXAMPLES.parent / "docs" / "commands.md").read_text()
    for command in app.registered_commands:
        assert f"`reflectgen {command.callback.__name__.replace('_', '-')}" in documented
    for group in app.registered_groups:
        lines = [line for line in documented.splitlines() if f"`reflectgen {group.name} " in line]
        for command in group.typer_instance.registered_commands:
            name = command.name or command.callback.__name__.replace("_", "-")
            assert any(f"{name}`" in line for line in lines), f"reflectgen {group.name} {name}"
