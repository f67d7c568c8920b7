"""`reflectgen generate`: what a checkpoint writes, and whether its reflections have their form."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from reflectgen.cli import options as o
from reflectgen.errors import InputError, VerificationError
from reflectgen.evals.compare.figure import rate
from reflectgen.train.extra import needs_extra

if TYPE_CHECKING:
    from reflectgen.train.generate import FormCounts


def generate(
    checkpoint: Annotated[Path, typer.Argument(metavar="CHECKPOINT", help="A folder that transformers loads.")],
    prompt: Annotated[list[str] | None, typer.Option("--prompt", "-p", help="Give it again for more.")] = None,
    prompts: Annotated[Path | None, typer.Option(help="A file of prompts, one a line.")] = None,
    max_new_tokens: Annotated[int, typer.Option(min=1, help="Tokens after each prompt, at most.")] = 256,
    temperature: Annotated[float, typer.Option(min=0, help="0 takes the likeliest token each time.")] = 0.0,
    top_p: Annotated[float, typer.Option(min=0, max=1, help="Share of the likelihood that is drawn from.")] = 1.0,
    seed: Annotated[int, typer.Option(help="Of what is drawn.")] = 0,
    batch_size: Annotated[int, typer.Option(min=1, help="Prompts at a time.")] = 64,
    must_parse: Annotated[
        float | None, typer.Option(min=0, max=1, help="Fail unless this share of reflections parse.")
    ] = None,
    as_json: o.AsJson = False,
) -> None:
    """Print what a model writes after prompts; how many reflections there were goes to stderr."""
    asked = [*(prompt or []), *(_lines(prompts) if prompts else [])] or [""]
    try:
        from reflectgen.train.generate import FormCounts, Generator, Sampling

        generator = Generator(checkpoint)
    except ImportError as error:
        raise needs_extra(error.name) from error
    form, counts = o.form_of("contextual", "<think>", "</think>", "<|endoftext|>", None), FormCounts()
    for made in generator.generate(asked, Sampling(max_new_tokens, temperature, top_p, seed, batch_size)):
        counts.add(made, form)
        row = {"prompt": made.prompt, "text": made.text, "ended": made.ended}
        typer.echo(json.dumps(row, ensure_ascii=False) if as_json else f"{made.prompt}{made.text}\n")
    typer.echo(_said(counts), err=True)
    if must_parse is not None and counts.share < must_parse:
        raise VerificationError(f"{counts.share:.1%} of the reflections parse, {must_parse:.1%} were asked for")


def _said(counts: FormCounts) -> str:
    """Return the counts as a line, with the share's interval: a few reflections say little of a model."""
    figure = rate(counts.parsed, counts.num_whole)
    share = ""
    if figure.value is not None and figure.low is not None and figure.high is not None:
        share = f" ({figure.value:.1%}, 95 % interval {figure.low:.1%} to {figure.high:.1%})"
    reasons = ", ".join(f"{num} {reason}" for reason, num in counts.broken.most_common())
    broken = f"{counts.broken.total()} do not" + (f" ({reasons})" if reasons else "")
    cut_off = f"{counts.cut_off} were cut off by --max-new-tokens"
    return f"{counts.num_whole} reflections: {counts.parsed} parse{share}, {broken}; {cut_off}"


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"cannot read prompts from {path}: {error}") from error
