"""Determine how the values of a workflow's runs are recorded.

The form follows from the declared types, or from other forms.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from trioflow._engine.base import plan as p
from trioflow._forms.fields import FieldsForm
from trioflow._forms.form import Form
from trioflow._forms.forms import Forms
from trioflow._forms.items import ItemsForm
from trioflow._forms.shapes import Shape, ShapeField
from trioflow._forms.unions import GivenForm, LooseForm
from trioflow._values.structure import Structure, type_name
from trioflow.errors import DefinitionError, FaultsError
from trioflow.nodes import OnError
from trioflow.retry import Retry
from trioflow.workflow import Workflow


@attrs.frozen(eq=False)
class Recording:
    """The recording of values for the runs of one workflow."""

    forms: Forms
    validate: bool
    """Whether values have the declared types; otherwise, their own types are recorded."""

    def form(self, type_: Any, what: str, owner: str) -> Form:
        """Return the form of a declared type.

        Raises:
          DefinitionError: if its values cannot be recorded.
        """
        if not self.validate:
            return self.forms.anything
        try:
            return self.forms.form(type_)
        except (FaultsError, NameError) as exc:
            remedy = "use another type, or register hooks for it with trioflow_converter"
            if isinstance(exc, NameError):
                remedy = "define the types that it names at the top of their module"
            name = type_name(type_)
            problem = f"its {what} is of type {name}, which a store cannot keep ({exc})"
            raise DefinitionError(owner, problem, remedy) from exc

    def call(
        self, owner: str, output: Any = Any, resume: Any = Any, suspend: Any = Any
    ) -> p.CallForms:
        """Return how the values of a call with declared types are recorded.

        Raises:
          DefinitionError: if values of one of them cannot be recorded.
        """
        types = {"output": output, "resume data": resume, "suspend payload": suspend}
        given, answer, payload = (self.form(type_, what, owner) for what, type_ in types.items())
        secret = self._secret(owner, types)
        return p.CallForms(self.forms.anything, given, answer, payload, secret)

    def run(
        self,
        workflow: Workflow[Any, Any],
        structure: Structure | None,
        given: Form,
        owner: str,
        secret: str | None,
    ) -> p.RunForms:
        """Return how the values of runs that belong to no call are recorded.

        Args:
          structure: Structures the input.
          given: The form of the last node's output.
          secret: A value of a call that must not be recorded, if there is one.

        Raises:
          DefinitionError: if values of one of the types cannot be recorded.
        """
        declared = self.form(workflow.output, "output", owner)
        input, state = self.form(workflow.input, "input", owner), workflow.state
        types = {"input": workflow.input, "output": workflow.output, "state": state}
        return p.RunForms(
            input=input if structure is None else GivenForm(input, structure),
            output=self.loose(given if declared is self.forms.anything else declared),
            state=self.form(state, "state", owner),
            updates=self.forms.parts(state) if self.validate else self.forms.plain_dict,
            anything=self.forms.anything,
            forms=self.forms,
            secret=self._secret(owner, types) or secret,
        )

    def _secret(self, owner: str, types: Mapping[str, Any]) -> str | None:
        """Return which of these values is a secret, if one is."""
        for what, type_ in types.items():
            secret = self.forms.secret_in(type_) if self.validate else None
            if secret is not None:
                return f"the {what} of {owner} has a secret in it ({secret})"
        return None

    def know(self, retry: Retry | None) -> None:
        """Allow exceptions for which a step is retried to be found by name."""
        for cls in () if retry is None else retry.on:
            self.forms.know(cls)

    def loose(self, form: Form) -> Form:
        """Return the form of values that usually have a type: a step may bail with others."""
        if form is self.forms.anything or isinstance(form, LooseForm):
            return form
        return self.forms.loose(form)

    # ------------------------------------------------------------ derived forms
    def pass_on(self, node: p.NodePlan, given: Form) -> Form:
        """Record the input form of a node, and return the form of its output."""
        match node:
            case p.ThenPlan(call=call) | p.WaitPlan(call=call):
                return self._pass_to(call, given)
            case p.SleepPlan(call=call):
                passed = self.loose(given)
                call.forms = attrs.evolve(self.call("sleep"), input=passed, output=passed)
                return passed
            case p.LoopPlan(call=call):  # its own output is its next input
                return self._pass_to(call, self.forms.anything)
            case p.ParallelPlan(arms=arms):
                outputs = {arm.id: self._pass_to(arm, given) for arm in arms}
                return self._arms(outputs, node.on_error, may_lack=False)
            case p.BranchPlan(arms=pairs):
                outputs = {arm.id: self._pass_to(arm, given) for _, arm in pairs}
                return self._arms(outputs, node.on_error, may_lack=True)
            case p.ForEachPlan(loop=loop, item=item):
                output = self._pass_to(item, self.forms.anything)
                if node.on_error == "collect":
                    output = self.forms.collected(output)
                several = ItemsForm(list, list, output, self.forms)
                loop.forms = attrs.evolve(self.call("foreach"), output=several)
                self._pass_to(loop, given)
                return several

    def _pass_to(self, call: p.CallPlan, given: Form) -> Form:
        assert call.forms is not None  # its planner knows its types
        call.forms = attrs.evolve(call.forms, input=self.loose(given))
        return call.forms.output

    def _arms(self, outputs: Mapping[str, Form], on_error: OnError, *, may_lack: bool) -> Form:
        if on_error == "collect":
            outputs = {id: self.forms.collected(output) for id, output in outputs.items()}
        fields = tuple(ShapeField(id, may_lack=may_lack, required=not may_lack) for id in outputs)
        return FieldsForm(dict, Shape(fields, dict, dict), outputs, self.forms)
