import pytest

from reflectgen.errors import OutputError
from reflectgen.records import Category, Label, Provenance, Verdict
from reflectgen.store import reflections
from reflectgen.store.counts import count_job
from tests.store.rows import answer, keep, new_job


@pytest.fixture
def store(any_store):
    return any_store


def currents(store, job_id):
    with store.read() as connection:
        return [(row.chunk, row.revision) for row in reflections.current(connection, job_id, 0)]


def test_the_accepted_row_of_the_highest_revision_is_current(store):
    job_id = new_job(store)
    keep(store, answer(job_id, 0, 0, reason="length"), answer(job_id, 0, 1), answer(job_id, 1, 0))
    keep(store, answer(job_id, 0, 2, reason="repeated_boilerplate", road="withdrawn"), answer(job_id, 0, 3))
    assert currents(store, job_id) == [(0, 3), (1, 0)]


def test_a_rejection_after_an_acceptance_leaves_the_accepted_row_current(store):
    job_id = new_job(store)
    keep(store, answer(job_id, 0, 0), answer(job_id, 0, 1, reason="length"))
    assert currents(store, job_id) == [(0, 0)]


def test_a_revision_is_never_overwritten(store):
    job_id = new_job(store)
    keep(store, answer(job_id, 0, 0, rationale="first."))
    with pytest.raises(OutputError):
        keep(store, answer(job_id, 1), answer(job_id, 0, 0, rationale="second."))
    with store.read() as connection:
        assert [row.rationale for row in reflections.current(connection, job_id, 0)] == ["first."]


def test_of_many_rows_a_revision_that_is_there_keeps_all_of_them_out(store):
    job_id = new_job(store, num_chunks=9)
    keep(store, answer(job_id, 7))
    with pytest.raises(OutputError):
        keep(store, *(answer(job_id, chunk) for chunk in range(9)))
    assert currents(store, job_id) == [(7, 0)]
    keep(store, *(answer(job_id, chunk, 1) for chunk in range(9)))
    assert currents(store, job_id) == [(chunk, 1) for chunk in range(9)]


def test_what_is_loaded_twice_is_there_once_and_what_was_there_stays(store):
    job_id = new_job(store, num_chunks=9)
    keep(store, answer(job_id, 4, rationale="first."))
    rows = [answer(job_id, chunk, rationale="tab\t, line\n, \\, \\N and \x00.") for chunk in range(9)]
    with store.write() as connection:
        assert reflections.load(connection, rows[:6]) == 5
        assert reflections.load(connection, rows) == 3
    with store.write() as connection:
        assert reflections.load(connection, rows) == reflections.load(connection, []) == 0
    with store.read() as connection:
        said = [row.rationale for row in reflections.current(connection, job_id, 0)]
    assert said == [*(rows[0]["rationale"] for _ in range(4)), "first.", *(rows[0]["rationale"] for _ in range(4))]


def test_progress_tells_answers_and_whether_a_chunk_is_settled(store):
    job_id = new_job(store)
    keep(store, answer(job_id, 0, 0, reason="length"), answer(job_id, 1, 0, reason="length"), answer(job_id, 1, 1))
    with store.read() as connection:
        known = reflections.progress_of(connection, job_id, 0)
    assert known == {(0, 0): reflections.Progress(1, False), (0, 1): reflections.Progress(2, True)}


def test_a_kept_label_is_not_overwritten(store):
    job_id = new_job(store)
    first, second = (Label(v, Category.HATE, 0.5, "native") for v in (Verdict.UNSAFE, Verdict.SAFE))
    for label in (first, second):
        with store.write() as connection:
            reflections.add_labels(connection, job_id, [(0, 0, 0, label)])
    with store.read() as connection:
        assert reflections.labels_of(connection, job_id, 0) == {(0, 0): first}


def test_a_provenance_is_kept_once(store):
    record = Provenance("teacher", "m", "p", "sha", {"temperature": 0.5}, "http://x", "0")
    with store.write() as connection:
        ids = {reflections.provenance_id(connection, record) for _ in range(3)}
        assert len(ids) == 1
        assert reflections.provenances(connection)[ids.pop()] == record


def test_the_same_rationale_at_the_same_text_is_no_repeat(store):
    job_id = new_job(store, num_chunks=6)
    same_text = [answer(job_id, chunk, chunk_key=b"t" * 16) for chunk in range(3)]
    other_texts = [answer(job_id, chunk, rationale_key=b"o" * 16) for chunk in range(3, 6)]
    keep(store, *same_text, *other_texts)
    with store.read() as connection:
        assert [row.chunk for row in reflections.repeated(connection, job_id, 2)] == [3, 4, 5]
        assert reflections.num_texts_with(connection, job_id, b"r" * 16) == 1


def test_counts_tell_replies_from_templates_and_balance(store):
    job_id = new_job(store, num_chunks=3)
    keep(
        store,
        answer(job_id, 0, 0, reason="length"),
        answer(job_id, 0, 1, road="asked_again"),
        answer(job_id, 1, 0, teacher_verdict="unsafe", verdict="unsafe", category="hate"),
        answer(job_id, 2, 0, reason="malformed", teacher_verdict=None, verdict=None, category=None),
        answer(
            job_id,
            2,
            1,
            road="fallback",
            teacher_verdict=None,
            rationale_key=None,
            prompt_tokens=0,
            completion_tokens=0,
        ),
    )
    with store.read() as connection:
        counts = count_job(connection, job_id)
    assert (counts.num_chunks, counts.num_reflections) == (3, 3)
    assert (counts.num_replies, counts.num_accepted) == (4, 2)
    assert (counts.prompt_tokens, counts.completion_tokens) == (20, 8)
    assert counts.rejections == {"length": 1, "malformed": 1}
    assert counts.verdicts == {"safe": 2, "unsafe": 1}
    assert counts.num_guard_teacher_differences == 1
    assert not counts.balanced  # one document, no row read


def test_what_a_check_could_not_grade_is_counted_apart(store):
    job_id = new_job(store)
    rejected = {"reason": "judge", "detail": "unscored"}  # no such thing, and not counted if there were
    keep(store, answer(job_id, 0, detail="unscored"), answer(job_id, 1), answer(job_id, 2, **rejected))
    with store.read() as connection:
        assert count_job(connection, job_id).num_unscored == 1
