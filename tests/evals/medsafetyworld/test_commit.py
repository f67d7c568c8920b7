from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from reflectgen.evals.medsafetyworld.commit import code_commit


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    def git(*arguments: str) -> None:
        who = ["-c", "user.name=nobody", "-c", "user.email=nobody@localhost"]
        subprocess.run(["git", *who, *arguments], cwd=tmp_path, check=True, capture_output=True)

    (tmp_path / "code.py").write_text("1")
    git("init")
    git("add", "code.py")
    git("commit", "-m", "first")
    return tmp_path


def test_code_in_a_checkout_has_its_commit(checkout: Path) -> None:
    head = subprocess.run(["git", "rev-parse", "HEAD"], cwd=checkout, capture_output=True, text=True, check=True)
    assert code_commit(checkout / "code.py") == head.stdout.strip()
    (checkout / "code.py").write_text("2")
    assert code_commit(checkout / "code.py") == f"{head.stdout.strip()}-dirty"


def test_a_package_that_only_lies_in_a_checkout_has_none(checkout: Path) -> None:
    (checkout / "installed.py").write_text("1")
    assert code_commit(checkout / "installed.py") is None


def test_where_there_is_no_checkout_there_is_no_commit(tmp_path: Path) -> None:
    assert code_commit(tmp_path / "code.py") is None
