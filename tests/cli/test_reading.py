"""The commands that look at a job, or at a corpus without one."""

import json
import shutil

import pytest

from reflectgen.cli import main
from reflectgen.cli.show import visible
from tests.cli.background_server import background, good_answer
from tests.cli.conftest import EXAMPLES
from tests.llm.fault_server import http


def printed(capsys, *arguments):
    assert main([str(argument) for argument in arguments]) == 0
    return capsys.readouterr().out


def test_stats_tell_the_ledger_and_the_roads(finished, capsys):
    said = printed(capsys, "stats", finished)
    assert "finished" in said
    assert "accepted at the first answer" in said
    counts = json.loads(printed(capsys, "stats", finished, "--json"))
    assert counts["balanced"]
    assert counts["num_chunks"] == sum(counts["roads"].values()) == sum(counts["verdicts"].values())


def test_show_finds_chunks_by_verdict_and_says_what_was_written(finished, capsys):
    rows = [
        json.loads(line) for line in printed(capsys, "show", finished, "--verdict", "unsafe", "--json").splitlines()
    ]
    answers = [answer for row in rows for answer in row["answers"]]
    assert answers
    assert {answer["verdict"] for answer in answers if not answer["reason"]} == {"unsafe"}
    text = printed(capsys, "show", finished, "--verdict", "unsafe")
    assert "<think> Unsafe:" in text
    assert "<think> Safe" not in text


def test_show_prints_one_document_whole_by_its_id(finished, capsys):
    (line,) = printed(capsys, "show", finished, "--json").splitlines()[:1]
    first = json.loads(line)
    again = printed(capsys, "show", finished, "--id", first["id"])
    assert first["id"] in again
    assert again.count("<think> ") >= len(first["answers"])


def test_show_of_an_unknown_document_or_an_empty_folder_is_an_input_error(finished, tmp_path, capsys):
    assert main(["show", str(finished), "--id", "nobody"]) == 3
    assert main(["show", str(tmp_path)]) == 3
    assert "holds no job" in capsys.readouterr().err


def test_what_a_terminal_would_obey_is_spelt_out():
    assert visible("a\x1b[31mred\x07\x9b\u202e\nb\t") == "a\\x1b[31mred\\x07\\x9b\\u202e\nb\t"


def test_verify_finds_a_changed_byte_and_a_missing_file(finished, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (file,) = (copy / "export" / "parquet").glob("*.parquet")
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    assert main(["verify", str(copy)]) == 7
    assert "SHA-256" in capsys.readouterr().err
    file.unlink()
    assert main(["verify", str(copy)]) == 7


def test_verify_finds_a_changed_corpus_shard(finished, tmp_path, capsys):
    copy = tmp_path / "copy"
    shutil.copytree(finished, copy)
    (shard,) = (copy / "corpus").iterdir()
    shard.write_bytes(shard.read_bytes() + b" ")
    assert main(["verify", str(copy)]) == 7
    assert "corpus/" in capsys.readouterr().err


def test_an_export_by_itself_verifies(finished, tmp_path, capsys):
    shutil.copytree(finished / "export", tmp_path / "export")
    report = json.loads(printed(capsys, "verify", tmp_path / "export", "--json"))
    assert report["ok"]
    assert report["num_problems"] == 0


def test_export_writes_other_markers_and_verifies(finished, tmp_path, capsys):
    to = tmp_path / "other"
    options = ["--open-marker", "[R]", "--close-marker", "[/R]", "--end-of-text", "[EOT]", "-f", "jsonl"]
    printed(capsys, "export", finished, "--to", to, *options, "--mode", "template")
    (file,) = (to / "jsonl").glob("*.jsonl")
    assert "[R] Safe [/R]" in file.read_text()
    printed(capsys, "verify", to)


def test_export_leaves_a_folder_with_other_files_alone(finished, tmp_path, capsys):
    (tmp_path / "mine.txt").write_text("mine")
    assert main(["export", str(finished), "--to", str(tmp_path)]) == 4
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_chunk_prints_spans_that_join_to_the_document(capsys):
    documents = {}
    for path in sorted((EXAMPLES / "corpus").glob("*.jsonl")):
        documents |= {row["id"]: row["text"] for row in map(json.loads, path.read_text().splitlines())}
    rows = [json.loads(line) for line in printed(capsys, "chunk", EXAMPLES / "corpus").splitlines()]
    joined = {name: "".join(row["text"] for row in rows if row["id"] == name) for name in documents}
    assert joined == documents
    assert all(documents[row["id"]][row["start"] : row["end"]] == row["text"] for row in rows)


def test_label_prints_one_line_a_chunk_with_the_built_in_guard(capsys):
    rows = [json.loads(line) for line in printed(capsys, "label", EXAMPLES / "corpus").splitlines()]
    assert list(rows[0]) == ["id", "chunk", "start", "end", "verdict", "category", "score"]
    assert {row["verdict"] for row in rows} <= {"safe", "controversial", "unsafe"}
    assert all(0 <= row["score"] <= 1 for row in rows)


def test_label_says_on_stderr_what_it_could_not_read(capsys):
    assert main(["label", str(EXAMPLES / "bad_rows.jsonl")]) == 0
    assert "rejected rows:" in capsys.readouterr().err


def test_label_asks_a_guard_behind_an_address(tmp_path, capsys):
    async def respond(asked):
        return good_answer(asked)

    corpus = tmp_path / "a.jsonl"
    corpus.write_text('{"id": "a", "text": "Day s1 was calm."}\n')
    with background(respond) as server:
        (line,) = printed(capsys, "label", corpus, "--guard-url", server.url).splitlines()
    assert json.loads(line)["verdict"] == "safe"


def test_doctor_asks_the_teacher_and_says_what_it_heard(tmp_path, capsys):
    async def respond(asked):
        return good_answer(asked)

    assert all(finding["ok"] for finding in json.loads(printed(capsys, "doctor", "--out", tmp_path, "--json")))
    with background(http(401, {"error": "who are you"})) as server:
        assert main(["doctor", "--out", str(tmp_path), "--teacher-url", server.url, "--teacher-model", "m"]) == 1
    assert "401" in capsys.readouterr().out


def test_doctor_says_once_and_in_one_line_that_nobody_serves_there(tmp_path, capsys):
    nobody = ["--teacher-url", "http://127.0.0.1:9", "--teacher-model", "m"]
    assert main(["doctor", "--out", str(tmp_path), *nobody]) == 1
    lines = [line for line in capsys.readouterr().out.splitlines() if "127.0.0.1:9" in line]
    assert [line[:2] for line in lines] == ["no"]


@pytest.mark.parametrize("command", ["run", "stats", "show", "export", "verify", "chunk", "label", "doctor"])
def test_every_command_explains_itself(command, capsys):
    assert "--help" in printed(capsys, command, "--help")


def test_the_version_is_printed(capsys):
    assert printed(capsys, "--version").strip().count(".") == 2
