"""Types with their own Pydantic schema that are not models, such as ``HttpUrl``."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from pydantic import ValidationError

from trioflow.errors import FaultsError
from trioflow_pydantic.faults import refusals
from trioflow_pydantic.forms import OneForm


def reader(cls: Any, form: OneForm) -> Callable[[Any, Any], Any]:
    """Return a hook that reads a type."""

    def structure(value: Any, _: Any) -> Any:
        if isinstance(value, cls):
            return value
        try:
            return form.read(value)
        except ValidationError as exc:
            raise FaultsError(tuple(refusals(exc, value, {}))) from exc

    return structure
