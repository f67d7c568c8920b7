"""A checkpoint of a world's model as a generator: many short answers at once, greedy or sampled, on CPU or GPU."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from reflectgen.evals.medsafetyworld.generator import GenerateOptions, Prompt
from reflectgen.evals.medsafetyworld.training_data import prompt_text

if TYPE_CHECKING:
    from torch import Tensor

ROWS = 256  # that are written at once


class CheckpointGenerator:
    """Loads a Hugging Face folder with its tokenizer. The same options give the same texts on one machine.

    Raises:
        InputError: there is no model that can be loaded.
    """

    def __init__(self, folder: Path) -> None:
        import torch

        from reflectgen.train.model import pretrained, pretrained_tokenizer

        model = pretrained(folder)
        self._tokenizer: Any = pretrained_tokenizer(folder)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model = model.to(self._device).eval()
        self._end = self._tokenizer.eos_token_id

    def generate(self, prompts: Sequence[Prompt], options: GenerateOptions) -> list[list[str]]:
        """See `Generator`. Prompts of one length are written together, so that none needs filling up."""
        texts: list[list[str]] = [[] for _ in prompts]
        by_length: dict[int, list[tuple[int, list[int]]]] = defaultdict(list)
        for number, prompt in enumerate(prompts):
            ids = self._tokenizer.encode(prompt_text(prompt.question, prompt.prefill), add_special_tokens=False)
            by_length[len(ids)] += [(number, ids)] * options.num_samples
        for length in sorted(by_length):
            rows = by_length[length]
            for start in range(0, len(rows), ROWS):
                batch = rows[start : start + ROWS]
                written = self._write([ids for _, ids in batch], options, seed=hash((options.seed, length, start)))
                for (number, _), ids in zip(batch, written, strict=True):
                    texts[number].append(self._tokenizer.decode(ids, skip_special_tokens=False))
        return texts

    def _write(self, rows: list[list[int]], options: GenerateOptions, seed: int) -> list[list[int]]:
        """Return what the model writes after each row, up to and with the end of text."""
        import torch

        banned = [self._tokenizer.convert_tokens_to_ids(piece) for piece in options.banned]
        chance = torch.Generator(device=self._device).manual_seed(seed & (2**63 - 1))
        written: list[Tensor] = []
        with torch.inference_mode():
            ids = torch.tensor(rows, device=self._device)
            done = torch.zeros(len(rows), dtype=torch.bool, device=self._device)
            cache = None
            for _ in range(options.max_new_tokens):
                out = self._model(input_ids=ids, past_key_values=cache, use_cache=True)
                cache = out.past_key_values
                following = _choose(out.logits[:, -1].float(), banned, options.temperature, chance)
                following[done] = self._end
                written.append(following)
                done |= following == self._end
                if bool(done.all()):
                    break
                ids = following[:, None]
        columns = torch.stack(written, 1).tolist()
        return [_up_to(row, self._end) for row in columns]


def _choose(logits: Tensor, banned: list[int], temperature: float, chance: Any) -> Tensor:
    import torch

    logits[:, banned] = -torch.inf
    if not temperature:
        return logits.argmax(-1)
    return torch.multinomial((logits / temperature).softmax(-1), 1, generator=chance)[:, 0]


def _up_to(ids: list[int], end: int) -> list[int]:
    return ids[: ids.index(end) + 1] if end in ids else ids
