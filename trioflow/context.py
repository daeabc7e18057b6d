"""The contexts that steps, conditions and mapping functions get: their view of the run.

The classes here hold no state. They delegate to objects of the engine, through the two protocols
at the end of this module.
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
    from typing_extensions import TypeForm

    from trioflow._durations import Duration
    from trioflow._tick import Tick
    from trioflow._value_refs import ValueRef
    from trioflow.steps import Step
    from trioflow.tools import Tool
    from trioflow.tracing import TracingContext
    from trioflow.workflow import Workflow

P = ParamSpec("P")
T = TypeVar("T")
D = TypeVar("D")
S = TypeVarWithDefault("S", default=Any)

MISSING: Any = object()
"""Marks an argument that was not passed, if None is a valid value."""


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
        """A mapping that all steps of the run share, including those of nested workflows.

        Changes are recorded when a step ends. Unlike context variables that a body sets, they
        survive the process.
        """
        return self._frame.runtime_context

    @property
    def tracing_context(self) -> TracingContext:
        """The position of this call in the caller's trace."""
        return self._frame.tracing_context

    @property
    def state(self) -> S:
        """The run's typed state, with the updates of all steps that have ended."""
        state: S = self._frame.state
        return state

    def private_state(self, namespace: str) -> Mapping[str, Any]:
        """Return the private state under *namespace*, which a plugin keeps in the run.

        It is recorded with the run and survives the process, but is no part of ``result.state``;
        ``run.record.private`` shows it. The mapping is read-only.

        Args:
          namespace: The name that the plugin has chosen for itself, such as its distribution.
        """
        return self._frame.private_state(namespace)

    @property
    def tick(self) -> Tick | None:
        """The tick of the schedule that the run is of; None if no schedule has started it."""
        return self._frame.tick

    @property
    def iteration(self) -> int | None:
        """In a loop body or condition: the iteration, counted from 1."""
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
          default: Returned if the step has not succeeded.

        Raises:
          NoResultError: if the step has not succeeded and there is no default.
        """
        return self._frame.step_result(step if isinstance(step, str) else step.id, default)  # type: ignore[attr-defined]

    def cancel_run(self, reason: str | None = None) -> None:
        """Cancel the run. The body continues until its next checkpoint."""
        self._frame.cancel_run(reason)


class StepContext(RunContext[S]):
    """The interface of a step or tool to its run. Annotate a parameter with it to get it.

    It works only while the body runs; after that its methods raise `StepClosedError`.
    ``StepContext[MyState]`` sets the type of `state`. A blocking step (a plain ``def``) runs in a
    thread, and calls the async methods with ``trio.from_thread.run(ctx.write, chunk)``.
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

        It is the same for all attempts of the call, also after a suspension or a crash.
        """
        return self._call.step_call_id

    @property
    def attempt(self) -> int:
        """Number of this attempt, counted from 1, including attempts that crashed."""
        return self._call.attempt

    @property
    def resumed(self) -> bool:
        """Whether the step has an answer: it was resumed with one, or its event has arrived.

        An answer may be None, so test this and not `resume_data`.
        """
        return self._call.resumed

    @property
    def resume_data(self) -> Any:
        """The answer to ``suspend``, or the data of the awaited event; otherwise None."""
        return self._call.resume_data

    @property
    def suspend_data(self) -> Any:
        """The payload of the last suspension; None if the step has not suspended."""
        return self._call.suspend_data

    def set_state(self, updates: Mapping[str, Any] | None = None, /, **more: Any) -> None:
        """Merge these keys into the run's state when the step succeeds or suspends.

        A value replaces the field, or is merged into it if its type has a reducer
        (`trioflow.reduce`). Updates of an attempt that fails or is canceled are dropped. So are
        updates of an attempt that suspends in `ask`: the body runs again and repeats them.

        Raises:
          InvalidValueError: if the type of the state, or that of the step's ``state``, has no such
            field, or the value does not fit.
        """
        self._call.set_state({**(updates or {}), **more})

    def set_private_state(self, namespace: str, updates: Mapping[str, Any], /) -> None:
        """Replace keys of the private state under *namespace*; see `private_state`.

        Unlike `set_state`, it is recorded at once, whatever becomes of the attempt: use keys that
        a repeated body sets again. Keys are not removed.

        Args:
          namespace: As for `private_state`.
          updates: The values by key. Do not change them later.

        Raises:
          TypeError: if the namespace or a key is not a string.
          NotSerializableError: if the run is durable and a value cannot be written.
        """
        self._call.set_private_state(namespace, updates)

    # Not async, to save one coroutine per chunk (shortcut `no-coroutine`).
    def write(self, chunk: Any) -> Coroutine[Any, Any, None]:
        """Emit *chunk* as a `StepOutput` event.

        Waits while the buffer of the run's stream is full; this is the stream's back-pressure.
        Readers get the chunk itself, so do not change it later. A journal
        (``journal_chunks=True``) holds a copy.

        **Cancellation**: canceled before the chunk is emitted, or not at all.

        **Checkpoints**: always a cancellation point. A schedule point if it has to wait, and
        otherwise now and then, so that a writer cannot starve other tasks.
        """
        return self._call.write(chunk)

    # The caller omits the context, at any position. Types can remove it only as the first
    # parameter; if it is the last, the other arguments are not checked.
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
        """Call a tool (or the tool with that id) and return its output.

        For a streaming tool, returns the list of its pieces, or the value that its ``combine``
        returns for them. Exceptions of the tool are raised here unchanged.

        **Cancellation**: cancels the tool.

        **Checkpoints**: at least a cancellation point.
        """
        return await self._call.call_tool(tool, args, kwargs)

    def stream_tool(
        self, tool: Tool[..., Any] | str, /, **kwargs: Any
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        """Call a streaming tool and iterate over its pieces::

            async with ctx.stream_tool(suggest, forecast=forecast) as pieces:
                async for piece in pieces: ...

        Leaving the block closes the tool. Exceptions of the tool are raised inside the block.
        """
        return self._call.stream_tool(tool, kwargs)

    @overload
    async def wait_for(
        self, event: str, type: TypeForm[T], timeout: Duration | None = None
    ) -> T: ...
    @overload  # what a type checker does not know as a type
    async def wait_for(
        self, event: str, type: Any = ..., timeout: Duration | None = None
    ) -> Any: ...
    async def wait_for(
        self, event: str, type: Any = MISSING, timeout: Duration | None = None
    ) -> Any:
        """Wait for ``run.send_event(event, data)`` and return the data.

        An event that was sent earlier is taken at once. Each wait takes one event.

        Args:
          event: Name of the event.
          type: Type to structure the data into; by default, the data is returned unchanged.
          timeout: Maximum time to wait: seconds, or a timedelta.

        The body waits in place: code before the wait does not run again. If the process dies, the
        body runs again from its first line, and can take the same events again.

        Raises:
          EventTimeoutError: if no event arrives in time.
          InvalidValueError: if the data does not fit *type*.

        **Cancellation**: no event is taken; it stays queued for other waits.

        **Checkpoints**: always.
        """
        return await self._call.wait_for(event, type, timeout)

    @overload
    async def resource(self, name: str, type: TypeForm[T]) -> T: ...
    @overload  # what a type checker does not know as a type
    async def resource(self, name: str, type: Any = ...) -> Any: ...
    async def resource(self, name: str, type: Any = Any) -> Any:
        """Return a resource that steps share, such as a client or a connection pool::

            client = await ctx.resource("http", httpx.AsyncClient)

        Resources come from ``open_engine(resources={"http": httpx.AsyncClient})`` and from plugins
        (``trioflow_resources``). Each is opened once, on first use, and closed with the engine. A
        step in a worker process gets a resource of that process.

        Args:
          name: Name of the resource.
          type: Class that it must be an instance of.

        Raises:
          UnknownNameError: if there is no resource with that name.
          ResourceTypeError: if it is of another class.
          Exception: raised by its context manager on opening. The next call tries again.

        **Cancellation**: the resource is opened nevertheless, because other steps may wait for it.

        **Checkpoints**: always at least a cancellation point.
        """
        return await self._call.resource(name, type)

    async def put(self, value: T) -> ValueRef[T]:
        """Write a large value into the engine's value store, and return a reference to it.

        Return the reference instead of the value: the journal holds a few hundred bytes, and
        other processes read the value itself from the folder or the bucket. It is on disk when
        this returns, and is deleted together with the run. ``bytes`` and ``str`` are written as
        they are, other values as JSON in a thread, so do not change them meanwhile.

        Raises:
          NoValueStoreError: if the engine was opened without ``values=``.
          NotSerializableError: if it has no JSON form, or is a secret and there is no codec.
          ValueStoreError: if it cannot be written within the engine's ``store_patience``.

        **Cancellation**: the value cannot be read.

        **Checkpoints**: always.
        """
        return await self._call.put(value)

    async def get(self, ref: ValueRef[T]) -> T:
        """Return the value that a reference stands for, from the value store: an equal one.

        Raises:
          NoValueStoreError: if the engine was opened without ``values=``.
          MissingValueError: if it is not there, for example because its run was deleted.
          DamagedValueError: if its bytes are not those that were written.
          InvalidValueError: if it does not fit today's classes.
          ValueStoreError: if it cannot be read within the engine's ``store_patience``.

        **Checkpoints**: always.
        """
        value: T = await self._call.get(ref)
        return value

    @overload
    def structure(self, value: Any, type: TypeForm[T]) -> T: ...
    @overload
    def structure(self, value: Any, type: Any) -> Any: ...
    def structure(self, value: Any, type: Any) -> Any:
        """Return *value* structured into *type*, as strictly as the input of a step.

        Raises:
          InvalidValueError: if it does not fit. Its ``faults`` list what is wrong, and where.
          DefinitionError: if the type is not supported.
        """
        return self._call.structure(value, type)

    def json_schema(self, type: Any) -> dict[str, Any]:
        """Return the JSON Schema of a type, or of a tool's arguments, with the engine's plugins."""
        return self._call.json_schema(type)

    def to_json(self, value: Any) -> Any:
        """Return *value* made of plain JSON types, as the engine's plugins write it.

        It accepts every value, for people and models to read: what has no JSON form becomes its
        ``repr``, and the result cannot be read back.
        """
        return self._call.to_json(value)

    def find_tool(self, id: str) -> Tool[..., Any]:
        """Return the tool with this id, of a plugin or of ``open_engine(tools=...)``.

        Raises:
          UnknownNameError: if the engine knows no such tool.
        """
        tool: Tool[..., Any] = self._call.find_tool(id)
        return tool

    @overload
    async def ask(
        self,
        payload: Any,
        type: TypeForm[T],
        label: str | None = None,
        timeout: Duration | None = None,
    ) -> T: ...
    @overload  # what a type checker does not know as a type
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

        If no answer is recorded, the run is suspended and needs no memory.
        ``run.resume(answer)`` records the answer and runs the body again from its first line; this
        call then returns the answer at once. So with n questions, the code before them runs up to
        n + 1 times: put actions that must happen once into an earlier step.

        Questions are identified by their labels, or by their order if they have none. Ask the same
        questions each time the body runs. An answer is kept for all attempts of the call, across
        crashes and for ``run.retry()``; a fork at this step asks again.

        Questions that several tasks of a body ask concurrently need labels. Start the tasks
        together: a question that is asked later than the others is left to the next run of the
        body. Each is answered separately: ``run.resume(answer, label=...)``.

        In a thread or a worker process: ``trio.from_thread.run(ctx.ask, payload, bool)``.

        Args:
          payload: The question, as data to show. Compared with the recorded one with ``==``.
          type: Type of the answer. `StepSuspended` carries its JSON Schema, so that any process
            can show a form, and refuse answers that do not fit.
          label: A name to answer by.
          timeout: Seconds, or a timedelta, of wall-clock time. It also passes while the run is
            suspended and while no process drives it. When it expires, an engine with
            ``recover=True``, or the engine that has the run in memory, continues the run.

        Raises:
          AskTimeoutError: if there was no answer in time. Like an answer, it is recorded, and
            raised each time the question is asked.
          AskMismatchError: if another type or payload is recorded for the question.
          AskLabelError: if the question cannot be distinguished from others of the call.
          DefinitionError: if *type* is not supported.
          NotSerializableError: fails the step if the run is durable and the payload cannot be
            written.

        **Cancellation**: nothing is asked. An unanswered question leaves the body with a
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
        """Start another run and return its id. The new run is independent of this one.

        It is started exactly once per step call, in the engine that drives this run: a body that
        runs again, for another attempt or after a crash, gets the same run. With a store, its start
        is on disk when this returns.

        Args:
          workflow: A workflow, or the id of one that the engine knows.
          input_data: Its input.
          resource_id: The resource (user, tenant, ...) the run belongs to.
          tags: Tags to list it by.
          timeout: Seconds, or a timedelta, in which it must finish; see `Workflow`.

        Raises:
          RunStateError: if no engine drives this run.
          UnknownNameError: if the engine has no such workflow.
          InvalidValueError: if the input does not fit.
          DuplicateRunError: if an earlier attempt started a run of another workflow here.
          StoreError: if the start cannot be written.

        **Cancellation**: the run may have started; the next attempt of the body then gets it.

        **Checkpoints**: always.
        """
        return await self._call.start_run(workflow, input_data, resource_id, tags, timeout)

    def suspend(self, payload: Any = None, *, label: str | None = None) -> NoReturn:
        """Suspend the step until ``run.resume(answer)``. See `ask` for a typed answer.

        Ends the body immediately and merges its state updates. When the step is resumed, it runs
        again from its first line, with the answer in `resume_data`. Siblings continue until they
        finish or suspend.

        Args:
          payload: The question, as data to show.
          label: A name to resume by.

        Raises:
          InvalidValueError: if the payload does not fit the step's ``suspend`` type.
        """
        self._call.suspend(payload, label)

    def bail(self, result: Any = None) -> NoReturn:
        """End the innermost workflow early, as a success with the output *result*."""
        self._call.bail(result)


class BlockingStepContext(StepContext[S]):
    """The `StepContext` of a blocking step, for use in another thread.

    There, an async method that is called without ``await`` would do nothing, so it raises at once.
    Runners that run bodies in threads or processes create it.
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

        def put(self, value):
            _check_in_loop("put")
            return super().put(value)

        def get(self, ref):
            _check_in_loop("get")
            return super().get(ref)

        def ask(self, payload, type, label=None, timeout=None):
            _check_in_loop("ask")
            return super().ask(payload, type, label, timeout)

        def start_run(self, workflow, input_data=None, **options):
            _check_in_loop("start_run")
            return super().start_run(workflow, input_data, **options)


