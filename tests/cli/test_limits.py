"""Limits on a run, and what it shows of its cost: it ends by itself, says why, and goes on where it stopped."""

import json
from collections import Counter

import pytest

from reflectgen.cli import main
from reflectgen.cli.display import _Meter
from reflectgen.jobs.progress import Progress, Spent
from reflectgen.jobs.recipe_file import PolicySection
from tests.cli.background_server import background, good_answer, is_question, passage
from tests.cli.test_run import export_bytes
from tests.llm.fault_server import completion, http

NUM_CHUNKS = 60
TOKENS = 10  # of every answer, prompt and completion together
RECIPE = """
[endpoints.a]
url = "{url}"
model = "m"
concurrency = 8
price_per_million_prompt_tokens = 1_000_000
price_per_million_completion_tokens = 1_000_000

[teacher]
use = ["a"]
"""


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    rows = ({"id": f"d{n}", "text": f"Chunk s{n} speaks calmly of boats and of gulls."} for n in range(NUM_CHUNKS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


async def well(asked):
    return good_answer(asked)


def run(corpus, out, url, *options):
    recipe = corpus.with_name("recipe.toml")
    recipe.write_text(RECIPE.format(url=url))
    return main(["run", str(corpus), "--out", str(out), "--recipe", str(recipe), "--quiet", *options])


@pytest.mark.parametrize(
    ("limit", "num_asked", "said"),
    [
        (["--max-tokens-total", str(TOKENS * 25)], 25, f"--max-tokens-total 250 is reached ({TOKENS * 25} used)"),
        (["--max-cost", str(TOKENS * 25)], 25, "--max-cost 250 is reached (250 spent)"),
        (["--stop-after-accepted", "25"], 25, "--stop-after-accepted 25 is reached"),
    ],
    ids=["tokens", "cost", "accepted"],
)
def test_a_run_stops_at_its_limit_and_goes_on_to_the_same_end(limit, num_asked, said, corpus, tmp_path, capsys):
    out, asked = tmp_path / "out", Counter()
    with background(well) as server:
        assert run(corpus, out, server.url, *limit) == 9
        asked.update(passage(one) for one in server.asked if is_question(one))
        assert asked.total() == num_asked
        err = capsys.readouterr().err.strip()
        assert err.startswith(f"stopped: {said}; 25 of 60 chunks")
        assert "\n" not in err
        assert not (out / "export").exists()
        # A limit that is already reached asks for nothing.
        assert run(corpus, out, server.url, *limit) == 9
        assert sum(map(is_question, server.asked)) == num_asked
        capsys.readouterr()
        assert run(corpus, out, server.url) == 0
        questions = Counter(passage(one) for one in server.asked if is_question(one))
    assert (len(questions), set(questions.values())) == (NUM_CHUNKS, {1})
    assert f"cost          {TOKENS * NUM_CHUNKS}, retries" in capsys.readouterr().out
    assert main(["verify", str(out)]) == 0
    with background(well) as server:
        assert run(corpus, tmp_path / "at-once", server.url) == 0
    assert export_bytes(out) == export_bytes(tmp_path / "at-once")


def monotonous(asked):
    """Answer of every chunk the same but for its name."""
    if not is_question(asked):
        return good_answer(asked)
    name = next(word for word in passage(asked).split() if word.startswith("s") and word[1:].isdigit())
    said = f"an even-handed account of boats and gulls at a harbour, with its name given as {name}."
    return http(200, completion(json.dumps({"evidence": "", "verdict": "safe", "category": "none", "rationale": said})))


@pytest.mark.parametrize(
    ("limit", "said"),
    [
        (["--max-tokens-total", str(TOKENS * 75)], f"--max-tokens-total 750 is reached ({TOKENS * 75} used)"),
        (["--max-cost", str(TOKENS * 75)], "--max-cost 750 is reached (750 spent)"),
    ],
    ids=["tokens", "cost"],
)
def test_a_limit_holds_in_the_pass_across_the_job_too(limit, said, corpus, tmp_path, capsys):
    async def respond(asked):
        return monotonous(asked)

    out, num_surplus = tmp_path / "out", NUM_CHUNKS - PolicySection().max_repeats
    with background(respond) as server:
        assert run(corpus, out, server.url, *limit) == 9
        assert sum(map(is_question, server.asked)) == 75
        assert capsys.readouterr().err.startswith(f"stopped: {said}; ")
        assert not (out / "export").exists()
        assert run(corpus, out, server.url) == 0
        assert sum(map(is_question, server.asked)) == NUM_CHUNKS + num_surplus
        assert run(corpus, tmp_path / "at-once", server.url, "--stop-after-accepted", str(NUM_CHUNKS + 1)) == 0
    assert export_bytes(out) == export_bytes(tmp_path / "at-once")


def test_a_limit_on_cost_without_a_price_is_refused_before_anything_is_asked(corpus, tmp_path, capsys):
    with background(well) as server:
        options = ["--teacher-url", server.url, "--teacher-model", "m", "--max-cost", "1"]
        assert main(["run", str(corpus), "--out", str(tmp_path / "out"), *options]) == 6
        assert not any(map(is_question, server.asked))
    assert "--max-cost needs a price for http" in capsys.readouterr().err


def test_the_live_line_shows_tokens_cost_calls_saved_and_who_is_away():
    progress = Progress(stage="reflecting", ingested=True, num_chunks=1000, num_settled=400)
    progress.num_replies, progress.num_accepted, progress.num_reused, progress.num_not_asked = 300, 270, 20, 80
    progress.verdicts.update(safe=390, unsafe=10)
    progress.spent = lambda: Spent(35_100_000, 12.5)
    line = _Meter(progress, lambda: ["teacher paused for 12 s: no endpoint answers"]).line().plain
    for part in ("400 of 1,000 chunks", "90.0% accepted", "35.1 M tokens, cost 12.5", "100 calls saved", "paused for"):
        assert part in line
    progress.spent = lambda: Spent(812, None)
    assert "812 tokens, 100 calls saved" in _Meter(progress, list).line().plain


def test_a_run_says_what_was_used_of_each_endpoint_as_stats_does(corpus, tmp_path, capsys):
    with background(well) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
        used = f"teacher at {server.url}/v1: 60 calls, 420 tokens in prompts, 180 in answers"
    assert used in capsys.readouterr().out
    assert main(["stats", str(tmp_path / "out")]) == 0
    assert used in capsys.readouterr().out
