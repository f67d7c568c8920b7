"""A run whose teacher is behind HTTP: every way in which it may fail ends in one line, and the run goes on later."""

import asyncio
import json
import subprocess
import time
from collections import Counter

import pytest

from reflectgen.cli import main
from tests.cli.background_server import background, good_answer, is_question, passage
from tests.cli.test_run import COMMAND, export_bytes
from tests.llm.fault_server import HANG_UP, http

NUM_CHUNKS = 120
SLOTS = 8


@pytest.fixture
def corpus(tmp_path):
    path = tmp_path / "corpus.jsonl"
    rows = ({"id": f"d{n}", "text": f"Chunk s{n} speaks calmly of boats and of gulls."} for n in range(NUM_CHUNKS))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def run(corpus, out, url, *arguments):
    options = ["--teacher-url", url, "--teacher-model", "m", "--concurrency", str(SLOTS), "--quiet"]
    return main(["run", str(corpus), "--out", str(out), *options, *arguments])


async def always_good(asked):
    return good_answer(asked)


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (http(401, {"error": "who are you"}), "answered 401"),
        (http(404, {"error": "no such thing"}), "answered 404"),
        (http(500, "oops"), "answered 500"),
        (http(200, "<html>welcome</html>", kind="text/html"), "no completion"),
        (b"SSH-2.0-OpenSSH_9.6\r\n" + HANG_UP, "not HTTP"),
        (HANG_UP, "no usable answer"),
    ],
    ids=["401", "404", "500", "garbage", "another protocol", "nothing"],
)
def test_a_teacher_that_never_answered_ends_the_run_in_one_line_and_the_run_goes_on(
    reply, said, corpus, tmp_path, capsys
):
    with background(reply) as server:
        assert run(corpus, tmp_path / "out", server.url) == 5
        # Three tries, and a connection that was closed is tried once more.
        assert sum(map(is_question, server.asked)) <= 6
    err = capsys.readouterr().err.strip()
    assert said in err
    assert "run the same command again" in err
    assert "\n" not in err
    assert not (tmp_path / "out" / "export").exists()
    assert not list(tmp_path.rglob("*.partial"))
    with background(always_good) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
    assert main(["verify", str(tmp_path / "out")]) == 0


@pytest.mark.parametrize("status", [401, 404])
def test_401_and_404_stop_a_run_that_was_going_well_and_lose_nothing(status, corpus, tmp_path, capsys):
    answered = Counter()

    async def respond(asked):
        if is_question(asked):
            if sum(answered.values()) >= 40:
                return http(status, {"error": "no more"})
            answered[passage(asked)] += 1
        return good_answer(asked)

    with background(respond) as server:
        assert run(corpus, tmp_path / "out", server.url) == 5
    err = capsys.readouterr().err
    assert f"answered {status}" in err
    assert "the same command goes on from there" in err
    asked_again = Counter()

    async def count(asked):
        asked_again[passage(asked)] += 1
        return good_answer(asked)

    with background(count) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
    assert sum((answered & asked_again).values()) <= SLOTS
    assert sum(asked_again.values()) >= NUM_CHUNKS - 40


def test_an_outage_pauses_the_run_and_costs_few_questions(corpus, tmp_path):
    began: list[float] = []
    failed = []

    async def respond(asked):
        if is_question(asked) and len(server.asked) > 30:
            began[:] = began or [time.monotonic()]
            if time.monotonic() - began[0] < 3:
                failed.append(asked)
                return http(503, {"error": "away"})
        return good_answer(asked)

    with background(respond) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
    assert 0 < len(failed) <= SLOTS + 10
    assert main(["verify", str(tmp_path / "out")]) == 0


def test_an_outage_longer_than_the_patience_ends_the_run_with_its_work_kept(corpus, tmp_path, capsys):
    async def respond(asked):
        return http(500, "gone") if len(server.asked) > 60 else good_answer(asked)

    with background(respond) as server:
        assert run(corpus, tmp_path / "out", server.url, "--outage-patience", "1") == 5
    assert "start again when it answers" in capsys.readouterr().err
    with background(always_good) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
        # Sixty were answered; what was in flight when the others failed may be asked again.
        assert sum(map(is_question, server.asked)) <= NUM_CHUNKS - 60 + SLOTS


def test_a_killed_run_repeats_at_most_the_calls_in_flight(corpus, tmp_path):
    asked = Counter()

    async def respond(request):
        asked[passage(request)] += 1
        await asyncio.sleep(0.02)
        return good_answer(request)

    with background(respond) as server:
        options = ["--teacher-url", server.url, "--teacher-model", "m", "--concurrency", str(SLOTS), "--quiet"]
        command = [*COMMAND, "run", str(corpus), "--out", str(tmp_path / "out"), *options]
        process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
        while len(asked) < NUM_CHUNKS // 2:
            assert process.poll() is None
            time.sleep(0.005)
        process.kill()
        process.wait()
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    assert len(asked) == NUM_CHUNKS
    assert sum(asked.values()) - NUM_CHUNKS <= SLOTS
    with background(always_good) as server:
        assert run(corpus, tmp_path / "undisturbed", server.url) == 0
    assert export_bytes(tmp_path / "out") == export_bytes(tmp_path / "undisturbed")


