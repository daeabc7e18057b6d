"""What steps, conditions and mapping functions see of the run they are part of.

The classes here are thin: they hold no state, and pass everything to objects of the engine,
which they know only by the two protocols at the end.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Coroutine, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from typing import (
    TYPE_CHECKING,
    Any,
    Concatenate,
    Generic,
    NoReturn,
    ParamSpec,
    Protocol,
    TypeVar,
    overload,
)

import trio
from typing_extensions import TypeVar as TypeVarWithDefault

if TYPE_CHECKING:
    from trioflow._durations import Duration
    from trioflow.steps import Step
    from trioflow.tools import Tool
    from trioflow.tracing import TracingContext
    from trioflow.workflow import Workflow

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
S = TypeVarWithDefault("S", default=Any)

MISSING: Any = object()
"""Marks an argument that was not given where None is a value."""


class RunContext(Generic[S]):
    """The second argument of conditions and mapping functions; the argument of ``on_start``."""

    __slots__ = ("_frame",)

    def __init__(self, frame: FramePort) -> None:
        self._frame = frame

    @property
    def run_id(self) -> str:
        """Id of the run, the same in nested workflows."""
        return self._frame.run_id

    @property
    def workflow_id(self) -> str:
        """Id of the innermost workflow."""
        return self._frame.workflow_id

    @property
    def init_data(self) -> Any:
        """The input of the innermost workflow, structured."""
        return self._frame.init_data

    @property
    def runtime_context(self) -> MutableMapping[str, Any]:
        """A mapping that all steps of the run share, in nested workflows as well.

        Changes are recorded when a step ends. They survive the process, unlike what a body sets
        in context variables.
        """
        return self._frame.runtime_context

    @property
    def tracing_context(self) -> TracingContext:
        """Where this call stands in the caller's trace."""
        return self._frame.tracing_context

    @property
    def state(self) -> S:
        """The run's typed state, with the updates of all steps that have ended."""
        state: S = self._frame.state
        return state

    @property
    def iteration(self) -> int | None:
        """In a loop body or condition: which iteration, counted from 1."""
        return self._frame.iteration

    @overload
    def step_result(self, step: Step[Any, T]) -> T: ...
    @overload
    def step_result(self, step: Step[Any, T], default: D) -> T | D: ...
    @overload
    def step_result(self, step: object, default: object = ...) -> Any: ...
    def step_result(self, step: object, default: object = MISSING) -> Any:
        """Return the output of a step of this workflow, or of a node by its id.

        If the step ran several times, the last success counts.

        Args:
          step: A step, tool or workflow, or its id.
          default: Returned if the step has not ended with success.

        Raises:
          NoResultError: if it has not, and no default is given.
        """
        return self._frame.step_result(step if isinstance(step, str) else step.id, default)  # type: ignore[attr-defined]

    def cancel_run(self, reason: str | None = None) -> None:
        """Cancel the run. The body runs up to its next checkpoint."""
        self._frame.cancel_run(reason)


