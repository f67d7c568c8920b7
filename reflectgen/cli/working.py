"""A job at work in the terminal: its progress, Ctrl-C, and what is said at its end."""

from __future__ import annotations

import asyncio
import gc
import signal
import sys
from collections.abc import Callable, Sequence
from functools import partial
from itertools import islice

import typer
from rich.console import Console

from reflectgen.cli.display import shown, troubles_of
from reflectgen.cli.summary import Use, print_summary, print_use, use_of
from reflectgen.corpus.rows import CONTENT_ID, ReadOptions
from reflectgen.corpus.sources import Source
from reflectgen.errors import TeacherError
from reflectgen.jobs.disagreements import DISAGREEMENTS
from reflectgen.jobs.folder import EXPORT, REJECTS
from reflectgen.jobs.run import Run, run_job
from reflectgen.shards import read_documents
from reflectgen.store import jobs
from reflectgen.store.counts import Counts, count_job

FINISH_SECONDS = 10.0  # what calls in flight are given after Ctrl-C
STOPPED = 130
LIMIT_REACHED = 9
IDS_LOOKED_AT = 100


async def work_and_count(
    task: Run, job: jobs.Job, sources: Sequence[Source], quiet: bool, on_failure: Callable[[Run], str]
) -> tuple[bool, Counts, Use]:
    """Run to the end or until it is stopped; return whether it ended, and what the job holds by then.

    Raises:
        TeacherError: with a note of what is to be done, as `on_failure` says.
    """
    try:
        finished = await work_until_stopped(task, job, sources, quiet)
    except TeacherError as error:
        error.add_note(on_failure(task))
        raise
    with task.store.read() as connection:
        return finished, count_job(connection, job.id), use_of(connection, job.id)


async def work_until_stopped(task: Run, job: jobs.Job, sources: Sequence[Source], quiet: bool) -> bool:
    """Run to the end; Ctrl-C lets calls in flight end first, a second one does not wait for them."""
    loop, stop = asyncio.get_running_loop(), asyncio.Event()
    work = asyncio.ensure_future(run_job(task, job, sources, stop))

    def on_signal() -> None:
        if stop.is_set():
            work.cancel()
        stop.set()
        loop.call_later(FINISH_SECONDS, work.cancel)

    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, on_signal)
    with shown(task.progress, partial(troubles_of, task.roles), quiet):
        try:
            return await work
        except asyncio.CancelledError:
            return False


def spare_the_loop() -> None:
    """Keep Python from holding up the loop that asks.

    The garbage collector leaves alone what stays, and looks less often: it finds next to nothing here. A thread that
    reads the corpus gives way after half a millisecond instead of five, in which the loop sends several questions.
    """
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)
    sys.setswitchinterval(0.0005)


def say_how_to_go_on(task: Run, counts: Counts, again: str = "the same command goes on from there") -> int:
    """Say what a run that stopped early has done and how it goes on, by `again`; return its exit code."""
    done = f"{counts.num_reflections:,} of {counts.num_chunks:,} chunks read so far have their reflection"
    if task.stopped_because:
        typer.echo(f"stopped: {task.stopped_because}; {done}; raise the limit: {again}", err=True)
        return LIMIT_REACHED
    typer.echo(f"stopped: {done}; {again} ({task.folder} keeps everything)", err=True)
    return STOPPED


def how_to_go_on(task: Run) -> str:
    """Say what is to be done once a teacher or guard that cannot be asked is there again."""
    if not task.progress.num_settled:
        return "nothing was done yet: put it right and run the same command again"
    return f"{task.progress.num_settled:,} chunks have their reflection, and the same command goes on from there"


def print_end(task: Run, counts: Counts, use: Use, skipped: list[str]) -> None:
    """Print what a finished run did, and where to look."""
    console = Console(soft_wrap=True, highlight=False)
    print_summary(console, counts, task.recipe, task.folder / EXPORT)
    print_use(console, use)
    spent = task.progress.spent()
    if spent.cost is not None and spent.tokens:
        console.print(f"{'cost':<14}{spent.cost:,.4g}, retries and rejected answers included")
    if missing := _missing_id_field(task):
        console.print(missing, markup=False)
    if skipped:
        more = f" and {len(skipped) - 3} more" if len(skipped) > 3 else ""
        console.print(f"skipped, of no kind that is read: {', '.join(skipped[:3])}{more}", markup=False)
    if (task.folder / DISAGREEMENTS).exists():
        console.print(f"where guard and teacher differ, a sample: {task.folder / DISAGREEMENTS}", markup=False)
    if counts.num_rejected_rows:
        console.print(f"rejected rows, each with its reason: {task.folder / REJECTS}", markup=False)
    console.print(f"woven corpus: {task.folder / EXPORT}", style="bold", markup=False)
    console.print(f"prove that nothing else changed: reflectgen verify {task.folder}", markup=False)


def _missing_id_field(task: Run) -> str:
    """Say that none of the first documents has the id field that was asked for: most likely its name is mistyped."""
    field = task.recipe.read.id_field
    first = min((task.folder / "corpus").glob("*.parquet"), default=None)
    if field == ReadOptions().id_field or first is None:
        return ""
    if not all(document.id.startswith(CONTENT_ID) for document in islice(read_documents(first), IDS_LOOKED_AT)):
        return ""
    return f"no document has the field {field!r}, so each is named by a hash of its text; see --id-field"
