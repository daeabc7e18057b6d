"""Values without a declared type: tags record their classes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow._forms.form import (
    KINDS,
    Form,
    Plain,
    content_of,
    fault,
    located,
    tag_of,
    tagged,
    too_deep,
    wrong_class,
)
from trioflow._forms.items import load_items
from trioflow._forms.scalars import check_digits, check_finite
from trioflow.errors import FaultsError, NotSerializableError

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

_FREE = frozenset({str, bool, type(None)})
"""The types whose instances are all written unchanged."""


class AnyForm(Form):
    """Any value: plain JSON types unchanged, other values with a tag for their class."""

    name = "anything"
    kinds = frozenset(KINDS.values())

    def __init__(self, forms: Forms) -> None:
        self.forms = forms

    def accepts(self, value: Any) -> bool:
        return True

    def dump(self, value: Any, depth: int) -> Plain:
        kind = type(value)
        if kind in _FREE:
            return value
        if kind is int:
            check_digits(value)
            return value
        if kind is float:
            check_finite(value)
            return value
        if kind is list:
            return self._dump_list(value, depth)
        if kind is dict:
            return self.forms.plain_dict.dump(value, depth)
        return self.forms.dump_named(value, depth)

    def _dump_list(self, value: list[Any], depth: int) -> Plain:
        if not depth:
            raise too_deep()
        plain: list[Plain] = []
        try:
            plain.extend(
                item if type(item) in _FREE else self.dump(item, depth - 1) for item in value
            )
        except (FaultsError, NotSerializableError) as exc:
            raise located(exc, f"[{len(plain)}]") from exc.__cause__
        return plain

    def load(self, plain: Plain) -> Any:
        if type(plain) is list:
            return load_items(self, plain)
        if type(plain) is dict:
            if tag_of(plain) in (None, "dict", "pairs"):
                return self.forms.plain_dict.load(plain)
            return self.forms.load_named(plain, object)
        return plain


class AbstractForm(Form):
    """A class without direct instances, such as a protocol: values are tagged with their class."""

    kinds = frozenset(KINDS.values())

    def __init__(self, name: str, cls: type, anything: Form) -> None:
        self.name, self._cls, self._anything = name, cls, anything

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def dump(self, value: Any, depth: int) -> Plain:
        if not self.accepts(value):
            raise wrong_class(self.name, value)
        return self._anything.dump(value, depth)

    def load(self, plain: Plain) -> Any:
        value = self._anything.load(plain)
        if not self.accepts(value):
            raise fault(f"expected {self.name}, received {type(value).__name__}", self.name)
        return value


class SecretForm(Form):
    """A secret, such as Pydantic's ``SecretStr``, whose value must be read explicitly."""

    kinds: frozenset[Any] = frozenset()  # always tagged

    def __init__(self, cls: Any, forms: Forms) -> None:
        self.name, self._cls, self._forms = cls.__name__, cls, forms

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls:
            raise wrong_class(self.name, value)
        if not self._forms.keeps_secrets:
            remedy = "open the engine with a codec=, or leave it out of the value"
            raise NotSerializableError("", f"is a secret ({self.name})", remedy)
        return tagged("secret", self._forms.anything.dump(value.get_secret_value(), depth - 1))

    def load(self, plain: Plain) -> Any:
        if tag_of(plain) != "secret":
            raise fault(f"expected {self.name}, received a value that is not a secret", self.name)
        return self._cls(self._forms.anything.load(content_of(plain)))


def is_secret(cls: Any) -> bool:
    """Return whether a class hides a value."""
    return isinstance(cls, type) and callable(getattr(cls, "get_secret_value", None))
