"""Classes that only the hooks of a converter know."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from trioflow._forms.form import MAX_DEPTH, Form, Plain, fault, wrong_class
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
    with each value before the value is recorded. What they take back is of their type, even if it
    is no instance of the class: Pydantic's ``PastDate`` is a date.
    """

    def __init__(
        self, cls: Any, structure: Callable[[Any, Any], Any], converter: Converter, forms: Forms
    ) -> None:
        self.name = cls.__name__
        self.kinds = forms.anything.kinds
        self._cls, self._structure = cls, structure
        self._converter, self._forms = converter, forms

    def accepts(self, value: Any) -> bool:
        if isinstance(value, self._cls):
            return True
        try:
            self.dump(value, MAX_DEPTH)
        except (FaultsError, NotSerializableError):
            return False
        return True

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls and isinstance(value, self._cls):
            return self._forms.anything.dump(value, depth)
        plain = self._forms.anything.dump(write(value, self._converter, depth), depth)
        problem = self._try_to_load(plain, value, depth)
        if problem is None:
            return plain
        if type(value) is self._cls:
            raise self._refused(problem)
        raise wrong_class(self.name, value)

    def _try_to_load(self, plain: Plain, value: Any, depth: int) -> str | None:
        """Return why *value* is not what its hooks make of *plain*, if so."""
        try:
            again = self.load(plain)
            if type(again) is type(value) and self._equal(again, value, depth):
                return None
        except FaultsError as exc:
            return str(exc)
        except Exception as exc:  # its comparison is code of users
            return f"{class_name(exc)}: {message_of(exc)}"
        return "its hooks make another value of it"

    def _equal(self, again: Any, value: Any, depth: int) -> bool:
        cls: Any = type(value)
        if cls.__eq__ is object.__eq__:  # nothing but what is written tells them apart
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
