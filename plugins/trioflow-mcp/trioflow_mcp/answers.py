"""Which answers fit a question: the schema that the server sent is part of the answer's type."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Annotated, Any, cast

from attrs import frozen

from trioflow.errors import Fault, FaultsError
from trioflow_mcp.values import ElicitationAnswer

if TYPE_CHECKING:
    from cattrs import BaseConverter

ACTIONS = ("accept", "decline", "cancel")


@frozen
class Requested:
    """Annotates the type of an answer with the schema of its content."""

    schema_text: str | None
    """The schema as JSON, which can be hashed; None if the answer has no content."""

    @property
    def schema(self) -> dict[str, Any] | None:
        """The JSON Schema of the content."""
        if self.schema_text is None:
            return None
        return cast("dict[str, Any]", json.loads(self.schema_text))


def answer_type(schema: Mapping[str, Any] | None) -> Any:
    """Return the type of the answers to a question for content of this schema."""
    text = None if schema is None else json.dumps(schema, sort_keys=True)
    return Annotated[ElicitationAnswer, Requested(text)]


def requested_in(type_: Any) -> Requested | None:
    """Return the annotation of a type that `answer_type` has made; None for other types."""
    metadata = getattr(type_, "__metadata__", ())
    return next((each for each in metadata if isinstance(each, Requested)), None)


def answer_schema(requested: Requested) -> dict[str, Any]:
    """Return the JSON Schema of the answers to a question."""
    accept: dict[str, Any] = {"action": {"const": "accept"}}
    if requested.schema is not None:
        accept["content"] = requested.schema
    decline = {"action": {"enum": ["decline", "cancel"]}}
    return {"anyOf": [_object(accept), _object(decline)]}


def _object(properties: dict[str, Any]) -> dict[str, Any]:
    return {
        "type": "object",
        "properties": properties,
        "required": list(properties),
        "additionalProperties": False,
    }


def answer_hook(type_: Any, converter: BaseConverter) -> Callable[[Any, Any], Any]:
    """Return the function that structures values into a type of `answer_type`."""
    requested = requested_in(type_)
    assert requested is not None

    def structure(value: Any, _: Any) -> ElicitationAnswer:
        return read_answer(value, requested)

    return structure


def read_answer(value: Any, requested: Requested) -> ElicitationAnswer:
    """Return the answer that a value is.

    Raises:
      FaultsError: if it is none, or its content does not fit the question's schema.
    """
    given = value
    if isinstance(value, ElicitationAnswer):
        given = {"action": value.action, "content": value.content}
    if not isinstance(given, Mapping):
        raise FaultsError((Fault("", 'expected {"action": "accept", "content": {...}}'),))
    if given.get("action") not in ACTIONS:
        raise FaultsError((Fault("action", f"expected one of {', '.join(ACTIONS)}"),))
    if unknown := sorted(given.keys() - {"action", "content"}):
        raise FaultsError(tuple(Fault(name, "unknown key") for name in unknown))
    if given["action"] != "accept":
        return ElicitationAnswer(given["action"])
    content = given.get("content")
    if faults := _faults(content, requested):
        raise FaultsError(faults)
    return ElicitationAnswer("accept", content)


def _faults(content: Any, requested: Requested) -> tuple[Fault, ...]:
    schema = requested.schema
    if schema is None:
        return () if content is None else (Fault("content", "the question asks for none"),)
    if not isinstance(content, Mapping):
        return (Fault("content", "expected an object"),)
    from jsonschema import Draft202012Validator  # type: ignore[import-untyped]

    errors = Draft202012Validator(schema).iter_errors(content)
    return tuple(
        Fault(".".join(("content", *map(str, error.absolute_path))), error.message)
        for error in errors
    )
