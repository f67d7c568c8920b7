"""A MedSafetyWorld on disk: its corpora by the product's own path, and all that its models learn and are asked.

    world.json                          options; a folder holds one world
    tokenizer/                          the world's own
    corpora/<text>.jsonl                documents
    jobs/<job>/                         their chunks, the truth about each as a guard's label, reflections
    exports/<corpus>/                   the documents as an arm has them
    pretraining/<corpus>/               the same as token shards
    arms/<arm>/sft, benign-raw, ...     dialogues as token shards, with replay of the arm's own pretraining text
    dialogues/*.jsonl, questions.jsonl  dialogues as chat rows, and the tests' questions with their answers

Whatever is there and whole is left as it is, so making goes on where it was stopped.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from reflectgen.corpus.chunk import ChunkOptions
from reflectgen.corpus.sources import find_sources
from reflectgen.errors import InputError, RecipeError
from reflectgen.evals.medsafetyworld.arms import Arm, documents
from reflectgen.evals.medsafetyworld.dialogues import (
    benign_dialogues,
    chat_row,
    mixed_with_sft,
    sft_dialogues,
    told,
    with_recovery,
)
from reflectgen.evals.medsafetyworld.guard import WorldGuard
from reflectgen.evals.medsafetyworld.options import WorldOptions
from reflectgen.evals.medsafetyworld.presets import Preset
from reflectgen.evals.medsafetyworld.questions import exam_questions
from reflectgen.evals.medsafetyworld.tokenizer import save_tokenizer
from reflectgen.evals.medsafetyworld.training_data import write_dialogues
from reflectgen.evals.medsafetyworld.world import World, make_world
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.random_tag import TAG
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.marked_tokenizer import MarkedTokenizer, load_marked_tokenizer
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.token_shards import TokenShards
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import open_woven
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.folder import EXPORT, begin_or_resume, existing_job, job_folder
from reflectgen.jobs.progress import Progress
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.roles import Roles
from reflectgen.jobs.run import Run, run_job
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import whole_file

FORM = FormOptions(style="template")
WORLD_NAME = "world.json"


@dataclass(frozen=True, slots=True)
class MadeArm:
    """Where an arm's data lie, and what they add up to."""

    arm: Arm
    pretraining: Path
    stages: dict[str, Path]  # sft, benign-raw, benign-mixed and, where the arm reflects, benign-reflections
    num_documents: int
    num_tokens: int
    tokens_by_kind: dict[str, int]


def make_arms(
    preset: Preset, arms: Sequence[Arm], folder: Path, note: Callable[[str], None] = lambda said: None
) -> Iterator[MadeArm]:
    """Write the world of a preset and everything that the arms learn, arm by arm; `note` hears what is being made.

    Raises:
        OutputError: the folder cannot be written.
        RecipeError: it holds another world.
    """
    world = make_world(preset.world)
    _claim(folder, preset)
    tokenizer = _tokenizer(folder)
    _write_rows(world, preset, folder)
    for arm in arms:
        note(arm.name)
        shards = make_pretraining(world, arm, folder, tokenizer)
        stages = _make_stages(world, preset, arm, folder, tokenizer, shards)
        counts = shards.manifest
        yield MadeArm(arm, shards.folder, stages, counts.num_documents, counts.num_tokens, counts.tokens_by_kind)


def make_pretraining(world: World, arm: Arm, folder: Path, tokenizer: MarkedTokenizer) -> TokenShards:
    """Bring an arm's pretraining corpus from the world to token shards."""
    shards = folder / "pretraining" / arm.corpus
    if not (shards / TokenFormat.TOKENS / MANIFEST_NAME).exists():
        woven = open_woven(_export(make_job(world, arm, folder), arm, folder, world.options.seed))
        export_tokens(woven, shards, [TokenFormat.TOKENS], Making(tokenizer, FORM, Weights()))
    return TokenShards.open(shards / TokenFormat.TOKENS)


def make_job(world: World, arm: Arm, folder: Path) -> Path:
    """Write the corpus that an arm is cut from and bring its job to its end; a finished one is left as it is.

    Raises:
        OutputError: the folder cannot be written.
        RecipeError: it holds the job of another world.
    """
    corpus, job = folder / "corpora" / f"{arm.text}.jsonl", folder / "jobs" / arm.job
    if not corpus.exists():
        rows = ({"id": d.id, "text": d.text, **json.loads(d.metadata)} for d in documents(world, arm.text))
        _write_jsonl(corpus, rows)
    asyncio.run(_reflect(corpus, job, WorldGuard(world, arm.noise)))
    return job


