"""`reflectgen estimate` at a user's terminal."""

import json

from reflectgen.cli import main
from tests.cli.background_server import background, good_answer
from tests.cli.conftest import EXAMPLES


def test_the_built_in_recipe_costs_nothing_and_says_how_much_there_is(capsys):
    assert main(["estimate", str(EXAMPLES / "corpus")]) == 0
    said = capsys.readouterr().out
    assert "read all files, looked closely at 70 of their documents" in said
    assert "no endpoint is asked" in said


def test_the_number_of_chunks_is_that_of_a_run(finished, capsys):
    assert main(["estimate", str(EXAMPLES / "corpus"), str(EXAMPLES / "bad_rows.jsonl"), "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert main(["stats", str(finished), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert found["chunks"]["value"] == counts["num_chunks"]
    assert found["documents"] == dict.fromkeys(("value", "low", "high"), counts["num_documents"])


def test_a_teacher_behind_an_endpoint_has_calls_tokens_and_a_price(tmp_path, capsys):
    async def respond(asked):
        return good_answer(asked)

    corpus, recipe = tmp_path / "c.jsonl", tmp_path / "r.toml"
    rows = ({"text": f"Chunk s{n} speaks calmly of boats and of gulls."} for n in range(40))
    corpus.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    with background(respond) as server:
        recipe.write_text(
            f'[endpoints.e]\nurl = "{server.url}"\nprice_per_million_prompt_tokens = 0.5\n[teacher]\nuse = ["e"]\n',
            encoding="utf-8",
        )
        assert main(["estimate", str(corpus), "--recipe", str(recipe), "--ask", "5"]) == 0
    said = capsys.readouterr().out
    for part in ("teacher: calls", "prompt tokens", "cost", "5 of 5 answers passed the filters", "note: "):
        assert part in said


def test_of_many_files_some_are_read_and_the_rest_is_inferred(tmp_path, capsys):
    for number in range(20):
        (tmp_path / f"{number}.txt").write_text("The ferry left at seven. " * (20 + number), encoding="utf-8")
    assert main(["estimate", str(tmp_path), "--read-gb", "0", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert (found["num_files"], found["num_files_read"]) == (20, 5)
    assert found["documents"]["low"] <= 20 <= found["documents"]["high"]
    assert found["characters"]["value"] == sum(path.stat().st_size for path in tmp_path.iterdir())


def test_no_document_is_an_error_in_one_line(tmp_path, capsys):
    file = tmp_path / "c.jsonl"
    file.write_text('{"words": 1}\n', encoding="utf-8")
    assert main(["estimate", str(file)]) == 3
    assert "--text-field" in capsys.readouterr().err
