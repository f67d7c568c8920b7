"""What docs/prompts.md shows is so."""

import re
from pathlib import Path

import pytest

import prompts
from reflectgen.llm.prompts import load_prompt, parse_prompt
from reflectgen.reflection.teacher import CONTEXTUAL, answer_kind

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "prompts.md").read_text(encoding="utf-8")
NAMES = [f"reflection/{path.stem}" for path in sorted((Path(prompts.__file__).parent / "reflection").glob("*.md"))]


@pytest.mark.parametrize("name", NAMES)
def test_every_prompt_is_described_with_its_variables(name):
    (row,) = re.findall(rf"^\| `{name}` \|.*$", PAGE, re.MULTILINE)
    assert set(re.findall(r"`(\w+)`", row.split("|")[3])) == load_prompt(name).variables


def test_the_prompt_shown_is_one():
    (shown,) = re.findall(r"```markdown\n(.*?)```", PAGE, re.DOTALL)
    assert answer_kind(parse_prompt("reflection/medical", shown.encode())) is CONTEXTUAL


def test_the_code_shown_asks_what_the_page_says(capsys):
    (code,) = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)
    exec(code, {})
    asked = capsys.readouterr().out
    assert re.search(r"<before-\w{8}>\nA lesson for class six\.\n</before-\w{8}>", asked)
    assert f"reflection/contextual_neighbours {load_prompt('reflection/contextual_neighbours').sha256[:12]}" in asked
