"""What a job has used of its endpoints, in all its runs, and what that costs."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Sequence

from reflectgen.errors import RecipeError
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.progress import Spent
from reflectgen.jobs.roles import Roles
from reflectgen.store import Store
from reflectgen.store.usage import Usage, add_usage, usage_of

FLUSH_SECONDS = 10.0  # what a run that is killed leaves out of the account, at most


def refuse_limits_without_prices(limits: Limits, roles: Roles) -> None:
    """Refuse a limit on cost where an endpoint's price is not known.

    Raises:
        RecipeError: there is one.
    """
    if limits.max_cost is None:
        return
    prices = roles.prices()
    unpriced = [one.endpoint for one in roles.usage() if (one.role, one.endpoint) not in prices]
    if unpriced:
        raise RecipeError(f"--max-cost needs a price for {unpriced[0]}: set one in its [endpoints] section of --recipe")


class Accounts:
    """Adds what this run uses to what earlier ones did. A job that asks nobody has nothing to account for.

    With `is_shared` other workers add to the same account: what they used is known from the last time that this one
    flushed, and the time at which several had an endpoint at their service counts once.
    """

    def __init__(self, store: Store, job_id: int, roles: Roles, *, is_shared: bool = False) -> None:
        self._store = store
        self._job_id = job_id
        self._roles = roles
        self._prices = roles.prices()
        self._is_shared = is_shared
        with store.read() as connection:
            self._kept = usage_of(connection, job_id)  # when this was flushed last, by whomever
        self._flushed: dict[tuple[str, str], Usage] = {}

    def spent(self) -> Spent:
        """Return tokens and cost so far; the cost is None where something that was used has no price."""
        used = [*self._kept, *self._fresh()]
        tokens = sum(one.prompt_tokens + one.completion_tokens for one in used)
        return Spent(tokens, self.cost_of(used))

    def cost_of(self, used: Sequence[Usage]) -> float | None:
        """Return what `used` costs. The GPUs of an endpoint with several roles are paid for once."""
        tokens = 0.0
        rented: defaultdict[str, dict[str, float]] = defaultdict(dict)  # by endpoint, then by role
        for one in used:
            price = self._prices.get((one.role, one.endpoint))
            if price is None:
                return None
            tokens += price.cost_of(one.prompt_tokens, one.completion_tokens, 0.0)
            by_role = rented[one.endpoint]
            by_role[one.role] = by_role.get(one.role, 0.0) + price.cost_of(0, 0, one.seconds)
        return tokens + sum(max(by_role.values()) for by_role in rented.values())

    async def keep_flushing(self) -> None:
        """Write down what was used, now and then, until cancelled."""
        while True:
            await asyncio.sleep(FLUSH_SECONDS)
            self.flush()

    def flush(self) -> None:
        fresh = self._fresh()
        with self._store.write() as connection:
            add_usage(connection, self._job_id, fresh, most_seconds=1.5 * FLUSH_SECONDS if self._is_shared else None)
            self._kept = usage_of(connection, self._job_id)
        for one in fresh:
            key = (one.role, one.endpoint)
            self._flushed[key] = _plus(self._flushed[key], one) if key in self._flushed else one

    def _fresh(self) -> list[Usage]:
        """Return what was used and is not written down yet."""
        return [_minus(one, self._flushed.get((one.role, one.endpoint))) for one in self._roles.usage()]


def _plus(a: Usage, b: Usage) -> Usage:
    return Usage(
        a.role,
        a.endpoint,
        a.num_calls + b.num_calls,
        a.prompt_tokens + b.prompt_tokens,
        a.completion_tokens + b.completion_tokens,
        a.seconds + b.seconds,
    )


def _minus(now: Usage, before: Usage | None) -> Usage:
    if before is None:
        return now
    return Usage(
        now.role,
        now.endpoint,
        now.num_calls - before.num_calls,
        now.prompt_tokens - before.prompt_tokens,
        now.completion_tokens - before.completion_tokens,
        now.seconds - before.seconds,
    )
