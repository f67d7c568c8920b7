from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from reflectgen.corpus.chunk import ChunkOptions, make_chunker


def cut(text: str) -> list[str]:
    ends = make_chunker(ChunkOptions(chunk_lines=True)).ends(text)
    return [text[start:end] for start, end in zip([0, *ends], ends, strict=False)]


@given(st.text(st.sampled_from("ab \n\r\t"), max_size=40))
def test_joined_lines_are_the_document_and_none_is_empty(text: str) -> None:
    assert "".join(cut(text)) == text
    assert all(cut(text))


def test_each_line_is_a_chunk_and_blank_lines_belong_to_the_one_before() -> None:
    assert cut("one.\ntwo. two.\n\n  three") == ["one.\n", "two. two.\n\n  ", "three"]


def test_a_recipe_that_cuts_no_lines_is_the_one_it_was_before_there_was_the_choice() -> None:
    assert "chunk_lines" not in ChunkOptions().model_dump(mode="json")
    assert ChunkOptions(chunk_lines=True).model_dump()["chunk_lines"] is True
    assert ChunkOptions.model_validate(ChunkOptions(chunk_lines=True).model_dump()).chunk_lines
