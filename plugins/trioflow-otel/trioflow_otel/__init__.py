"""A trioflow plugin that exports runs as OpenTelemetry traces and metrics.

The installed plugin is active in programs that set a tracer provider or a meter provider
before they open an engine, and has no cost in others. Use `OpenTelemetry` to pass providers
explicitly.
"""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING, Any

from trioflow import hookimpl

if TYPE_CHECKING:
    from trioflow.abc import Instrument
    from trioflow_otel.places import attached
    from trioflow_otel.plugin import OpenTelemetry

__all__ = ["OpenTelemetry", "attached", "trioflow_instruments"]

API = ("opentelemetry.trace", "opentelemetry.metrics")
VARIABLES = ("OTEL_PYTHON_TRACER_PROVIDER", "OTEL_PYTHON_METER_PROVIDER")
"""The environment variables that name the global providers for the API to set."""


@hookimpl
def trioflow_instruments() -> list[Instrument]:
    """Return an instrument for each global provider that is set."""
    # Every engine loads this module, so it does not import OpenTelemetry. A program cannot
    # set a provider without importing the API.
    if not any(name in sys.modules for name in API) and not any(map(os.getenv, VARIABLES)):
        return []
    from trioflow_otel.plugin import of_global_providers  # see above

    return of_global_providers().trioflow_instruments()


def __getattr__(name: str) -> Any:
    if name == "OpenTelemetry":
        from trioflow_otel.plugin import OpenTelemetry  # see above

        return OpenTelemetry
    if name == "attached":
        from trioflow_otel.places import attached  # see above

        return attached
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
