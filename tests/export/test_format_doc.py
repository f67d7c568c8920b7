"""The code that docs/format.md shows does what it says there."""

import re
from pathlib import Path
from typing import Any

from reflectgen.export.formats import Format
from reflectgen.export.read import read_rows
from reflectgen.export.schema import STANDOFF_SCHEMA, WOVEN_SCHEMA

from .making import corpus, export

PAGE = Path(__file__).resolve().parents[2] / "docs" / "format.md"


def shown_functions() -> dict[str, Any]:
    names: dict[str, Any] = {}
    for code in re.findall(r"```python\n(def .*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(code, names)
    return names


def test_the_functions_shown_take_reflections_out_and_put_them_in(tmp_path: Path) -> None:
    manifest = export(tmp_path, [Format.PARQUET, Format.STANDOFF])
    rows = {
        format_: [
            row
            for entry in manifest.files
            if entry.format is format_
            for row in read_rows(tmp_path / entry.path, format_)
        ]
        for format_ in manifest.formats
    }
    shown = shown_functions()
    assert [shown["original"](row) for row in rows[Format.PARQUET]] == [document.text for document, _ in corpus()]
    assert [shown["woven"](row) for row in rows[Format.STANDOFF]] == [row["text"] for row in rows[Format.PARQUET]]


def test_every_column_is_described() -> None:
    page = PAGE.read_text(encoding="utf-8")
    for schema in (WOVEN_SCHEMA, STANDOFF_SCHEMA):
        for column in schema:
            assert f"`{column.name}`" in page
            for field in column.type.value_type if hasattr(column.type, "value_type") else ():
                assert f".{field.name}`" in page
