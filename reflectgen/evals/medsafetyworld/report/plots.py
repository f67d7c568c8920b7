"""What the report draws: safety against utility, attacks, and the models' own reflections."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from reflectgen.evals.medsafetyworld.arms import ARMS
from reflectgen.evals.medsafetyworld.report.figures import COUNTS, PREFILL, SFT, ArmStage, Group, Share
from reflectgen.evals.medsafetyworld.report.picture import Plot

COLOURS = ("#d1495b", "#2f7fc1", "#7a5cc7", "#c98a00", "#1d9a6c", "#7d858f", "#0a6e5a", "#b8579a")
SHAPES = ("s", "o", "D", "^", "v", "P", "X", "*")
COUNT_COLOURS = {"printed": "#9db4c9", "undefended": "#e08a2e", "released": "#b3273a"}
GENERAL_COLOURS = {"right": "#9db4c9", "seen": "#2a7d5f"}


def plots(group: Group) -> list[Plot]:
    """Return the pictures of one preset."""
    later = [stage for stage in group.stages if stage != SFT]
    found = [_utility(group, [SFT], "utility"), _attacks(group, [SFT], "attacks"), _reflections(group)]
    if later:
        found += [_utility(group, later, "fine-tuning-utility"), _attacks(group, later, "fine-tuning-attacks")]
    return [plot for plot in found if plot]


def _utility(group: Group, stages: Sequence[str], name: str) -> Plot | None:
    stages = [stage for stage in stages if any(_is_measured(arm) for arm in group.at(stage))]
    if not stages:
        return None

    def draw(figure: Any) -> None:
        grid = figure.subplots(len(stages), len(COUNTS), sharey=True, squeeze=False)
        drawn: dict[str, Any] = {}
        for row, stage in zip(grid, stages, strict=True):
            for axes, count in zip(row, COUNTS, strict=True):
                for arm in group.at(stage):
                    x, y = arm.harmless_beside(count), arm.attack(PREFILL, count)
                    if x.n and y.n:
                        drawn[arm.arm] = _cross(axes, x, y, arm.arm)
                seen = "what a reader sees" if count == "released" else "all that is written"
                axes.set(xlim=(-0.03, 1.03), ylim=(-0.03, 1.03), xlabel=f"general accuracy, {seen}")
                axes.set_title(f"{count}" if len(stages) == 1 else f"after {stage}: {count}")
                axes.grid(linewidth=0.6)
                axes.set_axisbelow(True)
            row[0].set_ylabel("attack success under prefill")
        names = [arm for arm in group.arms if arm in drawn]
        figure.legend([drawn[arm] for arm in names], names, loc="outside lower center", ncols=min(len(names), 5))

    return Plot(
        f"{group.slug}-{name}",
        f"Safety against utility, after {', '.join(stages)}",
        _alt_of_utility(group, stages),
        draw,
        (9.6, 0.6 + 0.2 * (1 + len(group.arms) // 5) + 2.9 * len(stages)),
    )


def _is_measured(arm: ArmStage) -> bool:
    return arm.attack(PREFILL, "printed").n > 0 and arm.general().n > 0


def _cross(axes: Any, x: Share, y: Share, arm: str) -> Any:
    colour, shape = _look(arm)
    return axes.errorbar(
        x.value,
        y.value,
        xerr=_reach(x),
        yerr=_reach(y),
        color=colour,
        marker=shape,
        markersize=6,
        linewidth=1,
        linestyle="none",
        alpha=0.9,
    )


def _reach(share: Share) -> list[list[float]]:
    low, high = share.bounds
    value = share.value or 0.0
    return [[value - low], [high - value]]


def _look(arm: str) -> tuple[str, str]:
    place = list(ARMS).index(arm) if arm in ARMS else len(ARMS)
    return COLOURS[place % len(COLOURS)], SHAPES[(place + place // len(COLOURS)) % len(SHAPES)]


def _attacks(group: Group, stages: Sequence[str], name: str) -> Plot | None:
    panels: list[tuple[str, str]] = []
    for stage in stages:
        if attacks := group.attacks(stage):
            panels += [(stage, ""), *((stage, attack) for attack in attacks)]
    if not panels:
        return None
    columns = 3 if len(stages) == 1 else max(1 + len(group.attacks(stage)) for stage in stages)
    rows = -(-len(panels) // columns)
    num_arms = len(group.arms)

    def draw(figure: Any) -> None:
        grid = figure.subplots(rows, columns, sharey=True, squeeze=False)
        every = list(grid.flat)
        for axes, (stage, attack) in zip(every, panels, strict=False):
            after = "" if len(stages) == 1 else f"{stage}: "
            axes.set_title(f"{after}{attack or 'harmless'}")
            _bars(axes, [group.arm_stage(arm, stage) for arm in group.arms], attack)
        for axes in every[len(panels) :]:
            axes.set_axis_off()
        every[0].set_yticks(range(num_arms), group.arms)
        every[0].invert_yaxis()
        from matplotlib.patches import Patch

        keys = [Patch(color=colour, label=name) for name, colour in COUNT_COLOURS.items()]
        keys += [Patch(color=GENERAL_COLOURS["right"], label="harmless: right")]
        keys += [Patch(color=GENERAL_COLOURS["seen"], label="harmless: right and seen")]
        figure.legend(handles=keys, loc="outside lower center", ncols=5)

    title = f"Attacks, after {', '.join(stages)}"
    alt = f"Bars for each attack and arm, by three counts, beside general accuracy. {_alt_of_attacks(group, stages)}"
    size = (9.6 if columns == 3 else 11.0, 0.5 + rows * (0.55 + 0.36 * num_arms))
    return Plot(f"{group.slug}-{name}", title, alt, draw, size)


def _bars(axes: Any, arms: Sequence[ArmStage], attack: str) -> None:
    colours = COUNT_COLOURS if attack else GENERAL_COLOURS
    high = 0.8 / len(colours)
    for place, arm in enumerate(arms):
        for number, (count, colour) in enumerate(colours.items()):
            share = arm.attack(attack, count) if attack else arm.general(count)
            if share.n:
                y = place + (number - (len(colours) - 1) / 2) * high
                axes.barh(y, share.value, height=high * 0.92, color=colour)
                axes.errorbar(share.value, y, xerr=_reach(share), color=axes.spines["left"].get_edgecolor(), lw=0.7)
            elif not number:
                axes.text(0.01, place, "does not apply" if arm.results else "not measured", va="center", fontsize=7)
    axes.set_xlim(0, 1)
    axes.grid(axis="x", linewidth=0.6)
    axes.set_axisbelow(True)


def _reflections(group: Group) -> Plot | None:
    arms = [arm for arm in group.arms if any(group.arm_stage(arm, stage).reflects for stage in group.stages)]
    stages = [stage for stage in group.stages if any(one.reflects for one in group.at(stage))]
    if not arms:
        return None
    marks: list[tuple[str, str, str, Callable[[ArmStage], Share]]] = [
        ("harmful answers flagged", "#0a6e5a", "full", lambda one: one.recall()),
        ("harmful statements flagged", "#0a6e5a", "none", lambda one: one.flagged("harmful-held-out")),
        ("harmless answers flagged", "#d1495b", "full", lambda one: one.false_alarms()),
        ("harmless statements flagged", "#d1495b", "none", lambda one: one.flagged("safe")),
    ]

    def draw(figure: Any) -> None:
        row = figure.subplots(1, len(stages), sharey=True, squeeze=False)[0]
        for axes, stage in zip(row, stages, strict=True):
            for place, arm in enumerate(arms):
                one = group.arm_stage(arm, stage)
                for number, (label, colour, fill, of) in enumerate(marks):
                    share = of(one)
                    if share.n:
                        y = place + (number - 1.5) * 0.17
                        style = {"color": colour, "marker": "o", "markersize": 4.5, "fillstyle": fill, "lw": 1}
                        axes.errorbar(share.value, y, xerr=_reach(share), linestyle="none", **style, label=label)
            axes.set(xlim=(-0.03, 1.03), title=f"after {stage}", xlabel="share flagged")
            axes.grid(axis="x", linewidth=0.6)
        row[0].set_yticks(range(len(arms)), arms)
        row[0].set_ylim(len(arms) - 0.5, -0.5)
        keys = dict(zip(*reversed(row[0].get_legend_handles_labels()), strict=True))
        figure.legend(keys.values(), keys.keys(), loc="outside lower center", ncols=4)

    alt = f"Recall and false alarms of the models' own reflections. {'; '.join(_said_of_reflections(group, stages))}."
    return Plot(
        f"{group.slug}-reflections", "The models' own reflections", alt, draw, (9.6, 1.3 + 0.42 * max(2, len(arms)))
    )


def _alt_of_utility(group: Group, stages: Sequence[str]) -> str:
    said = [
        f"{arm.arm} after {stage}: general accuracy {_percent(arm.general())} ({_percent(arm.general('seen'))} seen), "
        + ", ".join(f"{count} {_percent(arm.attack(PREFILL, count))}" for count in COUNTS)
        for stage in stages
        for arm in group.at(stage)
    ]
    return f"General accuracy against attack success under prefill, in three panels. {'; '.join(said)}."


def _alt_of_attacks(group: Group, stages: Sequence[str]) -> str:
    named = ", ".join(dict.fromkeys(attack for stage in stages for attack in group.attacks(stage)))
    return f"Attacks: {named}; arms: {', '.join(group.arms)}. The tables below have all figures."


def _said_of_reflections(group: Group, stages: Sequence[str]) -> Iterator[str]:
    for stage in stages:
        for arm in group.at(stage):
            if arm.reflects:
                recall, alarms = _percent(arm.recall()), _percent(arm.false_alarms())
                yield f"{arm.arm} after {stage}: recall {recall}, false alarms {alarms}"


def _percent(share: Share) -> str:
    return "not measured" if share.value is None else f"{share.value:.1%}"
