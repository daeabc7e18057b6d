"""Write models as plain JSON types in Pydantic's round-trip form."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from cattrs import Converter
from pydantic import BaseModel

from trioflow.errors import NotSerializableError


def writer(cls: type[BaseModel], converter: Converter) -> Callable[[BaseModel], Any]:
    """Return a hook that writes a model under the names of its fields."""

    def other(value: Any) -> Any:
        """Write a part that Pydantic does not support."""
        raw = converter.unstructure(value)
        if raw is value:
            problem = f"has a {type(value).__name__} in it, which has no JSON form"
            raise NotSerializableError("", f"is a {cls.__name__} that {problem}")
        return raw

    def unstructure(model: BaseModel) -> Any:
        try:
            return model.model_dump(mode="json", by_alias=False, round_trip=True, fallback=other)
        except NotSerializableError:
            raise
        except ValueError as exc:  # for example, bytes that are not UTF-8
            problem = f"is a {type(model).__name__} that Pydantic cannot write ({exc})"
            raise NotSerializableError("", problem) from exc

    return unstructure
