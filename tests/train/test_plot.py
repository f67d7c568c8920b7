import json
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.errors import OutputError
from reflectgen.train.plot import PLOT_NAME, readable_ticks, write_plot

pytest.importorskip("matplotlib")
pytestmark = pytest.mark.train


def write_log(folder, losses, **more):
    lines = [{"step": step, "loss": loss, "loss_text": loss * 1.1, **more} for step, loss in enumerate(losses)]
    (folder / "log.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))


def pixels(path):
    from matplotlib.image import imread

    return imread(path)


def test_a_run_becomes_a_png_with_its_verdicts_beside_its_losses(tmp_path):
    write_log(tmp_path, [7.0, 4.0, 2.5])
    assert write_plot(tmp_path) == tmp_path / PLOT_NAME
    assert (tmp_path / PLOT_NAME).read_bytes().startswith(b"\x89PNG")
    alone = pixels(tmp_path / PLOT_NAME)
    write_log(tmp_path, [7.0, 4.0, 2.5], held_out_verdict_accuracy=0.5)
    write_plot(tmp_path)
    assert pixels(tmp_path / PLOT_NAME).shape[1] > alone.shape[1]


def test_another_run_is_another_picture(tmp_path):
    write_log(tmp_path, [7.0, 4.0, 2.5])
    write_plot(tmp_path)
    first = pixels(tmp_path / PLOT_NAME)
    write_log(tmp_path, [7.0, 6.0, 2.5])
    write_plot(tmp_path)
    assert (pixels(tmp_path / PLOT_NAME) != first).any()


@pytest.mark.parametrize("losses", [[], [3.0], [2.0, 2.0], [1.0, 0.0]])
def test_runs_with_next_to_nothing_to_draw_are_drawn(tmp_path, losses):
    write_log(tmp_path, losses)
    assert write_plot(tmp_path) is not None


def test_a_place_that_cannot_be_written_is_said(tmp_path):
    write_log(tmp_path, [3.0])
    (tmp_path / PLOT_NAME).mkdir()
    with pytest.raises(OutputError, match=r"cannot write .*loss.png"):
        write_plot(tmp_path)


@given(low=st.floats(1e-4, 20), ratio=st.floats(1.02, 1e4))
def test_an_axis_of_losses_has_a_few_round_numbers_on_it(low, ratio):
    ticks = readable_ticks(low, low * ratio)
    assert 3 <= len(ticks) <= 12
    assert ticks == sorted(set(ticks))
    assert all(low <= tick <= low * ratio for tick in ticks)
    if ratio > 1.5:  # short enough to read
        assert all(len(f"{tick:g}") <= 6 for tick in ticks)


def test_short_axes_have_equal_steps_and_long_ones_powers_of_ten():
    assert readable_ticks(1.9, 3.4) == [2, 2.5, 3]
    assert readable_ticks(0.6, 9) == [1, 2, 5]
    assert [round(math.log10(tick)) for tick in readable_ticks(0.003, 10)] == [-2, -1, 0, 1]
