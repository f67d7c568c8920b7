"""`regenerate --where`: it does what was said, and nothing where what was said cannot be meant."""

import json
from pathlib import Path

import pytest

from reflectgen.cli import main
from reflectgen.jobs.folder import STORE
from reflectgen.store import Store, jobs
from tests.cli.background_server import background, good_answer, is_question, passage
from tests.cli.test_run import export_bytes
from tests.llm.fault_server import completion, http


def write_corpus(folder):
    path = folder / "corpus.jsonl"
    rows = ({"id": f"d{n}", "text": f"Chunk s{n} speaks calmly of boats and of gulls."} for n in range(12))
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path)


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    """A job that no test here changes."""
    folder = tmp_path_factory.mktemp("finished")
    return folder / job_made(well, write_corpus(folder), folder)


async def well(asked):
    return good_answer(asked)


async def well_of_even_ones(asked):
    number = int(passage(asked).split("Chunk s")[1].split()[0]) if is_question(asked) else 0
    return http(200, completion("no JSON")) if number % 2 else good_answer(asked)


def recipe_at(url, folder, more=""):
    path = folder / "recipe.toml"
    path.write_text(f'[endpoints.a]\nurl = "{url}"\nmodel = "m"\n[teacher]\nuse = ["a"]\n{more}')
    return str(path)


def job_made(respond, corpus, folder, *options):
    out = folder / "out"
    with background(respond) as server:
        main(["run", str(corpus), "--out", str(out), "--recipe", recipe_at(server.url, folder), "--quiet", *options])
    return str(out)


def recipe_of(out):
    with Store(f"{out}/{STORE}") as store, store.read() as connection:
        return jobs.latest(connection).recipe


def test_affected_rows_are_asked_about_again_and_no_others(corpus, tmp_path, capsys):
    out = job_made(well_of_even_ones, corpus, tmp_path)
    (Path(out) / "arms/refuse").mkdir(parents=True)
    with background(well) as server:
        recipe = recipe_at(server.url, tmp_path)
        assert main(["regenerate", out, "--where", "road=fallback", "--recipe", recipe, "--quiet"]) == 0
        assert sum(map(is_question, server.asked)) == 6
    said = capsys.readouterr()
    assert "6 chunks are asked about again" in said.err
    assert f"for chunks that became unsafe: reflectgen rewrite {out} --arm refuse\n" in said.err
    assert "--arm rewrite" not in said.err
    assert "12 accepted" in said.out
    assert main(["verify", out]) == 0


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--where", "road=falback"], "road is one of teacher, asked_again, fallback, template, overruled"),
        (["--where", "verdict=bad"], "verdict is one of safe, controversial, unsafe"),
        (["--where", "category=hatred"], "category is one of"),
        (["--where", "guard=maybe"], "guard is one of"),
        (["--where", "verdict=safe", "--where", "verdict=unsafe"], "names verdict twice"),
        (["--where", "verdict=safe"], "made with m, whose address is not kept: give --recipe"),
        ([], "is finished: --where says about which of its chunks"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_one_line_and_changes_nothing(options, said, finished, capsys):
    before, recipe = export_bytes(finished), recipe_of(finished)
    assert main(["regenerate", str(finished), *options]) == 6
    err = capsys.readouterr().err.strip()
    assert said in err
    assert "\n" not in err
    assert (export_bytes(finished), recipe_of(finished)) == (before, recipe)


def test_a_selection_of_no_chunk_leaves_job_and_recipe_as_they_are(finished, capsys):
    recipe = recipe_of(finished)
    assert main(["regenerate", str(finished), "--where", "verdict=unsafe", "--where", "road=fallback"]) == 0
    assert "no chunk of" in capsys.readouterr().out
    assert recipe_of(finished) == recipe


def test_hints_do_not_take_the_place_of_reasons(finished, tmp_path, capsys):
    recipe = recipe_at("http://127.0.0.1:9", tmp_path, '[policy]\nmode = "hint"\n')
    assert main(["regenerate", str(finished), "--where", "verdict=safe", "--recipe", recipe]) == 6
    assert "mode is contextual and the recipe's hint" in capsys.readouterr().err


def test_a_job_that_has_not_read_its_input_is_not_ended_by_it(tmp_path, capsys):
    """Going on without the input would take what was read so far for all of it."""
    corpus = tmp_path / "corpus.jsonl"
    text = "Chunk s{0} speaks calmly of boats and of gulls. " * 200
    corpus.write_text("".join(json.dumps({"id": f"d{n}", "text": text.format(n)}) + "\n" for n in range(2000)))
    out = job_made(well, corpus, tmp_path, "--stop-after-accepted", "3")
    with background(well) as server:
        assert main(["regenerate", out, "--recipe", recipe_at(server.url, tmp_path)]) == 6
    assert "has not read its input to the end: `reflectgen run`" in capsys.readouterr().err


def test_a_teacher_that_goes_away_is_told_with_the_way_to_go_on(corpus, tmp_path, capsys):
    out = job_made(well_of_even_ones, corpus, tmp_path)
    capsys.readouterr()
    with background(http(401)) as server:
        recipe = recipe_at(server.url, tmp_path)
        assert main(["regenerate", out, "--where", "road=fallback", "--recipe", recipe, "--quiet"]) == 5
    assert "the older reflections stand; the same command without --where goes on" in capsys.readouterr().err
    with background(well) as server:
        assert main(["regenerate", out, "--recipe", recipe_at(server.url, tmp_path), "--quiet"]) == 0
    assert "12 accepted" in capsys.readouterr().out