class StepContext(RunContext[S]):
    """What a step or tool can see and do. Annotate a parameter with it to get it.

    It works only while the body runs; after that its methods raise `StepClosedError`.
    ``StepContext[MyState]`` types `state`. A blocking step (a plain ``def``) runs in a thread, and
    calls the async methods with ``trio.from_thread.run(ctx.write, chunk)``.
    """

    __slots__ = ("_call",)

    def __init__(self, call: CallPort) -> None:
        super().__init__(call)
        self._call = call

    @property
    def step_id(self) -> str:
        """Id of the step; inside nested workflows ``"outer.inner"``."""
        return self._call.id

    @property
    def step_call_id(self) -> str:
        """A stable idempotency key: the run's id and the address of the call.

        All attempts of the call have the same, before and after a suspension or a crash.
        """
        return self._call.step_call_id

    @property
    def attempt(self) -> int:
        """Which attempt this is, counted from 1; attempts that a crash has ended count."""
        return self._call.attempt

    @property
    def resumed(self) -> bool:
        """Whether the step has an answer: it was resumed with one, or its event has come.

        An answer may be None, so look here and not at `resume_data`.
        """
        return self._call.resumed

    @property
    def resume_data(self) -> Any:
        """The answer to ``suspend``, or the data of the event the step waited for; else None."""
        return self._call.resume_data

    @property
    def suspend_data(self) -> Any:
        """The payload that the step suspended with last; None if it has not."""
        return self._call.suspend_data

    def set_state(self, updates: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Merge these keys into the run's state when the step ends with success, or suspends.

        A key replaces the field, or is merged into it if its type says how (`trioflow.reduce`).
        Updates of an attempt that fails or is canceled are dropped, and so are those of an
        attempt that ends in `ask`: the body runs again and makes them again.

        Raises:
          InvalidValueError: if the state's type has no such field, or the value does not fit.
        """
        self._call.set_state({**(updates or {}), **more})

    # Not async, so that there is one coroutine less for each chunk (shortcut `no-coroutine`).
    def write(self, chunk: Any) -> Coroutine[Any, Any, None]:
        """Emit *chunk* as a `StepOutput` event.

        Waits while the buffer of the run's stream is full: this is its back-pressure. Readers
        get the chunk itself, so do not change it later. A journal (``journal_chunks=True``) holds
        a copy.

        **Cancellation**: canceled before the chunk is emitted, or not at all.

        **Checkpoints**: always a cancellation point; a schedule point if it has to wait
        and now and then otherwise, so that a writer cannot starve other tasks.
        """
        return self._call.write(chunk)

    # The caller leaves the context out, wherever the tool has it. Types can take it away
    # only where it comes first; where it comes last, the other arguments go unchecked.
    @overload
    async def call_tool(
        self, tool: Tool[Concatenate[StepContext[Any], P], T], /, *args: P.args, **kwargs: P.kwargs
    ) -> T: ...
    @overload
    async def call_tool(self, tool: Tool[P, T], /, *args: P.args, **kwargs: P.kwargs) -> T: ...
    @overload
    async def call_tool(
        self, tool: Tool[[Any, StepContext[Any]], T], /, *args: Any, **kwargs: Any
    ) -> T: ...
    @overload
    async def call_tool(
        self, tool: Tool[[Any, Any, StepContext[Any]], T], /, *args: Any, **kwargs: Any
    ) -> T: ...
    @overload
    async def call_tool(self, tool: str, /, **kwargs: Any) -> Any: ...
    async def call_tool(self, tool: Any, /, *args: Any, **kwargs: Any) -> Any:
        """Call a tool (or the tool of that id) and return its result.

        A streaming tool returns the list of its pieces, or what its ``combine`` makes of
        them. What the tool raises is raised here, as itself.

        **Cancellation**: cancels the tool.

        **Checkpoints**: at least a cancellation point.
        """
        return await self._call.call_tool(tool, args, kwargs)

    def stream_tool(
        self, tool: Tool[..., Any] | str, /, **kwargs: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Call a streaming tool and take its pieces one by one::

            async with ctx.stream_tool(suggest, forecast=forecast) as pieces:
                async for piece in pieces: ...

        Leaving the block closes the tool. What the tool raises is raised inside the block.
        """
        return self._call.stream_tool(tool, kwargs)

    @overload
    async def wait_for(self, event: str, type: type[T], timeout: Duration | None = None) -> T: ...
    @overload  # unions, Literal and Annotated are no classes
    async def wait_for(
        self, event: str, type: Any = ..., timeout: Duration | None = None
    ) -> Any: ...
    async def wait_for(
        self, event: str, type: Any = MISSING, timeout: Duration | None = None
    ) -> Any:
        """Park here until ``run.send_event(event, data)`` and return the data.

        An event that was sent before is taken at once; each wait takes one event.

        Args:
          event: Name of the event.
          type: What the data is structured into; not changed if not given.
          timeout: Seconds, or a timedelta, to wait at most.

        The body waits in place: nothing before the wait runs twice. If the process dies, the body
        runs again from its first line, and can take the events that it had taken before.

        Raises:
          EventTimeoutError: if no event came in time.
          InvalidValueError: if the data does not fit *type*.

        **Cancellation**: an event that was not taken stays for others.

        **Checkpoints**: always.
        """
        return await self._call.wait_for(event, type, timeout)

    @overload
    async def resource(self, name: str, type: type[T]) -> T: ...
    @overload  # unions, Literal and Annotated are no classes
    async def resource(self, name: str, type: Any = ...) -> Any: ...
    async def resource(self, name: str, type: Any = Any) -> Any:
        """Return what steps share under a name, such as a client or a connection pool.

        Resources come from ``open_engine(resources={"http": httpx.AsyncClient})`` and from plugins
        (``trioflow_resources``). Each is opened on first use, once however many steps ask for it,
        and closed when the engine is. A step in a worker process gets that of its process::

            client = await ctx.resource("http", httpx.AsyncClient)

        Args:
          name: Name of the resource.
          type: Class that it must be an instance of.

        Raises:
          UnknownNameError: if there is no resource of that name.
          ResourceTypeError: if it is of another class.
          Exception: what its context manager raised when it was opened. The next call tries again.

        **Cancellation**: the resource is opened nevertheless; others may wait for it.

        **Checkpoints**: always at least a cancellation point.
        """
        return await self._call.resource(name, type)

    @overload
    def structure(self, value: Any, type: type[T]) -> T: ...
    @overload
    def structure(self, value: Any, type: Any) -> Any: ...
    def structure(self, value: Any, type: Any) -> Any:
        """Return *value* as *type*, as inputs of steps are structured: strictly.

        Raises:
          InvalidValueError: if it does not fit. Its ``faults`` say what is wrong, and where.
          DefinitionError: if nothing can be structured into the type.
        """
        return self._call.structure(value, type)

    def json_schema(self, type: Any) -> dict[str, Any]:
        """Return the JSON Schema of a type, or of the arguments of a tool, with the engine's
        plugins."""
        return self._call.json_schema(type)

    @overload
    async def ask(
        self,
        payload: Any,
        type: type[T],
        label: str | None = None,
        timeout: Duration | None = None,
    ) -> T: ...
    @overload  # unions, Literal and Annotated are no classes
    async def ask(
        self,
        payload: Any,
        type: Any,
        label: str | None = None,
        timeout: Duration | None = None,
    ) -> Any: ...
    async def ask(
        self,
        payload: Any,
        type: Any,
        label: str | None = None,
        timeout: Duration | None = None,
    ) -> Any:
        """Ask a question and return the answer, in a minute or in a month::

            if await ctx.ask({"pay": amount}, bool):
                await pay(amount, key=ctx.step_call_id)

        Without a recorded answer the run is suspended, and nothing of it is kept in memory.
        ``run.resume(answer)`` records the answer and runs the body again from its first line; this
        call then returns the answer at once. So n questions run the code above them n + 1 times:
        do what must happen once in an earlier step.

        Questions are told apart by their labels, those without one by their order. Ask the same
        questions each time the body runs. An answer is kept for all attempts of the call, over
        crashes and for ``run.retry()``; a fork at this step asks again.

        Questions that several tasks of a body ask at the same time need labels. Start the tasks
        together: a question that is asked later than the others is left to the next run of the
        body. Each is answered by itself, ``run.resume(answer, label=...)``.

        In a thread, and in a worker process: ``trio.from_thread.run(ctx.ask, payload, bool)``.

        Args:
          payload: What to tell those who answer. Compared with the recorded one with ``==``.
          type: Type of the answer. `StepSuspended` carries its JSON Schema, so that any process
            can show a form, and refuse answers that do not fit.
          label: A name to answer by.
          timeout: Seconds, or a timedelta, by the calendar; they pass while the run is suspended,
            and while no process has it. An engine with ``recover=True``, or the one that has the
            run in memory, then continues the run.

        Raises:
          AskTimeoutError: if there was no answer in time; as an answer, each time it is asked.
          AskMismatchError: if another type or payload is recorded for the question.
          AskLabelError: if it cannot be told from other questions of the call.
          DefinitionError: if nothing can be structured into *type*.
          NotSerializableError: the step fails with it if the run is durable, and the payload
            cannot be written.

        **Cancellation**: nothing is asked. A question without an answer leaves the body with a
        BaseException, so ``finally`` blocks run; do not catch it.

        **Checkpoints**: always.
        """
        return await self._call.ask(payload, type, label, timeout)

    async def start_run(
        self,
        workflow: Workflow[Any, Any] | str,
        input_data: Any = None,
        *,
        resource_id: str | None = None,
        tags: Collection[str] = (),
        timeout: Duration | None = None,
    ) -> str:
        """Start another run and return its id. It does not end with this run.

        It is started exactly once per step call, in the engine that drives this run: a body that
        runs again, for another attempt or after a crash, gets the same run. With a store its start
        is on disk when this returns.

        Args:
          workflow: A workflow, or the id of one that the engine knows.
          input_data: Its input.
          resource_id: The resource (user, tenant, ...) the run belongs to.
          tags: By which it can be listed.
          timeout: Seconds, or a timedelta, in which it must finish; see `Workflow`.

        Raises:
          RunStateError: if no engine drives this run.
          UnknownNameError: if the engine has no such workflow.
          InvalidValueError: if the input does not fit.
          DuplicateRunError: if the call has started a run of another workflow in its place.
          StoreError: if the start cannot be written.

        **Cancellation**: the run may have started; the next call of the body gets it.

        **Checkpoints**: always.
        """
        return await self._call.start_run(workflow, input_data, resource_id, tags, timeout)

    def suspend(self, payload: Any = None, *, label: str | None = None) -> NoReturn:
        """Suspend the step until ``run.resume(answer)``; `ask` does the same and returns it.

        The body ends now. When the step is resumed it runs again from its first line, with the
        answer in `resume_data`. State updates are merged now. Siblings run to their end.

        Args:
          payload: What to tell those who answer.
          label: A name to resume by.

        Raises:
          InvalidValueError: if the payload does not fit the step's ``suspend`` type.
        """
        self._call.suspend(payload, label)

    def bail(self, result: Any = None) -> NoReturn:
        """End the innermost workflow early, with success and *result*."""
        self._call.bail(result)


class BlockingStepContext(StepContext[S]):
    """What the body of a blocking step gets: a `StepContext` for use in another thread.

    There, an async method that is called as if it were a plain one would do nothing, so it raises
    at once. Runners that run bodies in threads or processes make one.
    """

    __slots__ = ()

    if not TYPE_CHECKING:  # the signatures are those of StepContext

        def write(self, chunk):
            _check_in_loop("write")
            return super().write(chunk)

        def call_tool(self, tool, /, *args, **kwargs):
            _check_in_loop("call_tool")
            return super().call_tool(tool, *args, **kwargs)

        def wait_for(self, event, type=MISSING, timeout=None):
            _check_in_loop("wait_for")
            return super().wait_for(event, type, timeout)

        def resource(self, name, type=Any):
            _check_in_loop("resource")
            return super().resource(name, type)

        def ask(self, payload, type, label=None, timeout=None):
            _check_in_loop("ask")
            return super().ask(payload, type, label, timeout)

        def start_run(self, workflow, input_data=None, **options):
            _check_in_loop("start_run")
            return super().start_run(workflow, input_data, **options)


def _check_in_loop(method: str) -> None:
    """Check that a method is called in the event loop, where what it returns can be awaited."""
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"ctx.{method}() is async, and a plain def cannot await it; "
            f"use trio.from_thread.run(ctx.{method}, ...)"
        )


