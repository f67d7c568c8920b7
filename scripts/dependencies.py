"""Print what pyproject.toml says the package needs, with the extras that are named: one requirement a line."""

import sys
import tomllib
from pathlib import Path

project = tomllib.loads((Path(__file__).resolve().parents[1] / "pyproject.toml").read_text(encoding="utf-8"))["project"]
print(
    *project["dependencies"],
    *(line for name in sys.argv[1:] for line in project["optional-dependencies"][name]),
    sep="\n",
)
