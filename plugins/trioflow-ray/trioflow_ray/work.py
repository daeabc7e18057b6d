"""The task that runs a body on a node of the cluster."""

from __future__ import annotations

import pickle
import signal
import sys
from collections.abc import Generator
from contextlib import ExitStack, contextmanager
from typing import Any

import attrs

from trioflow.runners.remote import Bodies, Job, Raised, open_loop
from trioflow_ray.inside import INSIDE, Inside
from trioflow_ray.line import MailboxLine
from trioflow_ray.variables import set_variables

Result = tuple[int, Any, bytes, str]
"""How many messages the body has sent, its outcome, the content of that, and the node of a body
that has raised an exception."""


LARGE = 100_000
"""Bytes from which on a result is left to Ray, which copies it less often. It takes bytes as they
are, but passes all else through a pickler that takes longer than the body of many a step."""


@attrs.frozen
class Parcel:
    """What a worker is told beside the content of a job."""

    job: Job
    """Without the levels of loggers."""
    levels: bytes
    """These, pickled; most workers have them already."""
    is_timed: bool
    """Whether the run has to know at once that the body begins, for a timeout."""
    call: int
    """The number of the call at the mailbox."""
    mailbox: str
    gives_ref: bool
    """Whether the output may be a new Ref, whose value the task returns beside the outcome."""
    objects: tuple[str, ...]
    """The ids of the objects that the task has as arguments."""
    variables: bytes
    """Pickled values of context variables by name; empty if there are none."""
    carrier: dict[str, str] | None
    """Where the span around the body is, in the headers of OpenTelemetry."""


class _Worker:
    """What a worker process has from its first body on."""

    def __init__(self) -> None:
        # Ray interrupts a body by this signal. A shell that starts a program in the background lets
        # it ignore the signal, and so all that it starts.
        signal.signal(signal.SIGINT, signal.default_int_handler)
        self.line = MailboxLine()
        self._stack = ExitStack()
        self._stack.enter_context(open_loop())
        self._bodies = Bodies(self.line, self._around)
        self._parcel: Parcel | None = None
        self._levels = b""

    def run(self, parcel: Parcel, content: bytes, objects: tuple[Any, ...]) -> Any:
        received = dict(zip(parcel.objects, objects, strict=True))
        inside = Inside(parcel.job.facts.step_id, parcel.gives_ref, received)
        self._parcel = parcel
        self.line.begin(parcel.call, parcel.mailbox, tells_late=not parcel.is_timed)
        INSIDE[:] = [inside]
        job = parcel.job
        if parcel.levels != self._levels:
            self._levels = parcel.levels
            job = attrs.evolve(job, levels=pickle.loads(parcel.levels))
        outcome, result = self._bodies.run(job, [content])
        INSIDE[:] = [Inside(inside.step, may_give=False, received={})]
        node = self.line.node if isinstance(outcome, Raised) else ""
        ended: Any = self.line.end(), outcome, result, node
        if len(result) < LARGE:
            ended = pickle.dumps(ended)
        return (inside.given, ended) if parcel.gives_ref else ended

    @contextmanager
    def _around(self) -> Generator[None, None, None]:
        """Set the context variables of the body; they are gone with its context."""
        assert self._parcel is not None
        set_variables(self._parcel.variables)
        with attached(self._parcel.carrier):
            yield


# ---------------------------------------------------------------- OpenTelemetry, if it is used
def carrier_here() -> dict[str, str] | None:
    """Return where the current span is; None if this process has no OpenTelemetry."""
    if "opentelemetry" not in sys.modules:
        return None
    from opentelemetry.propagate import inject

    carrier: dict[str, str] = {}
    inject(carrier)
    return carrier or None


@contextmanager
def attached(carrier: dict[str, str] | None) -> Generator[None, None, None]:
    """Make the span of the other process the current one, if this process has OpenTelemetry."""
    if carrier is None or "opentelemetry" not in sys.modules:
        yield
        return
    from opentelemetry import context
    from opentelemetry.propagate import extract

    token = context.attach(extract(carrier))
    try:
        yield
    finally:
        context.detach(token)


_worker: list[_Worker] = []


def run_body(parcel: bytes, content: bytes, *objects: Any) -> Any:
    """Run a body, and return its outcome. Called by Ray, in the main thread.

    Returns:
      A `Result`; if the output may be a Ref, its value before that.
    """
    if not _worker:
        _worker.append(_Worker())
    return _worker[0].run(pickle.loads(parcel), content, objects)
