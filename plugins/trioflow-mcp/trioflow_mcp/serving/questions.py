"""What a suspended run waits for, and how a client's user is asked."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import mcp_types as types
from attrs import frozen

from trioflow import RunRecord, StepRecord
from trioflow.addresses import Address
from trioflow_mcp.serving.forms import Form, form_of
from trioflow_mcp.serving.plain import plain, sendable_text, text_of_json
from trioflow_mcp.values import Elicitation, ElicitationAnswer

SHOWN = 4_000
"""Most characters of a payload in a question."""


@frozen
class Question:
    """One answer that a run waits for."""

    step: str
    label: str | None
    index: int | None
    payload: Any
    schema: Mapping[str, Any]

    @property
    def where(self) -> dict[str, Any]:
        """The arguments of ``resume`` that say which question is answered."""
        if self.label is not None:
            return {"label": self.label}
        return {"step": self.step, "index": self.index}

    @property
    def message(self) -> str:
        """The question for people."""
        if isinstance(self.payload, Elicitation):
            return sendable_text(self.payload.message)
        is_text = isinstance(self.payload, str)
        shown = sendable_text(self.payload) if is_text else text_of_json(self.payload)
        return f"{self.step} asks: {shown[:SHOWN]}"

    def request(self, problem: str | None) -> types.ElicitRequestFormParams:
        """Return what to ask a client; *problem* says what is wrong with the last answer."""
        message = self.message if problem is None else f"{problem}\n{self.message}"
        schema = self._form.schema
        if isinstance(self.payload, Elicitation) and self.payload.schema is not None:
            schema = dict(self.payload.schema)
        return types.ElicitRequestFormParams(message=message, requested_schema=schema)

    def read(self, answer: types.ElicitResult) -> Any:
        """Return the answer for the run that a client's accepted answer is."""
        if isinstance(self.payload, Elicitation):
            return ElicitationAnswer("accept", answer.content)
        return self._form.read(answer.content or {})

    def refusal(self, answer: types.ElicitResult) -> ElicitationAnswer | None:
        """Return the answer for the run if a client's user has declined; None if there is none."""
        if isinstance(self.payload, Elicitation) and answer.action == "decline":
            return ElicitationAnswer("decline")
        return None

    @property
    def _form(self) -> Form:
        return form_of(self.schema)

    @property
    def wire(self) -> dict[str, Any]:
        """The question as JSON, for clients that cannot ask."""
        known = {"step": self.step, "label": self.label, "payload": plain(self.payload)}
        return {**known, "schema": dict(self.schema)}


def questions_of(record: RunRecord) -> list[Question]:
    """Return what a suspended run waits for, in the order of its calls."""
    calls = [call for call in record.calls.values() if call.status == "suspended"]
    suspended = {Address.parse(call.address): call for call in calls}
    found: list[Question] = []
    for address in sorted(suspended):
        if not any(other.is_inside(address) for other in suspended):
            found += _questions(record, suspended[address], address)
    return found


def _questions(record: RunRecord, call: StepRecord, address: Address) -> list[Question]:
    items = [part.item for part in address.walk() if part.item is not None]
    index = items[-1] if items else None
    asks = [ask for ask in record.asks.get(call.address, {}).values() if ask.status == "waiting"]
    if not asks:
        return [Question(call.id, call.label, index, call.suspend_payload, {})]
    return [
        Question(
            call.id,
            ask.question["label"],
            index,
            ask.question["payload"],
            ask.question["schema"],
        )
        for ask in asks
    ]
