"""Context variables that bodies get from their runs."""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Collection
from contextvars import ContextVar
from typing import Any

from trioflow.errors import DefinitionError
from trioflow.runners.remote import NotPicklableError

MISSING = object()


def variable_of(name: str) -> ContextVar[Any]:
    """Return the context variable with a name such as ``"app.logs:request_id"``.

    Raises:
      ImportError, AttributeError: if it does not exist.
    """
    module, _, attribute = name.partition(":")
    variable: ContextVar[Any] = getattr(importlib.import_module(module), attribute)
    return variable


def check_variable(name: str) -> None:
    """Check that a name is one of a context variable.

    Raises:
      DefinitionError: if it is not.
    """
    try:
        problem = "" if isinstance(variable_of(name), ContextVar) else "it is no ContextVar"
    except (ImportError, AttributeError, ValueError) as exc:
        problem = str(exc)
    if problem:
        remedy = 'name it with its module: context_vars=["app.logs:request_id"]'
        raise DefinitionError("the Ray runner", f"no context variable {name!r}: {problem}", remedy)


def pack_variables(names: Collection[str], step: str) -> bytes:
    """Return the values of those that are set here; nothing if none is.

    Raises:
      NotPicklableError: if a value cannot be pickled.
    """
    values = {name: variable_of(name).get(MISSING) for name in names}
    packed = {}
    for name, value in values.items():
        if value is MISSING:
            continue
        try:
            packed[name] = pickle.dumps(value)
        except Exception as exc:
            what, kind = f"context variable {name!r}", type(value).__qualname__
            raise NotPicklableError(what, step, "", kind, str(exc)) from exc
    return pickle.dumps(packed) if packed else b""


def set_variables(packed: bytes) -> None:
    """Set the context variables of the body that begins in this context."""
    if packed:
        for name, value in pickle.loads(packed).items():
            variable_of(name).set(pickle.loads(value))
