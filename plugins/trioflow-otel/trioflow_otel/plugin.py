"""Which instruments there are, given the providers of the program."""

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
"""What writes the spans and metrics: OpenTelemetry's instrumentation scope."""
DISTRIBUTION = "trioflow-otel"


@attrs.frozen
class OpenTelemetry:
    """The plugin with providers of one's own: ``open_engine(plugins=[OpenTelemetry(...)])``."""

    tracer_provider: TracerProvider | None = None
    """Where spans go; None for none."""
    meter_provider: MeterProvider | None = None
    """Where metrics go; None for none."""

    @hookimpl
    def trioflow_instruments(self) -> list[Instrument]:
        """Return an instrument per provider."""
        instruments: list[Instrument] = []
        if self.tracer_provider is not None:
            tracer = self.tracer_provider.get_tracer(SCOPE, version(DISTRIBUTION))
            instruments.append(Tracing(tracer))
        if self.meter_provider is not None:
            meter = self.meter_provider.get_meter(SCOPE, version(DISTRIBUTION))
            instruments.append(Metering(meter))
        return instruments


def of_global_providers() -> OpenTelemetry:
    """Return the plugin with those global providers that the program has set by now."""
    tracer_provider = trace.get_tracer_provider()
    meter_provider = metrics.get_meter_provider()
    return OpenTelemetry(
        tracer_provider if _is_set(tracer_provider) else None,
        meter_provider if _is_set(meter_provider) else None,
    )


def _is_set(provider: object) -> bool:
    """Tell whether somebody has set a provider: those of the API itself do nothing."""
    module = type(provider).__module__
    return not module.startswith(("opentelemetry.trace", "opentelemetry.metrics"))
