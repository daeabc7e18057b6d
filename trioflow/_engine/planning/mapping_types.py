"""The output types of mapping functions, from their annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from trioflow._signature import unwrap


def returns_of(fn: Callable[..., Any]) -> Any:
    """Return the type of the output of a mapping function, if its annotations show it."""
    inner = unwrap(fn)
    if inspect.isclass(inner):
        return inner
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    try:
        hint = typing.get_type_hints(inner, include_extras=True).get("return", Any)
    except (NameError, TypeError):  # a nested function may name types that are local
        return Any
    while typing.get_origin(hint) in (Awaitable, Coroutine):
        hint = typing.get_args(hint)[-1]
    return hint
