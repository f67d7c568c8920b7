"""The wheel holds three packages and everything that they read, and works away from the checkout."""

import os
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def unpacked(tmp_path_factory):
    folder = tmp_path_factory.mktemp("wheel")
    build = f"import os; os.chdir({str(ROOT)!r}); from hatchling.build import build_wheel; build_wheel({str(folder)!r})"
    subprocess.run([sys.executable, "-c", build], check=True, capture_output=True)
    (wheel,) = folder.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder / "unpacked")
    return folder / "unpacked"


def test_the_wheel_holds_every_file_of_its_packages_and_no_other_package(unpacked):
    packages = {path.name for path in unpacked.iterdir() if not path.name.endswith(".dist-info")}
    assert packages == {"reflectgen", "workers", "prompts"}
    tracked = (p.relative_to(ROOT) for name in packages for p in (ROOT / name).rglob("*") if p.is_file())
    missing = [str(p) for p in tracked if "__pycache__" not in p.parts and not (unpacked / p).exists()]
    assert missing == []


def test_prompts_guard_and_migrations_are_found_in_the_wheel(unpacked, tmp_path):
    code = """
import reflectgen, sys
from pathlib import Path
assert reflectgen.__file__.startswith(sys.argv[1]), reflectgen.__file__
from reflectgen.llm.prompts import load_prompt
from reflectgen.reflection.builtin_guard import BuiltinGuard
from reflectgen.store import Store
load_prompt("reflection/contextual"), load_prompt("guard/generic"), BuiltinGuard().label_texts(["a calm day"])
with Store(Path("probe.sqlite")): pass
"""
    environment = os.environ | {"PYTHONPATH": str(unpacked)}
    subprocess.run([sys.executable, "-c", code, str(unpacked)], check=True, cwd=tmp_path, env=environment)


def test_the_core_installs_without_web_framework_torch_or_queue():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    heavy = ("torch", "transformers", "fastapi", "celery", "redis", "psycopg", "vllm", "pandas", "scikit-learn")
    assert not [dependency for dependency in project["dependencies"] if dependency.startswith(heavy)]


def test_importing_the_command_line_brings_none_of_them_in():
    code = "import sys, reflectgen.cli; print([m for m in sys.argv[1:] if m in sys.modules])"
    command = [sys.executable, "-c", code, "torch", "fastapi", "celery", "pandas", "sklearn"]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    assert printed.strip() == "[]"


def test_every_pinned_version_is_a_version_and_no_address():
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    pins = [line for line in lines if line and not line.startswith("#")]
    assert all("==" in pin and "/" not in pin for pin in pins)