def test_a_key_is_sent_and_shows_up_nowhere(corpus, tmp_path, monkeypatch, capfd):
    monkeypatch.setenv("REFLECTGEN_TEACHER_API_KEY", "canary-5f1d")
    with background(always_good) as server:
        assert run(corpus, tmp_path / "out", server.url) == 0
        assert {asked.headers["authorization"] for asked in server.asked} == {"Bearer canary-5f1d"}
    with background(http(401, {"error": "bad key canary-5f1d"})) as server:
        assert run(corpus, tmp_path / "other", server.url) == 5
    assert "canary" not in "".join(capfd.readouterr())
    kept = (path for path in tmp_path.rglob("*") if path.is_file())
    assert not any(b"canary" in path.read_bytes() for path in kept)


def test_every_run_of_a_job_sends_vllm_one_salt_which_is_no_other_jobs(corpus, tmp_path):
    async def respond(asked):
        served = {"object": "list", "data": [{"id": "m", "object": "model", "owned_by": "vllm"}]}
        return http(200, served) if asked.path.endswith("/models") else good_answer(asked)

    salts = {}
    with background(respond) as server:
        for out, limit in (("a", ["--stop-after-accepted", "9"]), ("a", []), ("b", [])):
            assert run(corpus, tmp_path / out, server.url, *limit) == (9 if limit else 0)
            sent = {asked.json()["cache_salt"] for asked in server.asked if is_question(asked)}
            server.asked.clear()
            salts.setdefault(out, set()).update(sent)
    assert [len(sent) for sent in salts.values()] == [1, 1]
    assert salts["a"].isdisjoint(salts["b"])


def test_without_a_name_the_only_model_is_asked(corpus, tmp_path):
    with background(always_good) as server:
        command = ["run", str(corpus), "--out", str(tmp_path / "out"), "--teacher-url", server.url, "--quiet"]
        assert main(command) == 0
        assert {asked.json()["model"] for asked in server.asked if is_question(asked)} == {"m"}


def test_the_summary_says_what_the_policy_saved(tmp_path, capsys):
    corpus, recipe = tmp_path / "c.jsonl", tmp_path / "r.toml"
    flagged = "Chunk s9 tells it: here is how to steal a car: break the window and cut the wires."
    texts = [f"Chunk s{n} speaks calmly of boats and of gulls." for n in range(9)] + [flagged]
    corpus.write_text("".join(json.dumps({"text": text}) + "\n" for text in texts), encoding="utf-8")
    with background(always_good) as server:
        recipe.write_text(
            f'[endpoints.e]\nurl = "{server.url}"\n[teacher]\nuse = ["e"]\n[policy]\nask = "flagged"\n',
            encoding="utf-8",
        )
        assert main(["run", str(corpus), "--out", str(tmp_path / "out"), "--recipe", str(recipe), "--quiet"]) == 0
    said = capsys.readouterr().out
    assert "9 calls of the teacher" in said
    assert "9 kept from it by the policy" in said


def test_show_tells_of_an_answer_all_that_there_is_to_know(tmp_path, capsys):
    corpus, out = tmp_path / "corpus.jsonl", tmp_path / "out"
    text = "Chunk s1 speaks calmly of boats and of gulls."
    corpus.write_text("".join(json.dumps({"id": f"d{n}", "text": text}) + "\n" for n in range(2)))
    with background(always_good) as server:
        assert run(corpus, out, server.url) == 0
        address = server.url + "/v1"
    capsys.readouterr()
    assert main(["show", str(out), "--json"]) == 0
    documents = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    first, second = (document["answers"][0] for document in documents)
    assert sorted([first["reused_from"], second["reused_from"]]) in (["", "0/0/0/0"], ["", "0/1/0/0"])
    for answer in (first, second):
        written_by, labelled_by = answer["provenance"], answer["guard_provenance"]
        assert (written_by["model"], written_by["prompt"], written_by["endpoint"]) == (
            "m",
            "reflection/contextual",
            address,
        )
        assert len(written_by["prompt_sha256"]) == 64
        assert labelled_by["model"].startswith("builtin-guard")
        assert answer["guard_native"] == ""  # the built-in guard has no words but ours
        assert 0 <= answer["guard_score"] <= 1


def test_a_job_writes_the_same_bytes_whichever_transport_asks(corpus, tmp_path):
    written = []
    for transport in ("aiohttp", "openai"):
        recipe, out = tmp_path / f"{transport}.toml", tmp_path / transport
        with background(always_good) as server:
            named = f'[endpoints.a]\nurl = "{server.url}"\ntransport = "{transport}"\n[teacher]\nuse = ["a"]\n'
            recipe.write_text(named)
            assert main(["run", str(corpus), "--out", str(out), "--recipe", str(recipe), "--quiet"]) == 0
            assert sum(map(is_question, server.asked)) == NUM_CHUNKS
        written.append(export_bytes(out))
    assert written[0] == written[1]
