"""What the page of a run shows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import attrs

from trioflow import StepRecord, Workflow
from trioflow.context import MISSING
from trioflow.errors import UnknownRunError
from trioflow_server.calls import Call
from trioflow_server.pages.forms.form import Form
from trioflow_server.pages.graphs import colored, draw_graph, statuses_of
from trioflow_server.pages.questions import Question, awaited_events, questions_of
from trioflow_server.pages.said import Entry, said_in, used_in
from trioflow_server.pages.showing import json_text, visible
from trioflow_server.pages.stored import StoredRun

MOST_CALLS = 200
"""How many calls one page lists."""


@attrs.frozen
class Asked:
    """Something that a run waits for, and the form for it."""

    question: Question
    form: Form


@attrs.frozen
class Value:
    """A value of a run or of a call."""

    name: str
    text: str
    of: str
    """What the page of the whole value is asked for."""


@attrs.frozen
class CallRow:
    """One line of the list of calls."""

    record: StepRecord
    depth: int
    error: str


@attrs.frozen
class Overview:
    """A run for its page."""

    call: Call
    run: StoredRun
    sent: Mapping[str, Form] = attrs.field(factory=dict)
    """Forms as they were sent, by the keys of their questions."""

    @property
    def workflow(self) -> Workflow[Any, Any] | None:
        """Its workflow; None if it is not known here."""
        return self.call.service.engine.workflows.get(self.run.info.workflow_id)

    @property
    def is_driven_here(self) -> bool:
        """Whether this process has the run in memory."""
        try:
            self.call.service.engine.get_run(self.run.run_id)
        except UnknownRunError:
            return False
        return True

    # ------------------------------------------------------------ what can be done
    @property
    def can_cancel(self) -> bool:
        """Whether it goes on unless it is canceled."""
        return not self.run.is_finished and self.call.principal.may("start")

    @property
    def can_retry(self) -> bool:
        """Whether there is something to repeat."""
        return self.run.status in ("failed", "canceled") and self.call.principal.may("start")

    @property
    def fork_steps(self) -> Sequence[str]:
        """The steps that it can be forked at."""
        may = self.call.principal.may("start") and self.workflow is not None
        record = self.run.record
        if not may or record is None or not (self.run.is_finished or self.run.is_waiting):
            return ()
        return tuple(dict.fromkeys(call.id for call in record.records if call.kind != "item"))

    @property
    def asked(self) -> Sequence[Asked]:
        """The answers and events that it waits for."""
        record, service = self.run.record, self.call.service
        if record is None or self.run.is_finished or not self.call.principal.may("answer"):
            return ()
        found = [
            *questions_of(service, self.workflow, record),
            *awaited_events(service, self.workflow, record),
        ]
        return [
            Asked(each, self.sent.get(each.key) or Form.of_value(each.schema)) for each in found
        ]

    # ------------------------------------------------------------ what it is
    @property
    def used(self) -> str:
        """What language models have used; empty if nothing is known."""
        return used_in(self.run.record.usage if self.run.record is not None else None)

    @property
    def said(self) -> Sequence[Entry]:
        """What agents have said in the turns that are over."""
        return said_in(self.run.record)

    @property
    def values(self) -> Sequence[Value]:
        """Input, output and state."""
        record = self.run.record
        if record is None:
            given = self.run.info.input
            return () if given is MISSING else (self._value("Input", given, "input"),)
        found = [self._value("Input", record.input, "input")]
        if record.status == "success":
            found.append(self._value("Output", record.output, "output"))
        if record.state:
            found.append(self._value("State", record.state, "state"))
        if record.runtime_context:
            found.append(self._value("Context", record.runtime_context, "context"))
        return found

    def _value(self, name: str, value: Any, of: str) -> Value:
        return Value(name, self.text(value), of)

    def text(self, value: Any) -> str:
        """Return a value as JSON."""
        return json_text(self.call.service.shower.value(value))

    @property
    def error(self) -> str:
        """The error of the run; empty if there is none."""
        record = self.run.record
        return "" if record is None or record.error is None else self.error_text(record.error)

    def error_text(self, error: BaseException) -> str:
        """Return an error as people read it, with its traceback if that may be shown."""
        shown = self.call.service.shower.error(error)
        text = f"{shown['name']}: {shown['message']}" if shown["message"] else shown["name"]
        stack = shown.get("stack")
        return visible(f"{text}\n\n{stack}" if stack else text)

    # ------------------------------------------------------------ what it has done
    @property
    def graph(self) -> str:
        """Its colored graph; empty if its workflow is not known here."""
        if self.workflow is None:
            return ""
        return colored(draw_graph(self.call.service, self.workflow), self.statuses)

    @property
    def statuses(self) -> Mapping[str, str]:
        """The statuses of the cards of its graph."""
        return {} if self.run.record is None else statuses_of(self.run.record)

    @property
    def calls(self) -> Sequence[StepRecord]:
        """The newest record of each call, in the order in which they began."""
        record = self.run.record
        return () if record is None else tuple(record.calls.values())

    def call_rows(self, first: int) -> Sequence[CallRow]:
        """Return a page of the list of calls."""
        return [
            CallRow(
                record,
                record.address.count("/") + ("[" in record.address.rpartition("/")[2]),
                "" if record.error is None else self.error_text(record.error),
            )
            for record in self.calls[first : first + MOST_CALLS]
        ]

    def find_call(self, address: str) -> StepRecord | None:
        """Return a call by its address."""
        return None if self.run.record is None else self.run.record.calls.get(address)
