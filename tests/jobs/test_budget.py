import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reflectgen.jobs.budget import Budget, Limits
from reflectgen.jobs.progress import Progress, Spent


async def work_through(budget, progress, spend, num_chunks=100, num_slots=8, accept=lambda n: True):
    """Settle chunks with `num_slots` at once until the budget ends it; return how many were settled."""
    numbers, settled = iter(range(num_chunks)), 0

    async def slot():
        nonlocal settled
        for number in numbers:
            if not await budget.admit():
                return
            await asyncio.sleep(0)
            spend(number)
            progress.num_accepted += accept(number)
            settled += 1
            await budget.leave()

    await asyncio.gather(*(slot() for _ in range(num_slots)))
    return settled


def run(limits, tokens=10, cost=None, **options):
    progress, spent = Progress(), {"tokens": 0, "cost": 0.0}

    def spend(_):
        spent["tokens"] += tokens
        spent["cost"] += cost or 0.0

    budget = Budget(limits, progress, lambda: Spent(spent["tokens"], spent["cost"] if cost else None))
    settled = asyncio.run(work_through(budget, progress, spend, **options))
    return settled, spent, progress, budget


def test_without_limits_everything_is_admitted():
    settled, _, _, budget = run(Limits())
    assert settled == 100
    assert budget.reason == ""


@given(st.integers(1, 90), st.integers(1, 16))
def test_exactly_as_many_are_accepted_as_were_asked_for(wanted, num_slots):
    settled, _, progress, budget = run(
        Limits(stop_after_accepted=wanted), num_chunks=300, num_slots=num_slots, accept=lambda n: n % 3 != 0
    )
    assert progress.num_accepted == wanted
    assert settled < 300
    assert "--stop-after-accepted" in budget.reason


@given(st.integers(10, 900), st.integers(1, 16))
def test_no_more_tokens_are_used_than_allowed_when_chunks_are_alike(allowed, num_slots):
    _, spent, _, budget = run(Limits(max_tokens_total=allowed), num_slots=num_slots)
    assert allowed - 10 < spent["tokens"] <= allowed
    assert f"--max-tokens-total {allowed}" in budget.reason


def test_no_more_is_spent_than_allowed():
    _, spent, _, budget = run(Limits(max_cost=1.05), cost=0.1)
    assert spent["cost"] == pytest.approx(1.0)
    assert "--max-cost 1.05" in budget.reason


def test_what_earlier_runs_spent_counts():
    budget = Budget(Limits(max_tokens_total=100), Progress(), lambda: Spent(100))
    assert not asyncio.run(budget.admit())
    assert "100 used" in budget.reason


def test_a_limit_far_away_changes_nothing():
    settled, _, _, budget = run(Limits(max_tokens_total=10**9, stop_after_accepted=10**6))
    assert settled == 100
    assert budget.reason == ""
