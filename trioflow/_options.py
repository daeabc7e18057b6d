"""Errors for misspelled options, with a suggestion.

Python itself raises a TypeError that names neither the step nor the correct spelling.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any, TypeVar, cast

from trioflow.errors import UnknownOptionError, suggest

F = TypeVar("F", bound=Callable[..., Any])


def named_options(where: Callable[..., str]) -> Callable[[F], F]:
    """Return a decorator that raises UnknownOptionError for an option that does not exist.

    The decorated function keeps its signature and docstring, for ``help()`` and type checkers.

    Args:
      where: Returns the definition, for the error: ``"step 'plan_day'"``. Called with the
        arguments of the call.
    """

    def decorate(fn: F) -> F:
        @functools.wraps(fn)
        def call(*args: Any, **options: Any) -> Any:
            try:
                return fn(*args, **options)
            except TypeError:
                _refuse_unknown(fn, options, where, args)
                raise

        return cast("F", call)

    return decorate


def _refuse_unknown(
    fn: Callable[..., Any],
    options: dict[str, Any],
    where: Callable[..., str],
    args: tuple[Any, ...],
) -> None:
    """Raise UnknownOptionError if the call failed because there is no such option."""
    parameters = inspect.signature(fn).parameters.values()
    by_name = [p for p in parameters if p.kind in (p.KEYWORD_ONLY, p.POSITIONAL_OR_KEYWORD)]
    known = tuple(parameter.name for parameter in by_name if parameter.name != "self")
    for name in options:
        if name not in known:
            hint = suggest(name, known, f"the options are {', '.join(known)}")
            problem = f"there is no option {name!r}"
            raise UnknownOptionError(where(*args, **options), problem, hint) from None
