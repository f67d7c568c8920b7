"""The first to come with a key makes the answer, and everybody after gets the same, on both databases."""

from reflectgen.store import idempotency
from reflectgen.store.idempotency import Answered, Asked

ASKED = Asked("k", "POST /v1/jobs", "once", "f1")


def test_the_first_request_with_a_key_is_told_to_answer_and_the_next_gets_that_answer(any_store):
    with any_store.write() as connection:
        assert idempotency.reserve(connection, ASKED) is None
        idempotency.answer(connection, ASKED, 201, "{}")
    with any_store.write() as connection:
        assert idempotency.reserve(connection, ASKED) == Answered("f1", 201, "{}")


def test_keys_of_others_are_others(any_store):
    with any_store.write() as connection:
        assert idempotency.reserve(connection, ASKED) is None
        assert idempotency.reserve(connection, Asked("another", ASKED.route, ASKED.key, "f1")) is None
