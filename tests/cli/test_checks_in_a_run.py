"""A recipe with checks: a judge grades what the filters accepted, and what it cannot grade is counted as unscored."""

import json

import pytest

from reflectgen.cli import main
from tests.cli.background_server import background, good_answer, is_question
from tests.llm.fault_server import completion, http

RECIPE = """
[endpoints.a]
url = "{url}"
model = "m"
[teacher]
use = ["a"]
[judge]
use = ["a"]
[policy]
checks = [{{name = "verdict_flip"}}, {{name = "guarded_rationale"}}, {{name = "judge", min_grade = 3}}]
"""
RESPECTS = ("grounded", "verdict", "detail", "tone", "address")


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    rows = ({"id": f"d{n}", "text": f"Chunk s{n} speaks calmly of boats and of gulls."} for n in range(9))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def respond(asked):
    """Teach well; grade chunks by their number: well, badly, or in words that are no grades."""
    if not is_question(asked) or "grounded" not in asked.json()["messages"][0]["content"]:
        return good_answer(asked)
    number = int(asked.json()["messages"][-1]["content"].split("Chunk s")[1].split()[0])
    grade = {0: 5, 1: 1}.get(number % 3)
    said = json.dumps(dict.fromkeys(RESPECTS, grade)) if grade else "Four out of five, I should say."
    return http(200, completion(said))


def test_low_grades_reject_and_no_grades_are_unscored(corpus, tmp_path, capsys):
    recipe, out = tmp_path / "recipe.toml", tmp_path / "out"
    with background(respond) as server:
        recipe.write_text(RECIPE.format(url=server.url))
        assert main(["run", str(corpus), "--out", str(out), "--recipe", str(recipe), "--quiet", "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert counts["rejections"] == {"judge": 6}  # two answers each about three chunks
    assert counts["num_unscored"] == 3
    assert counts["roads"] == {"teacher": 6, "fallback": 3}
    assert main(["stats", str(out)]) == 0
    said = capsys.readouterr().out
    assert "3 accepted, though a check's model gave no usable answer" in said
    assert "judge at http" in said
    assert main(["show", str(out), "--reason", "judge"]) == 0
    shown = capsys.readouterr().out
    assert "grounded 1, verdict 1" in shown
    assert {f"Chunk s{n} " in shown for n in (1, 4, 7)} == {True}
    assert "Chunk s0 " not in shown
