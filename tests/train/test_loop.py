import json
import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from reflectgen.errors import RecipeError, TrainingError, TrainingStopped, VerificationError
from tests.train.commands import write_config
from tests.train.worlds import END, OPEN, SAFE, TINY, VOCAB_SIZE, fit_options, make_documents

torch = pytest.importorskip("torch")
pytestmark = pytest.mark.train

UNSTEADY = ("tokens_per_second", "mfu")


def small_model():
    from reflectgen.train.model import new_model
    from reflectgen.train.presets import Shape

    return new_model(Shape(**TINY), VOCAB_SIZE, END, seed=0)


def run(out: Path, corpus_seed: int = 0, model=None, stop_after: int | None = None, **groups):
    """A run on the small corpus; the same call goes on with it."""
    from reflectgen.train.data import TokenArrays
    from reflectgen.train.loop import fit
    from reflectgen.train.verdicts import VerdictProbe

    model = model or small_model()
    data, held_out = (TokenArrays(make_documents(num, seed), END) for num, seed in ((200, corpus_seed), (50, 99)))
    probe = VerdictProbe(OPEN, 0, SAFE)
    return fit(
        fit_options(**groups),
        model,
        data,
        out=out,
        held_out=held_out,
        probe=probe,
        is_to_stop=lambda step, num_steps: (step, num_steps) == (stop_after, 12),
    )


def curve(out: Path) -> list[dict[str, float]]:
    from reflectgen.train.log import read_log

    return [
        {name: value for name, value in line.items() if name not in UNSTEADY} for line in read_log(out / "log.jsonl")
    ]


def weights(folder: Path) -> dict[str, object]:
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")


def same(first: Path, second: Path) -> None:
    ours, theirs = weights(first / "model"), weights(second / "model")
    assert ours.keys() == theirs.keys()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)
    assert curve(first) == curve(second)


def test_a_model_learns_text_and_verdicts_and_its_folder_is_loaded_by_transformers(tmp_path):
    from transformers import AutoModelForCausalLM

    fitted = run(
        tmp_path,
        loop={"steps": 120, "batch_size": 8},
        optimizer={"lr": 1e-2},
        log={"every": 20, "eval_every": 40},
        checkpoint={"every": 500},
    )
    assert fitted.held_out["loss_text"] < 1.0
    assert fitted.held_out["verdict_accuracy"] == 1.0
    assert fitted.held_out["unsafe_recall"] == 1.0
    first, last = (line for line in curve(tmp_path) if line["step"] in (0, 120) and "held_out_loss" in line)
    assert last["held_out_loss_reflection"] < 1 < first["held_out_loss_reflection"]
    model = AutoModelForCausalLM.from_pretrained(fitted.folder)
    logits = model(torch.tensor([[10, 11, 12, 13, 14, OPEN], [10, 11, 12, 13, 14, 15]])).logits
    assert logits[0, -1].argmax() == SAFE
    assert logits[1, -1].argmax() in (16, OPEN)
    assert model.generation_config.eos_token_id == END


def test_going_on_from_a_checkpoint_is_the_undisturbed_run(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "parted")
    # As if killed after step 8: later lines and the model are there, but no later checkpoint.
    import shutil

    shutil.rmtree(tmp_path / "parted/checkpoints/step-00000012")
    run(tmp_path / "parted")
    same(tmp_path / "whole", tmp_path / "parted")


def test_one_that_is_told_to_stop_saves_where_it_is_and_goes_on_as_if_it_had_not(tmp_path):
    from reflectgen.train.places import CHECKPOINTS, newest, step_of

    run(tmp_path / "whole")
    for step, kept in ((0, 0), (6, 6), (8, 8), (11, 11)):  # every fourth is saved anyhow
        with pytest.raises(TrainingStopped, match=f"stopped after step {step} of 12"):
            run(tmp_path / "parted", stop_after=step)
        assert step_of(newest(tmp_path / "parted" / CHECKPOINTS)) == kept
        assert not (tmp_path / "parted/model").exists()
    run(tmp_path / "parted")
    same(tmp_path / "whole", tmp_path / "parted")


