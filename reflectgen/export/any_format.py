"""Every format that an export may be asked for: those of woven documents, and those that are made from them."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from reflectgen.export.formats import Format


class AnyFormat(StrEnum):
    """`Format`, then formats of tokens, then dolma's layout."""

    PARQUET = "parquet"
    JSONL = "jsonl"
    JSONL_ZST = "jsonl.zst"
    STANDOFF = "standoff"
    TOKENS = "tokens"
    MEGATRON = "megatron"
    DATATROVE = "datatrove"
    OLMO = "olmo"
    DOLMA = "dolma"


_OF_TOKENS = (AnyFormat.TOKENS, AnyFormat.MEGATRON, AnyFormat.DATATROVE, AnyFormat.OLMO)


def text_formats(wanted: Sequence[AnyFormat] | None) -> list[Format]:
    """Return the formats of woven documents; tokens are made from Parquet, unless another one is wanted."""
    found = [Format(one.value) for one in wanted or () if one.value in set(Format)]
    if any(one is not Format.STANDOFF for one in found):
        return found
    return [*found, Format.PARQUET] if made_formats(wanted) else found or [Format.PARQUET]


def made_formats(wanted: Sequence[AnyFormat] | None) -> list[AnyFormat]:
    """Return the formats that are made from woven documents."""
    return [one for one in wanted or () if one.value not in set(Format)]


def of_tokens(wanted: Sequence[AnyFormat] | None) -> list[AnyFormat]:
    """Return the formats that need a tokenizer."""
    return [one for one in wanted or () if one in _OF_TOKENS]
