"""Classes that only the hooks of a converter know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trioflow._forms.form import Form, Plain, fault, wrong_class
from trioflow._values.structure import faults_of
from trioflow.errors import FaultsError, NotSerializableError
from trioflow.wire._plain import write
from trioflow.wire._shown import class_name, message_of

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow._forms.forms import Forms


class ForeignForm(Form):
    """A class by its structure and unstructure hooks.

    Whether the one takes back what the other makes is for nobody to know but them, so it is tried
    with each value before the value is recorded.
    """

    def __init__(
        self, cls: Any, structure: Callable[[Any, Any], Any], converter: Converter, forms: Forms
    ) -> None:
        self.name = cls.__name__
        self.kinds = forms.anything.kinds
        self._cls, self._structure = cls, structure
        self._converter, self._forms = converter, forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls:
            if isinstance(value, self._cls):
                return self._forms.anything.dump(value, depth)
            raise wrong_class(self.name, value)
        plain = self._forms.anything.dump(write(value, self._converter, depth), depth)
        try:
            again = self.load(plain)
        except FaultsError as exc:
            raise self._refused(str(exc)) from exc
        try:
            is_same = type(again) is type(value) and self._equal(again, value, depth)
        except Exception as exc:
            raise self._refused(f"{class_name(exc)}: {message_of(exc)}") from exc
        if not is_same:
            raise self._refused("its hooks make another value of it")
        return plain

    def _equal(self, again: Any, value: Any, depth: int) -> bool:
        if self._cls.__eq__ is object.__eq__:  # nothing but what is written tells them apart
            return bool(
                write(again, self._converter, depth) == write(value, self._converter, depth)
            )
        return bool(again == value)

    def load(self, plain: Plain) -> Any:
        try:
            return self._structure(self._forms.anything.load(plain), self._cls)
        except FaultsError:
            raise
        except Exception as exc:
            raise FaultsError(tuple(faults_of(exc))) from exc

    def _refused(self, cause: str) -> NotSerializableError:
        problem = f"is a {self.name} that cannot be read back ({cause})"
        return NotSerializableError("", problem, "correct its hooks, or use another value")


def foreign_form(cls: Any, converter: Converter, forms: Forms) -> Form | None:
    """Return the form of a class by the converter's hooks; None if it has none to write it.

    Raises:
      FaultsError: if it has only one of the two.
    """
    from cattrs.fns import identity

    if converter.get_unstructure_hook(cls) is identity:
        return None
    try:
        structure = converter.get_structure_hook(cls)
    except Exception as exc:
        raise fault(f"{cls.__name__} can be written, and not read ({exc})") from exc
    return ForeignForm(cls, structure, converter, forms)
