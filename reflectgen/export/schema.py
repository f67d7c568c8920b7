"""The columns of an export's rows, as Arrow types: what Parquet is written with and the card declares."""

from __future__ import annotations

import pyarrow as pa

from reflectgen.export.formats import Format

_JUDGED = [
    ("verdict", pa.string()),
    ("category", pa.string()),
    ("road", pa.string()),
    ("revision", pa.int32()),
    ("provenance", pa.string()),
]
WOVEN_REFLECTION = pa.struct(
    [("start", pa.int32()), ("end", pa.int32()), ("chunk_start", pa.int32()), ("chunk_end", pa.int32()), *_JUDGED]
)
STANDOFF_REFLECTION = pa.struct(
    [
        ("insert_at", pa.int32()),
        ("chunk_start", pa.int32()),
        ("chunk_end", pa.int32()),
        *_JUDGED,
        ("rationale", pa.string()),
        ("written", pa.string()),
    ]
)
NEUTRALISED = pa.struct(
    [("start", pa.int32()), ("end", pa.int32()), ("original", pa.string()), ("in_reflection", pa.bool_())]
)
EDIT = pa.struct(
    [
        ("start", pa.int32()),
        ("end", pa.int32()),
        ("source_start", pa.int32()),
        ("source_end", pa.int32()),
        ("kind", pa.string()),
        ("provenance", pa.string()),
    ]
)
REPLACEMENT = pa.struct([("start", pa.int32()), ("end", pa.int32()), ("replacement", pa.string())])


def _columns(reflection: pa.StructType, neutralised: pa.StructType) -> pa.Schema:
    return pa.schema(
        [
            ("id", pa.string()),
            ("text", pa.string()),
            ("num_reflections", pa.int32()),
            ("reflections", pa.list_(reflection)),
            ("neutralised", pa.list_(neutralised)),
            ("source_sha256", pa.string()),
            ("metadata", pa.string()),
        ]
    )


WOVEN_SCHEMA = _columns(WOVEN_REFLECTION, NEUTRALISED)
STANDOFF_SCHEMA = _columns(STANDOFF_REFLECTION, REPLACEMENT)

EDITED_SCHEMA = WOVEN_SCHEMA.append(pa.field("edits", pa.list_(EDIT)))


def schema_of(format_: Format, *, edited: bool = False) -> pa.Schema:
    if format_ is Format.STANDOFF:
        return STANDOFF_SCHEMA
    return EDITED_SCHEMA if edited else WOVEN_SCHEMA
