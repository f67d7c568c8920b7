"""Looking at a server's own gauges while it works for us."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from reflectgen.errors import TeacherError
from reflectgen.llm.load import ReportsLoad, ServerLoad
from reflectgen.llm.member import Member

POLL_SECONDS = 1.0
POLLS_WITHOUT_NEWS = 3  # after which a server that never told its load is not asked for it again
NO_LOAD = ServerLoad(0, 0)


async def follow_load(member: Member, reports: ReportsLoad, sleep: Callable[[float], Awaitable[None]]) -> None:
    """Lower the member's limit where its server says that questions wait inside it; return where it never tells."""
    num_polls, ever_told = 0, False
    while ever_told or num_polls < POLLS_WITHOUT_NEWS:
        await sleep(POLL_SECONDS)
        if not member.num_outstanding or not member.is_ready:
            continue
        num_polls += 1
        try:
            load = await reports.metrics()
        except TeacherError:
            load = None
        ever_told = ever_told or load is not None
        member.limit.note_load(load or NO_LOAD, member.num_outstanding)
