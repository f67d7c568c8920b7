"""Every arm of one small document, as a reader sees it; `arms.txt` holds what must come out."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from reflectgen.export.arms.arm import ArmShard
from reflectgen.export.arms.options import ArmName, ArmOptions
from reflectgen.export.arms.registry import make_arm
from reflectgen.records import Document, Verdict
from reflectgen.reflection.form import FormOptions
from tests.export.making import chunk

TEXT = "The fair opened at noon.\nThey planned an ambush on him.\nRain fell all night."
CHUNKS = [
    chunk(0, 0, 25),
    chunk(1, 25, 56, Verdict.UNSAFE, "It plans an ambush on a named man."),
    chunk(2, 56, 76),
]
SEED = 1  # at which chance moves the unsafe reflection, and puts a tag


def test_every_arm_reads_as_it_is_shown() -> None:
    shown = (Path(__file__).parent / "arms.txt").read_text(encoding="utf-8")
    assert "".join(f"== {name}\n{text}\n" for name in ArmName for text in texts(name)) == shown


def texts(name: ArmName) -> Iterator[str]:
    arm = make_arm(ArmOptions(name=name, seed=SEED), FormOptions())
    for one in arm.write(ArmShard(0, [(Document("a", TEXT), CHUNKS)])):
        yield one.woven.text if one.woven else "(left out)"
