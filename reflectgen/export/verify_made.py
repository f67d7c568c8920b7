"""Verify tokens and dolma's layout: files and hashes, and every shard made again from the woven documents beside it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path

from reflectgen.errors import ReflectgenError, VerificationError
from reflectgen.export.card import CARD_NAME
from reflectgen.export.dolma import DOLMA, DolmaManifest, DolmaShard, dolma_maker, read_dolma_manifest
from reflectgen.export.hashed import check_file
from reflectgen.export.manifest import MANIFEST_NAME
from reflectgen.export.marked_tokenizer import load_marked_tokenizer
from reflectgen.export.shard_processes import each_shard
from reflectgen.export.shard_records import RECORDS
from reflectgen.export.token_export import Making, format_of, shard_maker
from reflectgen.export.token_manifest import TOKENIZER_FOLDER, TokenFile, TokenManifest, TokenShard, read_token_manifest
from reflectgen.export.trainer_formats import TokenFormat
from reflectgen.export.verify import VerifyReport
from reflectgen.export.woven_source import WovenExport, open_woven


def made_folders(directory: Path) -> list[Path]:
    """Return the folders within an export that were made from its woven documents, finished or not."""
    return [directory / name for name in (*TokenFormat, DOLMA) if (directory / name).is_dir()]


def is_made(folder: Path) -> bool:
    """Whether a folder is itself such a one."""
    try:
        _manifest(folder)
    except VerificationError:
        return False
    return True


def verify_made(folder: Path, report: VerifyReport, processes: int = 1) -> None:
    """Look at everything in such a folder; what is wrong goes into `report`, and nothing is raised for it.

    Where the export that it was made from is in the folder above, every shard is made from that again.
    """
    try:
        manifest = _manifest(folder)
    except VerificationError as error:
        report.add(str(error))
        return
    listed = {file.path: file for file in _files_of(manifest)}
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
        if woven:
            _make_again(folder, manifest, woven, report, processes)
    except ReflectgenError as error:
        report.add(f"{folder}: {error}")


def listed_files(folder: Path) -> list[TokenFile]:
    """Return the files that the manifest of such a folder lists, their paths relative to it.

    Raises:
        VerificationError: it has no manifest that can be read.
    """
    return _files_of(_manifest(folder))


def _files_of(manifest: TokenManifest | DolmaManifest) -> list[TokenFile]:
    files = [file for shard in manifest.shards for file in shard.files]
    if isinstance(manifest, TokenManifest) and manifest.tokenizer:
        files.append(manifest.tokenizer)
    return files


def _manifest(folder: Path) -> TokenManifest | DolmaManifest:
    try:
        return read_dolma_manifest(folder)
    except VerificationError:
        if folder.name == DOLMA:
            raise
        return read_token_manifest(folder)[0]


def _make_again(
    folder: Path, manifest: TokenManifest | DolmaManifest, woven: WovenExport, report: VerifyReport, processes: int
) -> None:
    if manifest.source_manifest_sha256 != woven.manifest.contents_sha256:
        report.add(f"{folder} was made from another export than the one beside it; export it again")
        return
    made: Iterator[TokenShard | DolmaShard]
    if isinstance(manifest, DolmaManifest):
        made = each_shard(partial(dolma_maker, None), woven.sources, processes)
    else:
        made = _tokens_again(folder, manifest, woven, processes)
    written: Sequence[TokenShard | DolmaShard] = manifest.shards
    for shard, again in zip(written, made, strict=False):
        if shard != again:
            report.add(f"{folder / shard.name}: made again from the woven documents it is other than in the manifest")
    if len(manifest.shards) != len(woven.sources):
        report.add(f"{folder} has {len(manifest.shards)} shards, the woven documents {len(woven.sources)}")


def _tokens_again(
    folder: Path, manifest: TokenManifest, woven: WovenExport, processes: int
) -> Iterator[TokenShard | DolmaShard]:
    form = manifest.form or woven.manifest.form
    tokenizer = load_marked_tokenizer(str(folder / TOKENIZER_FOLDER), form)
    if tokenizer.marker_ids != manifest.marker_ids:
        raise VerificationError("its tokenizer has other markers than its manifest; export it again")
    format_ = format_of(manifest)
    begin = partial(shard_maker, Making(tokenizer, form, manifest.weights), (format_,), None)
    return (shards[format_] for shards in each_shard(begin, woven.sources, processes))


def _others(folder: Path, listed: set[str]) -> Iterator[Path]:
    for path in sorted(folder.rglob("*")):
        name = path.relative_to(folder).as_posix()
        ours = name in (MANIFEST_NAME, CARD_NAME) or name.startswith((f"{TOKENIZER_FOLDER}/", f"{RECORDS}/"))
        if path.is_file() and not ours and name not in listed:
            yield path
