"""The bodies of generated steps and tools, and a witness that records what they do."""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Generator, Sequence
from contextlib import contextmanager
from typing import Any

import attrs
import trio

from trioflow.addresses import Address
from trioflow.context import StepContext
from trioflow.errors import NonRetryableError
from trioflow.outcomes import Failed, Ok
from trioflow.testing.strategies import _specs as s
from trioflow.tools import Tool


def address_of(ctx: StepContext[Any]) -> Address:
    """Return the address of a call: its id without the run id."""
    return Address.parse(ctx.step_call_id.removeprefix(f"{ctx.run_id}:"))


@attrs.define(eq=False)
class Witness:
    """What happened inside the bodies of one built workflow."""

    running: Counter[str] = attrs.field(factory=Counter)
    """Number of running bodies: of ``"step"``, of ``"tool"``, and for each bound on them."""
    canceled: Counter[str] = attrs.field(factory=Counter)
    """Number of bodies that ended with ``trio.Cancelled``: of ``"step"`` and of ``"tool"``."""
    excess: list[str] = attrs.field(factory=list)
    """The bounds that were exceeded, and by how much."""

    @contextmanager
    def watch(self, kind: str, bounds: Sequence[tuple[str, int]]) -> Generator[None, None, None]:
        """Count a body of this kind while the block runs, also under the name of each bound."""
        names = [kind, *(name for name, _ in bounds)]
        self.running.update(names)
        self.excess += [
            f"{name}: {self.running[name]} > {bound}"
            for name, bound in bounds
            if self.running[name] > bound
        ]
        try:
            yield
        except trio.Cancelled:
            self.canceled[kind] += 1
            raise
        finally:
            self.running.subtract(names)


def digest(label: str, *values: Any) -> int:
    """Return a small number that depends on all arguments; the same in every process."""
    return zlib.crc32(repr((label, plain(values))).encode()) % 1000


def plain(value: Any) -> Any:
    """Return a value with tuples in place of outcomes, without their errors.

    A recorded error is read back as another object, so bodies must not depend on it.
    """
    match value:
        case Ok():
            return "ok", plain(value.value)
        case Failed():
            return "failed", value.attempts, value.address
        case dict():
            return {key: plain(inner) for key, inner in value.items()}
        case list():
            return [plain(inner) for inner in value]
        case tuple():
            return tuple(plain(inner) for inner in value)
    return value


class GeneratedStepError(Exception):
    """Raised by a generated step."""


class GeneratedFatalError(NonRetryableError):
    """Raised by a generated step for a failure that must not be retried."""


class GeneratedToolError(Exception):
    """Raised by a generated tool."""


@attrs.define(eq=False)
class Body:
    """Executes the ops of one step call."""

    spec: s.StepSpec
    tools: dict[str, Tool[..., Any]]
    value: Any
    ctx: StepContext[Any]

    async def run(self) -> int:
        """Execute all ops and return a number that depends on the step and its input."""
        for op in self.spec.ops:
            await _DO[type(op)](self, op)
        return digest(self.spec.id, self.value, self.ctx.resume_data)

    async def write(self, op: s.Write) -> None:
        for number in range(op.chunks):
            await self.ctx.write(number)

    async def nap(self, op: s.Nap) -> None:
        try:
            await trio.sleep(op.seconds)
        except trio.Cancelled:
            with trio.CancelScope(shield=True):
                await trio.sleep(op.cleanup)
            raise

    async def set_state(self, op: s.SetState) -> None:
        self.ctx.set_state({state_key(self.ctx.step_id, self.ctx.attempt): True})

    async def fail(self, op: s.Fail) -> None:
        if self.ctx.attempt <= op.attempts and digest("fail", self.value) % op.one_in == 0:
            raise (GeneratedFatalError if op.fatal else GeneratedStepError)(self.ctx.step_id)

    async def fail_in_first_round(self, op: s.FailInFirstRound) -> None:
        scope = address_of(self.ctx).scope
        while scope is not None and scope.attempt == 1:
            scope = scope.scope
        if scope is None:
            raise GeneratedStepError(self.ctx.step_id)

    async def use_tool(self, op: s.UseTool) -> None:
        tool = self.tools[op.tool.id]
        try:
            if op.take is None:
                await self.ctx.call_tool(tool, value=0)
            else:
                await self._take(tool, op.take)
        except GeneratedToolError:
            if not op.catches:
                raise

    async def _take(self, tool: Tool[..., Any], count: int) -> None:
        async with self.ctx.stream_tool(tool, value=0) as pieces:
            for _ in range(count):
                if await anext(pieces, None) is None:
                    break

    async def wait_for(self, op: s.Await) -> None:
        await self.ctx.wait_for(op.event, timeout=op.timeout)

    async def ask(self, op: s.Ask) -> None:
        await self.ctx.ask(digest("ask", self.spec.id, self.value), int, op.label)

    async def bail(self, op: s.Bail) -> None:
        self.ctx.bail(digest("bail", self.spec.id, self.value))

    async def cancel_run(self, op: s.CancelRun) -> None:
        self.ctx.cancel_run(self.spec.id)


_DO: dict[type[s.Op], Callable[[Body, Any], Any]] = {
    s.Write: Body.write,
    s.Nap: Body.nap,
    s.SetState: Body.set_state,
    s.Fail: Body.fail,
    s.FailInFirstRound: Body.fail_in_first_round,
    s.UseTool: Body.use_tool,
    s.Await: Body.wait_for,
    s.Ask: Body.ask,
    s.Bail: Body.bail,
    s.CancelRun: Body.cancel_run,
}


def state_key(step_id: str, attempt: int | str) -> str:
    """Return the key that an attempt sets; as keys differ, the order does not matter."""
    return f"{step_id}@{attempt}"


def fall_back(spec: s.StepSpec, error: BaseException, ctx: StepContext[Any]) -> int:
    """Do what the fallback of *spec* does, except for sleeping."""
    assert spec.fallback is not None
    if spec.fallback.sets_state:
        ctx.set_state({state_key(ctx.step_id, "fallback"): True})
    if spec.fallback.fails:
        raise GeneratedStepError("fallback")
    return digest(spec.id, "fallback", type(error).__name__)


async def plain_tool(spec: s.ToolSpec, value: Any) -> int:
    """Execute the body of a tool that does not stream."""
    await trio.sleep(spec.seconds)
    if spec.fails:
        raise GeneratedToolError(spec.id)
    return digest(spec.id, value)


async def streaming_tool(spec: s.ToolSpec, value: Any) -> AsyncGenerator[int, None]:
    """Execute the body of a streaming tool."""
    for number in range(spec.pieces or 0):
        await trio.sleep(spec.seconds)
        yield digest(spec.id, value, number)
    if spec.fails:
        raise GeneratedToolError(spec.id)
