"""Whether the extra `train` is installed, found out without importing any of it."""

from __future__ import annotations

from importlib.util import find_spec

from reflectgen.errors import TrainingError

LIBRARIES = ("torch", "transformers", "accelerate", "safetensors")


def missing_library() -> str | None:
    """Return the first library of the extra that is not there."""
    return next((name for name in LIBRARIES if find_spec(name) is None), None)


def needs_extra(library: str | None) -> TrainingError:
    """Say what to install where a library of the extra is missing."""
    return TrainingError(f"training needs {library}: pip install 'reflectgen[train]'")
