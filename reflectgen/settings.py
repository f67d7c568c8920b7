"""Secrets, from the environment and from nowhere else: never an option, a recipe, a database row or a log line."""

from __future__ import annotations

import os
from collections.abc import Mapping

from pydantic import BaseModel, SecretStr

PREFIX = "REFLECTGEN_"


class Settings(BaseModel, frozen=True, hide_input_in_errors=True):
    """Each field is read from the variable REFLECTGEN_ and its name in capitals; its value prints as asterisks."""

    teacher_api_key: SecretStr | None = None
    guard_api_key: SecretStr | None = None
    judge_api_key: SecretStr | None = None


def read_settings(environ: Mapping[str, str] = os.environ) -> Settings:
    """Return the settings of `environ`; a variable that is empty counts as not set."""
    values = {name: environ.get(PREFIX + name.upper(), "").strip() for name in Settings.model_fields}
    return Settings(**{name: SecretStr(value) for name, value in values.items() if value})
