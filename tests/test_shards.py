import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import OutputError
from reflectgen.records import Document
from reflectgen.shards import (
    chunks_of,
    read_chunk_ends,
    read_document,
    read_documents,
    whole_file,
    write_chunk_ends,
    write_documents,
)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=200)
DOCUMENTS = st.lists(st.builds(Document, id=TEXT, text=TEXT, metadata=st.just('{"a":1}')), max_size=20)


@given(DOCUMENTS)
def test_documents_come_back_as_they_were(tmp_path_factory, documents):
    folder = tmp_path_factory.mktemp("shards")
    written = write_documents(folder, 3, documents)
    assert list(read_documents(folder / written.name)) == documents
    assert written.name == f"corpus/00003-{written.sha256[:12]}.parquet"


def test_any_document_is_found_by_its_row_across_row_groups(tmp_path):
    documents = [Document(str(n), f"{n} " * 200_000) for n in range(7)]
    path = tmp_path / write_documents(tmp_path, 0, documents).name
    assert [read_document(path, row) for row in (6, 0, 3)] == [documents[6], documents[0], documents[3]]
    with pytest.raises(IndexError):
        read_document(path, 7)


def test_the_same_documents_are_the_same_file(tmp_path):
    documents = [Document("a", "text"), Document("b", "more")]
    names = {write_documents(tmp_path / str(n), 0, documents).name for n in range(2)}
    assert len(names) == 1


def test_chunk_ends_cut_a_document_without_loss(tmp_path):
    document = Document("a", "one two three")
    path = tmp_path / write_chunk_ends(tmp_path, 0, [[4, 8, 13], []], "splitter 1").name
    ends = read_chunk_ends(path)
    chunks = chunks_of(document, ends[0])
    assert [chunk.text for chunk in chunks] == ["one ", "two ", "three"]
    assert [(chunk.index, chunk.start, chunk.end) for chunk in chunks] == [(0, 0, 4), (1, 4, 8), (2, 8, 13)]
    assert ends[1] == []


def test_a_file_whose_writing_fails_never_appears(tmp_path):
    with pytest.raises(KeyError), whole_file(tmp_path / "a") as partial:
        partial.write_text("half")
        raise KeyError
    assert list(tmp_path.iterdir()) == []


def test_a_failed_rewrite_leaves_the_old_file(tmp_path):
    (tmp_path / "a").write_text("old")
    with pytest.raises(KeyError), whole_file(tmp_path / "a") as partial:
        partial.write_text("half")
        raise KeyError
    assert (tmp_path / "a").read_text() == "old"


def test_a_folder_that_cannot_be_made_is_an_output_error_in_one_line(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(OutputError) as caught, whole_file(tmp_path / "file" / "a"):
        pass
    assert "\n" not in str(caught.value)
