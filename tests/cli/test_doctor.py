"""What `doctor` says of the endpoints of a recipe, each asked as the run would ask it."""

import json

import pytest

from reflectgen.cli import main
from tests.cli.background_server import background
from tests.llm.fault_server import completion, http, models

METRICS = "vllm:num_requests_running 0\nvllm:num_requests_waiting 0\n"
JSON = {
    "colour": "green",
    "evidence": "The ferry left at seven",
    "verdict": "safe",
    "category": "none",
    "rationale": "The ferry's departure is told, and children wave from the pier.",
}
REPLIES = {
    "qwen3guard": "Safety: Safe\nCategories: None",
    "llamaguard3": "\n\nsafe",
    "llamaguard4": "safe",
    "shieldgemma": "No",
    "wildguard": "Harmful request: no\nResponse refusal: n/a\nHarmful response: n/a",
    "generic": json.dumps(JSON),
}


def vllm(reply):
    """Serve as vLLM does a model that says `reply`; None: a classifier, which does not chat."""

    async def respond(asked):
        if asked.path == "/v1/models":
            listed = models("m")
            listed["data"][0] |= {"owned_by": "vllm", "max_model_len": 4096}
            return http(200, listed)
        if asked.path in ("/version", "/metrics"):
            return http(200, {"version": "0.32.0"}) if asked.path == "/version" else http(200, METRICS, "text/plain")
        if asked.path == "/classify" and reply is None:
            return http(200, {"data": [{"index": n, "probs": [0.9, 0.1]} for n in range(len(asked.json()["input"]))]})
        if asked.path != "/v1/chat/completions":
            return http(404)
        if reply is None or (reply == "No" and "chat_template_kwargs" not in asked.json()):
            return http(400, {"error": {"message": "this model does not do that"}})
        return http(200, completion(reply))

    return respond


def findings(recipe, folder, capsys):
    path = folder / "recipe.toml"
    path.write_text(recipe)
    code = main(["doctor", "--recipe", str(path), "--out", str(folder), "--json"])
    found = json.loads(capsys.readouterr().out)
    return code, [(one["what"], one["ok"], one["found"]) for one in found]


def at(url, role, more=""):
    return f'[endpoints.e]\nurl = "{url}"\n[{role}]\nuse = ["e"]\n{more}'


def test_an_endpoint_is_told_with_all_that_it_can(tmp_path, capsys):
    with background(vllm(json.dumps(JSON))) as server:
        code, found = findings(at(server.url, "teacher"), tmp_path, capsys)
    said = " / ".join(words for what, _, words in found if what == "endpoint e")
    assert code == 0
    for words in ("vLLM 0.32.0", "serves m", "4,096 tokens", "one question a call", "how busy", "ms", "JSON schema"):
        assert words in said


@pytest.mark.parametrize("name", [*REPLIES, "classifier"])
def test_a_guard_of_every_family_is_asked_in_its_own_way(name, tmp_path, capsys):
    classes = 'classes = ["safe", "hate"]' if name == "classifier" else ""
    with background(vllm(REPLIES.get(name))) as server:
        code, found = findings(at(server.url, "guard", f'format = "{name}"\n{classes}'), tmp_path, capsys)
    assert [one for one in found if not one[1]] == []
    assert code == 0
    assert any(what == "guard" and "says safe" in said for what, _, said in found)


def test_a_guard_of_another_family_than_said_is_found_out(tmp_path, capsys):
    with background(vllm("safe")) as server:
        code, found = findings(at(server.url, "guard", 'format = "qwen3guard"'), tmp_path, capsys)
    assert code == 1
    assert [(what, said) for what, ok, said in found if not ok] == [("guard", "m: unparsable: safe")]


def test_a_teacher_that_keeps_to_no_schema_is_found_out(tmp_path, capsys):
    with background(vllm("Grass is green.")) as server:
        code, found = findings(at(server.url, "teacher"), tmp_path, capsys)
    assert code == 1
    assert {what for what, ok, _ in found if not ok} == {"endpoint e", "teacher"}


@pytest.mark.parametrize(("grade", "ok"), [(4, True), (2, True), ("good", False)])
def test_a_judge_is_asked_for_grades(grade, ok, tmp_path, capsys):
    grades = dict.fromkeys(("grounded", "verdict", "detail", "tone", "address"), grade)

    async def respond(asked):
        if asked.path == "/v1/chat/completions" and "grounded" in asked.json()["messages"][0]["content"]:
            return http(200, completion(json.dumps(grades)))
        return await vllm(json.dumps(JSON))(asked)

    with background(respond) as server:
        code, found = findings(at(server.url, "teacher") + '[judge]\nuse = ["e"]\n', tmp_path, capsys)
    assert [said for what, fine, said in found if what == "judge" and fine is ok]
    assert code == (0 if ok else 1)


@pytest.mark.parametrize(
    ("policy", "said"),
    [
        ('filters = [{name = "lenght"}]', "no filter is called 'lenght'"),
        ('checks = [{name = "judge"}]', "the check 'judge' asks the judge; name one in a section [judge]"),
    ],
)
def test_filters_that_a_run_would_refuse_are_told(policy, said, tmp_path, capsys):
    code, found = findings(f"[policy]\n{policy}\n", tmp_path, capsys)
    assert code == 1
    assert [words for what, ok, words in found if what == "filters" and not ok and said in words]
    code, found = findings('[policy]\nfilters = [{name = "length", max_words = 9}]\n', tmp_path, capsys)
    assert code == 0
    assert ("filters", True, "length") in found


def test_every_endpoint_of_a_role_is_looked_at_and_the_one_that_is_away_is_named(tmp_path, capsys):
    with background(vllm(json.dumps(JSON))) as server:
        more = '[endpoints.f]\nurl = "http://127.0.0.1:9"\nmodel = "m"\n'
        recipe = at(server.url, "teacher").replace('["e"]', '["e", "f"]') + more
        code, found = findings(recipe, tmp_path, capsys)
    assert code == 1
    assert [what for what, ok, _ in found if not ok] == ["endpoint f"]


def test_labels_of_the_built_in_guard_in_anothers_place_are_counted_where_the_user_looks(tmp_path, capsys):
    async def respond(asked):
        said = asked.json()["messages"][-1]["content"] if asked.method == "POST" and asked.body else ""
        reply = {"Day 3": "no form of Qwen's", "Day 4": None}.get(said[:5], REPLIES["qwen3guard"])
        return await vllm(reply)(asked)

    corpus, recipe, out = (tmp_path / name for name in ("corpus.jsonl", "recipe.toml", "out"))
    corpus.write_text("".join(json.dumps({"text": f"Day {n} was calm at sea."}) + "\n" for n in range(5)))
    with background(respond) as server:
        recipe.write_text(at(server.url, "guard", 'format = "qwen3guard"'))
        assert main(["run", str(corpus), "--out", str(out), "--recipe", str(recipe), "--quiet"]) == 0
    line = "2 are the built-in guard's instead: 1 where answers could not be read, 1 where the server refused"
    assert line in capsys.readouterr().out
    assert main(["stats", str(out)]) == 0
    assert line in capsys.readouterr().out
    assert main(["stats", str(out), "--json"]) == 0
    counts = json.loads(capsys.readouterr().out)
    assert (counts["num_unread_labels"], counts["num_refused_labels"]) == (1, 1)
