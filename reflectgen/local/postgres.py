"""A private PostgreSQL, whose files lie beside the data."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import subprocess
from pathlib import Path

from reflectgen.errors import OutputError
from reflectgen.local.layout import Choices, Layout, write_private
from reflectgen.local.process import Part

USER, DATABASE = "reflectgen", "reflectgen"
DEBIAN = Path("/usr/lib/postgresql")  # which keeps the programs off the PATH, one folder a version


def postgres_programs(layout: Layout) -> Path | None:
    """Return the folder of initdb and postgres: of the version whose files are there, else the newest.

    Raises:
        OutputError: the files there are of a version that is not on this machine.
    """
    found = {_version(folder): folder for folder in _program_folders()}
    kept = _folder(layout) / "PG_VERSION"
    try:
        wanted = kept.read_text().strip() if kept.exists() else ""
    except PermissionError:
        raise OutputError(f"{kept} belongs to somebody else; run `up` as who ran it first") from None
    if wanted and wanted not in found:
        raise OutputError(f"{_folder(layout)} was made by PostgreSQL {wanted}, which is not on this machine")
    return found[wanted] if wanted else (found[max(found, key=int)] if found else None)


def why_not(layout: Layout) -> str:
    """Return what keeps PostgreSQL from running on this data folder; empty where nothing does."""
    if os.geteuid() != 0:
        return ""
    try:
        pwd.getpwnam("postgres")
    except KeyError:
        return "it does not run as root, and there is no user postgres"
    probe = subprocess.run(["test", "-x", layout.stack], user="postgres", group="postgres", extra_groups=[], cwd="/")
    return f"the user postgres may not enter {layout.stack}" if probe.returncode else ""


def postgres_part(programs: Path, layout: Layout, choices: Choices) -> tuple[Part, str]:
    """Return how it is run, and the address of its database; its files are made where they are not there.

    Raises:
        OutputError: they cannot be made.
    """
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    folder = _folder(layout)
    if not (folder / "PG_VERSION").exists():
        _make(programs, folder, choices.postgres_password, user)
    command = [str(programs / "postgres"), "-D", str(folder), "-p", str(choices.postgres_port)]
    command += ["-c", "listen_addresses=127.0.0.1", "-c", "unix_socket_directories="]
    command += ["-c", "deadlock_timeout=200ms"]  # its own vacuum gives way after this to whoever deletes a job
    address = f"postgresql://{USER}:{choices.postgres_password}@127.0.0.1:{choices.postgres_port}"

    part = Part(
        "postgres",
        command,
        lambda _started_at: _answers(address),
        user=user,
        stop_signal=signal.SIGINT,  # "fast": sessions are ended, nothing is left to recover
        stop_seconds=60.0,
    )
    return part, f"{address}/{DATABASE}"


def _answers(address: str) -> bool:
    """Whether it answers; the database is made by the way."""
    import psycopg

    try:
        with psycopg.connect(f"{address}/postgres", autocommit=True, connect_timeout=2) as connection:
            found = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [DATABASE]).fetchone()
            if found is None:
                connection.execute(f"CREATE DATABASE {DATABASE}")
    except psycopg.Error:
        return False
    return True


def _make(programs: Path, folder: Path, password: str, user: str | None) -> None:
    folder.mkdir(mode=0o700, exist_ok=True)
    secret = folder.with_name("postgres-password")
    write_private(secret, password)
    if user:
        shutil.chown(folder, user, user)
        shutil.chown(secret, user, user)
    command = [str(programs / "initdb"), "-D", str(folder), "-U", USER, f"--pwfile={secret}"]
    command += ["--auth=scram-sha-256", "--encoding=UTF8", "--locale=C", "--data-checksums"]
    run_as = {"user": user, "group": user, "extra_groups": []} if user else {}
    made = subprocess.run(command, capture_output=True, text=True, cwd="/", **run_as)  # type: ignore[call-overload]
    secret.unlink()
    if made.returncode:
        said = made.stderr.strip().splitlines() or ["nothing"]
        raise OutputError(f"initdb could not make {folder}: {said[-1]}")


def _folder(layout: Layout) -> Path:
    return layout.stack / "postgres"


def _program_folders() -> list[Path]:
    on_path = shutil.which("initdb")
    beside = [Path(on_path).resolve().parent] if on_path else []
    return [*beside, *(path.parent for path in DEBIAN.glob("*/bin/initdb"))]


def _version(folder: Path) -> str:
    """Return the major version of the programs in a folder."""
    said = subprocess.run([folder / "initdb", "--version"], capture_output=True, text=True, check=True).stdout
    return said.split()[2].partition(".")[0]
