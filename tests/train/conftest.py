import pytest


@pytest.fixture(scope="module")
def tokens(tmp_path_factory):
    """The small corpus as token shards."""
    from tests.train.commands import write_tokens

    return write_tokens(tmp_path_factory.mktemp("corpus") / "export")
