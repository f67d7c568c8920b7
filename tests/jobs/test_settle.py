"""Which road a chunk takes: the cascade, other teachers, whose verdict stands, limits."""

import json

import pytest

from reflectgen.errors import TeacherUnavailable
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import job_folder
from reflectgen.records import Category, Label, Verdict
from reflectgen.reflection.cascade import CascadeOptions
from reflectgen.shards import read_documents
from reflectgen.store.browse import answers_of
from tests.jobs.worlds import FixedGuard, good_reply, run_here, scripted_teacher, write_corpus

UNSAFE = Label(Verdict.UNSAFE, Category.HATE, 0.9)
DECLINES = "I'm sorry, but I can't help with that."


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "c.jsonl", [f"Place s{n} lies by a river." for n in range(10)])


def rationale_for(request):
    return good_reply(
        f"a plain account of place {request.messages[-1]['content'].split('Place ')[1][:3]} by the river."
    )


def test_only_flagged_chunks_go_to_the_teacher_when_the_policy_says_so(corpus, tmp_path):
    teacher, model = scripted_teacher(
        lambda r: good_reply("it sneers.", verdict="unsafe", category="hate", evidence="s3")
    )
    guard = FixedGuard({"s3": UNSAFE})
    counts = run_here(corpus, tmp_path / "out", guard, teacher, cascade=CascadeOptions(ask="flagged"))
    assert len(model.requests) >= 1
    assert counts.roads["template"] == 9
    assert counts.balanced
    assert counts.num_calls_saved == 9
    assert counts.tokens_saved == round(9 * (counts.prompt_tokens + counts.completion_tokens) / counts.num_replies)


def test_a_teacher_that_declines_is_counted_and_the_next_one_asked(corpus, tmp_path):
    first, first_model = scripted_teacher(lambda r: DECLINES)
    second, second_model = scripted_teacher(rationale_for, model="second")
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), first, fallbacks=[second])
    assert len(first_model.requests) == len(second_model.requests) == 10
    assert counts.rejections == {"refusal": 10}
    assert counts.roads == {"asked_again": 10}


def test_a_malformed_answer_is_no_reason_to_ask_another_teacher(corpus, tmp_path):
    first, first_model = scripted_teacher(lambda r: "no JSON")
    second, second_model = scripted_teacher(rationale_for, model="second")
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), first, fallbacks=[second])
    assert len(first_model.requests) == 20
    assert second_model.requests == []
    assert counts.roads == {"fallback": 10}


def test_the_more_severe_verdict_stands_and_the_difference_is_kept_for_people(corpus, tmp_path):
    teacher, _ = scripted_teacher(rationale_for)
    guard = FixedGuard({"s4": Label(Verdict.CONTROVERSIAL, Category.PRIVACY, 0.6)})
    counts = run_here(corpus, tmp_path / "out", guard, teacher)
    assert counts.roads == {"teacher": 9, "overruled": 1}
    assert counts.verdicts == {"safe": 9, "controversial": 1}
    assert counts.num_guard_teacher_differences == 1
    (line,) = (tmp_path / "out" / "disagreements.jsonl").read_text().splitlines()
    row = json.loads(line)
    assert "s4" in row["text"]
    assert (row["guard"]["verdict"], row["teacher"]["verdict"]) == ("controversial", "safe")
    assert "s4" in row["reply"]


def sample_of(out):
    written = out / "disagreements.jsonl"
    return [json.loads(line) for line in written.read_text().splitlines()] if written.exists() else []


@pytest.mark.usefixtures("on_both_databases")
def test_a_difference_is_kept_for_people_though_the_answer_was_rejected(corpus, tmp_path):
    wordy = good_reply("it mocks " + "and mocks " * 40, verdict="unsafe", category="hate", evidence="lies by")
    teacher, _ = scripted_teacher(lambda r: wordy if "s7" in r.messages[-1]["content"] else rationale_for(r))
    counts = run_here(corpus, tmp_path / "out", FixedGuard({"s4": UNSAFE}), teacher)
    assert counts.roads == {"teacher": 8, "fallback": 2}
    rows = {row["text"][6:8]: row for row in sample_of(tmp_path / "out")}
    told = {
        name: (row["guard"]["verdict"], row["teacher"], row["stands"]["verdict"], row["stands"]["road"])
        for name, row in rows.items()
    }
    assert told == {
        "s4": ("unsafe", {"verdict": "safe", "category": "none", "reason": "disagreement"}, "unsafe", "fallback"),
        "s7": ("safe", {"verdict": "unsafe", "category": "hate", "reason": "length"}, "unsafe", "fallback"),
    }


