"""Limits of a job that many workers share: looked at whenever what was used is written down, so met within seconds."""

from __future__ import annotations

import asyncio

from sqlalchemy import Connection

from reflectgen.jobs.accounts import FLUSH_SECONDS, Accounts
from reflectgen.jobs.advance import hold
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.session import Session
from reflectgen.store import Store, jobs
from reflectgen.store.counts import num_accepted
from reflectgen.store.jobs import Job


async def keep_within_limits(store: Store, job: Job, session: Session) -> None:
    """Write down what is used, and pause the job once a limit is reached, until cancelled.

    What the workers have in flight, and use between two looks, comes on top.
    """
    limits = session.submitted.limits
    while True:
        await asyncio.sleep(FLUSH_SECONDS)
        session.accounts.flush()
        if limits.any:
            await asyncio.to_thread(pause_at_limit, store, job.id, limits, session.accounts)


def pause_at_limit(store: Store, job_id: int, limits: Limits, accounts: Accounts) -> bool:
    """Pause a job that has reached one of its limits; return whether it has."""
    with store.write() as connection:
        reached = _reached(connection, job_id, limits, accounts)
        job = jobs.lock(connection, job_id) if reached else None
        if job is None or job.hold:
            return bool(reached)
        hold(connection, job_id, "paused", f"{reached}; raise it in a new job, or resume to go on without")
    return True


def _reached(connection: Connection, job_id: int, limits: Limits, accounts: Accounts) -> str:
    spent = accounts.spent()
    if limits.max_tokens_total is not None and spent.tokens >= limits.max_tokens_total:
        return f"the limit of {limits.max_tokens_total} tokens is reached ({spent.tokens} used)"
    if limits.max_cost is not None and (spent.cost or 0.0) >= limits.max_cost:
        return f"the limit of cost {limits.max_cost:g} is reached ({spent.cost:.4g} spent)"
    wanted = limits.stop_after_accepted
    if wanted is not None and (have := num_accepted(connection, job_id)) >= wanted:
        return f"{have} accepted reflections are there, {wanted} were asked for"
    return ""