def test_killed_at_five_random_moments_it_ends_with_the_same_weights_and_curve(tmp_path):
    # One process imports torch and forks a run at a time: imports would take most of the test's time.
    program = """
import os, random, signal, sys, time
from pathlib import Path
from tests.train.test_loop import run
import reflectgen.train.loop

def start(out):
    if child := os.fork():
        return child
    run(out, loop={"steps": 40}, checkpoint={"every": 3})
    os._exit(0)

def ended(child):
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

folder = Path(sys.argv[1])
assert ended(start(folder / "whole")) == 0
log = folder / "killed/log.jsonl"
for kill_at in sorted(random.Random(7).sample(range(4, 38), 5)):
    child = start(folder / "killed")
    while not (log.exists() and f'"step": {kill_at},' in log.read_text()):
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    assert ended(child) == -signal.SIGKILL, "it ended before it was killed"
assert ended(start(folder / "killed")) == 0
"""
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd()), "PYTHONWARNINGS": "ignore"}
    subprocess.run([sys.executable, "-c", program, str(tmp_path)], env=environ, check=True, timeout=100)
    same(tmp_path / "whole", tmp_path / "killed")


def test_accumulated_micro_batches_are_the_whole_batch(tmp_path):
    run(tmp_path / "whole")
    run(tmp_path / "micro", loop={"micro_batch_size": 1})
    for ours, theirs in zip(curve(tmp_path / "whole"), curve(tmp_path / "micro"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


TWO_PROCESSES = """
import shutil, sys
from pathlib import Path
import torch.distributed
from torch.distributed.tensor import DTensor
from tests.train.test_loop import run, small_model

folder, fsdp = Path(sys.argv[1]), sys.argv[2] == "True"
model = small_model()
run(folder / "whole", model=model, loop={"fsdp": fsdp})
kinds = {isinstance(parameter, DTensor) for parameter in model.parameters()}
assert kinds == {fsdp}, kinds
assert torch.distributed.get_world_size() == 2
run(folder / "parted", loop={"fsdp": fsdp})
torch.distributed.barrier()
if torch.distributed.get_rank() == 0:  # as if killed after step 8
    shutil.rmtree(folder / "parted/checkpoints/step-00000012")
    shutil.rmtree(folder / "parted/model")
torch.distributed.barrier()
run(folder / "parted", loop={"fsdp": fsdp})
"""


@pytest.mark.timeout(300)
@pytest.mark.parametrize("fsdp", [False, True])
def test_two_processes_have_the_loss_of_one_and_go_on_from_their_checkpoint_exactly(tmp_path, fsdp):
    program = tmp_path / "both.py"
    program.write_text(TWO_PROCESSES)
    run(tmp_path / "one")
    launch([str(program), str(tmp_path), str(fsdp)])
    two = tmp_path / "whole"
    for ours, theirs in zip(curve(tmp_path / "one"), curve(two), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)
    torch.testing.assert_close(weights(tmp_path / "one/model"), weights(two / "model"), rtol=1e-3, atol=1e-5)
    same(two, tmp_path / "parted")


def launch(arguments: list[str]) -> None:
    """Run with two processes, as the documents say; `accelerate launch` begins but one on a CPU."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port = listening.getsockname()[1]
    where = ["--nproc-per-node=2", "--master-addr=127.0.0.1", f"--master-port={port}"]
    command = [sys.executable, "-m", "torch.distributed.run", *where, *arguments]
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd()), "OMP_NUM_THREADS": "1"}
    subprocess.run(command, env=environ, check=True, timeout=200)


def test_two_processes_of_the_command_itself_have_the_log_of_one(tmp_path, tokens):
    from reflectgen.cli import main

    one = write_config(tmp_path / "one.toml", tokens, tmp_path / "one")
    assert main(["train", str(one)]) == 0
    launch(["-m", "reflectgen", "train", str(write_config(tmp_path / "two.toml", tokens, tmp_path / "two"))])
    assert len(curve(tmp_path / "one")) > 3
    for ours, theirs in zip(curve(tmp_path / "one"), curve(tmp_path / "two"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"corpus_seed": 1}, "corpus was"),
        ({"optimizer": {"lr": 1e-4}}, "optimizer.lr was 0.003 and is now 0.0001"),
        ({"loop": {"batch_size": 8}}, "loop.batch_size was 4 and is now 8"),
    ],
)
def test_another_run_is_not_gone_on_with(tmp_path, changed, said):
    run(tmp_path, loop={"steps": 4})
    with pytest.raises(RecipeError, match=said):
        run(
            tmp_path,
            **{"loop": {"steps": 4}, **changed} if "loop" not in changed else {"loop": {"steps": 4, **changed["loop"]}},
        )


def test_a_loss_that_is_no_number_stops_and_leaves_the_last_checkpoint(tmp_path):
    run(tmp_path / "good", loop={"steps": 4}, optimizer={"schedule": "constant", "warmup": 0})
    with pytest.raises(TrainingError, match=r"loss .*, gradient norm .*step-0000000\d is the last good checkpoint"):
        run(tmp_path / "bad", optimizer={"lr": 1e20, "clip": 1e30, "warmup": 0}, checkpoint={"every": 1})
    from reflectgen.train.places import newest

    last = newest(tmp_path / "bad/checkpoints")
    assert last is not None
    assert all(tensor.isfinite().all() for tensor in weights(last).values())


def test_a_full_disk_leaves_the_last_checkpoint(tmp_path):
    # A file that may not grow is written to as a full disk is.
    program = (
        "import sys, resource, signal; from pathlib import Path; from tests.train.test_loop import run\n"
        "from reflectgen.errors import OutputError\n"
        "run(Path(sys.argv[1]), loop={'steps': 4})\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "Path(sys.argv[1], 'checkpoints/step-00000004').rename(Path(sys.argv[1], 'checkpoints/kept'))\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))\n"
        "try: run(Path(sys.argv[1]), loop={'steps': 4})\n"
        "except OutputError as error: print(error)\n"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path.cwd())}
    done = subprocess.run(
        [sys.executable, "-c", program, str(tmp_path)], env=environ, check=True, capture_output=True, text=True
    )
    assert "cannot write" in done.stdout
    assert "File too large" in done.stdout
    assert len(done.stdout.splitlines()) == 1
    assert [path.name for path in (tmp_path / "checkpoints").iterdir()] == ["kept"]


def test_a_checkpoint_with_a_missing_part_is_named(tmp_path):
    run(tmp_path, loop={"steps": 4})
    (tmp_path / "checkpoints/step-00000004/training/state.safetensors").write_bytes(b"nothing")
    with pytest.raises(VerificationError, match="step-00000004"):
        run(tmp_path, loop={"steps": 4})


def test_only_the_newest_checkpoints_are_kept(tmp_path):
    run(tmp_path, checkpoint={"every": 2, "keep": 3})
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000008", "step-00000010", "step-00000012"]


def test_checkpointed_layers_give_the_same_losses(tmp_path):
    run(tmp_path / "plain", loop={"steps": 4})
    run(tmp_path / "spared", loop={"steps": 4, "gradient_checkpointing": True})
    for ours, theirs in zip(curve(tmp_path / "plain"), curve(tmp_path / "spared"), strict=True):
        assert ours == pytest.approx(theirs, rel=1e-4)


def test_bf16_is_near_float32_and_its_model_is_saved_in_it(tmp_path):
    fitted = run(tmp_path / "half", loop={"precision": "bf16"})
    single = run(tmp_path / "single")
    assert fitted.loss == pytest.approx(single.loss, rel=0.02)
    assert {tensor.dtype for tensor in weights(fitted.folder).values()} == {torch.bfloat16}
    assert json.loads((fitted.folder / "config.json").read_text())["dtype"] == "bfloat16"


def test_weights_of_the_options_count(tmp_path):
    silent = run(tmp_path, data={"weights": {"text": 0.0, "end_of_text": 0.0}})
    assert "loss_text" not in silent.held_out
    assert silent.loss == pytest.approx(curve(tmp_path)[-2]["loss_reflection"])
