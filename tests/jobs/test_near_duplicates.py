import json

import pytest

from reflectgen.jobs.verify import verify_job
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, varied, write_corpus

pytestmark = pytest.mark.usefixtures("on_both_databases")

NUM_CHUNKS = 24


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "c.jsonl", [f"Place s{n}x lies by a river." for n in range(NUM_CHUNKS)])


def name_of(request):
    return request.messages[-1]["content"].split("Place ")[1].split("x")[0]


def template(request):
    return good_reply(f"an even-handed account of a settlement on a river, with its name given as {name_of(request)}.")


def first_template_then_varied():
    asked = set()

    def script(request):
        if name_of(request) in asked:
            return good_reply(varied(name_of(request)))
        asked.add(name_of(request))
        return template(request)

    return script


def export_bytes(out):
    return [path.read_bytes() for path in sorted((out / "export").rglob("*.parquet"))]


def test_a_template_with_a_word_changed_is_taken_back_beyond_what_is_allowed(corpus, tmp_path):
    teacher, _ = scripted_teacher(template)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_repeats=4)
    assert counts.roads == {"fallback": NUM_CHUNKS - 4, "teacher": 4}
    assert counts.rejections["near_duplicate"] == 2 * (NUM_CHUNKS - 4)  # withdrawn, and the new answers rejected
    assert counts.balanced
    assert verify_job(tmp_path / "out").problems == []


def test_the_result_does_not_depend_on_how_many_are_asked_at_once(corpus, tmp_path):
    written = []
    for slots in (1, 7):
        teacher, model = scripted_teacher(first_template_then_varied())
        counts = run_here(corpus, tmp_path / f"out{slots}", FixedGuard(), teacher, slots=slots, max_repeats=4)
        assert counts.roads == {"asked_again": NUM_CHUNKS - 4, "teacher": 4}
        assert len(model.requests) == 2 * NUM_CHUNKS - 4
        written.append(export_bytes(tmp_path / f"out{slots}"))
    assert written[0] == written[1]


def test_a_pass_that_was_cut_short_comes_to_the_same_end(corpus, tmp_path):
    script = first_template_then_varied()
    whole, _ = scripted_teacher(script)
    run_here(corpus, tmp_path / "whole", FixedGuard(), whole, slots=3, max_repeats=4)
    numbers, script = iter(range(100)), first_template_then_varied()

    def fails_late(request):
        return TimeoutError("gone") if next(numbers) == NUM_CHUNKS + 8 else script(request)

    cut, _ = scripted_teacher(fails_late)
    with pytest.raises(TimeoutError):
        run_here(corpus, tmp_path / "cut", FixedGuard(), cut, slots=3, max_repeats=4)
    assert not (tmp_path / "cut" / "export").exists()
    counts = run_here(corpus, tmp_path / "cut", FixedGuard(), cut, slots=3, max_repeats=4)
    assert counts.balanced
    assert export_bytes(tmp_path / "cut") == export_bytes(tmp_path / "whole")


def test_the_curve_says_where_the_corpus_collapses_into_a_template(corpus, tmp_path):
    teacher, _ = scripted_teacher(template)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_repeats=4)
    curve = json.loads((tmp_path / "out" / "collapse_curve.json").read_text())
    assert (curve["num_rationales"], curve["num_near_duplicates"]) == (NUM_CHUNKS, NUM_CHUNKS - 1)
    assert curve["points"][0]["start"] == 0


def test_a_recipe_may_leave_the_pass_out(corpus, tmp_path):
    teacher, _ = scripted_teacher(template)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_repeats=4, near_duplicate_threshold=None)
    assert counts.roads == {"teacher": NUM_CHUNKS}
