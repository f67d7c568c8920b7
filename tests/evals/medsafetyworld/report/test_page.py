"""The page: nothing from anywhere, nothing of a file that could run, and every figure in the JSON too."""

from __future__ import annotations

import json
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from reflectgen.evals.medsafetyworld.report.figures import grouped
from reflectgen.evals.medsafetyworld.report.orderings import Held
from reflectgen.evals.medsafetyworld.report.page import METHOD, Pictures, render_page, repeat
from reflectgen.evals.medsafetyworld.report.picture import DARK, LIGHT
from reflectgen.evals.medsafetyworld.report.plots import plots
from reflectgen.evals.medsafetyworld.report.sources import Source
from reflectgen.evals.medsafetyworld.report.write import to_json
from reflectgen.evals.medsafetyworld.result import ArmResult
from tests.evals.browser import laid_out
from tests.evals.medsafetyworld.report.making import as_in_the_paper, result, stage

HOSTILE = "</td><script>document.title='owned'</script><img src=http://evil.example/x onerror=alert(1)>"
PIXEL = b"\x89PNG\r\n\x1a\n"


def page_of(results: list[ArmResult]) -> str:
    groups = list(grouped(results))
    drawn = {LIGHT.name: PIXEL, DARK.name: PIXEL}
    pictures: Pictures = {plot.name: (plot, drawn) for group in groups for plot in plots(group)}
    return render_page(groups, [Source(one, "0" * 64) for one in results], pictures)


@pytest.fixture
def hostile_page() -> str:
    stages = {name: stage(0.9, 0.8, reflects=True, seen=0.1) for name in ("sft", HOSTILE)}
    stages["sft"]["attacks"][HOSTILE] = stages["sft"]["attacks"]["the"]
    results = [*as_in_the_paper(), result(HOSTILE, stages=stages, world={"x": HOSTILE}, code_version=HOSTILE)]
    return page_of([*results, result("filtering", preset=HOSTILE)])


class Tags(HTMLParser):
    VOID = ("meta", "img", "source")

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: Any) -> None:
        self.seen.append((tag, dict(attributes)))
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def tags_of(page: str) -> Tags:
    tags = Tags()
    tags.feed(page)
    assert not tags.open  # every element ends where it should
    return tags


def test_hostile_names_are_shown_and_never_markup(hostile_page: str) -> None:
    tags = tags_of(hostile_page)
    assert not {"script", "link", "iframe", "object"} & {tag for tag, _ in tags.seen}
    assert not any(name.startswith("on") for _, attributes in tags.seen for name in attributes)
    assert "&lt;script&gt;" in hostile_page


def test_the_page_needs_nothing_else(hostile_page: str) -> None:
    tags = tags_of(hostile_page)
    addresses = [v or "" for _, a in tags.seen for n, v in a.items() if n in ("src", "srcset", "href", "action")]
    assert all(address.startswith(("#", "data:image/png;base64,")) for address in addresses)
    (policy,) = [a["content"] for _, a in tags.seen if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy == "default-src 'none'; style-src 'unsafe-inline'; img-src data:"


def test_every_link_has_its_place_and_every_picture_its_words(hostile_page: str) -> None:
    tags = tags_of(hostile_page)
    ids = [attributes["id"] for _, attributes in tags.seen if "id" in attributes]
    assert len(set(ids)) == len(ids)
    assert {a["href"] for tag, a in tags.seen if tag == "a"} == {f"#{name}" for name in ids}
    assert all(a["alt"] for tag, a in tags.seen if tag == "img")
    assert any(tag == "source" and a["media"] == "(prefers-color-scheme: dark)" for tag, a in tags.seen)


def test_the_json_holds_the_figures_of_the_page() -> None:
    results = as_in_the_paper()
    said = json.loads(json.dumps(to_json(list(grouped(results)), [Source(one, "0" * 64) for one in results])))
    share = said["presets"][0]["arms"]["srp-held-in"]["sft"]["attacks"]["the"]["undefended"]
    assert (share["hits"], share["n"], share["num_outcomes"]) == (50, 1000, 200)
    assert f"<td>{100 * share['share']:.1f} %<small>" in page_of(results)
    assert "50/1,000" in page_of(results)
    assert {one["held"] for one in said["presets"][0]["orderings"]} == {"holds"}


def test_without_pictures_the_page_says_what_draws_them() -> None:
    page = render_page(list(grouped([result("filtering")])), [], {})
    assert "pip install matplotlib" in page
    assert "<img" not in page


def test_the_page_says_what_each_verdict_means() -> None:
    method = " ".join(METHOD.read_text(encoding="utf-8").split())
    for held in (held for held in Held if held is not Held.NOT_MEASURED):
        assert f"<i>{held}</i>" in method


def test_the_commands_name_seeds_that_follow_one_another() -> None:
    said = repeat(list(grouped([result("filtering", seed, cue=False) for seed in (0, 1, 5)])))
    assert said == [
        f"reflectgen medsafetyworld run --preset cpu --no-cue --arms filtering --first-seed {first} "
        f"--seeds {number} --out world"
        for first, number in ((0, 2), (5, 1))
    ]


def test_a_browser_lays_it_out_runs_nothing_and_overflows_nowhere(hostile_page: str, tmp_path: Path) -> None:
    title, width, num_sections = laid_out(hostile_page, tmp_path)
    assert title == "MedSafetyWorld"
    assert width <= 360
    assert num_sections == 5
