"""What a run would cost, by the prices of the endpoints that it holds."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from reflectgen.jobs.roles import Roles
from reflectgen.jobs.sampling import NOTHING, Total
from reflectgen.llm.price import MILLION, Price


def price_of_run(
    roles: Roles, tokens: Mapping[str, tuple[Total, Total]], hours: Total | None
) -> tuple[Total | None, Total | None]:
    """Return GPU-hours and cost of a run: `tokens` are those of prompts and answers by role, `hours` its length.

    Both are counted as a running job counts them: an endpoint's GPUs cost by the hour for the whole run, once, however
    many roles it has. None: `hours` are not known, or a price is not.
    """
    endpoints = {
        status.endpoint: options
        for bound in roles.bound
        for status, options in zip(bound.pool.status.endpoints, bound.options, strict=True)
    }
    num_gpus = sum(options.num_gpus for options in endpoints.values())
    gpu_hours = hours.times(num_gpus) if hours and endpoints else None
    prices = {endpoint: Price.of(options) for endpoint, options in endpoints.items()}
    per_hour = sum(price.per_gpu_hour * price.num_gpus for price in prices.values() if price)
    if not endpoints or None in prices.values() or (per_hour and hours is None):
        return gpu_hours, None
    cost = hours.times(per_hour) if hours else NOTHING
    for bound in roles.bound:
        own = [price for status in bound.pool.status.endpoints if (price := prices[status.endpoint])]
        prompt, completion = tokens.get(bound.role, (NOTHING, NOTHING))
        cost = cost.plus(prompt.times(_price([one.per_million_prompt_tokens for one in own])))
        cost = cost.plus(completion.times(_price([one.per_million_completion_tokens for one in own])))
    return gpu_hours, cost


def _price(per_million: Sequence[float]) -> Total:
    """Return the price of a token, where nobody can say which endpoint will be asked how often."""
    mean = sum(per_million) / len(per_million)
    return Total(mean, min(per_million), max(per_million)).times(1 / MILLION)
