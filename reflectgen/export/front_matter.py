"""The YAML at the head of a card: how `datasets` finds and types the files, how the Hub lists them."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import pyarrow as pa

from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.formats import Format
from reflectgen.export.manifest import Manifest
from reflectgen.export.schema import schema_of

_TAGS = ("safety", "srp", "safety-reflection-pretraining", "synthetic", "reflectgen")
_UNITS = ("", "1K", "10K", "100K", "1M", "10M", "100M", "1B", "10B", "100B", "1T")


def described_together(formats: Sequence[Format]) -> list[Format]:
    """Return the formats that the card of the whole export can offer to `datasets`, the first one's kind.

    It takes one reader for a whole folder, Parquet or JSON, whatever the configurations say. A format that is left out
    has a card of its own in its folder.
    """
    return [format_ for format_ in formats if (format_ is Format.PARQUET) == (formats[0] is Format.PARQUET)]


def front_matter(formats: Sequence[Format], manifest: Manifest, folder: Format | None = None) -> str:
    """Return the YAML block, for the whole export or for a format's `folder`; the first format is the default.

    `datasets` names what it has cached by the last part of a folder's path and this block, not by the files. So every
    configuration says which files it means, or of two exports, both called `export`, the first would be read twice.
    Columns are declared, because a reader of JSON that guesses would take a list that is empty at first for nulls.
    """
    lines = [
        "---",
        "pretty_name: Corpus with safety reflections",
        "license: unknown",
        "task_categories:",
        "- text-generation",
        "tags:",
        *(f"- {tag}" for tag in _TAGS),
        "size_categories:",
        f"- {size_category(manifest.counts.num_documents)}",
    ]
    if formats:
        lines += [
            "configs:",
            *(line for format_ in formats for line in _config(format_, format_ is formats[0], manifest, folder)),
        ]
        lines += ["dataset_info:", *(line for format_ in formats for line in _columns(format_, manifest))]
    return "\n".join([*lines, "---", ""])


def size_category(num_documents: int) -> str:
    """Return the Hub's name for a number of rows."""
    power = min(max(len(str(num_documents)) - 3, 0), len(_UNITS) - 1)
    if power == 0:
        return "n<1K"
    return f"{_UNITS[power]}<n<{_UNITS[power + 1]}" if power + 1 < len(_UNITS) else f"n>{_UNITS[power]}"


def _config(format_: Format, is_default: bool, manifest: Manifest, folder: Format | None) -> list[str]:
    pattern = format_.pattern.removeprefix(f"{folder.folder}/" if folder else "")
    return [
        f"- config_name: {format_.folder}",
        *(["  default: true"] if is_default else []),
        f'  description: "files {_digest(format_, manifest)}"',
        "  data_files:",
        "  - split: train",
        f'    path: "{pattern}"',
    ]


def _digest(format_: Format, manifest: Manifest) -> str:
    hashes = "".join(f"{file.sha256} {file.path}\n" for file in manifest.files if file.format is format_)
    return hashlib.sha256(hashes.encode()).hexdigest()[:32]


def _columns(format_: Format, manifest: Manifest) -> list[str]:
    lines = [f"- config_name: {format_.folder}", "  features:"]
    for column in schema_of(format_, edited=ARMS[manifest.arm.name].rows is Rows.EDITED):
        lines.append(f"  - name: {column.name}")
        if pa.types.is_list(column.type):
            lines.append("    list:")
            for field in column.type.value_type:
                lines += [f"    - name: {field.name}", f"      dtype: {field.type}"]
        else:
            lines.append(f"    dtype: {column.type}")
    return lines
