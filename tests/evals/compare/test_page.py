"""The page: nothing from anywhere, nothing of a corpus that could run, and every figure in the JSON too."""

import json
from html.parser import HTMLParser

import pytest

from reflectgen.evals.compare.page import render_page
from reflectgen.evals.compare.result import RecipeRun
from tests.evals.browser import laid_out
from tests.evals.compare.making import SAFE, UNSAFE, report, result, row, run

HOSTILE = (
    "</blockquote></details><script>document.title='owned'</script><img src=http://evil.example/x onerror=alert(1)>"
)


@pytest.fixture
def hostile_report():
    rows = [row(0, True, text=HOSTILE, source=HOSTILE[:60]), row(1, False), row(2, True)]
    answers = [result(UNSAFE, "length", "", rationale=HOSTILE), result(SAFE, ""), result(SAFE)]
    teacher = RecipeRun(HOSTILE, "guard<b>", ("teacher<i>",), "all", answers)
    return report(rows, teacher, run("other", SAFE, SAFE, UNSAFE), note=HOSTILE)


class Tags(HTMLParser):
    def __init__(self):
        super().__init__()
        self.seen, self.open = [], []

    def handle_starttag(self, tag, attributes):
        self.seen.append((tag, dict(attributes)))
        if tag not in ("meta", "line", "circle", "rect", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag):
        if tag not in ("line", "circle", "rect"):
            assert self.open.pop() == tag


def test_hostile_text_is_shown_and_never_markup(hostile_report):
    page = render_page(hostile_report)
    tags = Tags()
    tags.feed(page)
    assert not tags.open  # every element ends where it should
    assert not {"script", "img", "link", "iframe", "object"} & {tag for tag, _ in tags.seen}
    assert not any(name.startswith("on") for _, attributes in tags.seen for name in attributes)
    assert "&lt;script&gt;" in page


def test_the_page_needs_nothing_else(hostile_report):
    tags = Tags()
    tags.feed(render_page(hostile_report))
    addresses = [v for _, a in tags.seen for n, v in a.items() if n in ("src", "href", "action", "data")]
    assert all(address.startswith("#") for address in addresses)
    (policy,) = [a["content"] for t, a in tags.seen if a.get("http-equiv") == "Content-Security-Policy"]
    assert policy.startswith("default-src 'none'")


def test_the_json_holds_the_figures_of_the_page_and_no_text(hostile_report):
    said = json.dumps(hostile_report.to_json())
    assert "owned" not in json.dumps(hostile_report.to_json()["recipes"][0]["groups"])
    assert "text 1" not in said
    overall = json.loads(said)["recipes"][1]["groups"][0]["strict"]
    assert (overall["num_true"], overall["num_missed"]) == (1, 1)
    assert f"{overall['recall']['value']:.3f}" in render_page(hostile_report)


def test_one_recipe_has_a_page_without_agreement():
    page = render_page(report([row(0, True), row(1, False)], run("alone", UNSAFE, UNSAFE)))
    assert 'id="agreement"' not in page
    assert "gets wrong" in page


def test_a_browser_lays_it_out_runs_nothing_and_overflows_nowhere(hostile_report, tmp_path):
    title, width, num_sections = laid_out(render_page(hostile_report), tmp_path)
    assert title.startswith("Recipes compared") and title != "owned"
    assert width <= 360
    assert num_sections >= 7
