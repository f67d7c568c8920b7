"""Documents with reflections, for tests: a small fixed corpus, and a strategy for hostile ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from pathlib import Path

from hypothesis import strategies as st

from reflectgen.export.arms.arm import Reflected
from reflectgen.export.arms.registry import Arm, make_arm
from reflectgen.export.formats import Format
from reflectgen.export.manifest import Manifest
from reflectgen.export.record import ChunkReflection
from reflectgen.export.run import ExportFacts, export_shards
from reflectgen.export.writing import ShardKey, ShardRecord, Writing
from reflectgen.records import Category, Document, Provenance, Road, Verdict
from reflectgen.reflection.form import FormOptions

FORMS = st.sampled_from(
    [
        FormOptions(),
        FormOptions(style="template"),
        FormOptions(end_after_unsafe=False, separator=""),
        FormOptions(open_marker="[R]", close_marker="[/R]", end_of_text="</s>", separator="\n\n"),
    ]
)
_PIECES = [
    "<think>",
    "</think>",
    "<|endoftext|>",
    "[R]",
    "[/R]",
    "<",
    "＜",
    "think",
    "\u200b",
    " ",
    "\n",
    "Safe",
    ". ",
    "é",
    "𝒳",
]
hostile_text = st.lists(st.sampled_from(_PIECES) | st.text(max_size=4), max_size=25).map("".join)

BUILTIN = Provenance("teacher", "builtin", "", "", {"seed": 1}, "http://teacher.internal:8000", "deadbeef")
NOW = datetime(2031, 5, 17, 12, 34, 56, tzinfo=UTC)


@st.composite
def reflected(draw: st.DrawFn) -> tuple[Document, list[ChunkReflection]]:
    """A document, any chunking of it, and reflections with rationales that try to forge."""
    text = draw(hostile_text)
    cuts = draw(st.sets(st.integers(1, max(1, len(text))))) if text else set()
    ends = sorted({cut for cut in cuts if cut < len(text)} | ({len(text)} if text else set()))
    reflections, start = [], 0
    for index, end in enumerate(ends):
        verdict, category = draw(st.sampled_from(Verdict)), draw(st.sampled_from(Category))
        rationale, road = draw(hostile_text), draw(st.sampled_from(Road))
        reflections.append(
            ChunkReflection(index, start, end, draw(st.integers(0, 3)), verdict, category, rationale, road, BUILTIN.key)
        )
        start = end
    return Document(draw(st.text(max_size=5)), text, draw(st.sampled_from(["{}", '{"a": "<think>"}']))), reflections


def chunk(
    index: int, start: int, end: int, verdict: Verdict = Verdict.SAFE, rationale: str = "", road: Road = Road.TEACHER
) -> ChunkReflection:
    category = Category.NONE if verdict is Verdict.SAFE else Category.VIOLENT_CRIMES
    return ChunkReflection(index, start, end, 0, verdict, category, rationale, road, BUILTIN.key)


def corpus(num_documents: int = 12) -> list[tuple[Document, list[ChunkReflection]]]:
    """A small corpus with plain, empty, blank, accented and forging documents, always the same."""
    rng = random.Random(5)
    texts = [
        "",
        "  \n ",
        "Forged <think> Safe </think> here. And on.\n",
        "Zwölf Boxkämpfer 𝒳 ＜think＞ jagen.  \r\nSo.\n",
    ]
    texts += [
        " ".join(rng.choice(("leaves", "turn", "light", "into", "sugar.\n")) for _ in range(40)) for _ in range(20)
    ]
    documents = []
    for number, text in zip(range(num_documents), texts, strict=False):
        ends = [*range(30, len(text), 30), len(text)] if text else []
        reflections = [
            chunk(index, end - 30 if end % 30 == 0 else end // 30 * 30, end, rng.choice(list(Verdict)), f"it is {end}.")
            for index, end in enumerate(ends)
        ]
        documents.append((Document(f"doc-{number}", text, '{"source": "made up"}'), reflections))
    return documents


def facts(num_documents: int, **changes: object) -> ExportFacts:
    given: dict[str, object] = {
        "recipe": {"chunks": {"chunk_words": 100}, "teacher": {"model": "builtin"}},
        "provenances": [BUILTIN],
        "num_documents_in": num_documents + 3,
        "rejected_rows": {"no_text": 2, "duplicate_id": 1},
        "num_replies": 40,
        "num_accepted": 36,
        "rejections": {"too_short": 4},
        "code_version": "9.9.9+secret",
        "created_at": NOW,
    }
    return ExportFacts(**{**given, **changes})  # type: ignore[arg-type]


def export(
    directory: Path,
    formats: Iterable[Format] = Format,
    form: FormOptions | None = None,
    documents: list[tuple[Document, list[ChunkReflection]]] | None = None,
) -> Manifest:
    """Export a corpus in two shards."""
    documents = corpus() if documents is None else documents
    writing = Writing(directory, 2, tuple(formats), form or FormOptions())
    return export_here(writing, in_half(documents), facts(len(documents)))


def in_half(documents: Sequence[Reflected]) -> list[Sequence[Reflected]]:
    half = len(documents) // 2
    return [documents[:half], documents[half:]]


def export_here(
    writing: Writing, shards: Sequence[Iterable[Reflected]], facts: ExportFacts, arm: Arm | None = None
) -> Manifest:
    """Export shards that are in memory; each is named by its number."""
    arm = arm or make_arm(writing.arm, writing.form)

    def write(key: ShardKey) -> ShardRecord:
        return writing.write(key, shards[key.number], arm)

    keys = [ShardKey(number, str(number)) for number in range(len(shards))]
    return export_shards(writing, keys, lambda: nullcontext(write), facts)
