"""What can be wrong with a step or tool, and how the checks say it."""

from __future__ import annotations

from collections.abc import Sequence

import attrs

from trioflow import events as ev
from trioflow.testing._faults import excerpt

FAULTS = {
    "does not take this input": "give it an example that fits, or annotate what it really takes",
    "has types without a schema": "use types whose annotations can be evaluated",
    "takes what JSON cannot carry": "give the type a field for all that counts and an ==, "
    "or register it with trioflow_converter",
    "fails": "give it an input that it succeeds with, or list the exception in raises=",
    "raises what cannot be pickled": "give the exception positional arguments, "
    "and hand all of them on to super().__init__() or use attrs",
    "never ends": "send what it waits for with answers= or resume=, or give the wait a timeout",
    "gives what JSON cannot carry": "annotate the type that it returns, and use plain values, "
    "attrs classes, or types that trioflow_converter knows",
    "gives what its annotation does not say": "return that type, or annotate what it returns",
    "emits what JSON cannot carry": "write plain values, attrs classes, or types that "
    "trioflow_converter knows",
    "changes its input": "make a new value (attrs.evolve, a list of its own): the same object "
    "goes to its siblings, and into the events",
    "emits other events each time": "sort what has no order, and take time and chance from the "
    "input or the context; or do not ask for deterministic=True",
    "blocks the event loop": "make it a plain def, which runs in a thread, use Trio's own "
    "functions, or call trio.lowlevel.checkpoint() now and then",
    "ignores cancellation": "do not shield what may take long; in a thread, call "
    "trio.from_thread.check_cancelled() now and then",
    "swallows cancellation": "let trio.Cancelled through: catch Exception, not BaseException, "
    "and do not return or raise in a finally",
    "ignores being closed": "clean up and let GeneratorExit through; do not yield in a finally",
    "leaves something behind": "use `with` and `async with`, start tasks in a nursery of your "
    "own, and close what you have opened also when you are canceled",
    "uses its context too late": "use it only while the body runs, and wait for the tasks that "
    "have it",
    "leaves context variables set": "reset each one with its token, in a finally",
    "yields inside a nursery or cancel scope": "gather the pieces in a memory channel, or put "
    "the time-out into the one who takes them",
}
"""Everything that `check_step` and `check_tool` find: its name, and what to do about it."""


@attrs.define(eq=False)
class BodyContractError(AssertionError):
    """Raised by `check_step` and `check_tool` when a step or tool does something wrong."""

    where: str
    """Whose fault it is: ``"step 'plan_day'"``."""
    fault: str
    """Which one, a key of `FAULTS`: ``"swallows cancellation"``."""
    problem: str
    """How it was seen."""
    events: Sequence[ev.Event] = ()
    """The events of the run that showed it."""
    marks: tuple[int, ...] = ()
    """Positions in *events* around which to look."""

    def __str__(self) -> str:
        text = f"{self.where} {self.fault}: {self.problem}; {FAULTS[self.fault]}"
        return "\n".join([text, *excerpt(self.events, self.marks)] if self.marks else [text])
