"""What an endpoint costs: by the token, or by the hour of its GPUs."""

from __future__ import annotations

from dataclasses import dataclass

from reflectgen.llm.endpoint import EndpointOptions

MILLION = 1_000_000
SECONDS_PER_HOUR = 3600


@dataclass(frozen=True, slots=True)
class Price:
    """In any currency; every part that is known counts."""

    per_million_prompt_tokens: float = 0.0
    per_million_completion_tokens: float = 0.0
    per_gpu_hour: float = 0.0
    num_gpus: int = 1

    @classmethod
    def of(cls, options: EndpointOptions) -> Price | None:
        """Return the price that an endpoint's options name; None where they name none."""
        prompt, completion = options.price_per_million_prompt_tokens, options.price_per_million_completion_tokens
        gpu_hour = options.price_per_gpu_hour
        if prompt is None and completion is None and gpu_hour is None:
            return None
        return cls(prompt or 0.0, completion or 0.0, gpu_hour or 0.0, options.num_gpus)

    def cost_of(self, prompt_tokens: float, completion_tokens: float, seconds: float) -> float:
        """Return what so many tokens cost, or `seconds` during which the GPUs were rented, or both."""
        tokens = prompt_tokens * self.per_million_prompt_tokens
        tokens += completion_tokens * self.per_million_completion_tokens
        return tokens / MILLION + seconds / SECONDS_PER_HOUR * self.per_gpu_hour * self.num_gpus
