"""Which models an endpoint serves, for a user who gave its address and no name."""

from __future__ import annotations

from reflectgen.errors import TeacherNotFound
from reflectgen.llm.client import OpenAIClient


async def served_models(client: OpenAIClient) -> list[str]:
    """Return the names of the models that the endpoint lists.

    Raises:
        TeacherError: it does not answer, or its answer is no list of models.
    """
    return await client.served_models()


async def only_model(client: OpenAIClient) -> str:
    """Return the one model that the endpoint serves.

    Raises:
        TeacherNotFound: it serves none or several; they are listed, so that the user can name one.
        TeacherError: it does not answer.
    """
    served = await served_models(client)
    if len(served) != 1:
        names = ", ".join(served[:10]) + (" …" if len(served) > 10 else "")
        raise TeacherNotFound(f"{client.endpoint} serves {len(served)} models, name one: {names or '(none)'}")
    return served[0]
