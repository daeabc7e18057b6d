"""The run's side of a body elsewhere: what is sent, and what its outcome means."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import attrs

from trioflow.abc import BodyInfo
from trioflow.context import StepContext
from trioflow.instruments import current_step
from trioflow.runners.remote._messages import CallFacts, Outcome, Raised, Stopped
from trioflow.runners.remote._pickling import blame, dumps, loads_or_blame
from trioflow.tracing import NO_TRACING

_FACTS = [field.name for field in attrs.fields(CallFacts) if field.name != "values"]


def facts_of(ctx: StepContext[Any]) -> CallFacts:
    """Return the properties of a step call that do not change."""
    facts = {name: getattr(ctx, name) for name in _FACTS}
    return CallFacts(**facts, values=ctx._call.value_access())


def pack_call(
    ctx: StepContext[Any], fn: Callable[..., Any], args: tuple[Any, ...], kwargs: dict[str, Any]
) -> bytes:
    """Return function, arguments and current step as the content of a `Job`.

    Raises:
      NotPicklableError: if an argument cannot be pickled.
    """
    body = _picklable(current_step())
    try:
        return dumps((fn, args, kwargs, body), ctx)
    except Exception as exc:
        values = [value for value in args if value is not ctx]
        named = {name: value for name, value in kwargs.items() if value is not ctx}
        whole: Any = named or values
        if len(values) == 1 and not named:
            whole = values[0]
        raise blame(whole, "input", ctx.step_id, exc) from exc


def result_of(ctx: StepContext[Any], outcome: Outcome, content: bytes | bytearray) -> Any:
    """Return what the body returned, raise what it raised, or suspend or bail as it did.

    Raises:
      NotPicklableError: if this process cannot read what it returned.
      BaseException: what the body raised.
    """
    if isinstance(outcome, Raised):
        raise outcome.error.unpack()
    if not isinstance(outcome, Stopped):
        return loads_or_blame(content, "result", ctx.step_id)
    values = loads_or_blame(content, f"what ctx.{outcome.method}() was given", ctx.step_id)
    if outcome.method == "bail":
        ctx.bail(*values)
    payload, label = values
    return ctx.suspend(payload, label=label)


def _picklable(body: BodyInfo | None) -> BodyInfo | None:
    """Return what `current_step` returns in the other process."""
    if body is None or body.tracing_context == NO_TRACING:
        return body
    try:
        dumps(body)
    except Exception:  # the spans of most tracers cannot be pickled
        return attrs.evolve(body, tracing_context=NO_TRACING)
    return body
