import pytest

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train


@pytest.mark.parametrize("chunk_logits", [1 << 10, 1 << 22])
def test_the_chunked_loss_and_its_gradients_are_those_of_the_plain_one(monkeypatch, chunk_logits):
    from reflectgen.train import loss

    monkeypatch.setattr(loss, "CHUNK_LOGITS", chunk_logits)
    torch.manual_seed(0)
    hidden, head = torch.randn(300, 16, requires_grad=True), torch.randn(50, 16, requires_grad=True)
    targets, weights = torch.randint(0, 50, (300,)), torch.rand(300) * (torch.rand(300) > 0.3)

    total, of_token = loss.weighted_loss(hidden, head, targets, weights)
    (total / 7).backward()
    found = hidden.grad.clone(), head.grad.clone()
    hidden.grad = head.grad = None
    plain = torch.nn.functional.cross_entropy(hidden @ head.T, targets, reduction="none")
    ((plain * weights).sum() / 7).backward()

    torch.testing.assert_close(of_token, plain.detach())
    torch.testing.assert_close(total, (plain * weights).sum())
    torch.testing.assert_close(found, (hidden.grad, head.grad))


def test_a_frozen_head_gets_no_gradient():
    from reflectgen.train.loss import weighted_loss

    hidden, head = torch.randn(10, 4, requires_grad=True), torch.randn(9, 4)
    total, _ = weighted_loss(hidden, head, torch.zeros(10, dtype=torch.long), torch.ones(10))
    total.backward()
    assert hidden.grad is not None
    assert head.grad is None


def test_documents_of_a_row_do_not_see_one_another():
    from reflectgen.train.batch import make_batch
    from reflectgen.train.data import TokenArrays
    from reflectgen.train.model import LossModel, new_model, on_device
    from reflectgen.train.presets import Shape
    from tests.train.worlds import END, TINY, VOCAB_SIZE, make_documents

    model = LossModel(new_model(Shape(**TINY), VOCAB_SIZE, END, seed=0), document_masking=True)
    documents = make_documents(4)
    together = TokenArrays(documents, END)
    batch = make_batch(together, [[(0, together.num_tokens)]], together.num_tokens + 3, [1.0] * 5, True)
    _, packed, _ = model(**on_device(batch, torch.device("cpu")))
    start = 0
    for document in documents:
        alone = TokenArrays([document], END)
        batch = make_batch(alone, [[(0, alone.num_tokens)]], alone.num_tokens, [1.0] * 5, True)
        _, single, _ = model(**on_device(batch, torch.device("cpu")))
        torch.testing.assert_close(packed[0, start : start + alone.num_tokens - 1], single[0, :-1])
        start += alone.num_tokens


def test_grouped_query_attention_is_that_of_transformers():
    from transformers import LlamaForCausalLM

    from reflectgen.train.model import LossModel, new_model
    from reflectgen.train.presets import Shape
    from tests.train.worlds import END, TINY, VOCAB_SIZE

    plain: LlamaForCausalLM = new_model(Shape(**TINY | {"num_kv_heads": 1}), VOCAB_SIZE, END, seed=0)
    ids = torch.randint(0, VOCAB_SIZE, (2, 24))
    wanted = plain(input_ids=ids).logits
    ours = LossModel(plain, document_masking=False).model(input_ids=ids).logits
    torch.testing.assert_close(ours, wanted)


def test_the_kernels_bounds_are_where_documents_start_padded_to_a_power_of_two():
    from reflectgen.train.attention import document_bounds

    documents = torch.tensor([[0, 0, 2, 2], [0, 1, 1, -1]])
    assert document_bounds(documents).tolist() == [0, 2, 4, 5, 7, 8, 8, 8]
