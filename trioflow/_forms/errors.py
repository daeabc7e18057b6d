"""Exceptions in journals: how they are recorded and re-created.

An exception whose class is found by name is re-created from its arguments, if its message is then
unchanged. `trioflow.wire.RecordedError` replaces any other exception. Only subclasses of
`Exception` are re-created.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

from trioflow._forms.form import MAX_DEPTH, Plain
from trioflow._forms.names import name_of
from trioflow.wire._failures import (
    MAX_NESTING,
    STACK,
    RecordedError,
    notes_of,
    record_alone,
    written_alone,
)
from trioflow.wire._shown import message_of

if TYPE_CHECKING:
    from trioflow._forms.forms import Forms

HIDDEN = ("__notes__", STACK)
"""Attributes of exceptions that are recorded separately."""
_CAUSE: Any = BaseException.__dict__["__cause__"]
_ARGS: Any = BaseException.__dict__["args"]
"""Both as stored by Python itself, even if a subclass redefines the names."""


# ---------------------------------------------------------------- writing
def dump_error(error: BaseException, forms: Forms, nesting: int = MAX_NESTING) -> Plain:
    """Return an exception as a journal stores it. Never fails.

    ``{"name", "message", "stack"?}`` as on the wire, ``notes``, ``cause``, the members of a group
    as ``errors``, and the data to re-create it: ``class``, ``args`` and ``state``.
    """
    recorded, members = record_alone(error)
    plain: dict[str, Plain] = written_alone(recorded)
    notes = notes_of(error)
    if notes:
        plain["notes"] = list(notes)
    if nesting and members:
        plain["errors"] = [dump_error(member, forms, nesting - 1) for member in members]
    cause = _CAUSE.__get__(error)
    if nesting and cause is not None:
        plain["cause"] = dump_error(cause, forms, nesting - 1)
    return plain | _recipe(error, forms)


def _recipe(error: BaseException, forms: Forms) -> dict[str, Plain]:
    """Return the data to re-create an exception, as far as it can be written."""
    cls = type(error)  # not __class__, which a subclass may redefine
    if issubclass(cls, RecordedError):
        return dict(cast("RecordedError", error).recipe)
    if not issubclass(cls, Exception) or forms.find_class(name_of(cls)) is not cls:
        return {}
    recipe: dict[str, Plain] = {"class": name_of(cls)}
    if issubclass(cls, ExceptionGroup):
        return recipe
    args, state = _reduced(cast("Exception", error))
    for key, value in (("args", list(args)), ("state", state)):
        try:
            if value:
                recipe[key] = forms.anything.dump(value, MAX_DEPTH)
        except Exception:  # values and their hooks are user code
            continue  # re-created without it, if the message is then unchanged
    return recipe


def _reduced(error: Exception) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments and attributes of an exception, as pickle gets them."""
    try:
        make, args, *rest = cast("tuple[Any, ...]", error.__reduce__())
        state = rest[0] if rest and isinstance(rest[0], dict) else vars(error)
        if make is type(error) and isinstance(args, tuple):
            return args, {key: value for key, value in state.items() if key not in HIDDEN}
    except Exception:
        pass  # __reduce__ is user code
    return _ARGS.__get__(error), {}


# ---------------------------------------------------------------- reading
def load_error(recorded: BaseException, forms: Forms) -> BaseException:
    """Return the recorded exception; a `RecordedError` if it cannot be re-created."""
    if not isinstance(recorded, RecordedError):
        return recorded
    members = [load_error(member, forms) for member in recorded.errors]
    made = _made(recorded, members, forms)
    if made is None:
        return recorded
    for note in notes_of(recorded):
        made.add_note(note)
    if recorded.__cause__ is not None:
        made.__cause__ = load_error(recorded.__cause__, forms)
    if recorded.traceback:
        vars(made)[STACK] = recorded.traceback
    return made


def _made(recorded: RecordedError, members: list[BaseException], forms: Forms) -> Exception | None:
    recipe = recorded.recipe
    name = recipe.get("class")
    cls = forms.find_class(name) if isinstance(name, str) else None
    if cls is None or not issubclass(cls, Exception) or issubclass(cls, RecordedError):
        return None
    if members:
        return _group(cls, recorded.message, members)
    try:
        args = tuple(forms.anything.load(recipe.get("args", [])))
        state: Mapping[str, Any] = forms.anything.load(recipe.get("state", {}))
    except Exception:  # classes are user code
        return None
    for make in (_by_init, _by_new):
        try:
            error = make(cls, args)
            vars(error).update(state)
        except Exception:
            continue
        if type(error) is cls and message_of(error) == recorded.message:
            return error
    return None


def _by_init(cls: type[Exception], args: tuple[Any, ...]) -> Exception:
    return cls(*args)


def _by_new(cls: type[Exception], args: tuple[Any, ...]) -> Exception:
    error = cls.__new__(cls, *args)
    error.args = args
    return error


def _group(cls: Any, message: str, members: list[BaseException]) -> Exception | None:
    if not issubclass(cls, ExceptionGroup):
        return None
    try:
        group = cls(message, members)
    except Exception:
        return None
    return group if type(group) is cls else None
