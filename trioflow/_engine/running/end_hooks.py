"""The hooks that hear how a workflow ended: ``on_finish`` and ``on_error``.

A nested workflow that waits for an answer never ends by itself if the workflow around it finishes
without it, for example because the run is canceled. Its hooks are called then, before those of the
workflow around it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from trioflow._engine.base.find_call import find_call
from trioflow._engine.base.outcome import Failed, Outcome, Paused, Suspended, must_pass
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.base.reporting import report
from trioflow._engine.running.frame import Scope
from trioflow._engine.running.results import workflow_result
from trioflow._engine.running.user_functions import call_hook
from trioflow.addresses import Address
from trioflow.record import RunRecord


async def call_end_hooks(scope: Scope, value: Any, outcome: Outcome | None) -> None:
    """Report to the hooks how the workflow ended; *outcome* None means canceled.

    Nested workflows that still wait have ended with it, as canceled. Errors of hooks are logged:
    the work is done, and its output does not change. Hooks are not called for a run that is halted,
    because that is not its end.

    **Cancellation**: an async hook of a workflow that is being canceled runs up to its first
    checkpoint; it may shield what it must finish.
    """
    if isinstance(outcome, Suspended | Paused) or scope.core.log.is_stopped:
        return
    if scope.plan.has_nested_hooks:
        for nested, given in _waiting_in(scope):
            await _call_hooks(nested, given, None)
    if not scope.failed_to_start:
        await _call_hooks(scope, value, outcome)


async def _call_hooks(scope: Scope, value: Any, outcome: Outcome | None) -> None:
    plan = scope.plan
    hooks = [plan.on_finish]
    if isinstance(outcome, Failed):
        hooks.append(plan.on_error)
    wanted = [hook for hook in hooks if hook is not None]
    if not wanted:
        return
    result = workflow_result(scope, value, outcome)
    for hook in wanted:
        try:
            await call_hook(hook, result)
        except BaseException as exc:
            if must_pass(exc):
                raise
            report("a hook of workflow %r failed", plan.id, error=exc)


def _waiting_in(scope: Scope) -> list[tuple[Scope, Any]]:
    """Return the nested workflow calls in *scope* that wait, innermost first, with their inputs."""
    record = scope.core.log.record
    waiting = [
        address
        for address, call in record.calls.items()
        if call.status == "suspended" and address.startswith(scope.address)
    ]
    places = [place for place in map(Address.parse, waiting) if _is_open(place, scope, record)]
    places.sort(key=lambda place: len(list(place.walk())), reverse=True)
    return list(_scopes(scope, places))


def _is_open(place: Address, scope: Scope, record: RunRecord) -> bool:
    """Return whether everything between *scope* and a call waits for it.

    Otherwise the workflow around it has ended before, and the hooks were called then.
    """
    outer = place.scope
    while outer is not None and f"{outer}/" != scope.address:
        call = record.calls.get(str(outer.with_attempt(1)))
        if call is None or call.status != "suspended" or outer.attempt != (call.attempts or 1):
            return False
        outer = outer.scope
    return True


def _scopes(scope: Scope, places: list[Address]) -> Iterator[tuple[Scope, Any]]:
    record = scope.core.log.record
    for place in places:
        plan = find_call(scope.plan, str(place).removeprefix(scope.address))
        if plan.nested is None:
            continue
        call = record.calls[str(place)]
        again = place.with_attempt(call.attempts or 1)
        nested = Scope(scope.core, plan.nested, prefix=f"{call.id}.", address=f"{again}/")
        yield nested, _input_of(plan, place, record)


def _input_of(plan: CallPlan, place: Address, record: RunRecord) -> Any:
    """Return the input of a call that had begun, as its hooks see it."""
    value = record.calls[str(place)].input
    if place.item is not None:
        value = record.calls[str(place.call)].input[place.item]
    return value if plan.structure is None else plan.structure(value)
