"""What the README shows is what the commands print, and what the docs point at is there."""

import re
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.export.formats import Format
from reflectgen.export.read import read_rows

REPOSITORY = Path(__file__).resolve().parents[2]
README = (REPOSITORY / "README.md").read_text(encoding="utf-8")
PAGES = [REPOSITORY / "README.md", REPOSITORY / "CONTRIBUTING.md", *sorted((REPOSITORY / "docs").glob("*.md"))]


def test_the_reflections_at_the_head_of_the_readme_are_those_of_the_demo(finished):
    head = README.partition("## Why")[0].replace("\n> ", " ")
    shown = re.findall(r"`(<think> .*?)`", head)
    (file,) = (finished / "export" / "parquet").glob("*.parquet")
    woven = "\n".join(row["text"] for row in read_rows(file, Format.PARQUET))
    assert len(shown) == 2
    assert all(reflection in woven for reflection in shown)


def test_the_numbers_of_the_demo_in_the_readme_are_what_it_prints(finished, capsys):
    block = README.partition("```\nrows read")[2].partition("rejected rows,")[0]
    assert main(["stats", str(finished)]) == 0
    printed = capsys.readouterr().out
    assert len(block.splitlines()) > 8
    assert all(line in printed for line in f"rows read{block}".splitlines())


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_to_a_file_leads_to_one(page):
    targets = re.findall(r"\]\((?!https?:)([^)#]+)[^)]*\)", page.read_text(encoding="utf-8"))
    assert [target for target in targets if not (page.parent / target).exists()] == []
