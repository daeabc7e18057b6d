"""What comes out of a body."""

from __future__ import annotations

import logging
from functools import partial
from typing import Any

from trioflow import StepContext
from trioflow.runners.remote import NotPicklableError, result_of
from trioflow_ray.body import Body
from trioflow_ray.errors import CodeMissingError
from trioflow_ray.refs import giving

logger = logging.getLogger("trioflow_ray")


def output_of(ctx: StepContext[Any], outcome: Any, content: bytes | bytearray, body: Body) -> Any:
    """Return or raise what a body did; what it sets aside for the cluster becomes a `Ref`.

    Raises:
      CodeMissingError: if its node cannot import what its input needs.
    """
    make = partial(body.cluster.shelf.add, body.given, ctx.step_id)
    try:
        with giving(make if body.kind.gives_ref else None):
            return result_of(ctx, outcome, content)
    except NotPicklableError as exc:
        cause = exc.__cause__
        if isinstance(cause, ModuleNotFoundError) and exc.what == "input":
            name = cause.name or "a module"
            raise CodeMissingError(ctx.step_id, name, body.node) from exc
        raise


class Sizes:
    """Warns of values that would better be a `Ref`."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._known: set[tuple[str, str]] = set()

    def check(self, step: str, what: str, size: int) -> None:
        """Log a warning if a value is too large, the first time for a step."""
        if size <= self._limit or (step, what) in self._known:
            return
        self._known.add((step, what))
        remedy = "return a Ref" if what == "output" else "pass a Ref"
        logger.warning(
            "the %s of step %r has %d bytes, which pass through the process of the engine; %s, "
            "which stays on the cluster",
            what,
            step,
            size,
            remedy,
        )
