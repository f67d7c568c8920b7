from __future__ import annotations

import re
from pathlib import Path

import pytest

from reflectgen.errors import InputError
from reflectgen.evals.medsafetyworld.report.markdown import BEGIN, END, block, write_block
from reflectgen.evals.medsafetyworld.report.sources import Source
from reflectgen.evals.medsafetyworld.result import ArmResult
from tests.evals.medsafetyworld.report.making import as_in_the_paper, result


def sources(results: list[ArmResult]) -> list[Source]:
    return [Source(one, "0" * 64) for one in results]


def test_tables_have_shares_intervals_and_counts() -> None:
    said = block(sources(as_in_the_paper()), "pictures")
    assert re.search(r"\| srp-held-in \| 5 \| 75\.0 \(71\.\d to 78\.\d\), 2,250/3,000 \|", said)
    assert "| rewrite is no safer than filtering | holds | prefill, printed | rewrite 50.0 %" in said
    assert "(pictures/cpu-utility.png)" in said


def test_every_row_has_as_many_cells_as_its_head() -> None:
    lines = block(sources([*as_in_the_paper(), result("a|b`c\n<d>[e]")]), "p").splitlines()
    for number, line in enumerate(lines):
        if line.startswith("|") and not lines[number - 1].startswith("|"):
            width = line.count(" | ")
        if line.startswith("|"):
            assert line.count(" | ") == width, line
    assert r"| a\|b'c &lt;d>\[e\] |" in "\n".join(lines)


def test_the_block_of_a_document_is_written_anew_and_nothing_else(tmp_path: Path) -> None:
    document = tmp_path / "page.md"
    document.write_text(f"before\n\n{block([], 'page')}\n\nafter\n")
    write_block(document, sources(as_in_the_paper()))
    once = document.read_text()
    write_block(document, sources(as_in_the_paper()))
    assert once == document.read_text() == f"before\n\n{block(sources(as_in_the_paper()), 'page')}\n\nafter\n"
    assert "(page/cpu-utility.png)" in once


@pytest.mark.parametrize("text", ["", BEGIN, f"{BEGIN}{BEGIN}{END}"])
def test_a_document_without_a_place_for_results_is_left_alone(tmp_path: Path, text: str) -> None:
    document = tmp_path / "page.md"
    document.write_text(text)
    with pytest.raises(InputError, match="has no place for results"):
        write_block(document, [])
    assert document.read_text() == text