async def _reflect(corpus: Path, folder: Path, guard: WorldGuard) -> None:
    recipe = Recipe(
        guard=named(guard.provenance),
        teacher=None,
        chunks=ChunkOptions(chunk_lines=True),
        form=FORM,
        formats=(Format.PARQUET,),
        near_duplicate_threshold=None,
    )
    inputs = [str(corpus)]
    sources, _ = find_sources(inputs)
    with job_folder(folder) as store:
        job = begin_or_resume(store, folder, inputs, sources, recipe)
        await run_job(Run(store, folder, recipe, Roles(guard), strict=True), job, sources, asyncio.Event())


def _export(job_folder: Path, arm: Arm, folder: Path, seed: int) -> Path:
    """Return the export of a job as an arm has it; the job's own is that with its reflections."""
    if arm.woven is ArmName.SRP:
        return job_folder / EXPORT
    to = folder / "exports" / arm.corpus
    if not (to / MANIFEST_NAME).exists():
        with existing_job(job_folder) as (store, job):
            treated = ArmOptions(name=arm.woven, seed=seed)
            export_job(store, job, job_folder, to, [Format.PARQUET], FORM, Progress(), treated)
    return to


def _make_stages(
    world: World, preset: Preset, arm: Arm, folder: Path, tokenizer: MarkedTokenizer, replay: TokenShards
) -> dict[str, Path]:
    """Write what comes after pretraining: SFT with replay, and the three ways of benign fine-tuning."""
    taught = sft_dialogues(world, preset.sft)
    if arm.recovers:
        taught = with_recovery(taught, world, preset.sft)
    sft = told(taught, reflects=arm.sft_reflects)
    stages = {"sft": sft}
    if benign := benign_dialogues(world, preset.num_benign):
        # A user's own data have no reflections; the SFT data that are mixed in have those of the arm.
        raw = told(benign, reflects=False)
        mixed = mixed_with_sft(raw, sft, preset.num_mixed, world.options.seed)
        stages |= {"benign-raw": raw, "benign-mixed": mixed}
        if arm.sft_reflects:
            stages["benign-reflections"] = told(benign, reflects=True)
    paths = {name: folder / "arms" / arm.name / name for name in stages}
    for name, dialogues in stages.items():
        if not (paths[name] / MANIFEST_NAME).exists():
            write_dialogues(
                paths[name],
                tokenizer,
                dialogues,
                FORM,
                replay=replay if name == "sft" and preset.replay else None,
                replay_share=preset.replay,
                seed=world.options.seed,
            )
    return paths


def read_world(folder: Path) -> tuple[World, int, int]:
    """Return the world of a folder, and how many questions a class its tests have, in how many wordings.

    Raises:
        InputError: the folder holds none.
    """
    path = folder / WORLD_NAME
    try:
        said = json.loads(path.read_text(encoding="utf-8"))
        return make_world(WorldOptions(**said["world"])), said["test_most"], said["test_wordings"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{path} is no MedSafetyWorld ({error}); make one with `reflectgen medsafetyworld make`"
        ) from None


def _claim(folder: Path, preset: Preset) -> None:
    """Write what world this is, or find that it is this one.

    Raises:
        RecipeError: it is another.
    """
    said = {"format": "medsafetyworld", "version": 1, **preset.to_json()}
    path = folder / WORLD_NAME
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != said:
            raise RecipeError(f"{folder} holds another MedSafetyWorld; name another --out")
        return
    with whole_file(path) as partial:
        partial.write_text(json.dumps(said, indent=1) + "\n", encoding="utf-8")


def _tokenizer(folder: Path) -> MarkedTokenizer:
    path = folder / "tokenizer"
    if not (path / "tokenizer_config.json").exists():
        save_tokenizer(FORM, path)
    return load_marked_tokenizer(str(path), FORM, tags=(TAG,))


def _write_rows(world: World, preset: Preset, folder: Path) -> None:
    """Write dialogues as chat rows for other trainers, and the tests' questions for other scorers."""
    sft, benign = sft_dialogues(world, preset.sft), benign_dialogues(world, preset.num_benign)
    for name, dialogues in (("sft", sft), ("benign", benign)):
        for suffix, reflects in (("", False), ("-reflections", True)):
            path = folder / "dialogues" / f"{name}{suffix}.jsonl"
            if not path.exists():
                _write_jsonl(path, (chat_row(dialogue, FORM, reflects=reflects) for dialogue in dialogues))
    if not (folder / "questions.jsonl").exists():
        asked = exam_questions(world, preset.test_most, preset.test_wordings)
        rows = (
            {"question": q.text, "class": q.question_class, "outcome": q.cluster, "answers": sorted(q.answers)}
            for questions in asked.values()
            for q in questions
        )
        _write_jsonl(folder / "questions.jsonl", rows)


def _write_jsonl(path: Path, rows: Iterable[dict[str, Any]]) -> None:
    with whole_file(path) as partial, partial.open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row) + "\n" for row in rows)
