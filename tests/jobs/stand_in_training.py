"""Stands in for `reflectgen.train.child` where there is no torch: it speaks the same way.

What it does is in the option `seed` of what it is told: see `BEHAVIOURS`.
"""

import json
import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

NUM_STEPS = 6
BEHAVIOURS = {"ends": 0, "dies": 1, "saves_and_dies": 2, "waits": 3, "cannot": 4}


def main():
    told = json.loads(sys.stdin.buffer.raw.readline())
    behaviour = told["options"]["seed"]
    closed = threading.Event()
    threading.Thread(target=lambda: (os.read(0, 1), closed.set()), daemon=True).start()
    Path("tokens").mkdir(exist_ok=True)
    Path("tokens/manifest.json").write_text("{}")
    shutil.rmtree("woven", ignore_errors=True)
    if behaviour == BEHAVIOURS["cannot"]:
        return say(kind="RecipeError", error="data.sequence_length is more than the model's 8 positions")
    begun = max((int(path.name[5:]) for path in Path("checkpoints").glob("step-*")), default=0)
    Path("began_at").write_text(str(begun))
    for step in range(begun + 1, NUM_STEPS + 1):
        say(step=step, num_steps=NUM_STEPS, loss=1 / step)
        if behaviour == BEHAVIOURS["dies"]:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == BEHAVIOURS["saves_and_dies"] and step == begun + 1:
            save(step)
        if behaviour == BEHAVIOURS["saves_and_dies"] and step == begun + 2:
            os.kill(os.getpid(), signal.SIGKILL)
        if behaviour == BEHAVIOURS["waits"] and step == begun + 2:
            closed.wait()
            save(step)
            return say(kind="TrainingStopped", error=f"stopped after step {step}")
        time.sleep(0.01)
    Path("model").mkdir()
    Path("model/model.safetensors").write_text("weights")
    Path("manifest.json").write_text("{}")
    return say(step=NUM_STEPS, num_steps=NUM_STEPS, loss=0.1, is_done=True)


def save(step):
    folder = Path(f"checkpoints/step-{step:08d}/training")
    folder.mkdir(parents=True)
    (folder / "state.json").write_text("{}")
    with Path("log.jsonl").open("a") as log:
        log.write(json.dumps({"step": step}) + "\n")


def say(**said):
    print(json.dumps(said), flush=True)


if __name__ == "__main__":
    main()
