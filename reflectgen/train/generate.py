"""Text from a checkpoint, many prompts at a time, and whether the reflections in it have their form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from reflectgen.monitor.stream import Broken, Event, Reflected, StreamParser
from reflectgen.reflection.form import FormOptions


@dataclass(frozen=True, slots=True)
class Sampling:
    """`temperature` 0 takes the likeliest token each time."""

    max_new_tokens: int = 256
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0
    batch_size: int = 64


@dataclass(frozen=True, slots=True)
class Generated:
    """`text` is what came after the prompt, markers included; `ended` says that it ends with the end-of-text."""

    prompt: str
    text: str
    ended: bool


@dataclass(slots=True)
class FormCounts:
    """Reflections begun in generated text. `broken` counts them by reason, as `Broken` names it; `cut_off` ones were
    still open when the tokens were spent."""

    parsed: int = 0
    broken: Counter[str] = field(default_factory=Counter)
    cut_off: int = 0

    def add(self, generated: Generated, form: FormOptions) -> None:
        parser = StreamParser(form)
        for event in parser.feed(generated.text):
            self.parsed += isinstance(event, Reflected)
            self._count_broken(event)
        for event in parser.close():
            if generated.ended:
                self._count_broken(event)
            else:
                self.cut_off += isinstance(event, Broken)

    def _count_broken(self, event: Event) -> None:
        if isinstance(event, Broken):
            self.broken[event.reason] += 1

    @property
    def num_whole(self) -> int:
        """Return how many there are that were not cut off."""
        return self.parsed + self.broken.total()

    @property
    def share(self) -> float:
        """Return the share of whole reflections that parse; 0 where there is none."""
        return self.parsed / self.num_whole if self.num_whole else 0.0


class Generator:
    """A checkpoint loaded for generation, with its keys and values cached.

    Raises:
        InputError: model or tokenizer cannot be loaded.
    """

    def __init__(self, folder: Path) -> None:
        import torch

        from reflectgen.train.model import pretrained, pretrained_tokenizer

        self._model = pretrained(folder)
        self._tokenizer: Any = pretrained_tokenizer(folder)
        self._device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
        self._model.to(self._device).eval()
        self._tokenizer.padding_side = "left"
        if self._tokenizer.pad_token is None:
            self._tokenizer.pad_token = self._tokenizer.eos_token

    def generate(self, prompts: Sequence[str], sampling: Sampling) -> list[Generated]:
        """Return what the model writes after each prompt, in order; an empty prompt begins a document."""
        import torch

        torch.manual_seed(sampling.seed)
        order = sorted(range(len(prompts)), key=lambda place: len(prompts[place]))  # little padding
        found: dict[int, Generated] = {}
        for start in range(0, len(order), sampling.batch_size):
            places = order[start : start + sampling.batch_size]
            made = self._batch([prompts[place] for place in places], sampling)
            found |= dict(zip(places, made, strict=True))
        return [found[place] for place in range(len(prompts))]

    def _batch(self, prompts: list[str], sampling: Sampling) -> list[Generated]:
        import torch

        tokenizer = self._tokenizer
        given = [prompt or tokenizer.eos_token for prompt in prompts]
        asked = tokenizer(given, return_tensors="pt", padding=True, add_special_tokens=False).to(self._device)
        chance: dict[str, Any] = {"do_sample": False}
        if sampling.temperature > 0:
            chance = {"do_sample": True, "temperature": sampling.temperature, "top_p": sampling.top_p, "top_k": 0}
        with torch.inference_mode():
            made = self._model.generate(
                input_ids=asked["input_ids"],
                attention_mask=asked["attention_mask"],
                max_new_tokens=sampling.max_new_tokens,
                pad_token_id=tokenizer.pad_token_id,
                **chance,
            )
        rows = made[:, asked["input_ids"].shape[1] :].tolist()
        return [self._ended(prompt, row) for prompt, row in zip(prompts, rows, strict=True)]

    def _ended(self, prompt: str, ids: list[int]) -> Generated:
        end = self._model.generation_config.eos_token_id
        ends = set(end) if isinstance(end, list) else {end}
        length = next((place + 1 for place, each in enumerate(ids) if each in ends), len(ids))
        text = self._tokenizer.decode(ids[:length], skip_special_tokens=False, clean_up_tokenization_spaces=False)
        return Generated(prompt, text, bool(ids[:length]) and ids[length - 1] in ends)
