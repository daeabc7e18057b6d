"""Finds and caches the form of each type."""

from __future__ import annotations

import collections
import inspect
import types
import typing
from collections import abc
from collections.abc import Callable, Mapping
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeAlias

from trioflow._forms import items, mappings
from trioflow._forms.anything import AbstractForm, AnyForm, SecretForm, is_secret
from trioflow._forms.collected import FailedForm
from trioflow._forms.fields import FieldsForm
from trioflow._forms.foreign import foreign_form
from trioflow._forms.form import Form, Plain, content_of, fault, located, tag_of, tagged
from trioflow._forms.items import ItemsForm, NamedTupleForm, TupleForm
from trioflow._forms.mappings import MappingForm
from trioflow._forms.members import EnumForm, LiteralForm
from trioflow._forms.names import KnownClasses, name_of
from trioflow._forms.scalars import SubclassForm, base_of, scalar_forms
from trioflow._forms.shapes import Shape, ShapeField, find_shape
from trioflow._forms.unions import LooseForm, UnionForm
from trioflow._forms.value_refs import ValueRefForm
from trioflow._hints import LITERAL_STRINGS, alias_target, is_alias, resolved, stand_in
from trioflow._value_refs import ValueRef
from trioflow._values.class_fields import class_fields
from trioflow._values.structure import type_name
from trioflow.context import MISSING
from trioflow.errors import FaultsError, NotSerializableError
from trioflow.outcomes import Failed, Ok

if TYPE_CHECKING:
    from cattrs import Converter

Upgrade: TypeAlias = Callable[[str, Mapping[str, Any], int], Mapping[str, Any] | None]
"""Same signature as the hook ``trioflow_upgrade``."""

NEVER = (typing.NoReturn, typing.Never)
FLEETING: tuple[Any, ...] = (abc.Callable, abc.Iterator, abc.AsyncIterable, abc.Awaitable)
"""Types whose values are not data."""
SELF_TAGGED = ("deque", "defaultdict")
"""Classes that are always written with their tag."""


def _no_upgrade(name: str, data: Mapping[str, Any], version: int) -> None:
    return None


