"""Traces and metrics of trioflow's runs, for OpenTelemetry.

Installed, it is on in programs that have set a tracer provider or a meter provider before
they open an engine, and costs nothing in others. `OpenTelemetry` is for those that would
rather say which providers to use.
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
"""By which the environment says which global providers the API should set."""


@hookimpl
def trioflow_instruments() -> list[Instrument]:
    """Return an instrument per global provider that the program has set by now."""
    # Every engine loads this module, so it imports nothing of OpenTelemetry. Nobody can have
    # set a provider without importing its API.
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
