import json
import re
from collections import Counter

import pytest

from reflectgen import __version__
from reflectgen.errors import InputError, RecipeError, RequestRejected, TeacherUnavailable
from reflectgen.jobs import folder
from reflectgen.jobs.verify import verify_job
from reflectgen.llm.prompts import load_prompt
from reflectgen.records import Category, Label, Verdict
from reflectgen.store import reflections
from reflectgen.store.browse import answers_of
from tests.jobs.worlds import FixedGuard, good_reply, passage_of, run_here, scripted_teacher, varied, write_corpus

pytestmark = pytest.mark.usefixtures("on_both_databases")

# Each sentence has its number in words nobody repeats, so that a request tells which chunk it is about.
TEXTS = [" ".join(f"Sentence s{d}x{n} speaks calmly of boats and gulls today." for n in range(6)) for d in range(5)]
UNSAFE = Label(Verdict.UNSAFE, Category.HATE, 0.95)


def chunk_name(request):
    return re.search(r"s\d+x\d+", passage_of(request)).group()


def unique_reply(request):
    return good_reply(varied(chunk_name(request)))


@pytest.fixture
def corpus(tmp_path):
    return write_corpus(tmp_path / "corpus.jsonl", TEXTS)


def test_every_chunk_ends_with_one_reflection_and_the_export_verifies(corpus, tmp_path):
    teacher, model = scripted_teacher(unique_reply)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.balanced
    assert counts.num_chunks == len(model.requests) == 30
    assert counts.roads == {"teacher": 30}
    assert verify_job(tmp_path / "out").problems == []


def test_a_rejected_answer_is_asked_for_again_with_another_seed(corpus, tmp_path):
    asked = Counter()

    def script(request):
        asked[chunk_name(request)] += 1
        return "no JSON at all" if asked[chunk_name(request)] == 1 else unique_reply(request)

    teacher, model = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.roads == {"asked_again": 30}
    assert counts.rejections == {"malformed": 30}
    seeds = Counter(request.seed for request in model.requests)
    assert len(seeds) == 4  # two groups of chunks, each asked about twice


def test_a_chunk_without_an_acceptable_answer_falls_back_to_the_guards_label(corpus, tmp_path):
    teacher, _ = scripted_teacher(lambda request: "no JSON at all")
    counts = run_here(corpus, tmp_path / "out", FixedGuard({"s0x0": UNSAFE}), teacher, max_attempts=3)
    assert counts.roads == {"fallback": 30}
    assert counts.rejections == {"malformed": 90}
    assert counts.verdicts == {"safe": 29, "unsafe": 1}


def test_a_request_that_will_never_be_answered_falls_back_at_once(corpus, tmp_path):
    def script(request):
        return RequestRejected("too long") if chunk_name(request) == "s1x1" else unique_reply(request)

    teacher, model = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_attempts=3)
    assert counts.roads == {"teacher": 29, "fallback": 1}
    assert counts.rejections == {"request_rejected": 1}
    assert len(model.requests) == 30


def test_what_should_not_be_dwelt_on_gets_the_template_and_no_question(corpus, tmp_path):
    delicate = Label(Verdict.UNSAFE, Category.INDISCRIMINATE_WEAPONS, 0.9)
    teacher, model = scripted_teacher(unique_reply)
    counts = run_here(corpus, tmp_path / "out", FixedGuard({"s2x2": delicate}), teacher)
    assert counts.roads == {"teacher": 29, "template": 1}
    assert "s2x2" not in {chunk_name(request) for request in model.requests}


def test_without_a_teacher_every_reflection_is_a_template(corpus, tmp_path):
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), None)
    assert counts.roads == {"template": 30}
    assert counts.num_replies == 0


def test_a_stopped_run_goes_on_and_asks_nothing_twice(corpus, tmp_path):
    asked = Counter()
    failing = True

    def script(request):
        if failing and len(asked) >= 12:
            return TeacherUnavailable("gone")
        asked[chunk_name(request)] += 1
        return unique_reply(request)

    teacher, _ = scripted_teacher(script)
    with pytest.raises(TeacherUnavailable):
        run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert not (tmp_path / "out" / "export").exists()
    failing = False
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.balanced
    # What was answered but not yet kept when the others failed is asked again: at most one call a slot.
    assert sum(asked.values()) - 30 <= 4
    assert max(asked.values()) <= 2


