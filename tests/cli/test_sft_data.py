"""Chat data at the command line: a job like any other."""

import json
from pathlib import Path

from reflectgen.cli import main

ROWS = [
    {"id": "a", "messages": [{"role": "user", "content": "Hello"}, {"role": "assistant", "content": "Good day."}]},
    {"id": "b", "conversations": [{"from": "human", "value": "Hi"}, {"from": "gpt", "value": "The sun is out."}]},
    {"id": "c", "messages": []},
]


def test_conversations_go_in_and_come_out_with_reflections_and_are_proved(tmp_path, capsys):
    source, out = tmp_path / "chat.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in ROWS) + "not json\n")
    command = ["sft-data", str(source), "--to", str(out), "--quiet", "--mode", "template"]
    assert main([*command, "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["num_conversations"], counts["shapes"]) == (2, {"openai": 1, "sharegpt": 1})
    assert counts["rejected_rows"] == {"no_turns": 1, "broken_json": 1}
    rows = [json.loads(line) for line in (out / "sft" / "train.jsonl").read_text().splitlines()]
    assert rows[0]["messages"][1]["content"] == "<think> Safe </think> Good day. <think> Safe </think>"
    assert [row["id"] for row in rows] == ["a", "b"]
    assert not (out / "export").exists()

    before = (out / "sft" / "train.jsonl").read_bytes()
    assert main([*command, "--mix-sft", "1"]) == 0
    assert "2 rows are also in mix.jsonl" in capsys.readouterr().out
    assert (out / "sft" / "train.jsonl").read_bytes() == before == (out / "sft" / "mix.jsonl").read_bytes()

    assert main(["verify", str(out)]) == 0
    assert "every line is the one that the job gives" in capsys.readouterr().out
    (out / "sft" / "mix.jsonl").write_bytes(before[:-5])
    assert main(["verify", str(out)]) == 7
    assert "mix.jsonl: its SHA-256 is not the manifest's" in capsys.readouterr().err

    assert main(["export", str(out), "--to", str(tmp_path / "export")]) == 6
    assert "reflectgen sft-data" in capsys.readouterr().err
    assert main(["run", str(source), "--out", str(out)]) == 6


def test_refusals_recovery_examples_and_the_replay_set_are_as_the_command_is_told(tmp_path, capsys):
    stories = (Path(__file__).parents[2] / "examples/corpus/stories.jsonl").read_text(encoding="utf-8").splitlines()
    (quarrel,) = [row["text"] for row in map(json.loads, stories) if row["id"] == "story-quarrel"]
    turns = {"harmless": "Tell me a story.", "quarrel": quarrel}
    rows = [
        {"id": name, "messages": [{"role": "user", "content": asked}, {"role": "assistant", "content": quarrel}]}
        for name, asked in turns.items()
    ]
    rows += [ROWS[0] | {"id": str(number)} for number in range(18)]
    source, out = tmp_path / "chat.jsonl", tmp_path / "out"
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    command = ["sft-data", str(source), "--to", str(out), "--quiet", "--json", "--mode", "template"]
    assert main([*command, "--recovery", "1", "--mix-sft", "0.1"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["num_refusals"], counts["num_cut_answers"], counts["num_recovery_examples"]) == (1, 1, 2)
    written = [json.loads(line) for line in (out / "sft/train.jsonl").read_text().splitlines()]
    assert [row["id"] for row in written if row["kind"] == "recovery"] == ["harmless#recovery", "quarrel#recovery"]
    assert len((out / "sft/mix.jsonl").read_text().splitlines()) == 2
    assert main(["verify", str(out)]) == 0
