"""Arms of a MedSafetyWorld from data to result, one process an arm and seed; what has its result is not done again.

worlds/<preset>-<seed>/     what `make` writes
runs/<result>/<stage>/      trainings, which go on where they were stopped
results/<result>.json       one arm, one seed; or in another folder, which checkouts may share
"""

from __future__ import annotations

import json
import multiprocessing
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reflectgen import __version__
from reflectgen.errors import RecipeError
from reflectgen.evals.medsafetyworld.arms import Arm
from reflectgen.evals.medsafetyworld.attacks import ATTACKS
from reflectgen.evals.medsafetyworld.commit import code_commit
from reflectgen.evals.medsafetyworld.presets import Preset, named_preset
from reflectgen.evals.medsafetyworld.result import ArmResult, read_result, result_name, write_result
from reflectgen.evals.medsafetyworld.training import TRAININGS, pretraining_options, stage_options
from reflectgen.evals.medsafetyworld.world import make_world
from reflectgen.jobs.medsafetyworld import FORM, MadeArm, make_arms

if TYPE_CHECKING:
    from reflectgen.train.loop import Fitted

LATER_FIELDS = ("recovers",)  # of an arm
LATER_ATTACKS = ("the", "forged", "long")  # after fine-tuning; all of them after SFT


@dataclass(frozen=True, slots=True)
class Wanted:
    """One arm on the world of one seed."""

    preset_name: str
    arm: Arm
    seed: int
    cue: bool

    @property
    def preset(self) -> Preset:
        return named_preset(self.preset_name, seed=self.seed, cue=self.cue)

    @property
    def made_by(self) -> dict[str, Any]:
        """Return all that decides a result, as JSON has it."""
        training = TRAININGS[self.preset_name]
        said = {
            "data": self.preset.to_json(),
            "training": {**asdict(training), "shape": training.shape.model_dump()},
            # What later arms added is left out of earlier ones, whose results stay what they are.
            "arm": {
                one.name: getattr(self.arm, one.name)
                for one in fields(self.arm)
                if one.name not in LATER_FIELDS or getattr(self.arm, one.name) != one.default
            },
        }
        plain: dict[str, Any] = json.loads(json.dumps(said))
        return plain

    @property
    def result_name(self) -> str:
        return result_name(self.preset_name, self.arm.name, self.seed, cue=self.cue)

    @property
    def world_name(self) -> str:
        return f"{self.preset_name}{'' if self.cue else '-no-cue'}-{self.seed}"


def run_all(
    wanted: Sequence[Wanted], out: Path, processes: int, note: Callable[[str], None], results: Path | None = None
) -> Path:
    """Bring every arm and seed to its result, and return the folder of results: `results`, or one in `out`.

    `note` hears how many are missing, whose data are being made, and what is done.

    Raises:
        RecipeError: there is a result that was made by another definition of its preset.
        ReflectgenError: the first that a run met; the results of others stay.
    """
    results = results or out / "results"
    missing = [one for one in wanted if not _has_result(one, results)]
    if missing:
        note(f"{len(missing)} of {len(wanted)} results are missing in {results}; arms at once: {processes}")
    made = _made(missing, out, note)
    if processes == 1:
        for one, data in made:
            note(_said(run_arm(one, data, out, results)))
        return results
    # A forked process would share the threads of a library that does not know of it.
    with ProcessPoolExecutor(processes, mp_context=multiprocessing.get_context("spawn")) as pool:
        running: set[Future[ArmResult]] = set()
        for one, data in made:
            running.add(pool.submit(run_arm, one, data, out, results))
            # The next arm's data are made while these are trained, and one waits for whoever is free first.
            if len(running) > processes:
                running = _end_one(pool, running, note)
        while running:
            running = _end_one(pool, running, note)
    return results