def test_a_teacher_that_comes_round_differs_no_more(corpus, tmp_path):
    wordy = good_reply("it mocks " + "and mocks " * 40, verdict="unsafe", category="hate", evidence="lies by")
    seeds = []

    def script(request):
        seeds.append(request.seed)
        return wordy if request.seed == seeds[0] else rationale_for(request)

    teacher, _ = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, slots=1)
    assert counts.roads == {"asked_again": 10}
    assert sample_of(tmp_path / "out") == []


def test_the_teachers_verdict_stands_where_the_recipe_trusts_it(corpus, tmp_path):
    teacher, _ = scripted_teacher(rationale_for)
    guard = FixedGuard({"s4": Label(Verdict.CONTROVERSIAL, Category.PRIVACY, 0.6)})
    counts = run_here(corpus, tmp_path / "out", guard, teacher, cascade=CascadeOptions(verdict="teacher"))
    assert counts.verdicts == {"safe": 10}
    assert counts.roads == {"teacher": 10}


def test_a_teacher_whose_words_are_rejected_is_still_believed_about_the_verdict(corpus, tmp_path):
    wordy = good_reply("it mocks " + "and mocks " * 40, verdict="unsafe", category="hate", evidence="lies by")
    teacher, _ = scripted_teacher(lambda r: wordy)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.roads == {"fallback": 10}
    assert counts.verdicts == {"unsafe": 10}


def test_what_a_teacher_said_and_declined_is_known_after_a_restart(corpus, tmp_path):
    wordy = good_reply("it mocks " + "and mocks " * 40, verdict="unsafe", category="hate", evidence="lies by")
    first, first_model = scripted_teacher(lambda r: DECLINES)
    answers = [wordy, TeacherUnavailable("gone")]
    second, _ = scripted_teacher(answers, model="second")
    with pytest.raises(TeacherUnavailable):
        run_here(corpus, tmp_path / "out", FixedGuard(), first, fallbacks=[second], slots=1, max_attempts=2)
    assert len(first_model.requests) == 1
    second, second_model = scripted_teacher(lambda r: "no JSON", model="second")
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), first, fallbacks=[second], slots=1, max_attempts=2)
    assert len(first_model.requests) == 10
    assert len(second_model.requests) == 1 + 2 * 9
    assert counts.verdicts == {"unsafe": 1, "safe": 9}


def test_a_run_stops_when_enough_was_accepted_and_goes_on_later(corpus, tmp_path):
    teacher, model = scripted_teacher(rationale_for)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, limits=Limits(stop_after_accepted=4))
    assert (counts.num_accepted, counts.num_reflections) == (4, 4)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.balanced
    assert len(model.requests) == 10


def test_no_export_is_written_by_a_run_that_met_a_limit(corpus, tmp_path):
    teacher, _ = scripted_teacher(rationale_for)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher, limits=Limits(stop_after_accepted=4))
    assert not (tmp_path / "out" / "export").exists()
    assert len(list(read_documents(next((tmp_path / "out" / "corpus").glob("*.parquet"))))) == 10


def test_a_label_is_kept_with_the_guards_own_words_the_mapped_category_and_the_score(corpus, tmp_path):
    said = Label(Verdict.CONTROVERSIAL, Category.PRIVACY, 0.37, "Controversial: PII, Unethical Acts")
    teacher, _ = scripted_teacher(rationale_for)
    run_here(corpus, tmp_path / "out", FixedGuard({"s3": said}), teacher)
    with job_folder(tmp_path / "out") as store, store.read() as connection:
        (row,) = (one for one in answers_of(connection, 1, 0, 3) if not one.reason)
    label = (row.guard_verdict, row.guard_category, row.guard_score, row.guard_native)
    assert label == ("controversial", "privacy", 0.37, "Controversial: PII, Unethical Acts")
