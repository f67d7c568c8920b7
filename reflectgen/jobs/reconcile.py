"""What keeps the service going whatever dies: it finds what is due and not under way, and rings for it again.

It also gives back the space of jobs that were deleted.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass

from reflectgen.jobs.advance import advance, note
from reflectgen.jobs.queue import QUEUE_OF, Queue
from reflectgen.store import Store, jobs, partitions, tasks
from reflectgen.store.tasks import Doorbell

WINDOW = 64  # rings of one kind that may wait to be answered, so that the broker stays small

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Reconciled:
    num_quarantined: int
    num_rung: int


def reconcile(store: Store, queue: Queue) -> Reconciled:
    """Set aside hopeless tasks, take jobs to their next stage, and ring for what is due. Any number may do so at once.

    Raises:
        OutputError: the store is away; the next call makes up for it.
    """
    with store.write() as connection:
        set_aside = tasks.quarantine_hopeless(connection)
        for job_id, kind, number, error in set_aside:
            log.error("job %s: %s %s is set aside: %s", job_id, kind, number, error)
            note(connection, job_id, "quarantined", task=kind, number=number, error=error)
    with store.read() as connection:
        unfinished = jobs.unfinished(connection)
    for job_id in unfinished:
        with store.write() as connection:
            advance(connection, job_id)  # what it adds is found due below
    bells: list[Doorbell] = []
    for kind in QUEUE_OF:
        room = WINDOW - queue.depth(kind)
        if room > 0:
            with store.write() as connection:
                bells += tasks.due(connection, kind, room)
    queue.ring(bells)
    with store.write() as connection:
        partitions.sweep(connection)
    return Reconciled(len(set_aside), len(bells))