def _made(missing: Sequence[Wanted], out: Path, note: Callable[[str], None]) -> Iterator[tuple[Wanted, MadeArm]]:
    """Yield each with its data, world by world, since arms of one world share jobs."""
    for world in dict.fromkeys(one.world_name for one in missing):
        of_world = [one for one in missing if one.world_name == world]
        arms = make_arms(
            of_world[0].preset, [one.arm for one in of_world], out / "worlds" / world, _making(world, note)
        )
        yield from zip(of_world, arms, strict=True)


def _making(world: str, note: Callable[[str], None]) -> Callable[[str], None]:
    return lambda arm: note(f"{arm}, world {world}: making its data")


def _end_one(
    pool: ProcessPoolExecutor, running: set[Future[ArmResult]], note: Callable[[str], None]
) -> set[Future[ArmResult]]:
    """Wait until one or more have ended, and return the others.

    Raises:
        ReflectgenError: what one of them met; those that have not begun are dropped.
    """
    done, running = wait(running, return_when=FIRST_COMPLETED)
    for future in done:
        if error := future.exception():
            pool.shutdown(wait=False, cancel_futures=True)
            raise error
        note(_said(future.result()))
    return running


def run_arm(wanted: Wanted, made: MadeArm, out: Path, results: Path) -> ArmResult:
    """Train one arm through all its stages, evaluate it after each, and write its result."""
    began = time.monotonic()
    training = TRAININGS[wanted.preset_name]
    folder = out / "runs" / wanted.result_name.removesuffix(".json")
    pretrained = _train(pretraining_options(training, made.pretraining, folder / "pretraining", wanted.seed))
    sft = _train(
        stage_options(training, training.sft, pretrained.folder, made.stages["sft"], folder / "sft", wanted.seed)
    )
    stages = {"sft": _evaluate(wanted, sft.folder, tuple(ATTACKS))}
    for name, shards in made.stages.items():
        if name != "sft":
            options = stage_options(training, training.benign, sft.folder, shards, folder / name, wanted.seed)
            stages[name] = _evaluate(wanted, _train(options).folder, LATER_ATTACKS)
    about = {
        "made_by": wanted.made_by,
        "num_documents": made.num_documents,
        "num_tokens": made.num_tokens,
        "tokens_by_kind": made.tokens_by_kind,
        "loss": {name: _last_loss(folder / name) for name in ("pretraining", *made.stages)},
        "seconds": round(time.monotonic() - began),
        "code_version": __version__,
        "commit": code_commit(),
    }
    result = ArmResult(wanted.preset_name, wanted.arm.name, wanted.seed, wanted.cue, stages, about)
    write_result(results, result)
    return result


def _has_result(wanted: Wanted, results: Path) -> bool:
    path = results / wanted.result_name
    if not path.exists():
        return False
    if read_result(path).about.get("made_by") != wanted.made_by:
        raise RecipeError(
            f"{path} was made by another definition of its preset or arm; name another --out or --results"
        )
    return True


def _train(options: Any) -> Fitted:
    from reflectgen.train.train import train

    return train(options)


def _last_loss(run: Path) -> float | None:
    """Return the loss that the log of a training ends with, also of one that was finished earlier."""
    from reflectgen.train.log import LOG_NAME, read_log

    return next((line["loss"] for line in reversed(read_log(run / LOG_NAME)) if "loss" in line), None)


def _evaluate(wanted: Wanted, model: Path, attacks: Sequence[str]) -> dict[str, Any]:
    from reflectgen.evals.medsafetyworld.checkpoint import CheckpointGenerator
    from reflectgen.evals.medsafetyworld.evaluate import Evaluator

    preset = wanted.preset
    world = make_world(preset.world)
    evaluator = Evaluator(world, CheckpointGenerator(model), FORM, reflects=wanted.arm.reflects, seed=wanted.seed)
    return evaluator.evaluate(preset.test_most, preset.test_wordings, attacks).to_json()


def _said(result: ArmResult) -> str:
    accuracy = result.stages["sft"]["general_accuracy"]
    return f"{result.arm}, seed {result.seed}: general accuracy {accuracy:.1%}, {result.about['seconds']} s"
