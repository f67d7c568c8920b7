import numpy as np

from reflectgen.train.batch import make_batch
from reflectgen.train.packing import pack
from tests.train.worlds import write_corpus


def test_rows_without_their_padding_hold_the_same_tokens(tmp_path):
    data = write_corpus(tmp_path)
    packing = pack(data, 64, 0, "whole")
    batch = make_batch(data, [packing.pieces(0, row) for row in range(3)], 64, [1.0] * 5, True)
    trimmed = batch.without_padding()
    length = trimmed.ids.shape[1]
    assert length < 64
    assert (trimmed.documents[:, -1] >= 0).any()
    assert (batch.documents[:, length:] < 0).all()
    assert trimmed.total_weight == batch.total_weight
    assert np.array_equal(trimmed.targets, batch.targets[:, :length])
