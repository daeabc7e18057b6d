"""Counts and durations of requests, for OpenTelemetry and in the text format of Prometheus."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import attrs

try:
    from opentelemetry import metrics
except ImportError:  # it is an extra
    metrics = None  # type: ignore[assignment]


@attrs.define(eq=False)
class Measures:
    """What is measured of one application."""

    provider: Any = None
    """The provider of meters; None for the global one."""
    requests: Counter[tuple[str, str, int]] = attrs.field(factory=Counter)
    """Finished requests by method, route and status."""
    seconds: Counter[tuple[str, str]] = attrs.field(factory=Counter)
    """How long they took, by method and route."""
    _duration: Any = None

    def __attrs_post_init__(self) -> None:
        if metrics is not None:
            meter = metrics.get_meter("trioflow.server", meter_provider=self.provider)
            about = "Duration of requests, streams included"
            self._duration = meter.create_histogram("http.server.request.duration", "s", about)

    def note(self, method: str, route: str, status: int, seconds: float) -> None:
        """Count a request that has been answered."""
        self.requests[method, route, status] += 1
        self.seconds[method, route] += seconds  # type: ignore[assignment]
        if self._duration is not None:
            attributes = {
                "http.request.method": method,
                "http.route": route,
                "http.response.status_code": status,
            }
            self._duration.record(seconds, attributes)

    def lines(self, open_streams: int) -> Iterator[str]:
        """Yield the lines of the text format."""
        yield "# TYPE trioflow_requests_total counter"
        for (method, route, status), count in sorted(self.requests.items()):
            labels = f'method="{method}",route="{route}",status="{status}"'
            yield f"trioflow_requests_total{{{labels}}} {count}"
        yield "# TYPE trioflow_request_seconds_total counter"
        for (method, route), seconds in sorted(self.seconds.items()):
            labels = f'method="{method}",route="{route}"'
            yield f"trioflow_request_seconds_total{{{labels}}} {seconds:.6f}"
        yield "# TYPE trioflow_open_streams gauge"
        yield f"trioflow_open_streams {open_streams}"
