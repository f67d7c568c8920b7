"""`reflectgen serve-teacher`: vLLM with the flags that this work wants, kept running."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import signal
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from reflectgen.cli import options as o
from reflectgen.llm.vllm_flags import Flag, ServeOptions, split_known, wanted_flags, without_overridden
from reflectgen.llm.vllm_install import VllmInstall, find_python, find_vllm
from reflectgen.llm.vllm_server import VllmServer, reachable
from reflectgen.settings import PREFIX, read_settings

MOST_AT_ONCE = 4096  # that an endpoint's `concurrency` may say
KEY_VARIABLE, VLLM_KEY_VARIABLE = "REFLECTGEN_TEACHER_API_KEY", "VLLM_API_KEY"
LOOPBACK = ("127.0.0.1", "localhost", "::1")


def serve_teacher(
    model: Annotated[str, typer.Argument(metavar="MODEL", help="A Hugging Face name, or the folder of a checkpoint.")],
    extra: Annotated[
        list[str] | None, typer.Argument(metavar="[-- FLAGS]", help="Flags for vLLM, after --; they win over ours.")
    ] = None,
    port: Annotated[int, typer.Option(help="Where it listens.")] = 8000,
    host: Annotated[str, typer.Option(help="Where it listens; 0.0.0.0 for other machines to reach it.")] = "127.0.0.1",
    name: Annotated[
        str | None, typer.Option(help="What requests call the model; unless told, a folder's name.")
    ] = None,
    gpus: Annotated[int, typer.Option(help="GPUs in all; each copy of the model gets --tensor-parallel of them.")] = 1,
    tensor_parallel: Annotated[int, typer.Option(help="GPUs that one copy is spread over.")] = 1,
    max_model_len: Annotated[int, typer.Option(help="Tokens of a question and its answer, at most.")] = 4096,
    max_num_seqs: Annotated[int, typer.Option(help="Questions that one copy answers at once, at most.")] = 256,
    python: Annotated[Path | None, typer.Option(help="An interpreter whose environment has vLLM.")] = None,
    print_only: Annotated[bool, typer.Option("--print-only", help="Print the command line and start nothing.")] = False,
) -> None:
    """Start vLLM for a teacher or guard, say how to use it, and keep it running until Ctrl-C."""
    with o.checked():
        options = ServeOptions(
            model=model,
            name=name or _name_of(model),
            host=host,
            port=port,
            gpus=gpus,
            tensor_parallel=tensor_parallel,
            max_model_len=max_model_len,
            max_num_seqs=max_num_seqs,
            extra=tuple(extra or ()),
        )
    console = Console(soft_wrap=True, highlight=False)
    install = find_vllm(find_python(python))
    flags, left_out = split_known(without_overridden(wanted_flags(options), options.extra), install.flags)
    model_words = [options.model] if install.model_flag is None else [install.model_flag, options.model]
    command = [*install.command, *model_words, *(word for flag in flags for word in flag.words), *options.extra]
    environ = server_environment(os.environ)
    _print_command(console, command, flags, left_out, install, options, environ)
    if not print_only:
        if options.host not in LOOPBACK and VLLM_KEY_VARIABLE not in environ:
            console.print(f"other machines may ask it without a key: {KEY_VARIABLE} sets one", style="yellow")
        raise typer.Exit(asyncio.run(_serve(command, environ, options, console)))


def server_environment(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of the server: of our secrets, only the key that it asks for."""
    settings = read_settings(environ)
    passed = {name: value for name, value in environ.items() if not name.startswith(PREFIX)}
    passed = {"VLLM_NO_USAGE_STATS": "1", **passed, "PYTHONUNBUFFERED": "1"}
    if settings.teacher_api_key is not None:
        passed.setdefault(VLLM_KEY_VARIABLE, settings.teacher_api_key.get_secret_value())
    return passed


def key_variable(environ: Mapping[str, str]) -> str | None:
    """Return the variable of the user's that holds the key which the server asks for; None where it asks for none."""
    said = (name for name in (VLLM_KEY_VARIABLE, KEY_VARIABLE) if environ.get(name, "").strip())
    return next(said, None)


