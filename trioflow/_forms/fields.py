"""Classes with named fields, and how recorded values are read after the class changes."""

from __future__ import annotations

import logging
import typing
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow._forms.form import (
    Form,
    Plain,
    content_of,
    fault,
    located,
    tag_of,
    tagged,
    too_deep,
    wrong_class,
    wrong_kind,
)
from trioflow._forms.shapes import Shape
from trioflow._values.structure import type_name
from trioflow.errors import FaultsError, NotSerializableError
from trioflow.wire._shown import class_name, message_of

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

STATE = "state"
"""The tag of a value with state in addition to its fields."""

logger = logging.getLogger("trioflow")


class FieldsForm(Form):
    """A class with named fields: attrs, dataclasses, TypedDict, and classes of plugins."""

    kinds = frozenset({"object"})

    def __init__(self, type_: Any, shape: Shape, fields: Mapping[str, Form], forms: Forms) -> None:
        origin = typing.get_origin(type_) or type_
        self.name = type_name(type_)
        self._is_dict = not isinstance(origin, type) or issubclass(origin, dict)
        self._cls: type = dict if self._is_dict else origin
        self._full_name = f"{origin.__module__}.{origin.__qualname__}"
        self._shape, self.fields, self._forms = shape, fields, forms
        version = getattr(origin, "__trioflow_version__", 0)
        self._version = version if type(version) is int else 0
        self._told = False

    def accepts(self, value: Any) -> bool:
        return isinstance(value, self._cls)

    def is_exact(self, value: Any) -> bool:
        return type(value) is self._cls

    # ------------------------------------------------------------ writing
    def dump(self, value: Any, depth: int) -> Plain:
        if type(value) is not self._cls:
            if isinstance(value, self._cls):
                return self._forms.dump_named(value, depth)
            raise wrong_class(self.name, value)
        if not depth:
            raise too_deep()
        plain = self._dump_fields(self.read(value), depth - 1)
        if self._shape.read_state is not None:
            state = self._shape.read_state(value)
            if state:
                extra = self._forms.anything.dump(dict(state), depth - 1)
                plain = tagged(STATE, [plain, extra])
        return tagged(f"v{self._version}", plain) if self._version else plain

    def says_more(self, value: Any) -> bool:
        """Return whether more than the fields of a value is written."""
        has_state = self._shape.read_state is not None and bool(self._shape.read_state(value))
        return has_state or self._version != 0 or self._is_dict

    def read(self, value: Any) -> Mapping[str, Any]:
        """Return the values of the fields.

        Raises:
          NotSerializableError: if a field cannot be read.
        """
        try:
            return self._shape.read(value)
        except Exception as exc:  # attributes may be user code
            cause = f"{class_name(exc)}: {message_of(exc)}"
            problem = f"is a {class_name(value)} that cannot be written ({cause})"
            remedy = "correct its class, or the hook for it"
            raise NotSerializableError("", problem, remedy) from exc

    def _dump_fields(self, values: Mapping[str, Any], depth: int) -> Plain:
        plain: dict[str, Plain] = {}
        fields, name = self.fields, ""
        try:
            for name, value in values.items():
                plain[name] = fields[name].dump(value, depth)
        except KeyError as exc:
            if self._is_dict and name not in fields:
                raise located(fault("unknown key"), _part(name)) from exc
            raise
        except (FaultsError, NotSerializableError) as exc:
            raise located(exc, _part(name)) from exc.__cause__
        if len(plain) < len(fields):
            self._check_keys(plain)
        if self._is_dict and tag_of(plain) is not None:
            return tagged("dict", plain)
        return plain

    def _check_keys(self, plain: Mapping[str, Plain]) -> None:
        for field in self._shape.fields:
            if field.required and field.name not in plain:
                raise located(fault("required key is missing"), _part(field.name))

    # ------------------------------------------------------------ reading
    def load(self, plain: Plain) -> Any:
        tag, version, state = tag_of(plain), 0, None
        if tag is not None and tag[:1] == "v" and tag[1:].isdecimal():
            version, plain = int(tag[1:]), content_of(plain)
            tag = tag_of(plain)
        if tag == STATE:
            plain, state = content_of(plain)
        elif tag == "dict":
            plain = content_of(plain)
        elif tag is not None:
            return self._forms.load_named(plain, self._cls)
        if type(plain) is not dict:
            raise wrong_kind(self.name, plain)
        value = self._made(self._today(plain, version))
        if state is not None and self._shape.make_state is not None:
            self._shape.make_state(value, self._forms.anything.load(state))
        return value

    def _today(self, plain: dict[str, Plain], version: int) -> Mapping[str, Plain]:
        """Return the recorded fields in the shape of the current class."""
        upgraded = None
        if version != self._version:
            upgraded = self._forms.upgrade(self._full_name, plain, version)
        gone = [name for name in plain if name not in self.fields]
        if upgraded is None and gone:
            new = [f.name for f in self._shape.fields if f.name not in plain and not f.may_lack]
            if new:
                upgraded = self._forms.upgrade(self._full_name, plain, version)
                if upgraded is None:
                    raise _renamed(gone, new)
            else:
                self._log_dropped(gone)
        if upgraded is None:
            return plain
        return upgraded

    def _log_dropped(self, gone: list[str]) -> None:
        if not self._told:
            self._told = True
            listing = ", ".join(map(repr, gone))
            logger.warning(
                "recorded values of %s have %s, which the class no longer has: it is dropped",
                self._full_name,
                listing,
            )

    def _made(self, plain: Mapping[str, Plain]) -> Any:
        values: dict[str, Any] = {}
        name = ""
        try:
            for name, each in plain.items():  # a TypedDict keeps the order of its keys
                if name in self.fields:
                    values[name] = self.fields[name].load(each)
        except FaultsError as exc:
            raise located(exc, _part(name)) from exc.__cause__
        for field in self._shape.fields:
            if field.required and field.name not in values:
                raise located(fault("required key is missing"), _part(field.name))
        try:
            return self._shape.make(values)
        except FaultsError:
            raise
        except Exception as exc:  # user code: __init__, __post_init__
            problem = f"cannot be made again ({class_name(exc)}: {message_of(exc)})"
            raise fault(problem, self.name) from exc


def _renamed(gone: list[str], new: list[str]) -> FaultsError:
    was, now = ", ".join(map(repr, gone)), ", ".join(map(repr, new))
    return fault(
        f"it was recorded with {was}, which the class no longer has, and without {now}: if a field "
        "was renamed, return the new fields from the hook trioflow_upgrade"
    )


def _part(name: Any) -> str:
    return name if isinstance(name, str) and name.isidentifier() else f"[{name!r}]"
