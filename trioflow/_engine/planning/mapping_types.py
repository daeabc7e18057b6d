"""What mapping functions give, by their annotations."""

from __future__ import annotations

import inspect
import typing
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from trioflow._signature import unwrap


def returns_of(fn: Callable[..., Any]) -> Any:
    """Return the type of what a mapping function gives, as far as its annotations tell."""
    inner = unwrap(fn)
    if inspect.isclass(inner):
        return inner
    if not inspect.isroutine(inner):
        inner = type(inner).__call__
    try:
        hint = typing.get_type_hints(inner, include_extras=True).get("return", Any)
    except (NameError, TypeError):  # of a function in a function: it names types that are there
        return Any
    while typing.get_origin(hint) in (Awaitable, Coroutine):
        hint = typing.get_args(hint)[-1]
    return hint