def recipe_lines(options: ServeOptions, key_variable: str | None = None) -> str:
    """Return the lines of a recipe that make the server the teacher."""
    host = reachable(options.host)
    address = f"http://{f'[{host}]' if ':' in host else host}:{options.port}"
    endpoint = re.sub(r"[^A-Za-z0-9_-]+", "-", options.name.rpartition("/")[2]).strip("-") or "teacher"
    lines = [
        f"[endpoints.{endpoint}]",
        f"url = {json.dumps(address)}",
        f"model = {json.dumps(options.name, ensure_ascii=False)}",
        f"concurrency = {min(options.num_answered_at_once, MOST_AT_ONCE)}",
    ]
    if options.gpus > 1:
        lines.append(f"num_gpus = {options.gpus}")
    if key_variable is not None:
        lines.append(f'key_variable = "{key_variable}"')
    return "\n".join([*lines, "", "[teacher]", f"use = [{json.dumps(endpoint)}]"])


async def _serve(command: list[str], environ: Mapping[str, str], options: ServeOptions, console: Console) -> int:
    """Serve until a signal, and return what a process ended by it returns; a second one does not wait."""
    stop, loop, task = asyncio.Event(), asyncio.get_running_loop(), asyncio.current_task()
    told: list[signal.Signals] = []

    def end(number: signal.Signals) -> None:
        if told and task is not None:
            task.cancel()
        elif not told:
            console.print(f"{number.name}: ending vLLM ...")
        told.append(number)
        stop.set()

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        if signal.getsignal(number) is not signal.SIG_IGN:  # as nohup leaves it: the terminal may go
            loop.add_signal_handler(number, end, number)
    server = VllmServer(
        command,
        options.host,
        options.port,
        environ=environ,
        on_ready=_Greeting(recipe_lines(options, key_variable(os.environ)), console),
        on_output=_copy_to_stderr,
        on_event=lambda line: console.print(line, style="yellow", markup=False),
    )
    console.print("waiting until it answers /health; its log follows, Ctrl-C ends it")
    try:
        await server.run(stop)
    except asyncio.CancelledError:
        if not told:
            raise
    return 128 + told[0]


class _Greeting:
    """Says how to use the server when it is ready, and later only that it is ready again."""

    def __init__(self, recipe: str, console: Console) -> None:
        self._recipe, self._console = recipe, console
        self._is_first = True

    def __call__(self) -> None:
        if self._is_first:
            self._console.print("\nready; for a recipe:\n", style="bold")
            self._console.print(self._recipe + "\n", markup=False)
        else:
            self._console.print("ready again", style="bold")
        self._is_first = False
        self._console.file.flush()


def _name_of(model: str) -> str:
    folder = Path(model)
    return folder.resolve().name if folder.is_dir() else model


def _copy_to_stderr(piece: bytes) -> None:
    sys.stderr.buffer.write(piece)
    sys.stderr.buffer.flush()


def _print_command(
    console: Console,
    command: list[str],
    flags: list[Flag],
    left_out: list[Flag],
    install: VllmInstall,
    options: ServeOptions,
    environ: Mapping[str, str],
) -> None:
    console.print(f"vLLM {install.version} starts with:", markup=False)
    console.print(
        f"VLLM_NO_USAGE_STATS={environ['VLLM_NO_USAGE_STATS']} {shlex.join(command)}", style="bold", markup=False
    )
    for flag in flags:
        console.print(f"  {shlex.join(flag.words)}: {flag.reason}", markup=False)
    for flag in left_out:
        console.print(
            f"  left out, for this vLLM does not know it: {shlex.join(flag.words)}", style="yellow", markup=False
        )
    if options.extra:
        console.print(f"  {shlex.join(options.extra)}: yours", markup=False)
    if VLLM_KEY_VARIABLE in environ:
        console.print(f"  the key that it asks for goes to it in {VLLM_KEY_VARIABLE}")
