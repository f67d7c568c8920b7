"""What a corpus or a model wrote comes back from either database as it was."""

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from sqlalchemy import select

from reflectgen.records import Category, Label, RejectedRow, Verdict
from reflectgen.store import corpus, jobs, reflections, reviews
from reflectgen.store.browse import answers_of
from reflectgen.store.reflections import COPY_FROM, FREE_TEXT
from reflectgen.store.tables import metadata, reflection
from reflectgen.store.text import StoredText, from_stored, to_stored
from tests.store.rows import answer, keep, new_job

HOSTILE = [
    "\x00",
    "a\x00b",
    "\x1a",
    "\x1a0000",
    "\x1a\x1a",
    "\ud800",
    "\udc80\x00",
    "\\N",
    "\\.",
    "a\tb\nc\r\\",
    "'\"%s",
]
anything = st.one_of(st.sampled_from(HOSTILE), st.text(st.characters(), max_size=30))


@given(anything)
@example("\x1a001a")
def test_stored_text_is_read_back_as_it_was_and_holds_nothing_that_is_refused(written):
    stored = to_stored(written)
    assert from_stored(stored) == written
    assert "\x00" not in stored
    stored.encode()


@given(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00\x1a"), max_size=50))
def test_text_that_is_not_refused_is_stored_as_it_is(written):
    assert to_stored(written) == written


@given(st.lists(anything, min_size=len(FREE_TEXT), max_size=len(FREE_TEXT)), st.sampled_from([1, COPY_FROM + 2]))
@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_text_of_a_reflection_comes_back(any_store, written, num_rows):
    said = dict(zip(FREE_TEXT, written, strict=True))
    job_id = new_job(any_store, num_chunks=9)
    keep(any_store, *(answer(job_id, chunk, **said) for chunk in range(num_rows)))
    with any_store.read() as connection:
        for row in answers_of(connection, job_id, 0, 0):
            assert {name: getattr(row, name) for name in FREE_TEXT} == said


@given(anything)
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
def test_every_other_text_comes_back(any_store, written):
    with any_store.write() as connection:
        source = jobs.SourceRow(0, written, "jsonl", 10, written)
        job_id = jobs.create(connection, [written], {"x": written}, "sha", [source], "0", 1.0)
        shard = corpus.Shard(0, "c", "s", "k", "s", "split 1", 1, 3, 9)
        corpus.add_shard(connection, job_id, shard, [b"k" * 16])
        corpus.add_rejected_rows(connection, job_id, [(0, 0, RejectedRow(written, 1, "bad_text", written))])
        label = Label(Verdict.SAFE, Category.NONE, 0.5, written)
        reflections.add_labels(connection, job_id, [(0, 0, 0, label)])
        said = {"reviewer": written, "reason": written, "key_id": "k"}
        reviews.add(connection, job_id, (0, 0, 0), 0, is_accepted=True, **said)
        jobs.set_hold(connection, job_id, "failed", written)
    with any_store.read() as connection:
        assert jobs.sources(connection, job_id) == [source]
        assert list(corpus.rejected_rows(connection, job_id)) == [RejectedRow(written, 1, "bad_text", written)]
        assert reflections.labels_of(connection, job_id, 0) == {(0, 0): label}
        ((review,),) = reviews.of_places(connection, job_id, [(0, 0, 0)]).values()
        assert (review.reviewer, review.reason) == (written, written)
        job = jobs.get(connection, job_id)
        assert (job.inputs, job.recipe, job.error) == ((written,), {"x": written}, written)


def test_what_is_looked_for_is_compared_as_it_is_stored(any_store):
    job_id = new_job(any_store)
    keep(any_store, answer(job_id, 0, rationale="one\x00two"), answer(job_id, 1, rationale="one two"))
    query = select(reflection.c.chunk).where(reflection.c.rationale == "one\x00two")
    with any_store.read() as connection:
        assert connection.scalars(query).all() == [0]


def test_every_text_column_is_stored_so():
    for table in metadata.sorted_tables:
        for column in table.c:
            assert column.type.python_type is not str or isinstance(column.type, StoredText), column


def test_free_text_is_all_that_a_model_or_a_corpus_writes_into_a_reflection():
    texts = {column.name for column in reflection.c if isinstance(column.type, StoredText)}
    ours = {"guard_verdict", "guard_category", "reason", "teacher_verdict", "teacher_category", "verdict", "category"}
    assert texts - ours - {"road", "reused_from"} == set(FREE_TEXT)
