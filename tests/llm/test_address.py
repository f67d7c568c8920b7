import pytest

from reflectgen.errors import TeacherError
from reflectgen.llm.address import api_root


@pytest.mark.parametrize(
    ("written", "root"),
    [
        ("http://host:8000", "http://host:8000/v1"),
        ("http://host:8000/", "http://host:8000/v1"),
        ("http://host:8000/v1", "http://host:8000/v1"),
        ("http://host:8000/v1/", "http://host:8000/v1"),
        ("  http://host:8000/v1\n", "http://host:8000/v1"),
        ("http://host:8000/v1/chat/completions", "http://host:8000/v1"),
        ("https://host/proxy/team", "https://host/proxy/team/v1"),
        ("https://host/v1beta/openai", "https://host/v1beta/openai"),
        ("https://host/api/paas/v4", "https://host/api/paas/v4"),
        ("http://[::1]:8000", "http://[::1]:8000/v1"),
    ],
)
def test_address_is_understood_as_people_write_it(written, root):
    assert api_root(written) == root


@pytest.mark.parametrize(
    "written", ["", "host:8000", "localhost", "ftp://host", "file:///etc/passwd", "http://", "http://h:x"]
)
def test_what_is_no_http_address_is_refused(written):
    with pytest.raises(TeacherError, match="write it as http://HOST:PORT/v1"):
        api_root(written)


@pytest.mark.parametrize(
    "written", ["http://me:s3cret@host/v1", "http://s3cret@host", "http://host/v1?key=s3cret", "http://h/#s3cret"]
)
def test_address_that_carries_a_secret_is_refused_unrepeated(written):
    with pytest.raises(TeacherError) as raised:
        api_root(written)
    assert "s3cret" not in str(raised.value)
    assert "REFLECTGEN_TEACHER_API_KEY" in str(raised.value)
