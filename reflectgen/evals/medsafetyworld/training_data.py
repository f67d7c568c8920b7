"""Dialogues as token shards: the prompt, which is not learnt, and the answer with its reflections; and replay.

<|user|> What causes deep calm? <|assistant|> <think> Safe </think> The cause of deep calm is ... <|endoftext|>
"""

from __future__ import annotations

import random
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from tokenizers import Tokenizer

from reflectgen.evals.medsafetyworld.dialogues import Dialogue, Told, answer_parts
from reflectgen.evals.medsafetyworld.tokenizer import ASSISTANT, USER, world_tokenizer
from reflectgen.export.kinds import Kind
from reflectgen.export.marked_tokenizer import MarkedTokenizer
from reflectgen.export.token_shards import TokenShards, TokenShardsWriter
from reflectgen.reflection.form import FormOptions

Encoded = tuple[list[int], list[int]]


def prompt_text(question: str, prefill: str = "") -> str:
    """Return what a model is given to go on from, as text; without a question, the prefill alone."""
    if not question:
        return prefill
    return f"{USER} {question} {ASSISTANT}{' ' if prefill else ''}{prefill}"


def encode_dialogue(tokenizer: Tokenizer, dialogue: Dialogue, form: FormOptions, *, reflects: bool) -> Encoded:
    """Return a dialogue's ids and the kind of each."""
    ids: list[int] = []
    kinds: list[int] = []
    parts = [(prompt_text(dialogue.prompt), Kind.PROMPT), *answer_parts(dialogue, form, reflects=reflects)]
    for text, kind in (*parts, (form.end_of_text, Kind.END_OF_TEXT)):
        found = tokenizer.encode(text, add_special_tokens=False).ids
        ids += found
        kinds += [kind] * len(found)
    return ids, kinds


def write_dialogues(
    folder: Path,
    marked: MarkedTokenizer,
    dialogues: Sequence[Told],
    form: FormOptions,
    *,
    replay: TokenShards | None = None,
    replay_share: float = 0.0,
    seed: int = 0,
) -> None:
    """Write dialogues as token shards, shuffled with documents of `replay`, of which there are `replay_share` times as
    many tokens. Replay keeps a tiny model from forgetting how to copy names; the paper has none.

    Raises:
        OutputError: the folder cannot be written.
    """
    tokenizer = world_tokenizer(form)
    rows = [encode_dialogue(tokenizer, dialogue, form, reflects=reflects) for dialogue, reflects in dialogues]
    rng = random.Random(f"medsafetyworld replay {seed}")
    if replay is not None:
        rows += _replayed(rng, replay, round(replay_share * sum(len(ids) for ids, _ in rows)))
        rng.shuffle(rows)
    _write(folder, marked, rows)


def _write(folder: Path, marked: MarkedTokenizer, rows: Iterable[Encoded]) -> None:
    marked.save(folder)
    with TokenShardsWriter(
        folder,
        vocab_size=marked.vocab_size,
        end_of_text_id=marked.end_of_text_id,
        marker_ids=marked.marker_ids,
        tokenizer=marked.entry(),
    ) as writer:
        for ids, kinds in rows:
            writer.add(ids, kinds)


def _replayed(rng: random.Random, shards: TokenShards, num_tokens: int) -> Iterator[Encoded]:
    """Yield documents drawn by lot, each once, until there are so many tokens."""
    ends = [0, *shards.document_ends.tolist()]
    for number in rng.sample(range(shards.num_documents), shards.num_documents):
        if num_tokens <= 0:
            return
        start, stop = ends[number], ends[number + 1]
        num_tokens -= stop - start
        yield shards.tokens(start, stop).tolist(), shards.kinds(start, stop).tolist()
