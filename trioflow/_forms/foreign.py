"""Classes that only a converter's hooks can write and read."""

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
    """A class with a structure and an unstructure hook.

    Each value is read back before it is recorded, because only the hooks determine whether this
    works. A value that they read back is accepted, even if it is not an instance of the class:
    Pydantic's ``PastDate`` is a date.
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
        """Return why the hooks do not read *plain* back as *value*; None if they do."""
        try:
            again = self.load(plain)
            if type(again) is type(value) and self._equal(again, value, depth):
                return None
        except FaultsError as exc:
            return str(exc)
        except Exception as exc:  # its comparison is user code
            return f"{class_name(exc)}: {message_of(exc)}"
        return "its hooks read back another value"

    def _equal(self, again: Any, value: Any, depth: int) -> bool:
        cls: Any = type(value)
        if cls.__eq__ is object.__eq__:  # only the written data can be compared
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
    """Return the form of a class with converter hooks; None if it has no unstructure hook.

    Raises:
      FaultsError: if it has no structure hook.
    """
    from cattrs.fns import identity

    if converter.get_unstructure_hook(cls) is identity:
        return None
    try:
        structure = converter.get_structure_hook(cls)
    except Exception as exc:
        raise fault(f"{cls.__name__} can be written but not read ({exc})") from exc
    return ForeignForm(cls, structure, converter, forms)
