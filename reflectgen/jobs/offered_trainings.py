"""The trainings that an operator offers: each with its file of options, read whole before anybody asks for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from pydantic import model_validator

from reflectgen.jobs.recipe_file import read_toml
from reflectgen.jobs.registry import Registry, TrainingSection
from reflectgen.train.options import FitOptions, ModelOptions


class OfferedOptions(FitOptions):
    """A file for `reflectgen train` in which the service fills `out` and `data.path` in, whatever they say."""

    out: Path | None = None
    model: ModelOptions = ModelOptions()

    @model_validator(mode="after")
    def _is_for_one_process(self) -> OfferedOptions:
        if self.loop.fsdp:
            raise ValueError("loop.fsdp needs several processes, and a worker trains in one")
        return self


@dataclass(frozen=True, slots=True)
class OfferedTraining:
    """`tokenizer` is an absolute path, or a name on the Hugging Face Hub."""

    tokenizer: str
    options: OfferedOptions


def read_trainings(registry: Registry, path: Path | None) -> Mapping[str, OfferedTraining]:
    """Return the trainings of the registry that was read from `path`.

    Raises:
        RecipeError: a file of options cannot be read, or holds what is no option.
    """
    folder = path.absolute().parent if path else Path()
    return {name: _read(name, section, folder) for name, section in registry.trainings.items()}


def _read(name: str, section: TrainingSection, folder: Path) -> OfferedTraining:
    config = folder / section.config
    options = read_toml(config, OfferedOptions, f"the registry: trainings.{name}: {config}")
    tokenizer = folder / section.tokenizer
    return OfferedTraining(
        tokenizer=str(tokenizer) if tokenizer.exists() else section.tokenizer,
        options=_with_whole_paths(options, config.parent),
    )


def _with_whole_paths(options: OfferedOptions, folder: Path) -> OfferedOptions:
    """Return options whose paths can be read from any folder."""
    start, held_out = options.model.start, options.data.held_out_path
    data = options.data.model_copy(update={"path": None, "held_out_path": held_out and folder / held_out})
    model = options.model.model_copy(update={"start": start and folder / start})
    return options.model_copy(update={"out": None, "data": data, "model": model})
