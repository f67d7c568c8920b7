"""What comes in: uploads under names of ours, references under the operator's roots, and nothing that explodes."""

from __future__ import annotations

import gzip
import io
import json
import os
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.api import bodies
from reflectgen.api.places import under_roots
from reflectgen.api.problems import Problem
from tests.api.worlds import World, world

LINES = b'{"text": "One fine day."}\n'


def _files(here: World) -> list[Path]:
    return [path for path in (here.settings.data / "corpora").rglob("*") if path.is_file()]


def test_an_upload_lies_under_a_name_of_ours_with_its_hash(here: World) -> None:
    client = here.client("read", "submit")
    shown = client.post("/v1/corpora?name=My Essays.JSONL", content=LINES).json()
    assert (shown["name"], shown["num_bytes"], len(shown["sha256"])) == ("My Essays.JSONL", len(LINES), 64)
    assert [path.relative_to(here.settings.data / "corpora").as_posix() for path in _files(here)] == [
        f"{shown['id']}/corpus.jsonl"
    ]
    assert client.get(f"/v1/corpora/{shown['id']}").json() == shown


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x.jsonl", "/etc/x.jsonl", "a\\..\\b.jsonl", "é<b>.jsonl"])
def test_the_file_of_a_form_is_kept_whatever_it_calls_itself(here: World, name: str) -> None:
    client = here.client("read", "submit")
    answer = client.post("/v1/corpora", files={"file": (name, LINES)}, data={"other": "field"})
    assert answer.status_code == 201, answer.text
    (path,) = _files(here)
    assert (path.name, path.read_bytes()) == ("corpus.jsonl", LINES)


def test_forms_without_exactly_one_file_are_refused_and_leave_nothing(here: World) -> None:
    client = here.client("submit")
    two = [("file", ("a.jsonl", LINES)), ("file", ("b.jsonl", LINES))]
    assert client.post("/v1/corpora", files=two).status_code == 422
    assert client.post("/v1/corpora", files={"file": (None, "x")}).status_code == 422
    cut_off = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n\r\n' + LINES
    for body, content_type in (
        (cut_off, "multipart/form-data; boundary=b"),
        (b"junk", "multipart/form-data; boundary=b"),
    ):
        answer = client.post("/v1/corpora", content=body, headers={"Content-Type": content_type})
        assert answer.status_code in (400, 422)
    assert client.post("/v1/corpora", content=b"x", headers={"Content-Type": "multipart/form-data"}).status_code == 400
    assert _files(here) == []


