"""The implementation of a `StepContext` in a worker, which forwards to the run's process."""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Iterator, Mapping, MutableMapping
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from functools import cached_property
from typing import TYPE_CHECKING, Any, NoReturn

from trioflow._tick import Tick
from trioflow.context import MISSING
from trioflow.errors import NoResultError
from trioflow.runners import OpenResource
from trioflow.runners.remote._errors import NotInWorkerError
from trioflow.runners.remote._link import Link, Stop
from trioflow.runners.remote._loop import LOOP
from trioflow.runners.remote._messages import CallFacts
from trioflow.runners.remote._window import Window
from trioflow.tracing import TracingContext

if TYPE_CHECKING:
    from trioflow._value_refs import ValueRef
    from trioflow.values._access import Access


class RemoteCall:
    """Stores constant properties, and requests everything else from the run. A `CallPort`."""

    def __init__(self, facts: CallFacts, link: Link, window: Window | None = None) -> None:
        self._link = link
        self._window = window
        self.run_id = facts.run_id
        self.workflow_id = facts.workflow_id
        self.id = facts.step_id
        self.step_call_id = facts.step_call_id
        self.attempt = facts.attempt
        self.iteration = facts.iteration
        self._values: Access | None = facts.values

    # ------------------------------------------------------------ values that stay
    @cached_property
    def init_data(self) -> Any:
        return self._link.ask("read", "init_data")

    @cached_property
    def resumed(self) -> bool:
        resumed: bool = self._link.ask("read", "resumed")
        return resumed

    @cached_property
    def resume_data(self) -> Any:
        return self._link.ask("read", "resume_data")

    @cached_property
    def suspend_data(self) -> Any:
        return self._link.ask("read", "suspend_data")

    @cached_property
    def tick(self) -> Tick | None:
        tick: Tick | None = self._link.ask("read", "tick")
        return tick

    @cached_property
    def tracing_context(self) -> TracingContext:
        context: TracingContext = self._link.ask("tracing_context")
        return context

    # ------------------------------------------------------------ values that change
    @property
    def state(self) -> Any:
        return self._link.ask("read", "state")

    @cached_property
    def runtime_context(self) -> MutableMapping[str, Any]:
        return RemoteMapping(self._link)

    def step_result(self, step_id: str, default: object) -> Any:
        try:
            return self._link.ask("step_result", step_id)
        except NoResultError:
            if default is MISSING:
                raise
            return default

    # ------------------------------------------------------------ what a body can do
    def set_state(self, updates: Mapping[str, Any]) -> None:
        self._link.ask("set_state", updates, "update of the state")

    def private_state(self, namespace: str) -> Mapping[str, Any]:
        kept: Mapping[str, Any] = self._link.ask("private_state", namespace)
        return kept

    def set_private_state(self, namespace: str, updates: Mapping[str, Any]) -> None:
        self._link.ask("set_private_state", (namespace, dict(updates)), "private state")

    def cancel_run(self, reason: str | None) -> None:
        self._link.ask("cancel_run", reason)

    async def write(self, chunk: Any) -> None:
        if self._window is not None:
            await self._window.write(chunk)
            return
        await self._link.ask_async("write", chunk, "chunk")

    async def call_tool(self, tool: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        call = {"tool": tool, "args": args, "kwargs": kwargs}
        return await self._link.ask_async("call_tool", call, "tool call")

    def stream_tool(
        self, tool: Any, kwargs: dict[str, Any]
    ) -> AbstractAsyncContextManager[AsyncIterator[Any]]:
        remedy = "use ctx.call_tool, which returns the pieces as a list, or another runner"
        raise NotInWorkerError(self.id, "ctx.stream_tool", remedy)

    async def wait_for(self, event: str, type: Any, timeout: float | timedelta | None) -> Any:
        wanted = {} if type is MISSING else {"type": type}
        call = {"event": event, "timeout": timeout, **wanted}
        return await self._link.ask_async("wait_for", call)

    async def ask(self, payload: Any, type: Any, label: str | None, timeout: Any) -> Any:
        call = {"payload": payload, "type": type, "label": label, "timeout": timeout}
        return await self._link.ask_async("ask", call, "question")

    async def start_run(
        self,
        workflow: Any,
        input_data: Any,
        resource_id: str | None,
        tags: Collection[str],
        timeout: Any,
    ) -> str:
        id = workflow if isinstance(workflow, str) else workflow.id
        options = {"resource_id": resource_id, "tags": tuple(tags), "timeout": timeout}
        call = {"workflow": id, "input_data": input_data, **options}
        started: str = await self._link.ask_async("start_run", call, "input of a run")
        return started

    async def resource(self, name: str, type: Any) -> Any:
        if name not in LOOP.openers:
            LOOP.openers[name] = await self._link.ask_async("resource_opener", name)
        return await LOOP.resources.get(name, type, f"step {self.id!r}")

    def resource_opener(self, name: str) -> OpenResource:
        opener: OpenResource = self._link.ask("resource_opener", name)
        return opener

    async def put(self, value: Any) -> ValueRef[Any]:
        from trioflow.values._contents import RAW, raw_bytes  # few bodies need it

        kind = RAW.get(type(value))
        if self._values is None or kind is None:  # only the engine has the hooks of all plugins
            ref: ValueRef[Any] = await self._link.ask_async("put", value, "large value")
            return ref
        owner = await self._values.register(self.run_id)
        return await self._values.write(owner, kind, raw_bytes(value))

    async def get(self, ref: ValueRef[Any]) -> Any:
        from trioflow.values._contents import raw_value  # few bodies need it

        if self._values is None or ref.kind == "json":
            return await self._link.ask_async("get", ref)
        return raw_value(ref.kind, await self._values.read(ref))

    def value_access(self) -> Any:
        return self._values

    def structure(self, value: Any, type: Any) -> Any:
        return self._link.ask("structure", (value, type), "value")

    def find_tool(self, id: str) -> Any:
        return self._link.ask("find_tool", id)

    def json_schema(self, type: Any) -> dict[str, Any]:
        schema: dict[str, Any] = self._link.ask("json_schema", type)
        return schema

    def to_json(self, value: Any) -> Any:
        return self._link.ask("to_json", value, "value")

    def suspend(self, payload: Any, label: str | None) -> NoReturn:
        raise Stop("suspend", payload, label)

    def bail(self, result: Any) -> NoReturn:
        raise Stop("bail", result)


class RemoteMapping(MutableMapping[str, Any]):
    """The runtime context of the run. Each access is a request."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def __getitem__(self, key: str) -> Any:
        return self._link.ask("context_get", key)

    def __setitem__(self, key: str, value: Any) -> None:
        self._link.ask("context_set", (key, value), "value for the runtime context")

    def __delitem__(self, key: str) -> None:
        self._link.ask("context_delete", key)

    def __iter__(self) -> Iterator[str]:
        keys: list[str] = self._link.ask("context_keys")
        return iter(keys)

    def __len__(self) -> int:
        return len(self._link.ask("context_keys"))

    def __repr__(self) -> str:
        return f"RemoteMapping({dict(self)})"
