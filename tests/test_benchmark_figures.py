"""What documents say was measured is what the benchmark wrote down."""

import json
import re
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[1]


def figures(name: str) -> dict[str, float]:
    return json.loads((REPOSITORY / f"benchmarks/results/{name}.json").read_text())["figures"]


def rows(document: str) -> dict[str, list[float]]:
    """Return every row of a document's tables that holds numbers alone, by its first cell."""
    found = {}
    for line in (REPOSITORY / "docs" / document).read_text().splitlines():
        first, *cells = [cell.strip() for cell in line.strip("|").split("|")] if line.startswith("|") else [""]
        if cells and all(re.fullmatch(r"[\d,.]+", cell) for cell in cells):
            found[first] = [float(cell.replace(",", "")) for cell in cells]
    return found


@pytest.mark.parametrize(
    ("label", "name"),
    [
        ("reflectgen", "reflectgen"),
        ("reflectgen, document masking", "reflectgen_masked"),
        ("nanoGPT-style loop", "nanogpt"),
        ("Hugging Face `Trainer`", "trainer"),
    ],
)
def test_the_speed_of_training_is_as_measured(label, name):
    said = figures("train")
    assert rows("training.md")[label] == [said[f"{name}_tokens_per_second"], said[f"{name}_peak_mb"]]


@pytest.mark.parametrize(
    ("label", "name"),
    [
        *((f"`{name}`", name) for name in ("tokens", "megatron", "datatrove", "olmo", "dolma")),
        *((f"`{name}` (weaving included)", name) for name in ("parquet", "jsonl.zst")),
        ("datatrove's own tokeniser, its defaults, unshuffled, same text", "datatrove's own"),
    ],
)
def test_the_speed_of_exports_is_as_measured(label, name):
    said = figures("export")
    speed, once, often = rows("tokens.md")[label]
    assert speed == round(said[f"MB/s a core, {name}"], 1)
    assert (once, often) == (round(said[f"peak MB, {name}"]), round(said[f"peak MB, {name}, 10 times over"]))


def faults_met() -> list[str]:
    return sorted({name.partition(": ")[0] for name in figures("reliability")})


@pytest.mark.parametrize("fault", faults_met())
def test_what_a_fault_costs_is_as_measured(fault):
    said = figures("reliability")
    missing, double, requests, wasted, repeats, seconds = (
        round(said[f"{fault}: {what}"])
        for what in ("num_without", "num_double", "posts", "wasted", "repeats", "seconds")
    )
    balanced = "yes" if said[f"{fault}: balanced"] else "no"
    label = f"{fault}, 2,000 chunks" if fault.endswith("midway") else fault
    row = f"| {label} | {missing} | {double} | {balanced} | {requests:,} | {wasted:,} | {repeats} | {seconds} |"
    assert row in (REPOSITORY / "docs/reliability.md").read_text()


@pytest.mark.parametrize("name", ["train", "export", "reliability"])
def test_every_bar_that_was_set_holds(name):
    bars = json.loads((REPOSITORY / f"benchmarks/results/{name}.json").read_text())["bars"]
    assert bars
    assert [bar["what"] for bar in bars if not bar["holds"]] == []
