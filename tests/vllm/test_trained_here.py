"""A checkpoint that was trained here is served by vLLM as it is, and answers with reflections.

REFLECTGEN_TEST_VLLM_SERVE is a command that serves in the foreground on 127.0.0.1, given a port, a folder and a name.
"""

import json
import os
import shlex
import signal
import subprocess
import time
import urllib.request

import pytest

from tests.servers import free_port
from tests.train.chat_worlds import CHATML, tune_options, woven, write_checkpoint, write_rows

pytest.importorskip("torch")
SERVE = os.environ.get("REFLECTGEN_TEST_VLLM_SERVE", "")
pytestmark = [
    pytest.mark.vllm,
    pytest.mark.train,
    pytest.mark.timeout(900),
    pytest.mark.skipif(not SERVE, reason="needs REFLECTGEN_TEST_VLLM_SERVE, a command that serves a folder"),
]


@pytest.fixture(scope="module")
def url(tmp_path_factory):
    from reflectgen.train.tune import tune

    folder = tmp_path_factory.mktemp("served")
    base = write_checkpoint(folder / "base", CHATML, hidden_size=64)  # heads of 32: the smallest that vLLM has
    rows = write_rows(folder / "chat.jsonl", [woven(3 * number) for number in range(16)])
    options = tune_options(folder / "out", base, rows, loop={"steps": 120, "batch_size": 4})
    model = tune(options).folder
    port = free_port()
    with (folder / "server.log").open("wb") as log:
        command = [*shlex.split(SERVE), str(port), str(model), "trained-here"]
        server = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
    try:
        deadline = time.monotonic() + 400
        while not _is_ready(port):
            assert server.poll() is None, (folder / "server.log").read_text()[-3000:]
            assert time.monotonic() < deadline, "the server is not ready"
            time.sleep(2)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        os.killpg(server.pid, signal.SIGTERM)
        server.wait(60)


def test_a_finished_checkpoint_answers_with_reflections_and_ends(url):
    asked = {
        "model": "trained-here",
        "messages": [{"role": "user", "content": "What of weed 6?"}],
        "temperature": 0,
        "max_tokens": 60,
    }
    request = urllib.request.Request(
        f"{url}/chat/completions", json.dumps(asked).encode(), {"Content-Type": "application/json"}
    )
    with urllib.request.urlopen(request, timeout=120) as answer:
        (choice,) = json.load(answer)["choices"]
    assert choice["message"]["content"].startswith("<think> Safe </think> Pull number")
    assert choice["message"]["content"].rstrip().endswith("<think> Safe </think>")
    assert choice["finish_reason"] == "stop"


def _is_ready(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as answer:
            return bool(answer.status == 200)
    except OSError:
        return False
