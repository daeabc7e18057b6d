"""Tool calls: their events, arguments and pieces."""

from __future__ import annotations

from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import TYPE_CHECKING, Any, cast

import attrs
import trio

from trioflow import events as ev
from trioflow._engine.base.outcome import UNRECORDABLE, Failed, outcome_of
from trioflow._engine.base.plan import ToolPlan
from trioflow._engine.running.limits import in_limit, in_time
from trioflow.abc import Runner
from trioflow.context import StepContext
from trioflow.errors import DefinitionError, Fault, InvalidValueError

if TYPE_CHECKING:
    from trioflow._engine.running.call import Call


async def call_tool(
    call: Call, plan: ToolPlan, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> Any:
    """Call a tool and return its result, with all its events."""
    tool_call = await begin(call, plan, args, kwargs)
    try:
        async with in_limit(plan.limiter):
            with in_time(call, plan.id, plan.timeout):
                output = await tool_call.run()
        if plan.check is not None:
            output = plan.check(output)
    except BaseException as exc:
        if has_failed(exc):
            await tool_call.end(ev.ToolError, status="failed", error=exc)
        else:
            call.scope.core.heed(exc)
            tool_call.emit(ev.ToolError, status="canceled")
        raise
    try:
        await tool_call.end(ev.ToolResult, output=output)
    except BaseException as exc:
        tool_call.close(exc)
        raise
    return output


@asynccontextmanager
async def open_tool(
    call: Call, plan: ToolPlan, kwargs: Mapping[str, Any]
) -> AsyncGenerator[AsyncIterator[Any], None]:
    """Call a streaming tool whose pieces the body takes one by one."""
    if not plan.streaming:
        raise DefinitionError(
            f"tool {plan.id!r}", "it does not yield pieces", "call it with ctx.call_tool"
        )
    tool_call = await begin(call, plan, (), kwargs)
    try:
        async with in_limit(plan.limiter):
            with in_time(call, plan.id, plan.timeout):
                async with aclosing(tool_call.pieces()) as pieces:
                    yield pieces
    except BaseException as exc:
        if exc is tool_call.error:
            await tool_call.end(ev.ToolError, status="failed", error=exc)
        elif has_failed(exc):  # the consumer has stopped
            await tool_call.end(ev.ToolError, status="canceled")
        else:
            call.scope.core.heed(exc)
            tool_call.emit(ev.ToolError, status="canceled")
        raise
    try:
        await tool_call.end(ev.ToolResult)
    except BaseException as exc:
        tool_call.close(exc)
        raise


def has_failed(exc: BaseException) -> bool:
    """Return whether a tool has failed; an exception caused by its cancellation does not count."""
    # Not isinstance(), which reads the class of the exception; that may raise.
    if issubclass(type(exc), BaseExceptionGroup):
        group = cast("BaseExceptionGroup[BaseException]", exc)
        if group.subgroup(trio.Cancelled) is not None:
            return False
    return isinstance(outcome_of(exc), Failed)


async def begin(
    call: Call, plan: ToolPlan, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> ToolCallInProgress:
    """Check the arguments and, when there is room, emit the event that begins a tool call.

    Raises:
      InvalidValueError: if the arguments do not fit the tool; no event was then emitted.
    """
    checked = check_arguments(plan, args, kwargs)
    await call.scope.core.pacer.give_way()
    call.waits_since = None  # what calls a tool has begun
    call.tool_calls = getattr(call, "tool_calls", 0) + 1
    number = f"{call.scope.core.tool_series}{call.tool_calls}"
    tool_call = ToolCallInProgress(call, plan, f"{call.step_call_id}:t{number}", checked)
    try:
        tool_call.emit(ev.ToolCall, args=checked, plugin=plan.plugin)
    except BaseException as exc:
        tool_call.close(exc)
        raise
    return tool_call


@attrs.define(eq=False)
class ToolCallInProgress:
    """One call of one tool."""

    call: Call
    plan: ToolPlan
    tool_call_id: str
    args: Mapping[str, Any]
    error: BaseException | None = None
    """What the tool raised while its pieces were taken."""
    is_open: bool = False
    """Whether it has a start event but no end event."""

    def emit(self, event_type: type[ev.ToolEvent], **fields: Any) -> None:
        """Emit an event of this tool call."""
        state = self.call.scope.core.log.record
        before = state.next_seq
        try:
            self.call.emit(event_type, tool_call_id=self.tool_call_id, name=self.plan.id, **fields)
        finally:
            if state.next_seq > before:
                self.is_open = event_type not in (ev.ToolResult, ev.ToolError)

    def close(self, error: BaseException) -> None:
        """End the call as failed, if one of its events raised and did not end it."""
        if self.is_open:
            self.emit(ev.ToolError, status="failed", error=error)

    async def end(self, event_type: type[ev.ToolEvent], **fields: Any) -> None:
        """Emit the event that ends this tool call, when there is room for it.

        If the wait for room is canceled, emit it then.
        """
        try:
            await self.call.scope.core.readers.wait_for_room()
        finally:
            self.emit(event_type, **fields)

    async def run(self) -> Any:
        """Run the tool to its end and return its result."""
        if not self.plan.streaming:
            return await self.plan.run(self)
        async with aclosing(self.pieces()) as pieces:
            collected = [piece async for piece in pieces]
        return self.plan.combine(collected) if self.plan.combine else collected

    async def pieces(self) -> AsyncGenerator[Any, None]:
        """Yield the pieces of a streaming tool; each is an event before it is seen here."""
        await self.call.scope.core.readers.wait_for_room()  # the tool may have waited for its limit
        self.emit(ev.ToolCallStreamingStart, args=self.args)
        async with aclosing(self.plan.run(self)) as pieces:
            while True:
                try:
                    piece = await anext(pieces)
                except StopAsyncIteration:
                    return
                except BaseException as exc:
                    if has_failed(exc):
                        self.error = exc
                    raise
                await self.call.scope.core.pacer.give_way()
                self._emit_piece(piece)
                yield piece

    def _emit_piece(self, piece: Any) -> None:
        try:
            self.emit(ev.ToolCallDelta, args=self.args, delta=piece)
        except UNRECORDABLE as exc:
            self.error = exc
            raise


def invoke_tool(tool_call: ToolCallInProgress) -> Any:
    """Call the author's function of a tool."""
    plan = tool_call.plan
    if plan.context is None:
        return plan.invoke(**tool_call.args)
    return plan.invoke(**tool_call.args, **{plan.context: StepContext(tool_call.call)})


def invoke_tool_in_runner(
    runner: Runner, make_context: type[StepContext[Any]], tool_call: ToolCallInProgress
) -> Awaitable[Any]:
    """Call the author's function of a tool in *runner*."""
    plan, context = tool_call.plan, make_context(tool_call.call)
    named = {} if plan.context is None else {plan.context: context}
    return runner.run(context, plan.invoke, **tool_call.args, **named)


def check_arguments(
    plan: ToolPlan, args: tuple[Any, ...], kwargs: Mapping[str, Any]
) -> dict[str, Any]:
    """Return the arguments by name, structured into the types of the tool.

    Raises:
      InvalidValueError: if one is missing, unknown, given twice, or of the wrong type.
    """
    names = list(plan.parameters)
    given = {**dict(zip(names, args, strict=False)), **kwargs}
    if plan.check_arguments is not None:
        wrong = plan.check_arguments(given)
        if wrong:
            raise InvalidValueError("arguments", f"tool {plan.id!r}", wrong)
        return given
    faults = [Fault(name, "unknown argument") for name in given if name not in plan.parameters]
    faults += [
        Fault(name, "argument is missing") for name in names if name in plan.required - given.keys()
    ]
    faults += [Fault(name, "given twice") for name in names[: len(args)] if name in kwargs]
    if len(args) > len(names):
        faults.append(Fault("", f"{len(args)} arguments given, {len(names)} taken"))
    if faults:
        raise InvalidValueError("arguments", f"tool {plan.id!r}", tuple(faults))
    return {name: structured(plan, name, value) for name, value in given.items()}


def structured(plan: ToolPlan, name: str, value: Any) -> Any:
    """Return one argument, structured into the type of its parameter."""
    structure = plan.parameters[name]
    return value if structure is None else structure(value)
