import pytest
from pydantic import ValidationError

from reflectgen.errors import InputError
from reflectgen.train.data import TokenArrays, hold_out
from reflectgen.train.options import FitOptions, OptimizerOptions, TrainOptions
from reflectgen.train.schedule import learning_rate


@pytest.mark.parametrize(
    ("told", "said"),
    [
        ({"data": {"path": "x", "sequence_lenght": 5}}, "Extra inputs"),
        ({"data": {"path": "x"}, "model": {"preset": "gpt5"}}, "none of nano"),
        ({"data": {"path": "x"}, "model": {"preset": "nano", "start": "y"}}, "exclude"),
        ({"data": {"path": "x"}, "loop": {"steps": 1, "epochs": 1}}, "exclude"),
        ({"data": {"path": "x"}, "loop": {"batch_size": 8, "micro_batch_size": 3}}, "multiple"),
        ({"data": {"path": "x", "packing": "whole", "document_masking": False}}, "needs document_masking"),
        ({}, "data.path"),
    ],
)
def test_options_that_cannot_be_meant_are_refused(told, said):
    with pytest.raises(ValidationError, match=said):
        TrainOptions.model_validate({"out": "run", **told})


def test_options_read_back_from_a_checkpoint_are_the_same():
    options = FitOptions.model_validate({"seed": 3, "optimizer": {"schedule": "cosine"}})
    assert FitOptions.model_validate(options.model_dump(mode="json")) == options


def test_wsd_warms_up_stays_and_decays():
    options = OptimizerOptions(lr=1.0, schedule="wsd", warmup=0.1, decay=0.2)
    rates = [learning_rate(options, step, 100) for step in range(100)]
    assert rates[:10] == sorted(rates[:10])
    assert 0 < rates[0] < rates[9] < 1
    assert rates[10:80] == [1.0] * 70
    assert rates[81:] == sorted(rates[81:], reverse=True)
    assert rates[99] == pytest.approx(1 / 20)


def test_cosine_falls_to_its_final_share():
    options = OptimizerOptions(lr=1.0, schedule="cosine", warmup=0.0, final=0.1)
    rates = [learning_rate(options, step, 100) for step in range(101)]
    assert rates == sorted(rates, reverse=True)
    assert rates[50] == pytest.approx(0.55)
    assert rates[100] == pytest.approx(0.1)


def test_held_out_documents_are_the_last_and_never_learnt():
    whole = TokenArrays([([place + 1], [0]) for place in range(10)], end_of_text_id=0)
    learnt, held_out = hold_out(whole, 0.3)
    assert held_out is not None
    assert learnt.tokens(0, learnt.num_tokens).tolist() + held_out.tokens(0, held_out.num_tokens).tolist() == (
        whole.tokens(0, 20).tolist()
    )
    assert (learnt.num_documents, held_out.num_documents) == (7, 3)
    assert held_out.document_ends.tolist() == [2, 4, 6]
    assert held_out.kinds(1, 2).tolist() == [2]


def test_a_single_document_cannot_be_held_out():
    with pytest.raises(InputError, match="too few"):
        hold_out(TokenArrays([([1], [0])], 0), 0.1)
