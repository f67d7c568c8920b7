from itertools import pairwise

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.train.batch import make_batch
from reflectgen.train.data import TokenArrays
from reflectgen.train.order import key_of, permuted
from reflectgen.train.packing import pack, rows_of_step

END = 0
LENGTHS = st.lists(st.integers(1, 40), min_size=1, max_size=30)
PACKINGS = st.sampled_from(["stream", "whole"])


def corpus(lengths: list[int]) -> TokenArrays:
    """Documents of these many tokens beside their end; every token but the ends is another number."""
    first, documents = 1, []
    for length in lengths:
        documents.append((list(range(first, first + length)), [0] * length))
        first += length
    return TokenArrays(documents, END)


@given(LENGTHS, st.integers(2, 17), st.integers(0, 3), st.integers(0, 4), PACKINGS)
def test_every_token_is_in_exactly_one_sequence_of_an_epoch(lengths, length, seed, epoch, how):
    data = corpus(lengths)
    packing = pack(data, length, seed, how)
    seen = np.zeros(data.num_tokens, int)
    for row in range(packing.num_rows):
        pieces = packing.pieces(epoch, row)
        assert 0 < sum(stop - start for start, stop in pieces) <= length
        for start, stop in pieces:
            seen[start:stop] += 1
    assert (seen == 1).all()


@given(LENGTHS, st.integers(2, 17), st.integers(0, 3), PACKINGS)
def test_under_masking_every_token_but_a_documents_first_is_learnt_once_an_epoch(lengths, length, seed, how):
    data = corpus(lengths)
    packing = pack(data, length, seed, how)
    rows = [packing.pieces(0, row) for row in range(packing.num_rows)]
    batch = make_batch(data, rows, length, [1.0] * 5, document_masking=True)
    wanted = [
        token
        for start, end in zip([0, *data.document_ends], data.document_ends, strict=False)
        for token in data.tokens(start + 1, end)
    ]
    assert sorted(batch.targets[batch.weights > 0].tolist()) == sorted(wanted)


@given(LENGTHS, st.integers(2, 17), PACKINGS)
def test_a_target_is_the_next_token_of_the_same_document_and_positions_count_from_its_first_in_the_row(
    lengths, length, how
):
    data = corpus(lengths)
    packing = pack(data, length, 0, how)
    ids, ends = data.tokens(0, data.num_tokens), data.document_ends
    for row in range(packing.num_rows):
        pieces = packing.pieces(0, row)
        batch = make_batch(data, [pieces], length, [1.0] * 5, document_masking=True)
        places = [place for start, stop in pieces for place in range(start, stop)]
        starts = {start for start, _ in pieces}
        position = 0
        for at, place in enumerate(places):
            position = 0 if place in starts or place in ends else position + 1
            assert batch.ids[0, at] == ids[place]
            assert batch.positions[0, at] == position
            is_last_of_document = place + 1 in ends
            assert (batch.weights[0, at] > 0) == (not is_last_of_document)
            if not is_last_of_document:
                assert batch.targets[0, at] == ids[place + 1]
            assert at == 0 or (batch.documents[0, at] == batch.documents[0, at - 1]) == (position > 0)
        assert not batch.weights[0, len(places) :].any()
        assert (batch.documents[0, len(places) :] == -1).all()


@given(LENGTHS, st.integers(2, 17), st.integers(0, 3))
def test_whole_packing_cuts_no_document_that_fits_a_sequence(lengths, length, seed):
    data = corpus(lengths)
    packing = pack(data, length, seed, "whole")
    pieces = {piece for row in range(packing.num_rows) for piece in packing.pieces(0, row)}
    start = 0
    for end in data.document_ends.tolist():
        assert end - start > length or (start, end) in pieces
        start = end


@given(LENGTHS, st.integers(2, 17), st.integers(0, 3), PACKINGS, st.integers(1, 7), st.integers(0, 9))
def test_the_rows_of_a_step_depend_on_seed_and_step_alone(lengths, length, seed, how, batch_size, step):
    def rows(*steps: int) -> list[object]:
        packing = pack(corpus(lengths), length, seed, how)
        return [rows_of_step(packing, batch_size, seed, each) for each in steps]

    assert rows(step) == rows(9, 0, step)[2:]
    # Steps of another size go through the same rows.
    packing = pack(corpus(lengths), length, seed, how)
    single = [rows_of_step(packing, 1, seed, each)[0] for each in range(step * batch_size, (step + 1) * batch_size)]
    assert rows(step) == [single]


@given(st.integers(1, 2000), st.integers(0, 1 << 64))
def test_an_order_visits_every_index_once(size, key):
    assert sorted(permuted(index, size, key) for index in range(size)) == list(range(size))


def test_orders_of_other_seeds_and_epochs_differ():
    orders = [
        tuple(permuted(index, 1000, key_of(seed, 1, epoch)) for index in range(1000))
        for seed in range(3)
        for epoch in range(3)
    ]
    assert len(set(orders)) == 9


def test_an_order_is_no_rotation_of_the_first():
    order = [permuted(index, 1000, key_of(0, 1, 0)) for index in range(1000)]
    neighbours = sum(b - a == 1 for a, b in pairwise(order))
    assert neighbours < 10  # one is expected by chance


def test_without_masking_a_row_is_one_text_and_the_next_documents_first_token_is_learnt():
    data = corpus([3, 3])
    batch = make_batch(data, [[(0, 8)]], 8, [1.0] * 5, document_masking=False)
    assert batch.targets[0, :7].tolist() == [2, 3, END, 4, 5, 6, END]
    assert batch.weights[0].tolist() == [1.0] * 7 + [0.0]
    assert batch.positions[0].tolist() == list(range(8))


def test_a_target_has_the_weight_of_its_kind():
    data = TokenArrays([([5, 6, 7, 8], [4, 4, 0, 1])], END)
    batch = make_batch(data, [[(0, 5)]], 5, [1.0, 2.0, 3.0, 0.0, 0.0], document_masking=True)
    assert batch.weights[0].tolist() == [0.0, 1.0, 2.0, 3.0, 0.0]
