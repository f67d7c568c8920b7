"""The example as a newcomer runs it: a corpus goes in, and a model that has learnt the form comes out."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
COUNTS = re.compile(r"^(\d+) reflections: (\d+) parse", re.MULTILINE)


@pytest.mark.train
@pytest.mark.timeout(900)  # a training of its own
def test_the_tiny_model_has_learnt_the_form(tmp_path):
    pytest.importorskip("torch")
    told = os.environ | {"REFLECTGEN": f"{sys.executable} -m reflectgen"}
    script = [str(ROOT / "examples/pretrain_tiny.sh"), str(tmp_path / "out")]
    ran = subprocess.run(script, env=told, capture_output=True, text=True)
    found = COUNTS.search(ran.stderr)
    assert found, ran.stderr[-2000:]
    num_reflections, num_parsed = map(int, found.groups())
    # So many that the share is known to a percent or two; docs/training.md says what it was.
    assert num_reflections >= 400
    assert num_parsed >= 0.99 * num_reflections
    assert ran.returncode == 0, ran.stderr[-2000:]
    assert (tmp_path / "out/run/model/model.safetensors").exists()
