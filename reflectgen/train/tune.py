"""`reflectgen sft` and `reflectgen finetune`: a checkpoint and conversations to a checkpoint."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from itertools import chain
from pathlib import Path
from typing import Any

import torch

from reflectgen.errors import InputError, RecipeError
from reflectgen.export.sft.run import MIX
from reflectgen.reflection.form import FormOptions
from reflectgen.train import checkpoint
from reflectgen.train.chat_tokens import ChatTokenizer, load_chat_tokenizer
from reflectgen.train.conversations import ChatFile, find_chat, read_conversations
from reflectgen.train.data import TokenArrays, TokenData, hold_out
from reflectgen.train.loop import Fitted, fit
from reflectgen.train.lora import merged, with_adapters
from reflectgen.train.model import load_model
from reflectgen.train.places import MODEL
from reflectgen.train.plot import write_plot
from reflectgen.train.tune_card import TuneCard, num_longer, weights_sha256
from reflectgen.train.tune_options import TuneOptions
from reflectgen.train.verdicts import VerdictProbe

ADAPTER = "adapter"
OnLog = Callable[[int, dict[str, float]], None]


def sft(options: TuneOptions, on_log: OnLog | None = None, on_note: Callable[[str], None] = print) -> Fitted:
    """Learn what `reflectgen sft-data` has written; see `tune`."""
    assert options.data.path is not None
    if find_chat(options.data.path).manifest is None:
        path = options.data.path
        raise InputError(f"{path} is no folder of `reflectgen sft-data`; for chat of your own: `reflectgen finetune`")
    return tune(options, on_log, on_note)


def tune(options: TuneOptions, on_log: OnLog | None = None, on_note: Callable[[str], None] = print) -> Fitted:
    """Go on training a checkpoint as told, going on where `options.out` was left.

    With adapters, `out`/adapter has them alone, and `out`/model, plain as ever, has them merged.

    Raises:
        InputError: there is no such checkpoint, its tokenizer lacks a marker, or a row is no chat; there is none.
        VerificationError: the conversations are not what their manifest says.
        RecipeError: the folder holds another run, or model and options do not fit.
        TrainingError: the loss is no number.
        OutputError: something cannot be written.
    """
    files = _files(options)
    chat = load_chat_tokenizer(options.model.start, _form(options, files))
    data = chat.tokenise(chain.from_iterable(map(read_conversations, files)))
    if num_cut := num_longer(data, options.data.sequence_length):
        on_note(f"{num_cut:,} of {data.num_documents:,} conversations are longer than data.sequence_length and are cut")
    model = _model(options, chat)
    base_sha256 = weights_sha256(options.model.start)
    card = TuneCard(options, files, data, base_sha256)
    last: dict[str, Any] = {}

    def describe(folder: Path, figures: dict[str, Any]) -> None:
        last.update(figures)
        card.write(folder, figures)

    learnt, held_out = _parts(options, chat, data)
    fitted = fit(
        options,
        model,
        learnt,
        out=options.out,
        held_out=held_out,
        tokenizer=chat.tokenizer,
        probe=VerdictProbe.of(chat.tokenizer, chat.form.open_marker),
        identity={"model": base_sha256, "lora": options.model_dump(mode="json")["lora"], **chat.identity},
        describe=describe,
        on_log=on_log,
    )
    if int(os.environ.get("RANK", "0")) == 0:
        if options.lora is not None:
            _merge(options, model, chat.tokenizer, lambda folder: card.write(folder, last))
        write_plot(options.out)
    return fitted


def _files(options: TuneOptions) -> list[ChatFile]:
    """Return what is learnt from, the replay set first: what is held out is taken from the end."""
    assert options.data.path is not None
    found = [find_chat(options.data.path)]
    if options.data.mix is not None:
        mix = find_chat(options.data.mix, MIX)
        if mix.manifest is None:
            raise InputError(f"data.mix {options.data.mix} is no folder of `reflectgen sft-data`")
        found.insert(0, mix)
    return found


def _form(options: TuneOptions, files: Iterable[ChatFile]) -> FormOptions:
    """Return the written form of reflections in these files."""
    forms = [file.manifest.form for file in files if file.manifest is not None]
    forms += [options.form] if options.form is not None else []
    if any(form.markers != forms[0].markers for form in forms):
        raise RecipeError("data.path, data.mix and form do not agree on the markers of reflections")
    return forms[0] if forms else FormOptions()


def _parts(options: TuneOptions, chat: ChatTokenizer, data: TokenArrays) -> tuple[TokenData, TokenData | None]:
    if options.data.held_out_path is None:
        return hold_out(data, options.data.held_out)
    return data, chat.tokenise(read_conversations(find_chat(options.data.held_out_path)))


def _model(options: TuneOptions, chat: ChatTokenizer) -> Any:
    model = load_model(options.model.start, chat.marked.vocab_size)
    positions = getattr(model.config, "max_position_embeddings", None)
    if positions is not None and options.data.sequence_length > positions:
        raise RecipeError(f"data.sequence_length is more than the model's {positions} positions")
    model.generation_config.eos_token_id = chat.end_ids
    return model if options.lora is None else with_adapters(model, options.lora, options.seed)


def _merge(options: TuneOptions, model: Any, tokenizer: Any, write_card: Callable[[Path], None]) -> None:
    """Write the adapters beside the model, and in its place the model with them in it."""

    def extra_files(folder: Path) -> None:
        checkpoint.save_tokenizer(folder, tokenizer)
        write_card(folder)

    checkpoint.save_model(options.out / ADAPTER, model, True, extra_files)
    kind = torch.bfloat16 if options.loop.precision == "bf16" else None
    checkpoint.save_model(options.out / MODEL, merged(model), True, extra_files, kind)