def test_a_form_whose_headers_do_not_end_is_refused_and_leaves_nothing(here: World) -> None:
    client = here.client("submit")
    for name in (b"X-" + b"a" * 5000, b"X"):
        header = name + b": " + b"b" * (10 if len(name) > 1 else 5000)
        head = b'--b\r\nContent-Disposition: form-data; name="file"; filename="a.jsonl"\r\n' + header + b"\r\n\r\n"
        body = head + LINES + b"\r\n--b--\r\n"
        answer = client.post("/v1/corpora", content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
        assert answer.status_code == 400, answer.text
    assert _files(here) == []


def test_an_upload_ends_at_its_limit_whether_it_says_its_length_or_not(tmp_path: Path) -> None:
    with world(tmp_path / "data", max_upload_bytes=1000) as here:
        client = here.client("submit")
        pieces = (LINES for _ in range(100_000))  # chunked: no length is said
        assert client.post("/v1/corpora", content=pieces).status_code == 413
        assert client.post("/v1/corpora", content=LINES * 5000).status_code == 413
        assert client.post("/v1/corpora", files={"file": ("a.jsonl", LINES * 100)}).status_code == 413
        assert client.post("/v1/corpora", content=LINES * 30).status_code == 201
        assert len(_files(here)) == 1


def test_json_is_read_only_so_far(here: World) -> None:
    client = here.client("submit")
    long = b'{"corpus": "' + b"x" * bodies.MAX_JSON_BYTES + b'"}'
    headers = {"Content-Type": "application/json"}
    for path in ("/v1/jobs", "/v1/corpora"):
        for content in (long, (long[n : n + 65536] for n in range(0, len(long), 65536))):
            answer = client.post(path, content=content, headers=headers)
            assert (answer.status_code, answer.json()["type"]) == (413, "urn:reflectgen:problem:too-large")


@pytest.mark.parametrize("name", ["x.exe", "x.zip", "x.parquet.gz", "x.tar.zst"])
def test_a_kind_that_no_reader_knows_is_refused(here: World, name: str) -> None:
    answer = here.client("submit").post(f"/v1/corpora?name={name}", content=LINES)
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:reflectgen:problem:unusable-input")
    assert _files(here) == []


def _lying_parquet() -> bytes:
    """A file of some kilobytes whose footer says that it unpacks to 400 megabytes."""
    out = io.BytesIO()
    pq.write_table(pa.table({"text": ["a" * 4_000_000] * 100}), out, compression="zstd")
    return out.getvalue()


BOMBS = {
    "zeros.jsonl.gz": lambda: gzip.compress(bytes(400_000_000), 1),
    "zeros.jsonl.zst": lambda: zstandard.compress(bytes(400_000_000)),
    "lies.parquet": _lying_parquet,
    "cut.jsonl.gz": lambda: gzip.compress(LINES * 1000)[:-20],
    "junk.parquet": lambda: b"PAR1" + os.urandom(200) + b"PAR1",
    "junk.arrow": lambda: os.urandom(400),
}


@pytest.mark.parametrize("name", BOMBS)
def test_bombs_and_broken_files_are_refused_and_leave_nothing(here: World, name: str) -> None:
    answer = here.client("submit").post(f"/v1/corpora?name={name}", content=BOMBS[name]())
    assert (answer.status_code, answer.json()["type"]) == (422, "urn:reflectgen:problem:unusable-input"), answer.text
    assert str(here.settings.data) not in answer.text
    assert _files(here) == []


def test_honest_packed_files_are_taken(here: World) -> None:
    client, out = here.client("submit"), io.BytesIO()
    pq.write_table(pa.table({"text": ["a", "b"]}), out)
    for name, content in (
        ("a.jsonl.gz", gzip.compress(LINES)),
        ("a.jsonl.zst", zstandard.compress(LINES)),
        ("a.parquet", out.getvalue()),
    ):
        assert client.post(f"/v1/corpora?name={name}", content=content).status_code == 201, name


@pytest.fixture
def roots(tmp_path: Path) -> Path:
    root = tmp_path / "root"
    (root / "inner").mkdir(parents=True)
    (root / "inner" / "a.jsonl").write_bytes(LINES)
    (tmp_path / "secret.jsonl").write_bytes(b'{"text": "secret"}\n')
    (tmp_path / "root-beside").mkdir()
    (tmp_path / "root-beside" / "b.jsonl").write_bytes(LINES)
    (root / "link.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (root / "out").symlink_to(tmp_path)
    (root / "mixed").mkdir()
    (root / "mixed" / "a.jsonl").write_bytes(LINES)
    (root / "mixed" / "b.jsonl").symlink_to(tmp_path / "secret.jsonl")
    (root / "loop").symlink_to(root / "loop")
    return root


def test_a_reference_names_what_lies_under_a_root(tmp_path: Path, roots: Path) -> None:
    with world(tmp_path / "data", corpus_roots=(roots,)) as here:
        client = here.client("read", "submit")
        for named in ("inner", "inner/a.jsonl", str(roots / "inner" / "a.jsonl"), "inner/../inner/a.jsonl"):
            shown = client.post("/v1/corpora", json={"path": named, "name": "mine"})
            assert shown.status_code == 201, named
            assert (shown.json()["name"], shown.json()["sha256"]) == ("mine", None)


@pytest.mark.parametrize(
    "named",
    [
        "../secret.jsonl",
        "link.jsonl",
        "out/secret.jsonl",
        "out",
        "mixed",
        "loop",
        "../root-beside/b.jsonl",
        "/etc/passwd",
        "inner/../../secret.jsonl",
        "none.jsonl",
        "inner/\x00.jsonl",
        "~root",
        "file:///etc/passwd",
        "inner/*",
    ],
)
def test_a_reference_leads_nowhere_else_by_dots_or_by_links(tmp_path: Path, roots: Path, named: str) -> None:
    with world(tmp_path / "data", corpus_roots=(roots,)) as here:
        answer = here.client("submit").post("/v1/corpora", json={"path": named})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:reflectgen:problem:unusable-input")
        # What is outside and what is not there look the same.
        assert answer.json()["detail"] == "there is nothing of this name under the operator's corpus roots"


@given(st.lists(st.sampled_from(["..", "inner", "a.jsonl", "out", "mixed", "", ".", "link.jsonl", "/", "%2e%2e"])))
def test_whatever_is_found_lies_under_the_root(tmp_path_factory, parts: list[str]) -> None:
    base = tmp_path_factory.getbasetemp() / "walk"
    root = base / "root"
    if not root.exists():
        (root / "inner").mkdir(parents=True)
        (root / "inner" / "a.jsonl").write_bytes(LINES)
        (root / "out").symlink_to(base)
        (root / "link.jsonl").symlink_to("/etc/hosts")
    try:
        path = under_roots("/".join(parts), [root])
    except Problem:
        return
    assert path.resolve().is_relative_to(root.resolve())
    assert not any(link.is_symlink() and not link.resolve().is_relative_to(root) for link in path.rglob("*"))


def test_without_roots_no_path_and_unless_told_no_address_is_taken(here: World) -> None:
    client = here.client("submit")
    assert client.post("/v1/corpora", json={"path": str(here.settings.data)}).status_code == 422
    answer = client.post("/v1/corpora", json={"url": "http://127.0.0.1:9/a.jsonl"})
    assert answer.json()["detail"] == "this service fetches no addresses; upload the corpus"
    assert client.post("/v1/corpora", json={"url": "http://x/a", "path": "a"}).status_code == 422


@pytest.mark.parametrize(
    "url",
    [
        "http://127.0.0.1/a.jsonl",
        "http://2130706433/a.jsonl",
        "http://[::ffff:127.0.0.1]/a.jsonl",
        "http://0x7f.1/a.jsonl",
        "http://169.254.169.254/latest/a.jsonl",
        "http://localhost/a.jsonl",
        "file:///etc/a.jsonl",
        "http://u:p@127.0.0.1/a.jsonl",
    ],
)
def test_an_address_inside_is_refused_by_the_route(tmp_path: Path, url: str) -> None:
    with world(tmp_path / "data", corpus_urls=True) as here:
        answer = here.client("submit").post("/v1/corpora", json={"url": url})
        assert (answer.status_code, answer.json()["type"]) == (422, "urn:reflectgen:problem:unusable-input")
        assert "not to be asked" in answer.json()["detail"] or "not a plain" in answer.json()["detail"]
        assert _files(here) == []


def test_a_list_of_corpora_comes_in_pages(here: World) -> None:
    client = here.client("read", "submit")
    made = [here.corpus(client) for _ in range(3)]
    first = client.get("/v1/corpora?limit=2").json()
    second = client.get(f"/v1/corpora?limit=2&after={first['last_id']}").json()
    assert [one["id"] for one in first["data"] + second["data"]] == made[::-1]
    assert (first["has_more"], second["has_more"]) == (True, False)
    assert json.dumps(first).count(str(here.settings.data)) == 0


def test_a_corpus_is_deleted_once_no_job_reads_it_and_only_by_who_owns_it(here: World) -> None:
    client, other, reader = here.client("read", "submit"), here.client("read", "submit"), here.client("read")
    job_id = here.job(client)
    corpus_id = client.get(f"/v1/jobs/{job_id}").json()["corpus"]
    folder = here.settings.data / "corpora" / corpus_id
    assert other.delete(f"/v1/corpora/{corpus_id}").status_code == 404
    assert reader.delete(f"/v1/corpora/{corpus_id}").status_code == 403
    assert client.delete(f"/v1/corpora/{corpus_id}").status_code == 409
    assert folder.is_dir()
    client.post(f"/v1/jobs/{job_id}/cancel")
    deleted = client.delete(f"/v1/corpora/{corpus_id}")
    assert deleted.json() == {"id": corpus_id, "object": "corpus", "deleted": True}
    assert not folder.exists()
    assert client.get(f"/v1/corpora/{corpus_id}").status_code == 404
    assert client.post("/v1/jobs", json={"corpus": corpus_id}).status_code == 422


def test_what_lies_under_an_operators_root_stays_there_when_its_name_is_deleted(tmp_path: Path) -> None:
    root = tmp_path / "corpora"
    root.mkdir()
    (root / "a.jsonl").write_text('{"text": "One fine day."}\n')
    with world(tmp_path / "data", corpus_roots=(root,)) as here:
        client = here.client("admin")
        corpus_id = client.post("/v1/corpora", json={"path": "a.jsonl"}).json()["id"]
        assert client.delete(f"/v1/corpora/{corpus_id}").status_code == 200
    assert (root / "a.jsonl").is_file()
