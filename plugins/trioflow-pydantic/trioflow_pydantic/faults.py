"""Convert Pydantic's errors to faults with trioflow's paths."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

import attrs
from pydantic import ValidationError
from pydantic_core import ErrorDetails

from trioflow.errors import Fault

PROBLEMS = {
    "extra_forbidden": "unknown key",
    "unexpected_keyword_argument": "unknown key",
    "missing": "required key is missing",
    "missing_argument": "required key is missing",
}
"""trioflow's own messages, by Pydantic's error types."""


MISSING = ("missing", "missing_argument")


class RefusedError(ValueError):
    """Raised inside of a validation for a part with faults of its own."""

    def __init__(self, faults: tuple[Fault, ...]) -> None:
        super().__init__("; ".join(map(str, faults)))
        self.faults = faults


def refusals(
    error: ValidationError, value: Any, known: Mapping[str, Sequence[Fault]]
) -> Iterator[Fault]:
    """Yield the faults of *value*, each once.

    Args:
      error: The error of Pydantic.
      value: The value before any part of it was structured.
      known: The faults that the converter found, by the path of a field.
    """
    errors = error.errors(include_url=False)
    for key, group in itertools.groupby(errors, lambda details: details["loc"][:1]):
        told = dict.fromkeys(fault for details in group for fault in _faults(details, value))
        top = path_to(key, dict.fromkeys(key))
        found = known.get(top, known.get("", ()))
        # For a union, the converter may only say that no arm fits; Pydantic says which and why.
        deeper = any(fault.path != top for fault in told)
        is_vague = all(fault.path == top for fault in found)
        yield from told if is_vague and deeper else found or told


def _faults(details: ErrorDetails, value: Any) -> Iterator[Fault]:
    kind, cause = details["type"], details.get("ctx", {}).get("error")
    path = path_to(details["loc"], value, may_end_outside=kind in MISSING)
    if isinstance(cause, RefusedError):
        for fault in cause.faults:
            yield attrs.evolve(fault, path=_joined(path, fault.path))
        return
    received = type(details["input"]).__name__ if kind.endswith("_type") else ""
    problem = PROBLEMS.get(kind, details["msg"])
    yield Fault(path, f"{problem}, received {received}" if received else problem)


def _joined(path: str, rest: str) -> str:
    return path + rest if not path or not rest or rest.startswith("[") else f"{path}.{rest}"


def path_to(location: Iterable[str | int], value: Any, *, may_end_outside: bool = False) -> str:
    """Return the path of a location in *value*.

    Pydantic's locations also contain the arms of unions and the kinds of validators. These
    are not parts of a value, and are omitted.

    Args:
      may_end_outside: Whether to include the last key even if the value does not have it.
    """
    path, keys = "", list(location)
    for position, key in enumerate(keys):
        inside = _child(value, key)
        if inside is None and not (may_end_outside and position == len(keys) - 1):
            continue
        plain = isinstance(key, str) and key.isidentifier()
        path += (f".{key}" if path else str(key)) if plain else f"[{key!r}]"
        [value] = inside or [None]
    return path


def _child(value: Any, key: str | int) -> list[Any] | None:
    """Return the item of a key, in a list, or None if there is no item."""
    if isinstance(value, Mapping):
        return [value[key]] if key in value else None
    if isinstance(key, int):
        is_list = isinstance(value, Sequence) and not isinstance(value, str | bytes)
        return [value[key]] if is_list and key < len(value) else None
    return [getattr(value, key)] if hasattr(value, key) else None
