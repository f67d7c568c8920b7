"""lm-evaluation-harness loads a checkpoint that was trained here as it is, and runs a task of local files on it.

REFLECTGEN_TEST_LM_EVAL is the harness's command; scripts/test_lm_eval.sh makes an environment that has it.
"""

import json
import os
import shlex
import subprocess
from pathlib import Path

import pytest

from tests.train.chat_worlds import CHATML, tune_options, woven, write_checkpoint, write_rows

pytest.importorskip("torch")
LM_EVAL = os.environ.get("REFLECTGEN_TEST_LM_EVAL", "")
pytestmark = [
    pytest.mark.train,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not LM_EVAL, reason="needs REFLECTGEN_TEST_LM_EVAL, as scripts/test_lm_eval.sh has it"),
]
TASK = Path(__file__).parents[2] / "examples/lm_eval"


def accuracy(model: Path, results: Path) -> float:
    arguments = ["run", "--model", "hf", "--model_args", f"pretrained={model},dtype=float32", "--device", "cpu"]
    arguments += ["--tasks", "weeds", "--include_path", ".", "--apply_chat_template", "--output_path", str(results)]
    environ = os.environ | {"HF_HUB_OFFLINE": "1", "HF_HOME": str(results / "home"), "OMP_NUM_THREADS": "1"}
    environ.pop("PYTHONPATH", None)  # the harness must need nothing of ours
    subprocess.run([*shlex.split(LM_EVAL), *arguments], cwd=TASK, env=environ, check=True, timeout=600)
    (found,) = results.rglob("results_*.json")
    return float(json.loads(found.read_text())["results"]["weeds"]["acc,none"])


def test_the_harness_finds_a_trained_model_right_and_an_untrained_one_wrong(tmp_path):
    from reflectgen.train.tune import tune

    base = write_checkpoint(tmp_path / "base", CHATML)
    rows = write_rows(tmp_path / "chat.jsonl", [woven(3 * number) for number in range(16)])
    trained = tune(tune_options(tmp_path / "out", base, rows, loop={"steps": 120, "batch_size": 4})).folder
    assert accuracy(trained, tmp_path / "of trained") == 1.0
    assert accuracy(base, tmp_path / "of base") == 0.0  # the right choices are the longer ones
