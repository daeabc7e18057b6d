"""Ids and options that definitions of steps, tools and workflows share."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from trioflow._durations import finite_seconds
from trioflow._ids import MAX_ID
from trioflow._signature import name_of
from trioflow.addresses import RESERVED
from trioflow.errors import DefinitionError
from trioflow.limits import Limit
from trioflow.retry import Retry


def where_in(kind: str) -> Callable[..., str]:
    """Return a function that names the definition a call creates, for `named_options`."""

    def where(*args: Any, **options: Any) -> str:
        id = options.get("id", args[1] if kind == "workflow" and len(args) > 1 else None)
        return f"{kind} {id!r}" if isinstance(id, str) else f"@{kind}"

    return where


def identify(fn: Callable[..., Any], id: str | None, kind: str) -> tuple[str, str]:
    """Return the id of a step or tool, by default its function's name, and ``"step 'id'"``."""
    if id is None:
        id = name_of(fn)
        if id == "<lambda>":
            raise DefinitionError(f"{kind} without id", "a lambda has no name", "give it an id")
    where = f"{kind} {id!r}"
    return check_id(id, where), where


def check_id(id: object, where: str) -> str:
    """Return *id* if it is a valid id in a workflow.

    Raises:
      DefinitionError: if it is not.
    """
    if not isinstance(id, str) or not id or id != id.strip() or not id.isprintable():
        raise DefinitionError(where, f"{id!r} is not a valid id", "use a string such as 'fetch'")
    if len(id) > MAX_ID:
        problem = f"its id has {len(id):,} characters"
        raise DefinitionError(f"{where[:60]}...", problem, f"use at most {MAX_ID}")
    bad = sorted(set(id) & set(RESERVED))
    if bad:
        problem = f"id {id!r} contains {' '.join(bad)}"
        raise DefinitionError(where, problem, f"use none of {' '.join(sorted(RESERVED))}")
    return id


def description_or_doc(fn: Callable[..., Any], description: str | None) -> str:
    """Return a description; the first line of the docstring of *fn* if none is given."""
    if description is not None:
        return description
    return (getattr(fn, "__doc__", None) or "").strip().partition("\n")[0]


def check_options(where: str, options: Mapping[str, Any]) -> None:
    """Check the given options among those that steps, tools and workflows share.

    Raises:
      DefinitionError: for the first option with the wrong type.
    """
    for option, kinds, remedy in (
        ("retry", Retry, "write retry=Retry(attempts=..., delay=...)"),
        ("runner", str, "give it the name of a runner, such as 'thread'"),
        ("limit", str | Limit, "give it the name of a limit, or Limit('name', 5)"),
        ("description", str, "give it a string"),
        ("metadata", Mapping, "give it a dict"),
    ):
        given = options.get(option)
        if given is not None and not isinstance(given, kinds):
            raise DefinitionError(where, f"{option} is {given!r}", remedy)


def checked_timeout(where: str, timeout: object) -> float | None:
    """Return a timeout in seconds, or None.

    Raises:
      DefinitionError: if it is not a duration above 0.
    """
    if timeout is None:
        return None
    seconds = finite_seconds(timeout, above_zero=True)
    if seconds is None:
        remedy = "give it seconds > 0, a timedelta, or None"
        raise DefinitionError(where, f"timeout is {timeout!r}", remedy)
    return seconds
