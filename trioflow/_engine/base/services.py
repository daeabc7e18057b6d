"""What bodies of steps and tools can use of the engine, through their contexts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeAlias

import attrs

from trioflow.runners._resources import Resources

if TYPE_CHECKING:
    from cattrs import Converter

    from trioflow.record import RunRecord
    from trioflow.values import Values

AskSchema: TypeAlias = Callable[[Any], Mapping[str, Any] | None]
"""Returns the JSON Schema that a plugin has for a class; None if no plugin knows it."""

AskUsage: TypeAlias = Callable[["RunRecord"], Mapping[str, Any] | None]
"""Returns what language models have used in a run; None if no plugin counts anything."""


def no_schema(type_: Any) -> None:
    """Return no schema for any class: there are no plugins."""


def no_usage(record: RunRecord) -> None:
    """Return that nothing is counted: there are no plugins."""


@attrs.frozen(eq=False)
class Services:
    """The services of one engine."""

    converter: Callable[[], Converter]
    """Returns the converter, with the hooks of all plugins."""
    resources: Resources
    schema: AskSchema
    usage: AskUsage
    values: Values | None = None
    """Large values outside of journals, if the engine has a value store."""