class FramePort(Protocol):
    """What contexts need of the place in the run that they belong to."""

    @property
    def run_id(self) -> str: ...
    @property
    def workflow_id(self) -> str: ...
    @property
    def init_data(self) -> Any: ...
    @property
    def runtime_context(self) -> MutableMapping[str, Any]: ...
    @property
    def tracing_context(self) -> TracingContext: ...
    @property
    def state(self) -> Any: ...
    @property
    def iteration(self) -> int | None: ...
    def step_result(self, step_id: str, default: object) -> Any: ...
    def cancel_run(self, reason: str | None) -> None: ...


class CallPort(FramePort, Protocol):
    """What a `StepContext` needs of the step call it belongs to.

    A runner that runs bodies in another process implements it there.
    """

    @property
    def id(self) -> str: ...
    @property
    def step_call_id(self) -> str: ...
    @property
    def attempt(self) -> int: ...
    @property
    def resumed(self) -> bool: ...
    @property
    def resume_data(self) -> Any: ...
    @property
    def suspend_data(self) -> Any: ...
    def set_state(self, updates: Mapping[str, Any]) -> None: ...
    async def write(self, chunk: Any) -> None: ...
    async def call_tool(self, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any: ...
    def stream_tool(
        self, tool: Any, kwargs: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]: ...
    async def wait_for(self, event: str, type: Any, timeout: Duration | None) -> Any: ...
    async def ask(self, payload: Any, type: Any, label: str | None, timeout: Any) -> Any: ...
    async def start_run(
        self,
        workflow: Any,
        input_data: Any,
        resource_id: str | None,
        tags: Collection[str],
        timeout: Any,
    ) -> str: ...
    async def resource(self, name: str, type: Any) -> Any: ...
    def resource_opener(self, name: str) -> Any: ...
    def structure(self, value: Any, type: Any) -> Any: ...
    def json_schema(self, type: Any) -> dict[str, Any]: ...
    def suspend(self, payload: Any, label: str | None) -> NoReturn: ...
    def bail(self, result: Any) -> NoReturn: ...
