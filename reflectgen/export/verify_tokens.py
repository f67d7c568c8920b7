"""Verify tokenised corpora: files and hashes, and every shard made again from the woven documents beside it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from reflectgen.errors import ReflectgenError, VerificationError
from reflectgen.export.card import CARD_NAME
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.shard_processes import each_shard
from reflectgen.export.token_export import RECORDS, Making, format_of, shard_maker
from reflectgen.export.token_manifest import TOKENIZER_FOLDER, TokenManifest, TokenShard, read_token_manifest
from reflectgen.export.token_shards import check_file
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.verify import VerifyReport
from reflectgen.export.woven_source import WovenExport, open_woven


def token_folders(directory: Path) -> list[Path]:
    """Return the folders of tokens within an export, finished or not."""
    return [directory / format_ for format_ in TokenFormat if (directory / format_).is_dir()]


def is_tokens(folder: Path) -> bool:
    """Whether a folder is itself one of a tokenised corpus."""
    try:
        read_token_manifest(folder)
    except VerificationError:
        return False
    return True


def verify_tokens(folder: Path, report: VerifyReport, processes: int = 1) -> None:
    """Look at everything in a folder of tokens; what is wrong goes into `report`, and nothing is raised for it.

    Where the export that it was made from is in the folder above, every shard is made from that again.
    """
    try:
        manifest, _ = read_token_manifest(folder)
    except VerificationError as error:
        report.add(str(error))
        return
    listed = {file.path: file for shard in manifest.shards for file in shard.files}
    if manifest.tokenizer:
        listed[manifest.tokenizer.path] = manifest.tokenizer
    for file in listed.values():
        report.num_files += 1
        try:
            check_file(folder, file)
        except VerificationError as error:
            report.add(str(error))
    for path in _others(folder, set(listed)):
        report.add(f"{path}: not in the manifest")
    try:
        woven = open_woven(folder.parent) if (folder.parent / MANIFEST_NAME).exists() else None
        if woven and manifest.form:
            _make_again(folder, manifest, woven, report, processes)
    except ReflectgenError as error:
        report.add(f"{folder}: {error}")


def _make_again(
    folder: Path, manifest: TokenManifest, woven: WovenExport, report: VerifyReport, processes: int
) -> None:
    if manifest.source_manifest_sha256 != woven.manifest_sha256:
        report.add(f"{folder} was made from another export than the one beside it; export it again")
        return
    assert manifest.form is not None
    tokenizer = load_marked_tokenizer(str(folder / TOKENIZER_FOLDER), manifest.form)
    making = Making(tokenizer, manifest.form, manifest.weights)
    format_ = format_of(manifest)
    if (tokenizer.sha256, tokenizer.marker_ids) != (
        manifest.tokenizer and manifest.tokenizer.sha256,
        manifest.marker_ids,
    ):
        report.add(f"{folder}: its tokenizer does not have the markers of its manifest")
    made = each_shard(partial(shard_maker, making, (format_,), None), woven.sources, processes)
    for shard, again in zip(manifest.shards, made, strict=False):
        if shard != again[format_]:
            report.add(
                f"{folder / shard.name}: made again from the woven documents it is {_difference(shard, again[format_])}"
            )
    if len(manifest.shards) != len(woven.sources):
        report.add(f"{folder} has {len(manifest.shards)} shards, the woven documents {len(woven.sources)}")


def _difference(shard: TokenShard, again: TokenShard) -> str:
    if shard.num_tokens != again.num_tokens:
        return f"{again.num_tokens} tokens instead of {shard.num_tokens}"
    return "other bytes"


def _others(folder: Path, listed: set[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        ours = name in (MANIFEST_NAME, CARD_NAME) or name.startswith((f"{TOKENIZER_FOLDER}/", f"{RECORDS}/"))
        if path.is_file() and not ours and name not in listed:
            yield path
