"""The bodies of steps and tools: lists of operations, interpreted."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, NoReturn

import attrs
import trio

from trioflow import NonRetryableError, StepContext
from trioflow.errors import Tripwire

from .expressions import Expr, UserError, as_text, compact, evaluate, truthy
from .place import Custom, Effects, NotSupportedError, Place, seconds
from .schemas import Schema, let_through
from .undefined import UNDEFINED, native, plain

Op = Mapping[str, Any]


@attrs.define
class EndOfBody(Exception):  # noqa: N818 - it is no error
    """A body has ended before its last operation."""

    value: Any


@attrs.define
class Body:
    """The body of one definition."""

    definition: str
    ops: Sequence[Op]
    effects: Effects
    ids: Mapping[str, str]
    old_engine: bool
    state_schema: Schema | None = None

    async def run(self, value: Any, ctx: StepContext[Any]) -> Any:
        """Run the operations and return the output."""
        self.effects.calls[self.definition] += 1
        place = Place(value, value, ctx, self.ids, self.old_engine)
        place.call_count = self.effects.calls[self.definition]
        call = _Call(place, ctx, self)
        try:
            await call.run(self.ops)
            output = place.current
        except EndOfBody as ended:
            output = ended.value
        if call.ending is not None:  # asked for before, and now the body has come to its end
            self.effects.outputs[ctx.step_call_id] = native(output)
            call.ending()
        return native(output)


@attrs.define
class _Call:
    place: Place
    ctx: StepContext[Any]
    body: Body
    ending: Callable[[], Any] | None = None
    suspends: bool = False

    async def run(self, ops: Sequence[Op]) -> None:
        for op in ops:
            if op["op"] not in OPERATIONS:
                self.give_up(f"operation {op['op']}")
            await OPERATIONS[op["op"]](self, op)

    def give_up(self, problem: str) -> NoReturn:
        """End the body because the case needs something that trioflow cannot do yet."""
        self.body.effects.not_supported.append(problem)
        raise NotSupportedError(problem)

    def value(self, op: Op, key: str, default: Expr = None) -> Any:
        return evaluate(op.get(key, default), self.place)

    def end_with(self, op: Op, end: Callable[[], Any]) -> None:
        """End the body now, or when it has run to its end if the operation says so.

        The recorded engine only takes a note of what it is asked for, and the last one of
        a body wins over what it returns; ours ends the body at once.
        """
        if op.get("continue"):
            self.ending = end
        else:
            end()


async def _set(call: _Call, op: Op) -> None:
    call.place.current = call.value(op, "value")


async def _return(call: _Call, op: Op) -> None:
    raise EndOfBody(call.value(op, "value"))


async def _none(call: _Call, op: Op) -> None:
    raise EndOfBody(UNDEFINED)


async def _fail(call: _Call, op: Op) -> None:
    if "times" in op and call.place.call_count > call.value(op, "times"):
        return
    raise UserError(as_text(call.value(op, "message")), op.get("name", "Error"), op.get("props"))


async def _fail_value(call: _Call, op: Op) -> None:
    # Only exceptions can be raised here, so it is the message that the engine makes of it.
    raise UserError(_message_of_value(call.value(op, "value"), call.body.old_engine))


def _message_of_value(value: Any, old_engine: bool) -> str:
    if isinstance(value, str) or old_engine:
        return as_text(value)
    if isinstance(value, dict) and isinstance(value.get("message"), str):
        return str(value["message"])
    return compact(value) if isinstance(value, dict | list) else "Unknown step execution error"


async def _fail_for_good(call: _Call, op: Op) -> None:
    raise NonRetryableError(as_text(call.value(op, "message")))


async def _tripwire(call: _Call, op: Op) -> None:
    options = op.get("options", {})
    reason, metadata = as_text(call.value(op, "message")), options.get("metadata")
    raise Tripwire(reason, bool(options.get("retry")), metadata, "proc-1")


async def _suspend(call: _Call, op: Op) -> None:
    payload, label = call.value(op, "payload", {"const": UNDEFINED}), call.value(op, "label")
    if isinstance(label, list):
        call.body.effects.labels |= dict.fromkeys(label, label[0])
        label = label[0]
    call.suspends = True
    call.end_with(op, lambda: call.ctx.suspend(native(payload), label=label))


async def _bail(call: _Call, op: Op) -> None:
    value = call.value(op, "value")
    if not call.suspends:  # which wins over a bail, whatever comes first
        call.end_with(op, lambda: call.ctx.bail(native(value)))
    elif not op.get("continue"):
        raise EndOfBody(UNDEFINED)


async def _write(call: _Call, op: Op) -> None:
    for _ in range(op.get("count", 1)):
        await call.ctx.write(call.value(op, "chunk"))


async def _custom(call: _Call, op: Op) -> None:
    await call.ctx.write(Custom(call.value(op, "chunk")))


async def _sleep(call: _Call, op: Op) -> None:
    with trio.CancelScope(shield=True):  # it is a wait that cannot be interrupted
        await trio.sleep(seconds(call.value(op, "ms")))


async def _wait_abort(call: _Call, op: Op) -> None:
    try:
        await trio.sleep(seconds(call.value(op, "ms")))
        aborted = False
    except trio.Cancelled:
        # The format's abort signal is a flag that a body looks at; ours is this exception.
        # Swallowing it is safe once: the next checkpoint of the body raises it again.
        aborted = True
    call.place.current = {"aborted": aborted}


async def _abort(call: _Call, op: Op) -> None:
    call.ctx.cancel_run()


async def _set_state(call: _Call, op: Op) -> None:
    call.ctx.set_state(let_through(call.value(op, "value"), call.body.state_schema))


async def _set_context(call: _Call, op: Op) -> None:
    call.ctx.runtime_context[op["key"]] = call.value(op, "value")


async def _log(call: _Call, op: Op) -> None:
    call.body.effects.journal.append(plain(call.value(op, "value")))


async def _if(call: _Call, op: Op) -> None:
    await call.run(op.get("then" if truthy(call.value(op, "cond")) else "else", []))


OPERATIONS: dict[str, Callable[[_Call, Op], Awaitable[None]]] = {
    "set": _set,
    "return": _return,
    "none": _none,
    "fail": _fail,
    "failValue": _fail_value,
    "failNonRetryable": _fail_for_good,
    "tripwire": _tripwire,
    "suspend": _suspend,
    "bail": _bail,
    "write": _write,
    "custom": _custom,
    "sleep": _sleep,
    "waitAbort": _wait_abort,
    "abort": _abort,
    "setState": _set_state,
    "setContext": _set_context,
    "log": _log,
    "if": _if,
}
