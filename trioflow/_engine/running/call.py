"""One step call: its events, its attempts, and what its body can do through the context."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping
from contextlib import AbstractAsyncContextManager
from typing import TYPE_CHECKING, Any, NoReturn

from trioflow import events as ev
from trioflow._durations import Duration, need_seconds
from trioflow._engine.base.given import check_optional_string, check_string
from trioflow._engine.base.outcome import (
    Bailed,
    Signal,
    Suspended,
)
from trioflow._engine.base.plan import CallPlan
from trioflow._engine.running import fast_events
from trioflow._engine.running.asks import ask
from trioflow._engine.running.frame import Frame, Scope
from trioflow._engine.running.named_events import receive_event
from trioflow._engine.running.reducers import combined, reduced
from trioflow._engine.running.shared_state import check_merge
from trioflow._engine.running.started_runs import start_run
from trioflow._engine.running.tool_calls import call_tool, open_tool
from trioflow._ids import original_id
from trioflow._values.structure import compile_structure
from trioflow.errors import NoValueStoreError, StepClosedError
from trioflow.runners import OpenResource

if TYPE_CHECKING:
    from trioflow._value_refs import ValueRef
    from trioflow.values import Values

NOTICEABLE = 0.1
"""Seconds that a body must have waited for an event about it."""
NOT_RESUMED: tuple[bool, Any] = (False, None)
"""The `answer` of a call that was not resumed."""


class Call(Frame):
    """One step call that is being made; see `new_call`."""

    __slots__ = (
        "address",
        "answer",
        "attempt",
        "id",
        "is_open",
        "plan",
        "round",
        "suspend_data",
        "tool_calls",
        "updates",
        "waits_since",
    )
    __init__: Any = object.__init__  # new_call fills the slots
    plan: CallPlan
    address: str
    id: str
    round: int
    answer: tuple[bool, Any]
    """Whether there is an answer or the data of an event, and which (shortcut `new-call`)."""
    suspend_data: Any
    attempt: int
    tool_calls: int
    """How many tools it has called; unset before the first one (shortcut `new-call`)."""
    updates: dict[str, Any] | None
    """What this attempt has set in the state so far."""
    is_open: bool
    waits_since: float | None
    """When its body was given to a runner, if it has not begun yet: on Trio's clock. Unset if it
    runs without a runner (shortcut `new-call`)."""

    @property
    def resumed(self) -> bool:
        return self.answer[0]

    @property
    def resume_data(self) -> Any:
        return self.answer[1]

    @property
    def step_call_id(self) -> str:
        return f"{original_id(self.run_id)}:{self.address}"

    def emit(self, event_type: type[ev.StepEvent], **fields: Any) -> None:
        """Emit an event of this call."""
        self.scope.core.log.emit(
            event_type, id=self.id, address=self.address, round=self.round, **fields
        )

    # ------------------------------------------------------------ when the body begins
    @property
    def is_awaited(self) -> bool:
        """Whether its body was given to a runner, and has not begun yet."""
        return getattr(self, "waits_since", None) is not None

    def begin_body(self) -> None:
        """Record that its body begins now, unless it has begun before."""
        since = getattr(self, "waits_since", None)
        self.waits_since = None
        if since is not None:
            self.note_wait(since)

    def note_wait(self, since: float) -> None:
        """Record that it has waited until now, if that is noticeable and it is no item."""
        log = self.scope.core.log
        waited = log.clock.current_time() - since
        if waited >= NOTICEABLE and self.is_open and not self.address.endswith("]"):
            self.emit(ev.StepBegin, attempt=self.attempt)

    # ------------------------------------------------------------ what a body can do
    def set_state(self, updates: Mapping[str, Any]) -> None:
        self._check_open()
        structure = self.scope.core.state_fields
        checked = updates if structure is None else structure(updates)
        if self.plan.state_fields is not None:
            checked = self.plan.state_fields(checked)
        reducers = self.scope.core.reducers
        merged = combined(self.updates or {}, checked, reducers, self.id)
        check_merge(self.state, reduced(self.state, merged, reducers, self.id), self.id)
        self.updates = merged

    def set_private_state(self, namespace: str, updates: Mapping[str, Any]) -> None:
        self._check_open()
        check_string("namespace", namespace)
        for key in updates:
            check_string("key", key)
        self.emit(ev.PrivateUpdate, namespace=namespace, updates=dict(updates))

    async def write(self, chunk: Any) -> None:
        if not self.is_open:  # as _check_open() does (shortcut `open-check`)
            raise StepClosedError(self.id)
        core = self.scope.core
        await core.pacer.give_way()
        if not self.is_open:  # the call ended while this task waited
            raise StepClosedError(self.id)
        core.log.add(fast_events.step_output(self, chunk))

    async def call_tool(self, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        self._check_open()
        return await call_tool(self, self.scope.plan.tools(tool), args, kwargs)

    def stream_tool(
        self, tool: Any, kwargs: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        self._check_open()
        return open_tool(self, self.scope.plan.tools(tool), kwargs)

    async def wait_for(self, event: str, type: Any, timeout: Duration | None) -> Any:
        self._check_open()
        check_string("event", event)
        seconds = None if timeout is None else need_seconds("timeout", timeout)
        return await receive_event(self, event, type, seconds)

    async def ask(self, payload: Any, type: Any, label: str | None, timeout: Any) -> Any:
        self._check_open()
        return await ask(self, payload, type, label, timeout)

    async def start_run(
        self,
        workflow: Any,
        input_data: Any,
        resource_id: str | None,
        tags: Collection[str],
        timeout: Any,
    ) -> str:
        self._check_open()
        start = self.scope.core.start_run
        return await start_run(self, start, workflow, input_data, resource_id, tags, timeout)

    async def resource(self, name: str, type: Any) -> Any:
        self._check_open()
        resources = self.scope.core.services.resources
        return await resources.get(name, type, f"step {self.id!r}")

    def resource_opener(self, name: str) -> OpenResource:
        return self.scope.core.services.resources.opener(name, f"step {self.id!r}")

    async def put(self, value: Any) -> ValueRef[Any]:
        self._check_open()
        return await self._values.put_in_run(self.run_id, value)

    async def get(self, ref: ValueRef[Any]) -> Any:
        self._check_open()
        return await self._values.get(ref)

    def value_access(self) -> Any:
        """Return what other processes can use to put and get values themselves, if anything."""
        values = self.scope.core.services.values
        return None if values is None else values.portable

    @property
    def _values(self) -> Values:
        values = self.scope.core.services.values
        if values is None:
            raise NoValueStoreError(f"step {self.id!r}")
        return values

    def structure(self, value: Any, type: Any) -> Any:
        services = self.scope.core.services
        structure = compile_structure(type, "value", f"step {self.id!r}", services.converter)
        return value if structure is None else structure(value)

    def json_schema(self, type: Any) -> dict[str, Any]:
        from trioflow.describe._schema import describe_type

        return describe_type(type, self.scope.core.services.schema)

    def to_json(self, value: Any) -> Any:
        from trioflow.wire._values import lenient_json

        return lenient_json(value, self.scope.core.services.converter())

    def find_tool(self, id: str) -> Any:
        return self.scope.plan.find_tool(id)

    def suspend(self, payload: Any, label: str | None) -> NoReturn:
        self._check_open()
        check_optional_string("label", label)
        structure = self.plan.structure_suspend
        raise Signal(Suspended(payload if structure is None else structure(payload), label))

    def bail(self, result: Any) -> NoReturn:
        self._check_open()
        raise Signal(Bailed(result))

    def _check_open(self) -> None:
        if not self.is_open:
            raise StepClosedError(self.id)


def new_call(plan: CallPlan, scope: Scope, address: str, iteration: int | None = None) -> Call:
    """Return a call that has not begun: does the work of ``__init__`` (shortcut `new-call`)."""
    call: Call = Call()
    call.scope = scope
    call.plan = plan
    call.address = address
    call.id = scope.prefix + plan.id
    call.iteration = iteration
    call.round = call.attempt = 0
    call.suspend_data = call.updates = None
    call.answer = NOT_RESUMED
    call.is_open = True
    return call
