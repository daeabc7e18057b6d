"""What must hold of bodies: what is recorded does not run again, and nothing runs twice at once."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator
from itertools import combinations

from tests.crash.history import Body, History, Journal, Process
from trioflow import events as ev

CLOCKS = 0.01
"""Seconds by which the clock of a run may differ from that of the notes."""
GRACE = 1.0
"""Seconds in which a process that is continued after a stop, on a busy machine, has to see that
its claims have ended."""


def recorded_calls_do_not_run_again(history: History) -> Iterator[str]:
    """No body of a call begins behind the result that the journal has of it."""
    results = {
        call: at for journal in history.journals.values() for call, at, _ in results_of(journal)
    }
    for body in history.bodies:
        if body.begin > results.get(body.call, math.inf) + CLOCKS:
            late = body.begin - results[body.call]
            yield f"{body.call} began again in {body.process}, {late:.3f} s after its result"


def recorded_outputs_are_what_bodies_gave(history: History) -> Iterator[str]:
    """Every output of a step that writes notes is in one of them."""
    given: dict[str, list[object]] = defaultdict(list)
    for body in history.bodies:
        given[body.call] += [body.value] if body.has_given else []
    noted = {body.call for body in history.bodies}
    for journal in history.journals.values():
        for call, _, output in results_of(journal):
            if call in noted and output not in given[call]:
                yield f"{call} has the output {output!r}, but its bodies gave {given[call]!r}"


def results_of(journal: Journal) -> Iterator[tuple[str, float, object]]:
    """Yield id, time and output of all calls of a run that ended well, items included."""
    for event in journal.events:
        if isinstance(event, ev.StepResult) and event.status == "success":
            yield event.step_call_id, event.at, event.output
        elif isinstance(event, ev.StepProgress) and event.status == "success":
            yield f"{event.step_call_id}[{event.index}]", event.at, event.output


def no_call_runs_twice_at_once(history: History) -> Iterator[str]:
    """No two bodies of a call run at once in processes that live and are not stopped."""
    by_call: dict[str, list[Body]] = defaultdict(list)
    for body in history.bodies:
        by_call[body.call].append(body)
    nobody = Process()
    for call, several in by_call.items():
        for one, other in combinations(several, 2):
            shared = sum(
                max(0.0, min(a[1], b[1]) - max(a[0], b[0]))
                for a in active(one, history.processes.get(one.process, nobody))
                for b in active(other, history.processes.get(other.process, nobody))
            )
            if shared > 0:
                yield f"{call} ran in {one.process} and {other.process} for {shared:.3f} s"


def active(body: Body, process: Process) -> list[tuple[float, float]]:
    """Return when a body ran in a process that was not stopped, nor only just continued."""
    spans, begin = [], body.begin
    last = min(body.end, process.died)
    for stopped, continued in process.stops:
        if continued + GRACE <= body.begin or stopped >= last:
            continue
        spans.append((begin, min(last, stopped)))
        begin = max(begin, continued + GRACE)
    spans.append((begin, last))
    return [(begin, end) for begin, end in spans if begin < end]
