"""`serve-teacher` as a user meets it, with a stand-in for vLLM on the interpreter's path."""

import json
import os
import signal
import subprocess
import sys
import time
import tomllib
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from reflectgen.cli.serve_teacher import key_variable, recipe_lines, serve_teacher, server_environment
from reflectgen.jobs.recipe_file import RecipeFile
from reflectgen.llm.vllm_flags import ServeOptions
from tests.llm import fake_vllm
from tests.llm.test_vllm_server import free_port, is_running

COMMAND = [
    sys.executable,
    "-c",
    "import typer; from reflectgen.cli.serve_teacher import serve_teacher; typer.run(serve_teacher)",
]
ROOT = str(Path(__file__).resolve().parents[2])


@pytest.fixture
def environment(tmp_path):
    """An environment whose interpreters find a vLLM of 2026."""
    fake_vllm.install(tmp_path, "vllm", "0.19.0")
    path = os.pathsep.join([str(tmp_path), ROOT])
    return os.environ | {"PYTHONPATH": path, "FAKE_VLLM_STARTS": str(tmp_path / "starts"), "PYTHONUNBUFFERED": "1"}


def starts(environment) -> list[dict]:
    file = Path(environment["FAKE_VLLM_STARTS"])
    return [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []


def wait_until(what) -> None:
    until = time.monotonic() + 60
    while not what():
        assert time.monotonic() < until
        time.sleep(0.02)


@pytest.fixture
def served(environment, tmp_path):
    """A server that is ready, its environment, and the file that its standard output goes to."""
    printed = tmp_path / "printed"
    with printed.open("w") as stdout, (tmp_path / "log").open("w") as stderr:
        command = [*COMMAND, "org/some.model", "--port", str(free_port())]
        process = subprocess.Popen(command, env=environment, stdout=stdout, stderr=stderr)
        try:
            wait_until(lambda: "ready" in printed.read_text() or process.poll() is not None)
            yield process, printed
        finally:
            process.kill()
            process.wait()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_the_server_with_all_its_processes(number, served, environment):
    process, _ = served
    process.send_signal(number)
    assert process.wait(60) == 128 + number
    (start,) = starts(environment)
    wait_until(lambda: not is_running(start["pid"]) and not is_running(start["child"]))


def test_started_with_nohup_the_server_outlives_the_terminal(environment, tmp_path):
    printed = tmp_path / "printed"
    command = [*COMMAND, "org/model", "--port", str(free_port())]
    with printed.open("w") as stdout:
        process = subprocess.Popen(
            command,
            env=environment,
            stdout=stdout,
            stderr=subprocess.DEVNULL,
            preexec_fn=lambda: signal.signal(signal.SIGHUP, signal.SIG_IGN),
        )
        try:
            wait_until(lambda: "ready" in printed.read_text() or process.poll() is not None)
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 128 + signal.SIGTERM
        finally:
            process.kill()
            process.wait()
    assert "SIGHUP" not in printed.read_text()


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends a child with its parent")
def test_the_server_ends_when_reflectgen_is_killed(served, environment):
    process, _ = served
    process.kill()
    (start,) = starts(environment)
    wait_until(lambda: not is_running(start["pid"]) and not is_running(start["child"]))


def test_what_is_printed_says_the_command_the_reasons_and_a_recipe(served, environment):
    _, printed = served
    text = printed.read_text()
    assert "vllm.entrypoints.cli.main serve org/some.model --host 127.0.0.1" in text
    assert "computed once" in text
    assert "does not know it: --max-num-queued-reqs" in text
    recipe = RecipeFile.model_validate(tomllib.loads(text.partition("for a recipe:")[2]))
    (endpoint,) = recipe.endpoints.values()
    assert endpoint.model == "org/some.model"
    (start,) = starts(environment)
    port = start["arguments"][start["arguments"].index("--port") + 1]
    assert endpoint.url == f"http://127.0.0.1:{port}"


def test_print_only_starts_nothing(environment):
    command = [*COMMAND, "org/model", "--print-only", "--", "--max-num-batched-tokens", "512"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "--max-num-batched-tokens 512: yours" in done.stdout
    assert not starts(environment)


def test_a_folder_is_served_under_its_name(environment, tmp_path):
    folder = tmp_path / "checkpoint-10"
    folder.mkdir()
    command = [*COMMAND, str(folder), "--print-only"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    assert "--served-model-name checkpoint-10" in done.stdout


def test_a_wrong_option_is_a_wrong_command_line():
    app = typer.Typer()
    app.command()(serve_teacher)
    done = CliRunner().invoke(app, ["org/model", "--gpus", "3", "--tensor-parallel", "2"])
    assert done.exit_code == 2
    assert "3 GPUs cannot be shared out" in done.output


def test_the_key_reaches_the_server_in_its_environment_and_no_other_secret_does():
    environ = {"REFLECTGEN_TEACHER_API_KEY": "canary", "REFLECTGEN_JUDGE_API_KEY": "other", "HOME": "/h"}
    passed = server_environment(environ)
    assert passed["VLLM_API_KEY"] == "canary"
    assert passed["HOME"] == "/h"
    assert "other" not in passed.values()
    assert "VLLM_API_KEY" not in server_environment({})


@pytest.mark.parametrize(
    ("environ", "named"),
    [
        ({}, None),
        ({"REFLECTGEN_TEACHER_API_KEY": "a"}, "REFLECTGEN_TEACHER_API_KEY"),
        ({"VLLM_API_KEY": "b"}, "VLLM_API_KEY"),
        ({"REFLECTGEN_TEACHER_API_KEY": "a", "VLLM_API_KEY": "b"}, "VLLM_API_KEY"),
    ],
)
def test_the_recipe_names_the_variable_that_holds_the_key_which_the_server_asks_for(environ, named):
    assert key_variable(environ) == named
    assert server_environment(environ).get("VLLM_API_KEY") == (environ[named] if named else None)


def test_usage_statistics_are_off_unless_the_user_says_otherwise():
    assert server_environment({})["VLLM_NO_USAGE_STATS"] == "1"
    assert server_environment({"VLLM_NO_USAGE_STATS": "0"})["VLLM_NO_USAGE_STATS"] == "0"


@pytest.mark.parametrize(
    ("host", "address"),
    [("127.0.0.1", "127.0.0.1"), ("0.0.0.0", "127.0.0.1"), ("::", "[::1]"), ("gpu-1", "gpu-1")],
)
def test_the_recipe_is_one_whatever_the_name_and_address(host, address):
    options = ServeOptions(model="m", name='org/Käse "7B".v2', host=host, port=8123, gpus=4, max_num_seqs=2048)
    recipe = RecipeFile.model_validate(tomllib.loads(recipe_lines(options, "REFLECTGEN_TEACHER_API_KEY")))
    (endpoint,) = recipe.endpoints.values()
    assert endpoint.url == f"http://{address}:8123"
    assert endpoint.model == options.name
    assert endpoint.num_gpus == 4
    assert endpoint.key_variable == "REFLECTGEN_TEACHER_API_KEY"
    assert recipe.teacher.use == list(recipe.endpoints)
