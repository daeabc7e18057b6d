"""Small steps that the tests share."""

from __future__ import annotations

from typing import Any

import trio

from trioflow import Step, step


def sleeps(seconds: float, id: str = "sleeps") -> Step[Any, str]:
    """Return a step that sleeps and then gives its id."""

    @step(id=id)
    async def body(value: Any) -> str:
        await trio.sleep(seconds)
        return id

    return body


def fails(error: Exception, *, after: float = 0, id: str = "fails") -> Step[Any, None]:
    """Return a step that raises *error* after some seconds."""

    @step(id=id)
    async def body(value: Any) -> None:
        await trio.sleep(after)
        raise error

    return body


def gives(result: Any, id: str = "gives") -> Step[Any, Any]:
    """Return a step with a constant result."""

    @step(id=id)
    async def body(value: Any) -> Any:
        return result

    return body
