"""What a job has cost: all that was used, in all its runs, and nothing twice."""

import asyncio

import pytest

from reflectgen.corpus.sources import find_sources
from reflectgen.errors import RecipeError
from reflectgen.jobs.accounts import Accounts, refuse_limits_without_prices
from reflectgen.jobs.budget import Limits
from reflectgen.jobs.folder import begin_or_resume, job_folder
from reflectgen.jobs.progress import Spent
from reflectgen.jobs.recipe import Recipe, named
from reflectgen.jobs.roles import Bound, Roles
from reflectgen.llm.completion import Completion, CompletionRequest
from reflectgen.llm.endpoint import EndpointOptions
from reflectgen.llm.member import Member
from reflectgen.llm.pool import EndpointPool
from reflectgen.llm.scripted import ScriptedModel
from reflectgen.store.usage import Usage, usage_of
from tests.jobs.worlds import FixedGuard, write_corpus

BY_TOKEN = {"price_per_million_prompt_tokens": 1e4, "price_per_million_completion_tokens": 1e5}
BY_HOUR = {"price_per_gpu_hour": 3.0, "num_gpus": 2}
QUESTION = CompletionRequest(({"role": "user", "content": "?"},), "m", seed=0, temperature=0, max_tokens=10)
ANSWER = Completion("!", prompt_tokens=30, completion_tokens=4)


def bound(role, endpoint, options):
    pool = EndpointPool([Member(ScriptedModel(lambda request: ANSWER, endpoint=endpoint))])
    return Bound(role, pool, "m", [EndpointOptions(url=endpoint, **options)])


@pytest.fixture
def job(tmp_path):
    """A store with a job in it."""
    corpus = str(write_corpus(tmp_path / "corpus.jsonl", ["A ferry."]))
    with job_folder(tmp_path / "out") as store:
        recipe = Recipe(guard=named(FixedGuard().provenance), teacher=None)
        yield store, begin_or_resume(store, tmp_path / "out", [corpus], find_sources([corpus]).sources, recipe).id


def ask(roles, times):
    async def go():
        for one in roles.bound:
            for _ in range(times):
                await one.pool.complete(QUESTION)
            await one.pool.close()

    asyncio.run(go())


def test_every_answer_counts_at_its_endpoints_price(job):
    roles = Roles(FixedGuard(), bound=[bound("guard", "a", BY_TOKEN), bound("teacher", "b", BY_TOKEN)])
    accounts = Accounts(*job, roles)
    assert accounts.spent() == Spent(0, 0.0)
    ask(roles, times=2)
    spent = accounts.spent()
    assert spent.tokens == 4 * 34
    assert spent.cost == pytest.approx(4 * (30 * 0.01 + 4 * 0.1))


def test_gpus_that_serve_two_roles_are_paid_for_once(job):
    roles = Roles(FixedGuard(), bound=[bound("guard", "a", BY_HOUR), bound("teacher", "a", BY_HOUR)])
    accounts = Accounts(*job, roles)
    hour = [Usage("guard", "a", seconds=3600), Usage("teacher", "a", seconds=3600)]
    assert accounts.cost_of(hour) == 6.0
    earlier = [Usage("guard", "a", seconds=1800), Usage("teacher", "a", seconds=1800)]
    assert accounts.cost_of([*earlier, *hour]) == 9.0


def test_gpus_of_two_endpoints_are_both_paid_for(job):
    roles = Roles(FixedGuard(), bound=[bound("guard", "a", BY_HOUR), bound("teacher", "b", BY_HOUR)])
    hour = [Usage("guard", "a", seconds=3600), Usage("teacher", "b", seconds=3600)]
    assert Accounts(*job, roles).cost_of(hour) == 12.0


def test_without_a_price_the_cost_is_not_known_and_no_limit_can_be_set(job):
    roles = Roles(FixedGuard(), bound=[bound("teacher", "b", {})])
    accounts = Accounts(*job, roles)
    ask(roles, times=1)
    assert accounts.spent() == Spent(34, None)
    with pytest.raises(RecipeError, match="needs a price for b"):
        refuse_limits_without_prices(Limits(max_cost=1.0), roles)
    refuse_limits_without_prices(Limits(max_tokens_total=1), roles)


def test_what_was_used_is_written_down_once_however_often(job):
    store, job_id = job
    roles = Roles(FixedGuard(), bound=[bound("teacher", "b", BY_TOKEN)])
    accounts = Accounts(store, job_id, roles)
    ask(roles, times=3)
    accounts.flush()
    accounts.flush()
    with store.read() as connection:
        (used,) = usage_of(connection, job_id)
    assert (used.num_calls, used.prompt_tokens, used.completion_tokens) == (3, 90, 12)
    later = Accounts(store, job_id, Roles(FixedGuard(), bound=[bound("teacher", "b", BY_TOKEN)]))
    assert later.spent().tokens == 3 * 34


def test_what_several_workers_use_is_one_account_and_their_shared_seconds_count_once(job):
    store, job_id = job
    workers = []
    for _ in range(2):
        roles = Roles(FixedGuard(), bound=[bound("teacher", "a", BY_HOUR)])
        roles.opened_at -= 5.0  # each has had the endpoint at its service for five seconds
        workers.append((roles, Accounts(store, job_id, roles, is_shared=True)))
    for roles, accounts in workers:
        ask(roles, times=3)
        accounts.flush()
    with store.read() as connection:
        (used,) = usage_of(connection, job_id)
    assert used.num_calls == 6
    assert used.seconds == pytest.approx(5.0, abs=1.0)
    workers[0][1].flush()
    assert workers[0][1].spent().tokens == 6 * 34  # the other's are known too
