"""Tokenised corpora from an export's woven documents: every format in one pass, by several processes, resumable.

What is written depends on the woven documents, the tokenizer, the form and the weights alone, not on the number of
processes. A shard of an earlier, interrupted export is kept if its record says that it was made from the same.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import tokenizers
from pydantic import BaseModel

from reflectgen import __version__
from reflectgen.errors import VerificationError
from reflectgen.export.card import CARD_NAME
from reflectgen.export.hashed import are_whole
from reflectgen.export.kinds import Weights
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.marked_tokenizer import MarkedTokenizer
from reflectgen.export.shard_processes import each_shard
from reflectgen.export.shard_records import RECORDS, read_record, write_record
from reflectgen.export.token_card import render_token_card
from reflectgen.export.token_manifest import FORMAT, TokenManifest, TokenShard, dtype_for, write_token_manifest
from reflectgen.export.token_writer import Layout, ShardWriter, manifest_of
from reflectgen.export.tokenise import Tokeniser
from reflectgen.export.trainer_formats import WRITERS, TokenFormat, megatron_dtype
from reflectgen.export.woven_source import Source, WovenExport
from reflectgen.reflection.form import FormOptions
from reflectgen.shards import remove_files, whole_file

_RULES = 1  # raised when the same documents become other tokens or other files

Shards = dict[TokenFormat, TokenShard]


@dataclass(frozen=True, slots=True)
class Making:
    """All that decides what is written of a document."""

    tokenizer: MarkedTokenizer
    form: FormOptions
    weights: Weights

    @property
    def layout(self) -> Layout:
        return Layout(self.tokenizer.vocab_size, self.tokenizer.end_of_text_id, self.weights)

    @property
    def sha256(self) -> str:
        said = [_RULES, tokenizers.__version__, self.tokenizer.sha256, self.tokenizer.marker_ids]
        said += [self.form.model_dump(), self.weights.model_dump()]
        return hashlib.sha256(json.dumps(said, sort_keys=True).encode()).hexdigest()


class TokenRecord(BaseModel, frozen=True, extra="forbid"):
    """A finished shard of one format; `made_by` is the SHA-256 of its `Making`."""

    made_by: str
    shard: TokenShard


def export_tokens(
    woven: WovenExport,
    to: Path,
    formats: Sequence[TokenFormat],
    making: Making,
    processes: int = 1,
    done: Callable[[int], None] = lambda num_documents: None,
) -> dict[TokenFormat, TokenManifest]:
    """Write every format into its own folder under `to`; `done` hears of each shard's documents.

    Raises:
        OutputError: a folder cannot be written, the disk is full, or a process was killed.
        InputError: the woven documents cannot be read.
        VerificationError: they are not those of their manifest, or not all of them came out.
    """
    formats = tuple(dict.fromkeys(formats))
    for format_ in formats:
        _clear(to / format_, format_, {source.name for source in woven.sources})
        making.tokenizer.save(to / format_)
    kept = [_finished(to, source, formats, making) for source in woven.sources]
    begin = partial(shard_maker, making, formats, to)
    fresh = each_shard(begin, [s for s, known in zip(woven.sources, kept, strict=True) if known is None], processes)
    shards: dict[TokenFormat, list[TokenShard]] = {format_: [] for format_ in formats}
    for known in kept:
        made = known or next(fresh)
        done(made[formats[0]].num_documents)
        for format_, shard in made.items():
            shards[format_].append(shard)
    return {format_: _describe(to / format_, format_, woven, making, shards[format_]) for format_ in formats}


@contextmanager
def shard_maker(
    making: Making, formats: Sequence[TokenFormat], to: Path | None
) -> Iterator[Callable[[Source], Shards]]:
    """Yield what makes one shard in every format; without a folder it only finds out what would be written."""
    tokeniser = Tokeniser(making.tokenizer, making.form)
    made_by = making.sha256

    def make(source: Source) -> Shards:
        writers = {f: WRITERS[f](to and to / f, source.name, making.layout) for f in formats}
        with ExitStack() as stack:
            opened: list[ShardWriter] = [stack.enter_context(writer.opened()) for writer in writers.values()]
            for ids, kinds in tokeniser.tokenise(source.documents()):
                for writer in opened:
                    writer.add(ids, kinds)
        shards = {format_: writer.shard(source.sha256) for format_, writer in writers.items()}
        if to:
            for format_, shard in shards.items():
                write_record(to / format_, source.name, TokenRecord(made_by=made_by, shard=shard))
        return shards

    yield make


def about(format_: TokenFormat, making: Making) -> dict[str, object]:
    """Return the fields of a manifest that do not depend on the documents."""
    vocab_size = making.tokenizer.vocab_size
    return {
        "format": _name(format_),
        "dtype": megatron_dtype(vocab_size) if format_ is TokenFormat.MEGATRON else dtype_for(vocab_size),
        "vocab_size": vocab_size,
        "end_of_text_id": making.tokenizer.end_of_text_id,
        "marker_ids": making.tokenizer.marker_ids,
        "weights": making.weights,
        "code_version": __version__,
    }


def format_of(manifest: TokenManifest) -> TokenFormat:
    """Return the format of a manifest.

    Raises:
        VerificationError: it is none that is known.
    """
    for format_ in TokenFormat:
        if manifest.format == _name(format_):
            return format_
    raise VerificationError(f"there is no format {manifest.format!r} of tokens")


def _name(format_: TokenFormat) -> str:
    return FORMAT if format_ is TokenFormat.TOKENS else format_.value


def _describe(
    folder: Path, format_: TokenFormat, woven: WovenExport, making: Making, shards: list[TokenShard]
) -> TokenManifest:
    manifest = manifest_of(
        shards,
        {
            **about(format_, making),
            "tokenizer": making.tokenizer.entry(),
            "source_manifest_sha256": woven.manifest.contents_sha256,
            "form": making.form,
            "arm": woven.manifest.arm.name.value,
            "recipe": woven.manifest.recipe,
        },
    )
    if manifest.num_documents != woven.manifest.counts.num_documents:
        there = f"{woven.manifest.counts.num_documents} documents were woven, but {manifest.num_documents}"
        raise VerificationError(f"{there} came out of {folder}; export the woven documents again")
    with whole_file(folder / CARD_NAME) as path:
        path.write_text(render_token_card(format_, manifest), encoding="utf-8")
    write_token_manifest(folder, manifest)
    return manifest


def _finished(to: Path, source: Source, formats: Sequence[TokenFormat], making: Making) -> Shards | None:
    """Return a shard as it was made before, if it is there whole in every format, made of the same in the same way."""
    shards: Shards = {}
    for format_ in formats:
        record = read_record(to / format_, source.name, TokenRecord)
        if record is None or (record.made_by, record.shard.source_sha256) != (making.sha256, source.sha256):
            return None
        if not are_whole(to / format_, record.shard.files):
            return None
        shards[format_] = record.shard
    return shards


def _clear(folder: Path, format_: TokenFormat, names: set[str]) -> None:
    """Remove the manifest, so that the folder is unfinished, and what an earlier export wrote under other names."""
    remove_files([folder / MANIFEST_NAME, folder / CARD_NAME, *_strangers(folder, format_, names)])


def _strangers(folder: Path, format_: TokenFormat, names: set[str]) -> Iterator[Path]:
    for pattern in ("train-*", f"{RECORDS}/train-*", "label_mask/train-*"):
        for path in folder.glob(pattern):
            if path.name.endswith(".partial") or path.name.partition(".")[0].removesuffix("_weights") not in names:
                yield path
