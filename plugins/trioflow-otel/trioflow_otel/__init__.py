"""Traces and metrics of trioflow's runs, for OpenTelemetry.

Installed, it is on in programs that have set a tracer provider or a meter provider before
they open an engine, and costs nothing in others. `OpenTelemetry` is for those that would
rather say which providers to use.
"""

from trioflow_otel.places import attached
from trioflow_otel.plugin import OpenTelemetry, trioflow_instruments

__all__ = ["OpenTelemetry", "attached", "trioflow_instruments"]
