"""The faults of steps and tools, and the error that reports them."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioflow import events as ev
from trioflow.testing._faults import excerpt

FAULTS = {
    "does not accept this input": "pass an input that fits, or correct the annotation",
    "has types without a schema": "use types whose annotations can be evaluated",
    "takes input that JSON cannot carry": "define a field for all relevant data and __eq__, "
    "or register the type with trioflow_converter",
    "fails": "pass an input that it succeeds with, or list the exception in raises=",
    "raises an error that cannot be pickled": "give the exception positional arguments "
    "and pass all of them to super().__init__(), or use attrs",
    "never ends": "send what it waits for with answers= or resume=, or set a timeout",
    "returns output that JSON cannot carry": "annotate the type that it returns, and use plain "
    "values, attrs classes, or types registered with trioflow_converter",
    "returns another type than annotated": "return that type, or correct the annotation",
    "emits values that JSON cannot carry": "write plain values, attrs classes, or types registered "
    "with trioflow_converter",
    "changes its input": "create a new value (attrs.evolve, a new list): siblings and events "
    "share the input object",
    "is not deterministic": "sort unordered data, and take time and randomness from the "
    "input or the context; or omit deterministic=True",
    "blocks the event loop": "make it a plain def, which runs in a thread, use Trio's own "
    "functions, or call trio.lowlevel.checkpoint() regularly",
    "ignores cancellation": "do not shield operations that may take long; in a thread, call "
    "trio.from_thread.check_cancelled() regularly",
    "swallows cancellation": "let trio.Cancelled propagate: catch Exception, not BaseException, "
    "and do not return or raise in a finally",
    "ignores being closed": "clean up and let GeneratorExit propagate; do not yield in a finally",
    "leaks resources": "use `with` and `async with`, start tasks in your own nursery, "
    "and also close what you have opened when you are canceled",
    "uses its context after it has ended": "use it only while the body runs, and wait for the "
    "tasks that use it",
    "leaves context variables set": "reset each one with its token, in a finally",
    "yields inside a nursery or cancel scope": "send the pieces through a memory channel, or "
    "leave the timeout to the consumer",
}
"""Everything that `check_step` and `check_tool` detect: names of faults, and their remedies."""


@attrs.define(eq=False)
class BodyContractError(AssertionError):
    """Raised by `check_step` and `check_tool` for a fault of a step or tool."""

    where: str
    """The faulty step or tool: ``"step 'plan_day'"``."""
    fault: str
    """Name of the fault, a key of ``FAULTS``: ``"swallows cancellation"``."""
    problem: str
    """What was observed."""
    events: Sequence[ev.Event] = ()
    """The events of the run that showed the fault."""
    marks: tuple[int, ...] = ()
    """Indexes of the relevant events in *events*."""

    def __str__(self) -> str:
        text = f"{self.where} {self.fault}: {self.problem}; {FAULTS[self.fault]}"
        return "\n".join([text, *excerpt(self.events, self.marks)] if self.marks else [text])
