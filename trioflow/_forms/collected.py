"""The outcomes of ``on_error="collect"`` in journals."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow._forms.errors import dump_error, load_error
from trioflow._forms.form import Form, Plain, fault, wrong_class, wrong_kind
from trioflow.errors import WireFormatError
from trioflow.outcomes import Failed
from trioflow.wire._failures import error_from_wire

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms


class FailedForm(Form):
    """A `Failed`: its error is recorded like the errors of events."""

    name = "Failed"
    kinds = frozenset({"object"})

    def __init__(self, forms: Forms) -> None:
        self._forms = forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, Failed)

    def is_exact(self, value: Any) -> bool:
        return type(value) is Failed

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not Failed:
            raise wrong_class(self.name, value)
        return {
            "error": dump_error(value.error, self._forms),
            "attempts": value.attempts,
            "address": value.address,
        }

    def load(self, plain: Plain) -> Any:
        if type(plain) is not dict:
            raise wrong_kind(self.name, plain)
        attempts, address = plain.get("attempts"), plain.get("address")
        if type(attempts) is not int or type(address) is not str:
            raise fault("attempts or address is missing", self.name)
        try:
            error = error_from_wire(plain.get("error"), "error")
        except WireFormatError as exc:
            raise fault(exc.problem, self.name) from exc
        return Failed(load_error(error, self._forms), attempts, address)