def test_an_answer_is_kept_before_its_slot_asks_again(corpus, tmp_path):
    kept_when_asked = []

    def script(request):
        with folder.Store(tmp_path / "out" / folder.STORE) as store, store.read() as connection:
            kept_when_asked.append(len([a for d in range(5) for a in answers_of(connection, 1, 0, d)]))
        return unique_reply(request)

    teacher, _ = scripted_teacher(script)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher, slots=1)
    assert kept_when_asked == list(range(30))


def test_rejected_answers_count_across_a_restart(corpus, tmp_path):
    def script(request):
        if len(model.requests) > 8:
            return TeacherUnavailable("gone")
        return "no JSON at all"

    teacher, model = scripted_teacher(script)
    with pytest.raises(TeacherUnavailable):
        run_here(corpus, tmp_path / "out", FixedGuard(), teacher, slots=1)
    teacher, _ = scripted_teacher(unique_reply)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, slots=1)
    assert counts.rejections == {"malformed": 8}
    assert counts.roads == {"teacher": 26, "fallback": 4}


def test_the_same_replies_give_the_same_bytes_however_many_slots(corpus, tmp_path):
    written = []
    for slots in (1, 7):
        teacher, _ = scripted_teacher(unique_reply)
        run_here(corpus, tmp_path / f"out{slots}", FixedGuard(), teacher, slots=slots)
        (file,) = (tmp_path / f"out{slots}" / "export" / "parquet").iterdir()
        written.append(file.read_bytes())
    assert written[0] == written[1]


def test_a_finished_job_is_left_alone(corpus, tmp_path):
    teacher, _ = scripted_teacher(unique_reply)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    before = {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "export").rglob("*")}
    teacher, model = scripted_teacher(unique_reply)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert model.requests == []
    assert {p: p.stat().st_mtime_ns for p in (tmp_path / "out" / "export").rglob("*")} == before


def test_another_recipe_is_refused_and_says_what_differs(corpus, tmp_path):
    teacher, _ = scripted_teacher(unique_reply)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    with pytest.raises(RecipeError, match="max_attempts was 2, is 5"):
        run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_attempts=5)


def test_a_job_without_any_reflection_gives_way_to_another_recipe(corpus, tmp_path):
    gone, _ = scripted_teacher(lambda request: TeacherUnavailable("gone"))
    with pytest.raises(TeacherUnavailable):
        run_here(corpus, tmp_path / "out", FixedGuard(), gone)
    teacher, _ = scripted_teacher(unique_reply)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_attempts=5)
    assert counts.balanced
    assert verify_job(tmp_path / "out").problems == []


def test_rows_that_become_no_document_are_told_with_their_reason(tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    good, twin = json.dumps({"id": "a", "text": "One calm day."}), json.dumps({"id": "a", "text": "Another day."})
    corpus.write_text(f"{good}\nbroken\n\n{twin}\n" + json.dumps({"id": "b"}) + "\n")
    teacher, _ = scripted_teacher(lambda request: good_reply())
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.balanced
    assert counts.num_rows == 4
    rejects = [json.loads(line) for line in (tmp_path / "out" / "rejects.jsonl").read_text().splitlines()]
    assert [(r["line"], r["reason"]) for r in rejects] == [(2, "broken_json"), (4, "duplicate_id"), (5, "no_text")]


def test_an_input_without_a_document_ends_with_what_the_rows_have(corpus, tmp_path):
    from reflectgen.corpus.read import ReadOptions

    teacher, _ = scripted_teacher(unique_reply)
    with pytest.raises(InputError, match="none of 5 rows became a document"):
        run_here(corpus, tmp_path / "out", FixedGuard(), teacher, read=ReadOptions(text_field="body"))
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    assert counts.balanced


def test_a_label_that_costs_a_call_is_never_asked_for_twice(corpus, tmp_path):
    guard = FixedGuard(endpoint="http://guard")
    gone, model = scripted_teacher(lambda r: TeacherUnavailable("gone") if len(model.requests) > 9 else unique_reply(r))
    with pytest.raises(TeacherUnavailable):
        run_here(corpus, tmp_path / "out", guard, gone, slots=1)
    teacher, _ = scripted_teacher(unique_reply)
    run_here(corpus, tmp_path / "out", guard, teacher, slots=1)
    assert guard.num_asked == 30


def test_one_sentence_for_every_chunk_is_withdrawn_beyond_what_is_allowed(corpus, tmp_path):
    teacher, _ = scripted_teacher(lambda request: good_reply())
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_repeats=5)
    assert counts.roads == {"teacher": 5, "fallback": 25}
    assert counts.rejections == {"repeated_boilerplate": 50}
    assert counts.num_replies == 55
    assert counts.balanced
    assert verify_job(tmp_path / "out").problems == []


