"""User values and times as plain JSON types."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from trioflow.errors import NotSerializableError
from trioflow.wire._plain import MAX_DEPTH, join, write
from trioflow.wire._shown import class_name, shown

if TYPE_CHECKING:
    from cattrs import Converter


def to_json(value: Any, path: str, converter: Converter | None) -> Any:
    """Return *value* made of dicts with string keys, lists, strings, numbers, booleans and None.

    Sets become sorted lists, so that equal sets are written alike.

    Args:
      value: Anything.
      path: Path of the value, for the error.
      converter: Writes what is not plain JSON; trioflow's own if None.

    Raises:
      NotSerializableError: if a part of it has no JSON form that can be read back.
    """
    try:
        return write(value, converter)
    except NotSerializableError as exc:
        # A new exception, because exceptions are pickled with the arguments of their constructor.
        whole = NotSerializableError(join(path, exc.path), exc.problem, exc.remedy)
        raise whole from exc.__cause__


def lenient_json(value: Any, converter: Converter | None = None) -> Any:
    """Return *value* made of plain JSON types, with the ``repr`` of what has no JSON form.

    For display: unlike `to_wire` it accepts every value, and its output cannot be read back.
    It never raises: a part whose ``repr`` raises, that is nested too deeply, or that contains
    itself becomes a string that names its class.

    Args:
      value: Anything.
      converter: Writes what is not plain JSON; default: a plain cattrs converter.
    """
    return _lenient(value, converter, ())


def milliseconds(at: float) -> int:
    """Return seconds since the epoch as whole milliseconds since the epoch.

    Raises:
      NotSerializableError: if it is not a finite number.
    """
    try:
        return round(at * 1000)
    except (TypeError, ValueError, OverflowError) as exc:
        problem = f"is {shown(at)}, which is not a time"
        raise NotSerializableError("at", problem, "use seconds since the epoch") from exc


def _lenient(value: Any, converter: Converter | None, around: tuple[int, ...]) -> Any:
    """Return *value* as plain JSON types; *around* are the ids of the objects around it."""
    try:
        is_mapping = isinstance(value, Mapping)
        if not is_mapping and not isinstance(value, list | tuple):
            return write(value, converter, MAX_DEPTH - len(around))
        if id(value) in around:
            return f"<{class_name(value)} that contains itself>"
        if len(around) == MAX_DEPTH:
            return f"<{class_name(value)} nested too deeply>"
        around = (*around, id(value))
        if is_mapping:
            items = value.items()
            return {str(_text(key)): _lenient(item, converter, around) for key, item in items}
        return [_lenient(item, converter, around) for item in value]
    except Exception:  # of any class, because reading a value may run user code
        return _text(value)


def _text(value: Any) -> str:
    try:
        return str.__str__(value if isinstance(value, str) else repr(value))
    except Exception:
        return f"<{class_name(value)}>"