def _check_in_loop(method: str) -> None:
    """Check that a method is called in the event loop, where its coroutine can be awaited."""
    if not trio.lowlevel.in_trio_run():
        raise RuntimeError(
            f"ctx.{method}() is async, and a plain def cannot await it; "
            f"use trio.from_thread.run(ctx.{method}, ...)"
        )


class FramePort(Protocol):
    """The interface of a context to its workflow call."""

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
    def private_state(self, namespace: str) -> Mapping[str, Any]: ...
    @property
    def tick(self) -> Tick | None: ...
    @property
    def iteration(self) -> int | None: ...
    def step_result(self, step_id: str, default: object) -> Any: ...
    def cancel_run(self, reason: str | None) -> None: ...


class CallPort(FramePort, Protocol):
    """The interface of a `StepContext` to its step call.

    A runner that runs bodies in another process implements it in that process.
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
    def set_private_state(self, namespace: str, updates: Mapping[str, Any]) -> None: ...
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
    async def put(self, value: Any) -> ValueRef[Any]: ...
    async def get(self, ref: ValueRef[Any]) -> Any: ...
    def value_access(self) -> Any: ...
    def structure(self, value: Any, type: Any) -> Any: ...
    def json_schema(self, type: Any) -> dict[str, Any]: ...
    def to_json(self, value: Any) -> Any: ...
    def find_tool(self, id: str) -> Any: ...
    def suspend(self, payload: Any, label: str | None) -> NoReturn: ...
    def bail(self, result: Any) -> NoReturn: ...
