"""Check answers to questions, as far as a process can."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any

from trioflow._engine.history.suspensions import Suspension
from trioflow._values.schema_check import check_schema
from trioflow._values.structure import Structure
from trioflow.errors import InvalidValueError

if TYPE_CHECKING:
    from cattrs import Converter


def check_answers(
    targets: Sequence[Suspension],
    data: Any,
    structures: Mapping[tuple[str, str], Structure | None],
    converter: Callable[[], Converter] | None,
) -> None:
    """Check that an answer fits the questions it is for.

    Args:
      structures: The structures for the answers to questions asked in this process, by address and
        key. For other questions, only the JSON Schema is known.
      converter: Returns the function that writes values as JSON; None if they are JSON already.

    Raises:
      InvalidValueError: if the answer does not fit.
      NotSerializableError: if the answer has no JSON form and one is needed.
    """
    for target in targets:
        if target.key is None or target.question is None:
            continue
        place = (target.address, target.key)
        if place in structures:
            structure = structures[place]
            if structure is not None:
                structure(data)
            continue
        from trioflow.wire._values import to_json

        plain = to_json(data, "", None if converter is None else converter())
        faults = check_schema(plain, target.question["schema"])
        if faults:
            raise InvalidValueError("answer", f"step {'.'.join(target.path)!r}", faults)
