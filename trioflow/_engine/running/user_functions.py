"""Small user functions: conditions, mapping functions, hooks, and the parts of a mapping."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from trioflow._engine.running.frame import Frame
from trioflow._signature import count_positional
from trioflow._values.structure import fields_of
from trioflow.context import MISSING, RunContext
from trioflow.errors import MappingError
from trioflow.mapping import Constant, FromContext, FromInput, FromStep, Source, Template, follow

Function = Callable[[Any, Frame], Awaitable[Any]]


def adapt(fn: Callable[..., Any], where: str) -> Function:
    """Return *fn*, a plain or async function of up to ``(data, ctx)``, in a uniform shape."""
    count = count_positional(fn, where)

    async def call(data: Any, frame: Frame) -> Any:
        arguments = (data, RunContext(frame))[:count]
        result = fn(*arguments)
        return await result if inspect.isawaitable(result) else result

    return call


def compile_mapping(spec: Mapping[str, Source], where: str) -> Function:
    """Return a function that builds the object that a mapping describes."""
    sources = {key: compile_source(source, where) for key, source in spec.items()}

    async def build(data: Any, frame: Frame) -> dict[str, Any]:
        return {key: await source(data, frame) for key, source in sources.items()}

    return build


def compile_source(source: Source, where: str) -> Function:
    """Return a function that takes the value of a source.

    The function raises MappingError if the source does not exist.
    """
    if not isinstance(source, FromStep | FromInput | FromContext | Constant | Template):
        return adapt(source, where)

    async def take(data: Any, frame: Frame) -> Any:
        return read(source, data, frame)

    return take


def read(
    source: FromStep | FromInput | FromContext | Constant | Template, data: Any, frame: Frame
) -> Any:
    """Return the value of a source."""
    match source:
        case Constant(constant):
            return constant
        case FromInput(path):
            return follow(frame.init_data, path, "input")
        case FromContext(key):
            return follow(frame.runtime_context, key, "context")
        case FromStep(steps, path):
            return read_step(steps, path, frame)
        case Template(parts):  # pragma: no branch - the last kind
            return "".join(
                part if isinstance(part, str) else as_text(read_root(*part, data, frame))
                for part in parts
            )


def read_step(steps: tuple[str, ...], path: str, frame: Frame) -> Any:
    """Return a part of the output of the first of these steps that has one."""
    for step in steps:
        output = frame.scope.output(step)
        if output is not MISSING:
            return follow(output, path, f"step {step!r}")
    names = ", ".join(map(repr, steps))
    raise MappingError(f"step {names}", path, "it has not ended with success")


def read_root(root: str, path: str, data: Any, frame: Frame) -> Any:
    """Return the value of a placeholder in a template."""
    if root == "steps":
        return read_any_step(path, frame)
    values = {
        "data": data,
        "input": frame.init_data,
        "context": frame.runtime_context,
        "state": frame.state,
    }
    return follow(values[root], path, root)


def read_any_step(path: str, frame: Frame) -> Any:
    """Return the value of a path that begins with the id of a step."""
    # Ids of steps may contain dots, so the longest id that fits is used.
    scope = frame.scope
    ended = (id for id in scope.plan.slots if scope.output(id) is not MISSING)
    fitting = [id for id in ended if path == id or path.startswith(f"{id}.")]
    if not fitting:
        raise MappingError("steps", path, "no such step has ended with success")
    step = max(fitting, key=len)
    return read_step((step,), path[len(step) + 1 :] or ".", frame)


def as_text(value: Any) -> str:
    """Return a value as a template shows it: nothing for None, JSON for objects and lists."""
    if value is None:
        return ""
    is_json = isinstance(value, bool | int | float | list | tuple | Mapping)
    if not is_json and fields_of(value) is None:
        return str(value)
    import json

    return json.dumps(value, default=_as_json, ensure_ascii=False, separators=(",", ":"))


def _as_json(value: Any) -> Any:
    if isinstance(value, Mapping):
        return dict(value)
    fields = fields_of(value)
    return str(value) if fields is None else fields


async def call_hook(hook: Callable[..., Any], argument: Any) -> None:
    """Call a plain or async workflow hook."""
    result = hook(argument)
    if inspect.isawaitable(result):
        await result
