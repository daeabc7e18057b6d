"""The requests that a body in a worker can make, by their names in messages."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from trioflow._value_refs import ValueRef
from trioflow.context import StepContext
from trioflow.runners import OpenResource, resource_opener
from trioflow.runners.remote._pickling import dumps
from trioflow.tracing import TracingContext

Context = StepContext[Any]


async def _read(ctx: Context, name: str) -> Any:
    return getattr(ctx, name)


async def _tracing_context(ctx: Context, _: None) -> TracingContext:
    found = ctx.tracing_context
    try:
        dumps(found)
    except Exception:  # the spans of most tracers cannot be pickled
        return TracingContext()
    return found


async def _step_result(ctx: Context, step: str) -> Any:
    return ctx.step_result(step)


async def _set_state(ctx: Context, updates: Mapping[str, Any]) -> None:
    ctx.set_state(updates)


async def _private_state(ctx: Context, namespace: str) -> dict[str, Any]:
    return dict(ctx.private_state(namespace))


async def _set_private_state(ctx: Context, update: tuple[str, Mapping[str, Any]]) -> None:
    namespace, updates = update
    ctx.set_private_state(namespace, updates)


async def _cancel_run(ctx: Context, reason: str | None) -> None:
    ctx.cancel_run(reason)


async def _write(ctx: Context, chunk: Any) -> None:
    await ctx.write(chunk)


async def _call_tool(ctx: Context, call: Mapping[str, Any]) -> Any:
    return await ctx.call_tool(call["tool"], *call["args"], **call["kwargs"])


async def _wait_for(ctx: Context, wanted: Mapping[str, Any]) -> Any:
    return await ctx.wait_for(**wanted)


async def _ask(ctx: Context, question: Mapping[str, Any]) -> Any:
    return await ctx.ask(**question)


async def _start_run(ctx: Context, wanted: Mapping[str, Any]) -> str:
    return await ctx.start_run(**wanted)


async def _resource_opener(ctx: Context, name: str) -> OpenResource:
    return resource_opener(ctx, name)


async def _put(ctx: Context, value: Any) -> ValueRef[Any]:
    return await ctx.put(value)


async def _get(ctx: Context, ref: ValueRef[Any]) -> Any:
    return await ctx.get(ref)


async def _to_json(ctx: Context, value: Any) -> Any:
    return ctx.to_json(value)


async def _structure(ctx: Context, given: tuple[Any, Any]) -> Any:
    value, type_ = given
    return ctx.structure(value, type_)


async def _json_schema(ctx: Context, type_: Any) -> dict[str, Any]:
    return ctx.json_schema(type_)


async def _find_tool(ctx: Context, id: str) -> Any:
    return ctx.find_tool(id)


async def _context_get(ctx: Context, key: str) -> Any:
    return ctx.runtime_context[key]


async def _context_set(ctx: Context, item: tuple[str, Any]) -> None:
    key, value = item
    ctx.runtime_context[key] = value


async def _context_delete(ctx: Context, key: str) -> None:
    del ctx.runtime_context[key]


async def _context_keys(ctx: Context, _: None) -> list[str]:
    return list(ctx.runtime_context)


METHODS: Mapping[str, Callable[[Context, Any], Awaitable[Any]]] = {
    "read": _read,
    "tracing_context": _tracing_context,
    "step_result": _step_result,
    "set_state": _set_state,
    "private_state": _private_state,
    "set_private_state": _set_private_state,
    "cancel_run": _cancel_run,
    "write": _write,
    "call_tool": _call_tool,
    "wait_for": _wait_for,
    "ask": _ask,
    "start_run": _start_run,
    "resource_opener": _resource_opener,
    "put": _put,
    "get": _get,
    "structure": _structure,
    "to_json": _to_json,
    "json_schema": _json_schema,
    "find_tool": _find_tool,
    "context_get": _context_get,
    "context_set": _context_set,
    "context_delete": _context_delete,
    "context_keys": _context_keys,
}
"""Each function takes the context and the value of the request."""

WAITING = {"write", "call_tool", "wait_for", "ask", "start_run", "put", "get"}
"""The requests that may wait for the engine. Meanwhile the body does not use its place."""
