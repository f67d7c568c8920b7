"""`reflectgen export`: a finished job once more, in other formats, with other markers, or as an ablation arm."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.cli import tokens as t
from reflectgen.cli.display import shown
from reflectgen.errors import OutputError, RecipeError
from reflectgen.export.any_format import made_formats, text_formats
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import ARMS
from reflectgen.export.card import CARD_NAME
from reflectgen.export.dolma import DOLMA
from reflectgen.export.formats import Format
from reflectgen.export.kinds import Weights
from reflectgen.export.manifest import MANIFEST_NAME, Manifest
from reflectgen.export.shard_records import RECORDS
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.jobs.export_job import export_job
from reflectgen.jobs.folder import existing_job
from reflectgen.jobs.progress import Progress
from reflectgen.shards import PARTIAL


def export(
    folder: o.Folder,
    to: Annotated[Path, typer.Option("--to", help="A folder for the export, new or of an earlier one.")],
    arm: Annotated[ArmName, typer.Option(help="What is done to the documents; see `reflectgen arms`.")] = ArmName.SRP,
    seed: o.ArmSeed = 0,
    strict: o.ArmStrict = False,
    tokenizer: t.Tokenizer = None,
    formats: t.AnyFormats = None,
    weight_text: t.WeightText = 1.0,
    weight_reflection: t.WeightReflection = 1.0,
    weight_end_of_text: t.WeightEndOfText = 1.0,
    weight_prefix: t.WeightPrefix = 0.0,
    processes: t.Processes = None,
    mode: o.Style = None,
    open_marker: o.OpenMarker = "<think>",
    close_marker: o.CloseMarker = "</think>",
    end_of_text: o.EndOfText = "<|endoftext|>",
    end_after_unsafe: o.EndAfterUnsafe = None,
) -> None:
    """Export a finished job again, or an export as tokens; no teacher is asked."""
    t.check_tokenizer(formats, tokenizer)
    weights = Weights(
        text=weight_text, reflection=weight_reflection, end_of_text=weight_end_of_text, prefix=weight_prefix
    )
    if to.exists() and (not to.is_dir() or not is_free(to)):
        raise OutputError(f"{to} is not empty and holds no export; name a new folder with --to")
    if (folder / MANIFEST_NAME).exists():
        if arm is not ArmName.SRP or mode or not formats or made_formats(formats) != formats:
            what = ", ".join((*TokenFormat, DOLMA))
            raise RecipeError(f"{folder} is an export and no job: only --format {what} can be made from it, as it is")
        t.write_made(folder, to, formats, tokenizer, weights, processes)
        return
    with existing_job(folder) as (store, job):
        if job.state != "finished":
            raise RecipeError(f"the job in {folder} is not finished; end it with `reflectgen run` first")
        with o.checked():
            style = mode.value if mode else job.recipe["form"]["style"]
            form = o.form_of(style, open_marker, close_marker, end_of_text, end_after_unsafe)
        options = ArmOptions(name=arm, seed=seed, strict=strict)
        progress = Progress(stage="exporting")
        texts = text_formats(formats)
        with shown(progress, list, quiet=False):
            manifest = export_job(store, job, folder, to, texts, form, progress, options, tokenizer, processes)
    console = Console(soft_wrap=True, highlight=False)
    if arm is not ArmName.SRP:
        console.print(f"arm {arm}: {ARMS[arm].treatment}; {_done(manifest)}", markup=False)
        console.print(f"prove it: reflectgen verify {to} --job {folder}{_again(tokenizer, arm)}", markup=False)
    what = "woven" if arm is ArmName.SRP else "written"
    console.print(f"{manifest.counts.num_documents:,} documents {what}: {to}", style="bold", markup=False)
    t.write_made(to, to, formats, tokenizer, weights, processes)


def is_free(to: Path) -> bool:
    """Whether a folder holds nothing but what exports write, finished or not."""
    ours = {MANIFEST_NAME, CARD_NAME, RECORDS, *(one.folder for one in Format), *TokenFormat, DOLMA}
    return (to / MANIFEST_NAME).exists() or all(
        path.name in ours or PARTIAL.fullmatch(path.name) for path in to.iterdir()
    )


def _done(manifest: Manifest) -> str:
    """Say what the arm did, in numbers."""
    counts = manifest.counts
    done = [f"{n:,} x {kind}" for kind, n in counts.edits.items()]
    done += [f"{counts.num_left_out_documents:,} documents left out"] * bool(counts.num_left_out_documents)
    done += [f"{counts.num_repeated_documents:,} documents written again"] * bool(counts.num_repeated_documents)
    done += [f"{counts.num_chunks:,} reflections"] * bool(counts.num_chunks)
    return ", ".join(done) or "nothing was changed"


def _again(tokenizer: Path | None, arm: ArmName) -> str:
    return f" --tokenizer {tokenizer}" if tokenizer and arm is ArmName.RAW_MATCHED else ""
