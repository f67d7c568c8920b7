"""Secrets, and where the service keeps things, from the environment.

Secrets come from nowhere else: they are never an option, a recipe, a database row, a message or a log line.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from pydantic import BaseModel, Field, SecretStr, ValidationError

from reflectgen.errors import RecipeError

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


class ServiceSettings(BaseModel, frozen=True, hide_input_in_errors=True):
    """Where the service's parts find each other; the two addresses may hold passwords.

    Without `database_url` the store is a SQLite file under `data`; without `redis_url` the queue runs in the process.
    """

    data: Path = Path("reflectgen-data")  # corpora and jobs; the same files for API and workers
    database_url: SecretStr | None = None
    redis_url: SecretStr | None = None
    registry: Path | None = None  # TOML: the endpoints and recipes that the operator offers
    corpus_roots: tuple[Path, ...] = ()  # folders whose files a corpus may name; separated by ":" in the variable
    corpus_urls: bool = False  # whether a corpus may name an http(s) address
    allowed_hosts: tuple[str, ...] = ("*",)  # names that the service answers to; separated by "," in the variable
    max_upload_bytes: int = Field(default=10 << 30, gt=0)
    requests_per_minute: int = Field(default=1200, gt=0)  # of one key
    lease_seconds: float = Field(default=60.0, gt=0)  # a worker that is silent for so long has lost its task

    @property
    def database(self) -> SecretStr:
        return self.database_url or SecretStr(f"sqlite:///{self.data.absolute() / 'reflectgen.sqlite'}")


def read_service_settings(environ: Mapping[str, str] = os.environ) -> ServiceSettings:
    """Return the service's settings; each field is the variable REFLECTGEN_ and its name in capitals.

    Raises:
        RecipeError: a variable has a value that it cannot have.
    """
    values: dict[str, object] = {
        name: value
        for name in ServiceSettings.model_fields
        if (value := environ.get(PREFIX + name.upper(), "").strip())
    }
    if roots := values.get("corpus_roots"):
        values["corpus_roots"] = tuple(Path(root) for root in str(roots).split(":") if root)
    if hosts := values.get("allowed_hosts"):
        values["allowed_hosts"] = tuple(host.strip() for host in str(hosts).split(",") if host.strip())
    try:
        return ServiceSettings.model_validate(values)
    except ValidationError as error:
        first = error.errors(include_url=False, include_input=False)[0]
        name = PREFIX + str(first["loc"][0]).upper()
        raise RecipeError(f"the environment variable {name} cannot be used: {first['msg']}") from error
