"""Instruments around bodies.

Bodies are wrapped while a workflow is planned, and only for instruments that override
`Instrument.around_body`. Runs without such instruments thus cost nothing.
"""

from __future__ import annotations

import types
from collections.abc import AsyncGenerator, Awaitable, Callable, Generator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from contextvars import Context, ContextVar, Token, copy_context
from typing import TYPE_CHECKING, Any

import attrs

from trioflow._engine.base.outcome import must_pass
from trioflow._engine.running.own_context import same_context
from trioflow.abc import BodyInfo, Instrument, PartInfo, TraceIds
from trioflow.tracing import TracingContext

if TYPE_CHECKING:
    from trioflow._engine.base.plan import Body
    from trioflow._engine.running.call import Call
    from trioflow._engine.running.run_core import RunCore
    from trioflow._engine.running.tool_calls import ToolCallInProgress
    from trioflow._engine.stream.log import RunLog

_inside: ContextVar[tuple[RunCore, TracingContext] | None] = ContextVar("inside", default=None)
"""The position of the running code in a trace, and its run. Not kept in the call, because several
tools that it has called may run at the same time."""


def tracing_inside(core: RunCore) -> TracingContext:
    """Return the position in its caller's trace of the running code of a run."""
    inside = _inside.get()
    return inside[1] if inside is not None and inside[0] is core else core.tracing_context


def notify_begin(log: RunLog, part: PartInfo) -> TraceIds | None:
    """Notify the instruments that a part of a run begins, and return the trace ids they assign."""
    first = None
    part = _described_part(log, part)
    for instrument in log.instruments:
        try:
            ids = instrument.on_begin(part)
        except BaseException as exc:
            if must_pass(exc):
                raise
            log.switch_off(instrument, exc)
        else:
            first = first or ids
    return first


def _described_part(log: RunLog, part: PartInfo) -> PartInfo:
    """Return the description of a part with what the first instrument knows about its span."""
    for instrument in log.instruments:
        try:
            span = instrument.describe_part(part)
        except BaseException as exc:
            if must_pass(exc):
                raise
            log.switch_off(instrument, exc)
        else:
            if span is not None:
                return attrs.evolve(part, span=span)
    return part


def watched_body(
    body: Body,
    function: Callable[..., Any] | None,
    metadata: Mapping[str, Any],
    instruments: Sequence[Instrument],
) -> Body:
    """Return a body wrapped in the instruments that want to be around it, the first outermost."""
    describing = _describing(instruments)
    for instrument in reversed(_surrounding(instruments)):
        body = _around_body(body, _Watched(instrument, function, metadata, describing))
    return body


def _around_body(body: Body, watched_by: _Watched) -> Body:
    async def watched(call: Call, value: Any) -> Any:
        with _Watch(watched_by, call, None):
            if call.plan.is_leaf:
                return await body(call, value)
            async with same_context():
                return await body(call, value)

    return watched


def watched_tool(
    run: Callable[[ToolCallInProgress], Any],
    function: Callable[..., Any],
    metadata: Mapping[str, Any],
    instruments: Sequence[Instrument],
    *,
    streaming: bool,
) -> Callable[[ToolCallInProgress], Any]:
    """Return a function that runs a tool with instruments around it, like `watched_body`."""
    wrap = _around_pieces if streaming else _around_tool
    describing = _describing(instruments)
    for instrument in reversed(_surrounding(instruments)):
        run = wrap(run, _Watched(instrument, function, metadata, describing))
    return run


def _around_tool(
    run: Callable[[ToolCallInProgress], Awaitable[Any]], watched_by: _Watched
) -> Callable[[ToolCallInProgress], Awaitable[Any]]:
    async def watched(tool_call: ToolCallInProgress) -> Any:
        with _Watch(watched_by, tool_call.call, tool_call):
            return await run(tool_call)

    return watched


def _around_pieces(
    run: Callable[[ToolCallInProgress], AsyncGenerator[Any, None]], watched_by: _Watched
) -> Callable[[ToolCallInProgress], AsyncGenerator[Any, None]]:
    async def watched(tool_call: ToolCallInProgress) -> AsyncGenerator[Any, None]:
        # A generator runs in the context of the consumer. With its own context, what the instrument
        # sets there is not visible to the consumer.
        context = copy_context()
        with _entered_in(context, _Watch(watched_by, tool_call.call, tool_call)):
            pieces = run(tool_call)
            try:
                while True:
                    try:
                        piece = await _run_in(context, pieces.__anext__())
                    except StopAsyncIteration:
                        return
                    yield piece
            finally:
                await _run_in(context, pieces.aclose())

    return watched


