from pathlib import Path

import pytest

from reflectgen.cli import main

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"


@pytest.fixture(scope="session")
def finished(tmp_path_factory):
    """A finished job on the example corpus and its bad rows, with the built-in models, in two formats."""
    out = tmp_path_factory.mktemp("job") / "out"
    inputs = [str(EXAMPLES / "corpus"), str(EXAMPLES / "bad_rows.jsonl")]
    assert main(["run", *inputs, "--out", str(out), "--quiet", "-f", "parquet", "-f", "standoff"]) == 0
    return out
