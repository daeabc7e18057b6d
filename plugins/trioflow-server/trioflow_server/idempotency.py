"""Starts a run once, however often and to however many servers the request is sent."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any

import attrs

from trioflow import Run, RunInfo
from trioflow import events as ev
from trioflow.context import MISSING
from trioflow.errors import InvalidValueError
from trioflow_server.calls import Call
from trioflow_server.finding import check_run_id, look_up
from trioflow_server.problems import Problem, value_problem
from trioflow_server.starting import check_resource, start_run

LONGEST_KEY = 255
"""Most characters of an idempotency key."""


@attrs.frozen
class Begun:
    """A run that was started, or one that has the same id already."""

    run_id: str
    run: Run[Any, Any] | None
    """None if it exists already."""


def key_of(call: Call) -> str | None:
    """Return the idempotency key of a request.

    Raises:
      Problem: if it is not valid.
    """
    key = call.request.headers.get("idempotency-key")
    if key is not None and not (0 < len(key) <= LONGEST_KEY and key.isprintable()):
        problem = f"Idempotency-Key: use 1 to {LONGEST_KEY} printable characters"
        raise Problem(400, problem, "invalid-idempotency-key")
    return key


def keyed_id(call: Call, key: str) -> str:
    """Return the id of the run that a key stands for: its own for each principal and workflow."""
    parts = (call.principal.name, call.workflow().id, key)
    text = "\0".join(f"{len(part)}:{part}" for part in parts)
    return f"key-{hashlib.sha256(text.encode('utf-8', 'replace')).hexdigest()[:40]}"


async def begin_once(call: Call, run_id: str | None, *, attach: bool) -> Begun:
    """Start a run as the body says.

    Args:
      run_id: The id that the client chooses; None for that of its key, or a random one.
      attach: Whether a run with that id is attached to; always so with an idempotency key.

    Raises:
      Problem: if the request is not valid, the id is that of a run which the principal may not
        see, or of one with another input.
    """
    key = key_of(call)
    is_new = run_id is None and key is None
    if run_id is None:
        run_id = secrets.token_hex(16) if key is None else keyed_id(call, key)
    check_run_id(run_id)
    call.watched.about(run_id)
    run = await _start(call, run_id, None if is_new else await look_up(call.service, run_id))
    if run is None:
        existing = await _existing(call, run_id)
        if (attach or key is not None) and not await has_input(call, existing):
            problem = "The run with this id or key was started with another input"
            raise Problem(422, problem, "other-input")
    return Begun(run_id, run)


async def _start(call: Call, run_id: str, known: RunInfo | None) -> Run[Any, Any] | None:
    """Start a run; it may have been created before, by a request that said its resource."""
    workflow, given = call.workflow(), await call.body()
    if known is None:
        resource = check_resource(call, given.get("resourceId"))
    else:
        _check_seen(call, known)
        resource = known.resource_id
        if known.status != "pending":
            return None
    try:
        return await start_run(call, workflow, run_id, resource, given)
    except InvalidValueError as exc:
        raise value_problem(exc, exc.what) from exc


async def _existing(call: Call, run_id: str) -> RunInfo:
    info = await look_up(call.service, run_id)
    if info is None:
        raise Problem(409, "The run was deleted meanwhile", "run-changed")
    _check_seen(call, info)
    return info


def _check_seen(call: Call, info: RunInfo) -> None:
    """Check that a run is one of the workflow's that the principal may see.

    Raises:
      Problem: if not. It says nothing about the run.
    """
    if info.workflow_id != call.workflow().id or not call.principal.sees(info.resource_id):
        raise Problem(409, "This run id cannot be used", "run-id-taken")


async def has_input(call: Call, info: RunInfo) -> bool:
    """Return whether a run was started with the input of a request."""
    given = (await call.body()).get("inputData")
    started = info.input
    if started is MISSING:  # it is too long for lists
        async with call.service.engine.observe(info.run_id) as stream:
            async for event in stream:
                if isinstance(event, ev.Start):
                    started = event.input
                break
    show = call.service.shower.value
    return show(started) in (show(given), show(_structured(call, given)))


def _structured(call: Call, given: Any) -> Any:
    """Return an input as the run records it: with its defaults; as it is if it does not fit."""
    type_ = call.workflow().input
    try:
        return given if type_ is Any else call.service.engine.converter.structure(given, type_)
    except Exception:  # what structuring raises depends on the type
        return given