def _surrounding(instruments: Sequence[Instrument]) -> list[Instrument]:
    return [i for i in instruments if type(i).around_body is not Instrument.around_body]


def _describing(instruments: Sequence[Instrument]) -> list[Instrument]:
    return [i for i in instruments if type(i).describe_body is not Instrument.describe_body]


def _described(body: BodyInfo, instruments: Sequence[Instrument], log: RunLog) -> BodyInfo:
    """Return the description of a body with what the first instrument knows about its span."""
    for instrument in instruments:
        if instrument not in log.instruments:
            continue
        try:
            span = instrument.describe_body(body)
        except BaseException as exc:
            if must_pass(exc):
                raise
            log.switch_off(instrument, exc)
        else:
            if span is not None:
                return attrs.evolve(body, span=span)
    return body


@attrs.frozen(eq=False)
class _Watched:
    """How one instrument watches the calls of one body."""

    instrument: Instrument
    function: Callable[..., Any] | None
    metadata: Mapping[str, Any]
    describing: Sequence[Instrument]
    """The instruments that may know what the span of the body is."""


class _Watch:
    """The context managers of one instrument around one body. Its errors do not propagate."""

    __slots__ = ("_call", "_instrument", "_manager", "_token", "_tool_call", "_watched")

    def __init__(self, watched: _Watched, call: Call, tool_call: ToolCallInProgress | None) -> None:
        self._instrument = watched.instrument
        self._watched = watched
        self._call = call
        self._tool_call = tool_call
        self._manager: AbstractContextManager[Any] | None = None
        self._token: Token[tuple[RunCore, TracingContext] | None] | None = None

    def __enter__(self) -> None:
        core = self._call.scope.core
        if self._instrument not in core.log.instruments:
            return
        span = None
        try:
            body = self._info()
            if self._watched.describing:
                body = _described(body, self._watched.describing, core.log)
            manager = self._instrument.around_body(body)
            if manager is not None:
                span = manager.__enter__()
                self._manager = manager
        except BaseException as exc:
            if must_pass(exc):
                raise
            core.log.switch_off(self._instrument, exc)
        if span is not None:
            inside = span if isinstance(span, TracingContext) else TracingContext(span)
            self._token = _inside.set((core, inside))

    def __exit__(self, *exc_info: Any) -> None:
        if self._token is not None:
            _inside.reset(self._token)
        if self._manager is not None:
            try:
                self._manager.__exit__(*exc_info)
            except BaseException as exc:
                if must_pass(exc):
                    raise
                if exc is not exc_info[1]:
                    self._call.scope.core.log.switch_off(self._instrument, exc)

    def _info(self) -> BodyInfo:
        call, tool_call = self._call, self._tool_call
        return BodyInfo(
            run_id=call.run_id,
            workflow_id=call.workflow_id,
            step_id=call.id,
            step_call_id=call.step_call_id,
            address=call.address,
            kind=call.plan.kind,
            attempt=call.attempt,
            at=call.scope.core.log.now(),
            function=self._watched.function,
            metadata=self._watched.metadata,
            tool_call_id=None if tool_call is None else tool_call.tool_call_id,
            tool=None if tool_call is None else tool_call.plan.id,
            tracing_context=call.tracing_context,
        )


@contextmanager
def _entered_in(context: Context, watch: _Watch) -> Generator[None, None, None]:
    context.run(watch.__enter__)
    try:
        yield
    except BaseException as exc:
        context.run(watch.__exit__, type(exc), exc, exc.__traceback__)
        raise
    context.run(watch.__exit__, None, None, None)


@types.coroutine
def _run_in(context: Context, awaitable: Any) -> Generator[Any, Any, Any]:
    """Await something that is part of a generator, each of its steps in *context*."""
    step, argument = awaitable.send, None
    while True:
        try:
            trap = context.run(step, argument)
        except StopIteration as stop:
            return stop.value
        try:
            step, argument = awaitable.send, (yield trap)
        except BaseException as exc:  # for the awaitable to handle, not for us
            step, argument = awaitable.throw, exc