class Forms:
    """The forms of types, for one engine."""

    def __init__(
        self,
        converter: Callable[[], Converter],
        upgrade: Upgrade = _no_upgrade,
        *,
        keeps_secrets: bool = False,
        known: KnownClasses | None = None,
    ) -> None:
        """Create the forms with the hooks of plugins.

        Args:
          converter: Returns the converter with the hooks of all plugins.
          upgrade: Calls the plugins for recorded data in its current shape.
          keeps_secrets: Whether secrets may be written, because the journal is encoded.
          known: The classes of workflows, if other forms know them already.
        """
        self.upgrade, self.keeps_secrets = upgrade, keeps_secrets
        self._converter = converter
        self.known = KnownClasses() if known is None else known
        """The classes that can be found by name."""
        self.known.add(ValueRef)  # a journal can be read without its module
        self.noted: list[ValueRef[Any]] = []
        """The references that were written since this list was cleared."""
        self._made: dict[Any, Form] = {}
        self._in_making: dict[Any, _Later] = {}
        self._loose: dict[Form, Form] = {}
        self._collected: dict[Form, Form] = {}
        self._secrets: dict[Any, str] = {}
        """The types that hold secrets, with the names of the secret classes."""
        self._found_secret: str | None = None
        """A secret class found in the type whose form is being made, if any."""
        self.anything: Form = AnyForm(self)
        self.plain_dict = MappingForm(dict, dict, self.anything, self.anything, self)
        self.scalars = scalar_forms(self)
        """The forms of scalar types."""
        own = [*items.MAKERS, *mappings.CLASSES.values()]
        self._by_tag = {cls.__name__: self.form(cls) for cls in own}
        """The forms of built-in and standard classes, by tag; these need no import."""
        self._by_tag |= {form.name: form for form in self.scalars.values()}
        tags = {
            **{cls: cls for cls in own},
            **{cls: cls for cls in self.scalars},
            type(Path()): Path,
        }
        self._tags: dict[type, str] = {cls: named.__name__ for cls, named in tags.items()}
        """The tags of their exact instances, by class."""

    # ------------------------------------------------------------ by type
    def form(self, type_: Any) -> Form:
        """Return the form of a type.

        Raises:
          FaultsError: if its values cannot be recorded.
          NameError: if an annotation in it names something that does not exist.
        """
        try:
            made = self._made.get(type_) or self._in_making.get(type_)
        except TypeError:  # Annotated with an unhashable value
            return self._make(type_)
        if made is not None:
            self._found_secret = self._found_secret or self._secrets.get(type_)
            return made
        self._in_making[type_] = later = _Later(type_)
        before, self._found_secret = self._found_secret, None
        try:
            later.form = form = self._make(type_)
        finally:
            del self._in_making[type_]
            found, self._found_secret = self._found_secret, self._found_secret or before
        self._made[type_] = form
        if found is not None:
            self._secrets[type_] = found
        return form

    def loose(self, form: Form) -> Form:
        """Return the form of values that should be of a type, but may be of another."""
        made = self._loose.get(form)
        if made is None:
            made = self._loose[form] = LooseForm(form, self.anything)
        return made

    def secret_in(self, type_: Any) -> str | None:
        """Return the name of a secret class in a type, if secrets must not be written.

        None if no secret is known. The type must already have a form.
        """
        try:
            return None if self.keeps_secrets else self._secrets.get(type_)
        except TypeError:  # Annotated with an unhashable value
            return None

    def _make(self, type_: Any) -> Form:
        origin, arguments = typing.get_origin(type_), typing.get_args(type_)
        if type_ in (Any, object) or type_ in NEVER:
            return self.anything
        if type_ is None:
            return self.scalars[type(None)]
        if isinstance(type_, typing.TypeVar):
            return self.form(stand_in(type_))
        if isinstance(type_, typing.ForwardRef):
            return self.form(resolved(type_))
        if type_ in LITERAL_STRINGS:
            return self.scalars[str]
        if isinstance(type_, typing.NewType):
            return self.form(type_.__supertype__)
        if origin in (Annotated, Final):
            return self.form(arguments[0])
        if is_alias(type_):
            return self.form(alias_target(type_))
        if isinstance(type_, types.UnionType) or origin is typing.Union:
            return self._union(type_, arguments)
        if origin is typing.Literal:
            return LiteralForm(arguments, self)
        if not isinstance(origin or type_, type):
            raise fault(f"{type_name(type_)} cannot be recorded")
        return self._of_class(type_, origin or type_, arguments)

    def _union(self, type_: Any, arms: tuple[Any, ...]) -> Form:
        forms = [self.form(arm) for arm in arms]
        if self.anything in forms:
            return self.anything
        return UnionForm(type_name(type_), forms)

    def _of_class(self, type_: Any, cls: type, arguments: tuple[Any, ...]) -> Form:
        if cls in self.scalars:
            return self.scalars[cls]
        if cls in items.DEFAULTS:
            return self._items(type_, cls, arguments)
        if cls in mappings.DEFAULTS:
            return self._mapping(type_, cls, arguments)
        self.known.add(cls)
        if issubclass(cls, Enum) and len(cls):
            return EnumForm(cls, self)
        if issubclass(cls, tuple) and hasattr(cls, "_fields"):
            return self._named_tuple(type_, cls)
        return self._of_own_class(type_, cls)

    def _of_own_class(self, type_: Any, cls: type) -> Form:
        """Return the form of a class that is not built in."""
        if cls is Failed:
            return FailedForm(self)
        converter = self._converter()
        shape = find_shape(type_, converter)
        if shape is not None and cls is ValueRef:
            return ValueRefForm(type_, shape, self._fields(shape), self)
        if shape is not None:
            return FieldsForm(type_, shape, self._fields(shape), self)
        base = base_of(cls)
        if base is not None:
            return SubclassForm(cls, base, self.scalars[base])
        if is_secret(cls):
            self._found_secret = cls.__name__
            return SecretForm(cls, self)
        foreign = foreign_form(cls, converter, self)
        if foreign is not None:
            return foreign
        if inspect.isabstract(cls) or getattr(cls, "_is_protocol", False) or cls is Enum:
            return self._abstract(cls)
        raise fault(f"{type_name(type_)} cannot be recorded")

    def _abstract(self, cls: type) -> Form:
        try:
            isinstance(None, cls)
        except TypeError:  # a protocol that only type checkers can check
            return self.anything
        if issubclass(cls, FLEETING):
            raise fault(f"{cls.__name__} cannot be recorded")
        return AbstractForm(cls.__name__, cls, self.anything)

    def _fields(self, shape: Shape) -> dict[str, Form]:
        return {each.name: self._field(each, shape.is_loose) for each in shape.fields}

    def _field(self, field: ShapeField, is_loose: bool) -> Form:
        try:
            form = self.form(field.type)
        except FaultsError as exc:
            if is_loose:
                return self.anything
            raise located(exc, field.name) from exc.__cause__
        default = field.default
        if is_loose or (default is not MISSING and not form.accepts(default)):
            return self.loose(form)  # ``note: str = None`` is common
        return form

    def _items(self, type_: Any, cls: type, arguments: tuple[Any, ...]) -> Form:
        if cls is tuple and arguments[-1:] != (...,) and typing.get_origin(type_) is tuple:
            return TupleForm(type_, [self.form(arm) for arm in arguments], self)
        item = self.form(arguments[0]) if arguments else self.anything
        return ItemsForm(type_, cls, item, self)

    def _mapping(self, type_: Any, cls: type, arguments: tuple[Any, ...]) -> Form:
        if cls is collections.Counter:
            arguments = (*(arguments or (Any,)), int)
        key, item = arguments or (Any, Any)
        return MappingForm(type_, cls, self.form(key), self.form(item), self)

    def _named_tuple(self, type_: Any, cls: Any) -> Form:
        fields = class_fields(type_)
        forms = [self.form(field.input_type) for field in fields]
        return NamedTupleForm(cls, forms, sum(field.required for field in fields), self)

    def parts(self, type_: Any) -> Form:
        """Return the form of a mapping with some of the fields of a type.

        Raises:
          FaultsError: if values of a field cannot be recorded.
        """
        shape = find_shape(type_, self._converter())
        if shape is None:
            form = self.form(type_)
            return form if isinstance(form, MappingForm) else self.plain_dict
        fields = self._fields(shape)
        optional = tuple(ShapeField(name, required=False, may_lack=True) for name in fields)
        form = FieldsForm(dict, Shape(optional, dict, dict), fields, self)
        form.name = type_name(type_)
        return form

    def collected(self, inner: Form) -> Form:
        """Return the form of ``Ok[T] | Failed``; *inner* is that of ``T``."""
        made = self._collected.get(inner)
        if made is None:
            shape = find_shape(Ok, self._converter())
            assert shape is not None  # Ok is an attrs class
            arms = [FieldsForm(Ok, shape, {"value": inner}, self), self.form(Failed)]
            made = self._collected[inner] = UnionForm("Ok | Failed", arms)
        return made

    # ------------------------------------------------------------ by class
    def know(self, cls: type) -> None:
        """Register a class that the workflow uses outside of types, to find it by name."""
        self.known.add(cls)

    def find_class(self, name: str) -> type | None:
        """Return the class with a name from a journal; None if it is not imported."""
        return self.known.find(name)

    def dump_named(self, value: Any, depth: int) -> Plain:
        """Return a value without a declared type, tagged with its class.

        Raises: as `Form.dump`.
        """
        cls = type(value)
        tag = self._tags.get(cls)
        if tag is None:
            return self._dump_by_name(value, cls, depth)
        plain = self._by_tag[tag].dump(value, depth)
        return plain if tag in SELF_TAGGED else tagged(tag, plain)

    def named(self, value: Any) -> tuple[str, Form] | None:
        """Return tag and form of the class of a value; None if these are not sufficient."""
        tag = self._tags.get(type(value))
        if tag is not None:
            return None if tag in SELF_TAGGED else (tag, self._by_tag[tag])
        try:
            return self._named(value, type(value))
        except NotSerializableError:
            return None

    def is_built_in(self, value: Any) -> bool:
        """Return whether *value* is of a standard class that has a tag."""
        return type(value) in self._tags

    def _dump_by_name(self, value: Any, cls: type, depth: int) -> Plain:
        name, form = self._named(value, cls)
        return tagged(name, form.dump(value, depth))

    def _named(self, value: Any, cls: type) -> tuple[str, Form]:
        """Return the name and the form of a class that can be found by name.

        Raises:
          NotSerializableError: if it has no form, or cannot be found.
        """
        name = name_of(cls)
        if self.known.find(name) is cls:
            return name, self._form_of(cls)
        # Apart, because making a form registers the class, and it would be found the next time.
        Forms(self._converter, self.upgrade, keeps_secrets=self.keeps_secrets)._form_of(cls)
        problem = f"is a {cls.__name__}, which is not found by its name {name!r}"
        remedy = "define it at the top of its module, or use it in a type of the workflow"
        raise NotSerializableError("", problem, remedy)

    def _form_of(self, cls: type) -> Form:
        """Return the form of a class that is not declared as a type.

        Raises:
          NotSerializableError: if it has none.
        """
        try:
            form = self.form(cls)
        except (FaultsError, NameError) as exc:
            problem = f"is a {cls.__name__}, which has no JSON form"
            raise NotSerializableError("", problem) from exc
        if form is self.anything or isinstance(form, AbstractForm):
            raise NotSerializableError("", f"is a {cls.__name__}, which has no JSON form")
        return form

    def load_named(self, plain: Plain, base: type) -> Any:
        """Return a value of the class in its tag.

        Args:
          base: The class that it must be an instance of.

        Raises: as `Form.load`.
        """
        tag = tag_of(plain) or ""
        form = self._by_tag.get(tag)
        if form is None:
            form = self._found(tag, base)
            return form.load(content_of(plain))
        value = form.load(plain if tag in SELF_TAGGED else content_of(plain))
        if not isinstance(value, base):
            raise fault(f"expected {base.__name__}, received {tag}", base.__name__, tag)
        return value

    def _found(self, name: str, base: type) -> Form:
        cls = self.known.find(name)
        if cls is None:
            raise fault(
                f"it was recorded as {name!r}, and there is no such class: import its module "
                "first, or use it in a type of the workflow"
            )
        if not issubclass(cls, base):
            raise fault(f"expected {base.__name__}, received {name}", base.__name__, name)
        form = self.form(cls)
        if form is self.anything:
            raise fault(f"{name} cannot be recorded")
        return form


class _Later(Form):
    """Placeholder for the form of a recursive type while that form is being made."""

    form: Form | None = None

    def __init__(self, type_: Any) -> None:
        self.name = type_name(type_)
        self.kinds = frozenset({"object"})
        self._cls: Any = typing.get_origin(type_) or type_

    def accepts(self, value: Any) -> bool:
        if self.form is None:  # called for the default of a field
            return not isinstance(self._cls, type) or isinstance(value, self._cls)
        return self.form.accepts(value)

    def is_exact(self, value: Any) -> bool:
        return self._ready.is_exact(value)

    def dump(self, value: Any, depth: int) -> Plain:
        return self._ready.dump(value, depth)

    def load(self, plain: Plain) -> Any:
        return self._ready.load(plain)

    @property
    def _ready(self) -> Form:
        assert self.form is not None  # no value exists before the form is made
        return self.form
