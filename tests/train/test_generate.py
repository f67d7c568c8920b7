from reflectgen.reflection.form import FormOptions
from reflectgen.train.generate import FormCounts, Generated


def counts_of(text: str, ended: bool = False) -> FormCounts:
    counts = FormCounts()
    counts.add(Generated("Once", text, ended), FormOptions())
    return counts


def test_reflections_are_counted_by_what_is_wrong_with_them():
    counts = counts_of(
        " upon. <think> Safe </think> a. <think> Safe: a tale <think> Safe: of two. </think> b </think>"
        " <think> Perhaps </think> <think> Unsafe: Hate. It sneers. </think><|endoftext|>",
        ended=True,
    )
    assert counts.parsed == 3
    assert counts.broken == {"nested": 1, "unopened": 1, "not_a_verdict": 1}
    assert counts.num_whole == 6
    assert counts.share == 0.5


def test_a_reflection_that_the_token_limit_cut_off_is_neither_parsed_nor_broken():
    counts = counts_of(" upon. <think> Safe </think> a. <think> Safe: a")
    assert (counts.num_whole, counts.cut_off, counts.share) == (1, 1, 1.0)


def test_a_reflection_left_open_where_the_model_ended_is_broken():
    counts = counts_of(" upon. <think> Safe: a<|endoftext|>", ended=True)
    assert counts.broken == {"unclosed": 1}
    assert counts.cut_off == 0


def test_text_without_reflections_has_a_share_of_none():
    assert counts_of(" upon a time.").share == 0.0
