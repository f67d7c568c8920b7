"""Who stands behind each row: the ids of provenances, one for every endpoint that answers."""

from __future__ import annotations

from dataclasses import replace

from reflectgen import __version__
from reflectgen.records import Provenance
from reflectgen.store import Store, reflections


class Provenances:
    """Finds the id of a guard, a teacher or the template; an endpoint that answers for the first time is added."""

    def __init__(self, store: Store, guard: Provenance, teachers: list[Provenance]) -> None:
        self._store = store
        self._guard = replace(guard, code_version=__version__)
        self._teachers = [replace(teacher, code_version=__version__) for teacher in teachers]
        self._ids: dict[tuple[int, str], int] = {}
        self.template = self._id_of(replace(self._guard, role="template"))

    def guard(self, endpoint: str) -> int:
        return self._known(-1, endpoint)

    def teacher(self, number: int, endpoint: str) -> int:
        return self._known(number, endpoint)

    def _known(self, number: int, endpoint: str) -> int:
        found = self._ids.get((number, endpoint))
        if found is None:
            named = self._teachers[number] if number >= 0 else self._guard
            found = self._id_of(replace(named, endpoint=endpoint or named.endpoint))
            self._ids[number, endpoint] = found
        return found

    def _id_of(self, provenance: Provenance) -> int:
        with self._store.write() as connection:
            return reflections.provenance_id(connection, provenance)
