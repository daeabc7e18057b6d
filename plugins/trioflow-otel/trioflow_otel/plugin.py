"""Create the instruments for the providers of the program."""

from __future__ import annotations

from importlib.metadata import version

import attrs
from opentelemetry import metrics, trace
from opentelemetry.metrics import MeterProvider
from opentelemetry.trace import TracerProvider

from trioflow import hookimpl
from trioflow.abc import Instrument
from trioflow_otel.metering import Metering
from trioflow_otel.tracing import Tracing

SCOPE = "trioflow_otel"
"""OpenTelemetry's instrumentation scope of the spans and metrics."""
DISTRIBUTION = "trioflow-otel"


@attrs.frozen
class OpenTelemetry:
    """The plugin with explicit providers: ``open_engine(plugins=[OpenTelemetry(...)])``."""

    tracer_provider: TracerProvider | None = None
    """The provider for spans; None to write no spans."""
    meter_provider: MeterProvider | None = None
    """The provider for metrics; None to write no metrics."""

    @hookimpl
    def trioflow_instruments(self) -> list[Instrument]:
        """Return an instrument for each provider."""
        instruments: list[Instrument] = []
        if self.tracer_provider is not None:
            tracer = self.tracer_provider.get_tracer(SCOPE, version(DISTRIBUTION))
            instruments.append(Tracing(tracer))
        if self.meter_provider is not None:
            meter = self.meter_provider.get_meter(SCOPE, version(DISTRIBUTION))
            instruments.append(Metering(meter))
        return instruments


def of_global_providers() -> OpenTelemetry:
    """Return the plugin with the global providers that are set."""
    tracer_provider = trace.get_tracer_provider()
    meter_provider = metrics.get_meter_provider()
    return OpenTelemetry(
        tracer_provider if _is_set(tracer_provider) else None,
        meter_provider if _is_set(meter_provider) else None,
    )


def _is_set(provider: object) -> bool:
    """Return whether a provider was set; the defaults of the API have no effect."""
    module = type(provider).__module__
    return not module.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
