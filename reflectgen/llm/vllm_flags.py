"""The flags of `vllm serve` that reflecting on a corpus wants, each with its reason. Nothing is run here."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Self

from pydantic import BaseModel, Field, model_validator

MAX_NUM_BATCHED_TOKENS = 8192
QUEUED_PER_ANSWERED = 4
OWN_FLAGS = {
    "--host": "--host",
    "--port": "--port",
    "--model": "MODEL",
    "--served-model-name": "--name",
    "--data-parallel-size": "--gpus",
    "-dp": "--gpus",
    "--tensor-parallel-size": "--tensor-parallel",
    "-tp": "--tensor-parallel",
    "--max-model-len": "--max-model-len",
    "--max-num-seqs": "--max-num-seqs",
}
# An option in the help: two spaces, then its spellings, up to the prose after two more, which names other flags too.
DEFINITION = re.compile(r"^ {2}(-.*?)(?: {2}|$)", re.MULTILINE)
LONG_FLAG = re.compile(r"(?<![\w-])--[a-z0-9][a-z0-9-]*")


class ServeOptions(BaseModel, extra="forbid", frozen=True):
    """What is served, where, and by how many GPUs. `extra` goes to vLLM as it is and wins over the flags of ours."""

    model: str = Field(min_length=1, pattern="^[^-]")
    name: str = Field(min_length=1)  # what requests call it
    host: str = "127.0.0.1"
    port: int = Field(default=8000, ge=1, le=65535)
    gpus: int = Field(default=1, ge=1)
    tensor_parallel: int = Field(default=1, ge=1)  # GPUs that one copy of the model is spread over
    max_model_len: int = Field(default=4096, ge=256)  # tokens, of prompt and answer together
    max_num_seqs: int = Field(default=256, ge=1)  # questions that one copy answers at once
    extra: tuple[str, ...] = ()

    @model_validator(mode="after")
    def _gpus_make_whole_copies(self) -> Self:
        if self.gpus % self.tensor_parallel:
            raise ValueError(f"{self.gpus} GPUs cannot be shared out among copies of {self.tensor_parallel}")
        return self

    @model_validator(mode="after")
    def _extra_says_nothing_twice(self) -> Self:
        for flag in map(spelt_out, self.extra):
            if flag == "--api-key":
                raise ValueError(
                    "a key on a command line can be read by others: put it into REFLECTGEN_TEACHER_API_KEY"
                )
            if flag in OWN_FLAGS:
                raise ValueError(f"{flag} is said before the --, as {OWN_FLAGS[flag]}")
        return self

    @property
    def num_copies(self) -> int:
        return self.gpus // self.tensor_parallel

    @property
    def num_answered_at_once(self) -> int:
        return self.max_num_seqs * self.num_copies


@dataclass(frozen=True, slots=True)
class Flag:
    """One flag for vLLM. `value` is None for a switch."""

    name: str
    value: str | None
    reason: str

    @property
    def words(self) -> tuple[str, ...]:
        return (self.name,) if self.value is None else (self.name, self.value)


def wanted_flags(options: ServeOptions) -> list[Flag]:
    """Return what to start vLLM with, in the order of printing; `extra` is not among it.

    Not here, because it has not been seen to pay: speculative decoding. It trades arithmetic for latency, and a job
    that keeps the batch full has no arithmetic to spare.
    """
    structured = json.dumps({"backend": "xgrammar", "disable_any_whitespace": True})
    queued = QUEUED_PER_ANSWERED * options.num_answered_at_once
    flags = [
        Flag("--host", options.host, "where it listens"),
        Flag("--port", str(options.port), "where it listens"),
        Flag("--served-model-name", options.name, "a name for recipes and provenance, without this machine's paths"),
        Flag(
            "--max-model-len",
            str(options.max_model_len),
            "instructions, a chunk of 100 words with its neighbours and a reply fit; a longer question is refused",
        ),
        Flag("--max-num-seqs", str(options.max_num_seqs), "questions answered at once; they are short, so many fit"),
        Flag(
            "--max-num-batched-tokens",
            str(MAX_NUM_BATCHED_TOKENS),
            "a job wants throughput, so prompts are read many at a time; it is what vLLM takes when it works offline",
        ),
        Flag("--enable-prefix-caching", None, "the instructions come first in every question: they are computed once"),
        Flag(
            "--structured-outputs-config",
            structured,
            "answers are JSON: compiled once a schema, and no token is spent on blanks between the fields",
        ),
        Flag(
            "--generation-config", "vllm", "sampling is what the recipe says: nothing is added from the model's files"
        ),
        Flag("--max-num-queued-reqs", str(queued), "beyond that it answers 503 at once, and its clients slow down"),
        Flag("--no-enable-log-requests", None, "corpus text stays out of the log"),
        Flag("--disable-uvicorn-access-log", None, "no line of log for each of millions of calls"),
    ]
    if options.num_copies > 1:
        flags.append(Flag("--data-parallel-size", str(options.num_copies), "copies of the model, each on its own GPUs"))
    if options.tensor_parallel > 1:
        flags.append(Flag("--tensor-parallel-size", str(options.tensor_parallel), "GPUs that one copy is spread over"))
    return flags


def known_flags(help_text: str) -> frozenset[str]:
    """Return the long flags that the output of `vllm serve --help=all` defines; one that prose mentions is no such."""
    return frozenset(flag for line in DEFINITION.findall(help_text) for flag in LONG_FLAG.findall(line))


def split_known(flags: Iterable[Flag], known: frozenset[str]) -> tuple[list[Flag], list[Flag]]:
    """Return the flags that this vLLM takes, and those that it would refuse to start with."""
    kept: list[Flag] = []
    left_out: list[Flag] = []
    for flag in flags:
        (kept if flag.name in known else left_out).append(flag)
    return kept, left_out


def without_overridden(flags: Iterable[Flag], extra: Sequence[str]) -> list[Flag]:
    """Return the flags that `extra` does not replace: `--no-X` replaces `--X`, and `--X.key` the whole of `--X`."""
    said = {_positive(spelt_out(word)) for word in extra}
    return [flag for flag in flags if _positive(flag.name) not in said]


def spelt_out(word: str) -> str:
    """Return the flag that a word of a command line is, as vLLM's help spells it; other words as they are."""
    if not word.startswith("-"):
        return word
    return re.split(r"[=.]", word, maxsplit=1)[0].replace("_", "-")


def _positive(flag: str) -> str:
    return "--" + flag.removeprefix("--no-") if flag.startswith("--no-") else flag
