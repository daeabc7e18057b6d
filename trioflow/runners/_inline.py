"""A runner that runs bodies in the run's own task."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import Any

from trioflow.abc import Runner
from trioflow.context import StepContext


class InlineRunner(Runner):
    """Calls the function, and awaits it if it is async. A blocking function blocks the loop."""

    async def run(
        self, ctx: StepContext[Any], fn: Callable[..., Any], /, *args: Any, **kwargs: Any
    ) -> Any:
        result = fn(*args, **kwargs)
        return await result if inspect.isawaitable(result) else result
