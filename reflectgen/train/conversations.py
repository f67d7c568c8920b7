"""Conversations to learn from: rows of `reflectgen sft-data`, or chat in JSON lines that somebody brings along."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ConfigDict, TypeAdapter, ValidationError

from reflectgen.corpus.chat import Message, conversation_from, is_answer
from reflectgen.corpus.rows import ReadOptions, Rejection
from reflectgen.errors import InputError, VerificationError
from reflectgen.export.kinds import Kind
from reflectgen.export.manifest import MANIFEST_NAME, problem
from reflectgen.export.sft.run import TRAIN, SftManifest, read_sft_manifest


class AnswerSpan(BaseModel):
    """`content[start:end]` of message `turn`, in code points, is of `kind`; as `sft-data` writes it."""

    model_config = ConfigDict(frozen=True)

    turn: int
    start: int
    end: int
    kind: str

    @property
    def of(self) -> Kind:
        return Kind[self.kind.upper()]


_SPANS = TypeAdapter(list[AnswerSpan])
_KINDS = ("reflection", "end_of_text", "prompt")


@dataclass(frozen=True, slots=True)
class Conversation:
    """Messages in the OpenAI shape and the spans of what the assistant says; `place` is where it stands, for errors."""

    place: str
    messages: list[Message]
    spans: list[AnswerSpan] = field(default_factory=list)
    tools: Any = None


@dataclass(frozen=True, slots=True)
class ChatFile:
    """A file of conversations, and the manifest of `sft-data` if it is one of its."""

    path: Path
    sha256: str
    manifest: SftManifest | None
    manifest_sha256: str = ""


def find_chat(path: Path, name: str = TRAIN) -> ChatFile:
    """Return the file `name` of a folder of `sft-data`, checked against its manifest, or a file of chat.

    Raises:
        InputError: there is neither.
        VerificationError: the file is not what the manifest says.
    """
    folder = next((folder for folder in (path / "sft", path) if (folder / MANIFEST_NAME).is_file()), None)
    if folder is None:
        if path.is_dir():
            raise InputError(f"{path} is no folder of conversations: make one with `reflectgen sft-data`")
        return ChatFile(path, _sha256(path), None)
    manifest = read_sft_manifest(folder)
    entry = next((entry for entry in manifest.files if entry.path == name), None)
    if entry is None:
        raise InputError(f"{folder} has no {name}: write it with `reflectgen sft-data --mix-sft 0.03`")
    sha256 = _sha256(folder / name)
    if sha256 != entry.sha256:
        raise VerificationError(f"{folder / name}: its SHA-256 is not the manifest's; run `reflectgen sft-data` again")
    return ChatFile(folder / name, sha256, manifest, _sha256(folder / MANIFEST_NAME))


def read_conversations(file: ChatFile) -> Iterator[Conversation]:
    """Yield the conversations of a file.

    Raises:
        InputError: it holds none, or a row that is none; the first is named by its line.
    """
    found = False
    with file.path.open("rb") as lines:
        for number, line in enumerate(lines, 1):
            if line.strip():
                found = True
                yield _conversation(f"{file.path}, line {number}", line)
    if not found:
        raise InputError(f"{file.path} holds no conversation to learn from")


def _conversation(place: str, line: bytes) -> Conversation:
    try:
        row = json.loads(line)
    except ValueError as error:
        raise InputError(f"{place}: not JSON ({error}); correct or remove it") from None
    if not isinstance(row, dict):
        raise InputError(f"{place}: not a JSON object; correct or remove it")
    document = conversation_from(row, ReadOptions())
    if isinstance(document, Rejection):
        raise InputError(f"{place}: no chat ({document.reason.value}: {document.detail}); correct or remove it")
    messages = json.loads(document.metadata)["messages"]
    try:
        spans = _SPANS.validate_python(row.get("spans") or [])
    except ValidationError as error:
        raise InputError(f"{place}: its spans are none of `sft-data`'s: {problem(error)}") from None
    _check(place, messages, spans)
    return Conversation(place, messages, spans, row.get("tools"))


def _check(place: str, messages: list[Message], spans: list[AnswerSpan]) -> None:
    turn, done = 0, 0
    for span in spans:
        if span.turn != turn:
            done = 0
        is_one = (
            turn <= span.turn < len(messages)
            and is_answer(messages[span.turn])
            and done <= span.start <= span.end <= len(messages[span.turn]["content"])
            and span.kind in _KINDS
        )
        if not is_one:
            raise InputError(
                f"{place}: the {span.kind} span {span.start} to {span.end} fits no answer of turn {span.turn}"
            )
        turn, done = span.turn, span.end


def _sha256(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}; name chat in JSON lines") from None
