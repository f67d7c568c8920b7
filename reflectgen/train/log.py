"""Where a run's figures go: a JSONL file, TensorBoard and, asked for, Weights & Biases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from reflectgen.errors import RecipeError
from reflectgen.shards import cannot_write, whole_file
from reflectgen.train.options import LogOptions

if TYPE_CHECKING:
    from reflectgen.train.board import Board

LOG_NAME = "log.jsonl"


class RunLog:
    """One line of JSON each time; going on from step `resumed` drops what an interrupted run wrote after it.

    Raises:
        OutputError: it cannot be written, as when the disk is full.
        RecipeError: Weights & Biases is asked for and not installed.
    """

    def __init__(self, folder: Path, options: LogOptions, resumed: int, config: dict[str, Any]) -> None:
        wandb = _wandb_library() if options.wandb_project else None
        path = folder / LOG_NAME
        kept = [line for line in read_log(path) if line["step"] <= resumed] if resumed else []
        with whole_file(path) as partial:
            partial.write_text("".join(json.dumps(line) + "\n" for line in kept), encoding="utf-8")
        self._path = path
        with _writing(path):
            self._file = path.open("a", encoding="utf-8")
        self._board = _board(folder / "tensorboard", resumed) if options.tensorboard else None
        self._wandb = wandb and wandb.init(
            project=options.wandb_project,
            dir=str(folder),
            config=config,
            resume="allow",
            id=folder.absolute().name,
        )

    def write(self, step: int, figures: dict[str, float]) -> None:
        with _writing(self._path):
            self._file.write(json.dumps({"step": step, **figures}) + "\n")
            self._file.flush()
            if self._board is not None:
                self._board.write(step, figures)
        if self._wandb is not None:
            self._wandb.log(figures, step=step)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # each line was flushed; what could not be was said
            self._file.close()
        if self._board is not None:
            self._board.close()
        if self._wandb is not None:
            self._wandb.finish(exit_code=int(error is not None))


def read_log(path: Path) -> list[dict[str, Any]]:
    """Return a log's lines; one that a killed run left half-written is left out."""
    lines = []
    for line in path.read_text(encoding="utf-8", errors="replace").splitlines() if path.exists() else []:
        try:
            lines.append(json.loads(line))
        except ValueError:
            continue
    return lines


@contextmanager
def _writing(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise cannot_write(path, error) from error


def _board(folder: Path, resumed: int) -> Board | None:
    try:
        from reflectgen.train.board import Board
    except ImportError:
        return None
    with _writing(folder):
        return Board(folder, purge_from=resumed + 1 if resumed else None)


def _wandb_library() -> Any:
    try:
        import wandb
    except ImportError:
        raise RecipeError("log.wandb_project is set, but wandb is not installed: pip install wandb") from None
    return wandb
