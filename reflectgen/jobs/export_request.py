"""An export of a service's job as a person asks for it: formats, written form, ablation arm, a tokenizer by name."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import BaseModel, Field, model_validator

from reflectgen.errors import RecipeError
from reflectgen.export.any_format import AnyFormat, of_tokens
from reflectgen.export.arms.options import ArmName
from reflectgen.export.arms.registry import ARMS, Rows
from reflectgen.export.kinds import Weights
from reflectgen.jobs.registry import Registry
from reflectgen.reflection.form import FormOptions

MAX_SEED = 2**53 - 1  # the greatest whole number that every reader of JSON keeps
NEED_REFLECTIONS = (AnyFormat.STANDOFF, AnyFormat.DOLMA)


class ArmRequest(BaseModel, extra="forbid", frozen=True):
    """What is done to the documents. `seed` and `strict` are as for `reflectgen export`."""

    name: ArmName = ArmName.SRP
    seed: int = Field(default=0, ge=0, le=MAX_SEED)
    strict: bool = False


class ExportRequest(BaseModel, extra="forbid", frozen=True):
    """Formats to write, and how, where that is not to be as the job's recipe says. The tokenizer is the operator's."""

    formats: tuple[AnyFormat, ...] = Field(default=(AnyFormat.PARQUET,), min_length=1, max_length=len(AnyFormat))
    form: FormOptions | None = None
    arm: ArmRequest = ArmRequest()
    tokenizer: str | None = Field(None, min_length=1, max_length=64, description="a name of GET /v1/tokenizers")
    weights: Weights | None = Field(None, description="loss weights that are written beside tokens")

    @model_validator(mode="after")
    def _goes_together(self) -> Self:
        tokens = of_tokens(self.formats)
        if tokens and self.tokenizer is None:
            raise ValueError(f"formats: {tokens[0]} needs a tokenizer; GET /v1/tokenizers lists those that there are")
        if self.tokenizer and not tokens and self.arm.name is not ArmName.RAW_MATCHED:
            raise ValueError("tokenizer: no format of tokens is asked for, and arm raw-matched is not; leave it out")
        if self.weights and not tokens:
            raise ValueError("weights: they are written beside tokens, and no format of those is asked for")
        if ARMS[self.arm.name].rows is not Rows.WOVEN and (odd := set(NEED_REFLECTIONS) & set(self.formats)):
            raise ValueError(f"formats: arm {self.arm.name} has no reflections, and {min(odd)} is made of them")
        return self

    def options(self, registry: Registry) -> ExportOptions:
        """Return what an export keeps of the request; the registry may change afterwards.

        Raises:
            RecipeError: the operator has no tokenizer of this name.
        """
        there = registry.tokenizers
        if self.tokenizer is not None and self.tokenizer not in there:
            raise RecipeError(
                f"there is no tokenizer {self.tokenizer!r}; there are {', '.join(sorted(there)) or 'none'}"
            )
        return ExportOptions(
            formats=tuple(dict.fromkeys(self.formats)),
            form=self.form,
            arm=self.arm,
            tokenizer=self.tokenizer,
            tokenizer_path=there[self.tokenizer].path if self.tokenizer else None,
            weights=self.weights or Weights(),
        )


class ExportOptions(BaseModel, frozen=True):
    """What is kept of a request. All defaults: the first export of a job, by its recipe."""

    formats: tuple[AnyFormat, ...] = ()
    form: FormOptions | None = None
    arm: ArmRequest = ArmRequest()
    tokenizer: str | None = None
    tokenizer_path: Path | None = None  # shown to nobody
    weights: Weights = Weights()