def test_a_repeated_rationale_is_withdrawn_and_its_verdict_stands(corpus, tmp_path):
    unsafe = good_reply(verdict="unsafe", category="violent_crimes", evidence="calmly")
    seen = Counter()

    def script(request):
        seen[chunk_name(request)] += 1
        second_is_malformed = seen[chunk_name(request)] > 1 and chunk_name(request) < "s3"
        return "no JSON at all" if second_is_malformed else unsafe

    teacher, _ = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_repeats=5)
    assert counts.roads == {"teacher": 5, "fallback": 25}
    assert set(counts.rejections) == {"repeated_boilerplate", "malformed"}
    assert counts.verdicts == {"unsafe": 30}


def test_a_teacher_that_finds_other_words_keeps_its_place_after_the_review(corpus, tmp_path):
    seen = Counter()

    def script(request):
        seen[chunk_name(request)] += 1
        return good_reply() if seen[chunk_name(request)] == 1 else unique_reply(request)

    written = []
    for slots in (1, 6):
        seen.clear()
        teacher, _ = scripted_teacher(script)
        counts = run_here(corpus, tmp_path / f"out{slots}", FixedGuard(), teacher, slots=slots, max_repeats=5)
        assert counts.roads == {"asked_again": 25, "teacher": 5}
        (file,) = (tmp_path / f"out{slots}" / "export" / "parquet").iterdir()
        written.append(file.read_bytes())
    assert written[0] == written[1]


def test_two_runs_in_one_folder_do_not_mix(corpus, tmp_path):

    teacher, _ = scripted_teacher(unique_reply)
    with folder.job_folder(tmp_path / "out"), pytest.raises(RecipeError, match="another run is at work"):
        run_here(corpus, tmp_path / "out", FixedGuard(), teacher)


def test_a_bad_row_is_still_one_when_a_strict_run_is_started_again(tmp_path):
    corpus = tmp_path / "corpus.jsonl"
    corpus.write_text('{"id": "a", "text": "One calm day."}\nbroken\n')
    for _ in range(2):
        with pytest.raises(InputError, match="line 2, broken_json"):
            run_here(corpus, tmp_path / "out", FixedGuard(), None, strict=True)
    assert run_here(corpus, tmp_path / "out", FixedGuard(), None).balanced


def test_a_reflection_knows_where_it_came_from(corpus, tmp_path):
    teacher, model = scripted_teacher(unique_reply)
    run_here(corpus, tmp_path / "out", FixedGuard(), teacher)
    with folder.Store(tmp_path / "out" / folder.STORE) as store, store.read() as connection:
        row = answers_of(connection, 1, 0, 0)[0]
        written_by = reflections.provenances(connection)[row.provenance_id]
        labelled_by = reflections.provenances(connection)[row.guard_provenance_id]
    assert (written_by.role, written_by.model, written_by.endpoint) == ("teacher", "scripted", "scripted")
    assert written_by.prompt == "reflection/contextual"
    assert written_by.prompt_sha256 == load_prompt("reflection/contextual").sha256
    assert written_by.sampling["temperature"] == model.requests[0].temperature
    assert written_by.code_version == __version__
    assert row.seed in {request.seed for request in model.requests}
    assert row.created_at > 0
    assert labelled_by.model == "fixed"


def test_a_job_whose_texts_a_database_refuses_is_kept_exported_and_verified(tmp_path):
    texts = [f"Sentence s{n}x0 holds a \x00 and a \x1a0000 that nobody sees." for n in range(8)]
    corpus = write_corpus(tmp_path / "nul.jsonl", texts)

    def script(request):
        number = int(re.search(r"s(\d+)x", passage_of(request)).group(1))
        if number == 5:
            return "no JSON, \x00 and \x1a"
        return good_reply(f"a sentence\x00 numbered s{number}, {varied(str(number))}", evidence="holds a \x00 and")

    teacher, _ = scripted_teacher(script)
    counts = run_here(corpus, tmp_path / "out", FixedGuard(), teacher, max_attempts=1)
    assert counts.balanced
    assert counts.rejections.get("malformed") == 1
    assert verify_job(tmp_path / "out").problems == []
    with folder.Store(tmp_path / "out" / folder.STORE) as store, store.read() as connection:
        replies = [row.reply for n in range(8) for row in answers_of(connection, 1, 0, n) if row.reason == "malformed"]
    assert replies == ["no JSON, \ufffd and \x1a"]  # of a reply no byte is of use that no file should hold
