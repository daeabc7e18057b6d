"""Checks the inputs and outputs of a step or tool: they fit the types and survive JSON."""

from __future__ import annotations

import json
import pickle
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import attrs

from trioflow import events as ev
from trioflow._forms.form import MAX_DEPTH
from trioflow._forms.forms import Forms
from trioflow._values.structure import compile_structure, type_name
from trioflow.describe import json_schema
from trioflow.errors import FaultsError, InvalidValueError, NotSerializableError
from trioflow.steps import Step
from trioflow.testing._bodies.faults import BodyContractError
from trioflow.testing._bodies.running import Sighting, Terms
from trioflow.wire import to_wire
from trioflow.wire._values import to_json

if TYPE_CHECKING:
    from cattrs import Converter


@attrs.frozen
class Values:
    """Checks values of one step or tool, with the converter of its engine."""

    terms: Terms
    converter: Converter

    def check_schemas(self) -> None:
        """Check that its types can be described."""
        for what, type_ in _types_of(self.terms.definition).items():
            try:
                json.dumps(json_schema(type_, plugins=self.terms.engine.get("plugins", ())))
            except Exception as exc:
                problem = f"its {what}, {type_name(type_)}: {exc}"
                raise self._error("has types without a schema", problem) from exc

    def take(self, given: Any) -> Any:
        """Return an input as the body will see it, and check that it survives JSON."""
        types = _inputs_of(self.terms.definition)
        if isinstance(self.terms.definition, Step):
            return self._take(given, types[""], "its input")
        if not isinstance(given, Mapping):
            raise TypeError(f"the arguments of {self.terms.where} must be a mapping, not {given!r}")
        return {
            name: self._take(value, types.get(name, Any), f"its argument {name!r}")
            for name, value in given.items()
        }

    def _take(self, given: Any, type_: Any, what: str) -> Any:
        try:
            value = self._structure(given, type_)
        except InvalidValueError as exc:
            raise self._error("does not accept this input", self._faults(what, exc)) from exc
        self._check_carried(value, type_, what, "takes input that JSON cannot carry")
        return value

    def text(self, value: Any) -> str:
        """Return a value as a JSON string."""
        return json.dumps(to_json(value, "", self.converter), sort_keys=True)

    def check_output(self, output: Any) -> None:
        """Check that an output fits its annotation and survives JSON."""
        type_ = self.terms.definition.output
        try:
            self._structure(output, type_)
        except InvalidValueError as exc:
            problem = self._faults(f"{output!r} is not of type {type_name(type_)}", exc)
            raise self._error("returns another type than annotated", problem) from exc
        self._check_carried(output, type_, "its output", "returns output that JSON cannot carry")

    def check_events(self, seen: Sighting) -> None:
        """Check that each event of a run has a JSON form."""
        for position, event in enumerate(seen.events):
            try:
                to_wire(event, converter=self.converter)
            except NotSerializableError as exc:
                problem = f"in its {event.type}, {exc.path} {exc.problem}"
                fault = "emits values that JSON cannot carry"
                raise self._error(fault, problem, seen.events, position) from exc

    def check_error(self, error: BaseException) -> None:
        """Check that an exception can be sent to another process."""
        try:
            copy = pickle.loads(pickle.dumps(error))
        except Exception as exc:
            problem = f"pickling {error!r} raises {type(exc).__name__}: {exc}"
            raise self._error("raises an error that cannot be pickled", problem) from exc
        if (type(copy), str(copy)) != (type(error), str(error)):
            problem = f"{error!r} is unpickled as {copy!r}"
            raise self._error("raises an error that cannot be pickled", problem)

    # ------------------------------------------------------------ one value
    def _structure(self, value: Any, type_: Any) -> Any:
        structure = compile_structure(type_, "value", self.terms.where, lambda: self.converter)
        return value if structure is None else structure(value)

    def _check_carried(self, value: Any, type_: Any, what: str, fault: str) -> None:
        """Check that a value is unchanged after being written and read as JSON."""
        text = ""
        try:
            form = Forms(lambda: self.converter, keeps_secrets=True).form(type_)
            text = json.dumps(form.dump(value, MAX_DEPTH))
            back = form.load(json.loads(text))
        except NotSerializableError as exc:
            problem = f"{what}: {exc.path or 'it'} {exc.problem}"
            raise self._error(fault, problem) from exc
        except FaultsError as exc:
            written = f"{what} is written as {_short(text)}, which does not fit" if text else what
            raise self._error(fault, self._faults(written, exc)) from exc
        if back != value:
            problem = f"{what} {_short(repr(value))} is read back as {_short(repr(back))}"
            raise self._error(fault, problem)

    def _faults(self, what: str, exc: InvalidValueError | FaultsError) -> str:
        return f"{what}: {'; '.join(map(str, exc.faults[:3]))}"

    def _error(
        self, fault: str, problem: str, events: list[ev.Event] | None = None, *marks: int
    ) -> BodyContractError:
        return BodyContractError(self.terms.where, fault, problem, events or (), marks)


def _inputs_of(definition: Any) -> dict[str, Any]:
    """Return the type of a step's input, or the types of a tool's arguments by name."""
    if isinstance(definition, Step):
        return {"": definition.input}
    return {parameter.name: parameter.type for parameter in definition.parameters}


def _types_of(definition: Any) -> dict[str, Any]:
    """Return all types of a definition, by their purpose."""
    if not isinstance(definition, Step):
        named = {f"argument {name!r}": type_ for name, type_ in _inputs_of(definition).items()}
        return {**named, "output": definition.output}
    return {
        name: getattr(definition, name)
        for name in ("input", "output", "resume", "suspend", "state")
    }


def _short(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:150]} ... {text[-40:]}"
