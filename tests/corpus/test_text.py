from __future__ import annotations

import io

import pytest

from reflectgen.corpus.rows import ReadOptions, Rejection, RejectReason
from reflectgen.corpus.text import read_text
from reflectgen.records import Document


def read(content: bytes) -> Document | Rejection:
    ((line, row),) = read_text(io.BytesIO(content), "notes/a.md", ReadOptions(max_document_bytes=10))
    assert line == 0
    return row


@pytest.mark.parametrize(
    ("content", "text"), [(b"", ""), (b"a\r\nb\n", "a\r\nb\n"), ("\ufeffGrüße".encode(), "Grüße"), (b"\0", "\0")]
)
def test_a_file_is_one_document_named_by_its_path(content: bytes, text: str) -> None:
    assert read(content) == Document("notes/a.md", text)


@pytest.mark.parametrize(
    ("content", "reason"), [(b"caf\xe9", RejectReason.UNDECODABLE), (b"x" * 11, RejectReason.TOO_LARGE)]
)
def test_a_file_that_is_no_document_says_why(content: bytes, reason: RejectReason) -> None:
    row = read(content)
    assert isinstance(row, Rejection)
    assert row.reason is reason
