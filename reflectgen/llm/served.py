"""Which models an endpoint serves, for a user who gave its address and no name."""

from __future__ import annotations

from typing import Protocol

from reflectgen.errors import TeacherNotFound


class ListsModels(Protocol):
    @property
    def endpoint(self) -> str: ...

    async def served_models(self) -> list[str]: ...


async def only_model(transport: ListsModels) -> str:
    """Return the one model that the endpoint serves.

    Raises:
        TeacherNotFound: it serves none or several; they are listed, so that the user can name one.
        TeacherError: it does not answer.
    """
    served = await transport.served_models()
    if len(served) != 1:
        names = ", ".join(served[:10]) + (" …" if len(served) > 10 else "")
        raise TeacherNotFound(f"{transport.endpoint} serves {len(served)} models, name one: {names or '(none)'}")
    return served[0]
