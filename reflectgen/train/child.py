"""`python -m reflectgen.train.child`: woven documents to tokens to a model, in the folder that it is started in.

What is wanted comes as one line of JSON on standard input. That being closed means to stop, and it is closed by the
death of whoever started this. What is said goes to standard output, a line of JSON each.
"""

from __future__ import annotations

import json
import math
import os
import shutil
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Any

from reflectgen import __version__
from reflectgen.errors import ReflectgenError, TrainingStopped
from reflectgen.export.kinds import Weights
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.shard_processes import usable_cpus
from reflectgen.export.token_export import Making, export_tokens
from reflectgen.export.token_manifest import FOLDER as TOKENS
from reflectgen.export.token_manifest import read_token_manifest
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.woven_source import open_woven
from reflectgen.train.model_manifest import ModelManifest, files_of, write_model_manifest
from reflectgen.train.options import TrainOptions
from reflectgen.train.process import WOVEN, Wanted

HERE = Path()  # everything is named from here, so that no card shows where a service keeps its files
Say = Callable[[dict[str, Any]], None]


def main() -> None:
    say, is_to_stop = _own_output(), threading.Event()
    with open(0, "rb", buffering=0, closefd=False) as told:
        wanted = Wanted.model_validate_json(told.readline())
    threading.Thread(target=_set_once_closed, args=(is_to_stop,), daemon=True).start()
    try:
        _tokenise(wanted.tokenizer, is_to_stop)
        _train(wanted, is_to_stop, say)
    except ReflectgenError as error:
        say({"kind": type(error).__name__, "error": str(error)})
    except Exception as error:  # with its trace in the log beside
        say({"kind": "", "error": f"{type(error).__name__}: {error}"})
        raise


def _tokenise(tokenizer: str, is_to_stop: threading.Event) -> None:
    """Make token shards of the woven documents, unless they are there whole; what was made of them before is kept."""
    if not (HERE / TOKENS / MANIFEST_NAME).exists():
        woven = open_woven(HERE / WOVEN)

        def done(_num_documents: int) -> None:
            if is_to_stop.is_set():
                raise TrainingStopped("stopped while the corpus was tokenised; begun again, it goes on from there")

        form = woven.manifest.form
        making = Making(load_marked_tokenizer(tokenizer, form), form, Weights())
        export_tokens(woven, HERE, [TokenFormat.TOKENS], making, usable_cpus(), done)
    shutil.rmtree(HERE / WOVEN, ignore_errors=True)


def _train(wanted: Wanted, is_to_stop: threading.Event, say: Say) -> None:
    from reflectgen.train.train import train  # torch, once there is something to learn from

    data = {**wanted.options.get("data", {}), "path": TOKENS}
    options = TrainOptions.model_validate({**wanted.options, "out": HERE, "data": data})
    known = {"num_steps": 0}

    def stops(step: int, num_steps: int) -> bool:
        known["num_steps"] = num_steps
        return is_to_stop.is_set()

    def logged(step: int, figures: dict[str, float]) -> None:
        if "loss" in figures:
            say({"step": step, "loss": figures["loss"], **known})

    fitted = train(options, logged, stops)
    corpus, corpus_sha256 = read_token_manifest(HERE / TOKENS)
    manifest = ModelManifest(
        training=wanted.training,
        arm=corpus.arm,
        corpus_manifest_sha256=corpus_sha256,
        code_version=__version__,
        num_steps=fitted.num_steps,
        num_tokens=fitted.num_tokens,
        loss=fitted.loss,
        held_out={name: value for name, value in fitted.held_out.items() if math.isfinite(value)},
        files=files_of(HERE),
    )
    write_model_manifest(HERE, manifest)
    say({"step": fitted.num_steps, "num_steps": fitted.num_steps, "loss": fitted.loss, "is_done": True})


def _own_output() -> Say:
    """Take standard output for what is said here; a library that prints is heard in the log from now on."""
    own = os.fdopen(os.dup(1), "w", encoding="utf-8", buffering=1)
    os.dup2(2, 1)

    def say(said: dict[str, Any]) -> None:
        with suppress(OSError):  # nobody hears it, and the closed input says so, too
            own.write(json.dumps(said) + "\n")

    return say


def _set_once_closed(event: threading.Event) -> None:
    while os.read(0, 1024):  # past `sys.stdin`, whose lock a thread must not hold when Python exits
        pass
    event.set()


if __name__ == "__main__":
    main()
