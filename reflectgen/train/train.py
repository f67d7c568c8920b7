"""`reflectgen train`: token shards and a file of options to a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

from reflectgen.errors import InputError, RecipeError, VerificationError
from reflectgen.export.token_shards import TokenShards
from reflectgen.train.card import write_card
from reflectgen.train.data import TokenData, hold_out
from reflectgen.train.loop import Fitted, IsToStop, fit
from reflectgen.train.model import load_model, new_model
from reflectgen.train.options import TrainOptions
from reflectgen.train.plot import write_plot
from reflectgen.train.verdicts import VerdictProbe

OPEN_MARKER = "<think>"
TOKENIZER_FILE = "tokenizer.json"


def train(
    options: TrainOptions,
    on_log: Callable[[int, dict[str, float]], None] | None = None,
    is_to_stop: IsToStop = lambda step, num_steps: False,
) -> Fitted:
    """Train as told, going on where `options.out` was left; every process of `accelerate launch` calls it.

    Raises:
        InputError: there is no model to go on from.
        VerificationError: the corpus is not what its manifest says, or its tokenizer cannot be loaded.
        RecipeError: the folder holds another run, or tokenizer and model do not fit.
        TrainingError: the loss is no number.
        TrainingStopped: `is_to_stop` said so; see `fit`.
        OutputError: something cannot be written.
    """
    assert options.data.path is not None
    corpus = TokenShards.open(options.data.path, verify=True)
    data, held_out = _parts(options, corpus)
    tokenizer = load_tokenizer(corpus)
    model = _model(options, corpus)
    fitted = fit(
        options,
        model,
        data,
        out=options.out,
        held_out=held_out,
        weights=corpus.manifest.weights,
        tokenizer=tokenizer,
        probe=None if tokenizer is None else VerdictProbe.of(tokenizer, open_marker_of(corpus)),
        identity={"model": _model_identity(options), "tokenizer": _tokenizer_sha256(corpus)},
        describe=lambda folder, figures: write_card(folder, corpus.manifest, corpus.manifest_sha256, options, figures),
        on_log=on_log,
        is_to_stop=is_to_stop,
    )
    if int(os.environ.get("RANK", "0")) == 0:
        write_plot(options.out)
    return fitted


def load_tokenizer(corpus: TokenShards) -> Any:
    """Return the tokenizer beside a corpus; None where it was made without one.

    Raises:
        VerificationError: it cannot be loaded.
    """
    if corpus.manifest.tokenizer is None:
        return None
    from transformers import AutoTokenizer

    folder = (corpus.folder / corpus.manifest.tokenizer.path).parent
    try:
        return AutoTokenizer.from_pretrained(folder, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        raise VerificationError(f"cannot load the tokenizer {folder}: {error}; export the corpus again") from error


def open_marker_of(corpus: TokenShards) -> str:
    """Return what a reflection begins with in a corpus."""
    form = corpus.manifest.recipe.get("form")
    return str(form.get("open_marker", OPEN_MARKER)) if isinstance(form, dict) else OPEN_MARKER


def _parts(options: TrainOptions, corpus: TokenShards) -> tuple[TokenData, TokenData | None]:
    if options.data.held_out_path is None:
        return hold_out(corpus, options.data.held_out)
    held_out = TokenShards.open(options.data.held_out_path, verify=True)
    if _tokenizer_sha256(held_out) != _tokenizer_sha256(corpus):
        raise RecipeError("data.held_out_path was made with another tokenizer than data.path; export it again")
    return corpus, held_out


def _model(options: TrainOptions, corpus: TokenShards) -> Any:
    start = options.model.start
    if start is None:
        shape = options.model.wanted_shape
        _check_length(options, shape.max_positions)
        return new_model(shape, corpus.vocab_size, corpus.end_of_text_id, options.seed)
    _check_tokenizer(start, corpus)
    model = load_model(start, corpus.vocab_size)
    _check_length(options, getattr(model.config, "max_position_embeddings", None))
    return model


def _check_length(options: TrainOptions, num_positions: int | None) -> None:
    if num_positions is not None and options.data.sequence_length > num_positions:
        raise RecipeError(f"data.sequence_length is more than the model's {num_positions} positions")


def _check_tokenizer(start: Path, corpus: TokenShards) -> None:
    """Refuse a corpus in which an id or a token is another than to the model; either may know some more."""
    path = start / TOKENIZER_FILE
    if corpus.manifest.tokenizer is None or not path.exists():
        return
    there, here = _ids_of(path), _ids_of(corpus.folder / corpus.manifest.tokenizer.path)
    tokens = {id_: token for token, id_ in here.items()}
    if any(here.get(token, id_) != id_ or tokens.get(id_, token) != token for token, id_ in there.items()):
        raise RecipeError(
            f"the corpus was tokenised with another tokenizer than that of {start}; export it again with "
            f"--tokenizer {start}"
        )


def _ids_of(path: Path) -> dict[str, int]:
    """Return what a tokenizer.json has ids for."""
    from tokenizers import Tokenizer

    try:
        return Tokenizer.from_file(str(path)).get_vocab(with_added_tokens=True)
    except Exception as error:  # the library raises nothing more special
        raise InputError(f"{path} is not a tokenizer: {str(error).partition(chr(10))[0]}") from None


def _model_identity(options: TrainOptions) -> dict[str, Any]:
    if options.model.start is not None:
        return {"start": str(options.model.start)}
    return options.model.wanted_shape.model_dump()


def _tokenizer_sha256(corpus: TokenShards) -> str:
    return corpus.manifest.tokenizer.sha256 if corpus.manifest.tokenizer else ""
