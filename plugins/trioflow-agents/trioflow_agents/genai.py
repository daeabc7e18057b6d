"""OpenTelemetry's conventions for generative AI: spans and metrics of requests to models.

The conventions are in development, so this is the only module that knows them, as of version 1.37.
Spans are written by the plugin ``trioflow-otel``; without it, nothing is set. Metrics need
``opentelemetry-api``. What is said is in neither.
"""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from typing import Any

import trio
from attrs import define, field

from trioflow import StepContext
from trioflow.abc import BodyInfo, Instrument, SpanInfo
from trioflow_agents.model import NO_USAGE, Finish, Model, Usage

MODEL = "trioflow_agents_model"
"""The attribute of a function that asks a model: the model."""
OPERATION = "gen_ai.operation.name"
PROVIDER = "gen_ai.provider.name"
REQUEST_MODEL = "gen_ai.request.model"
RESPONSE_MODEL = "gen_ai.response.model"
RESPONSE_ID = "gen_ai.response.id"
FINISH_REASONS = "gen_ai.response.finish_reasons"
INPUT_TOKENS = "gen_ai.usage.input_tokens"
OUTPUT_TOKENS = "gen_ai.usage.output_tokens"
TOKEN_TYPE = "gen_ai.token.type"
ERROR_TYPE = "error.type"
CHAT = "chat"


def about(model: Model) -> dict[str, str]:
    """Return what is known of a request before it is made."""
    return {OPERATION: CHAT, PROVIDER: model.provider, REQUEST_MODEL: model.name}


class DescribingModels(Instrument):
    """Tells instruments that write spans which bodies ask a model."""

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        """Return the span of a request to a model."""
        model = getattr(body.function, MODEL, None)
        if body.tool_call_id is None or not isinstance(model, Model):
            return None
        return SpanInfo(f"{CHAT} {model.name}", "client", about(model))


@define
class Observed:
    """What is observed of one request."""

    model: Model
    ctx: StepContext[Any]
    began_at: float = field(factory=trio.current_time)
    usage: Usage = NO_USAGE
    finish: Finish | None = None

    def add(self, piece: object) -> None:
        """Take note of a piece."""
        if isinstance(piece, Usage):
            self.usage += piece
        elif isinstance(piece, Finish):
            self.finish = piece

    def end(self, error: BaseException | None) -> None:
        """Set what is known now on the span, and record the metrics."""
        span = self.ctx.tracing_context.current_span
        set_attribute = getattr(span, "set_attribute", None)
        if set_attribute is not None:
            for name, value in self._reply().items():
                set_attribute(name, value)
        seconds = trio.current_time() - self.began_at
        failed = {} if error is None else {ERROR_TYPE: type(error).__qualname__}
        record(seconds, self.usage, {**about(self.model), **failed})

    def _reply(self) -> dict[str, Any]:
        known: dict[str, Any] = {}
        if self.usage != NO_USAGE:
            known[INPUT_TOKENS] = self.usage.input_tokens
            known[OUTPUT_TOKENS] = self.usage.output_tokens
        if self.finish is not None:
            known[FINISH_REASONS] = [self.finish.reason]
            known[RESPONSE_ID], known[RESPONSE_MODEL] = self.finish.response_id, self.finish.model
        return {name: value for name, value in known.items() if value is not None}


API = "opentelemetry.metrics"
"""A program cannot set a provider of metrics without importing this module."""


def record(seconds: float, usage: Usage, known: Mapping[str, str]) -> None:
    """Record the metrics of a request, if the program collects any."""
    if API not in sys.modules:
        return
    durations, tokens = _histograms()
    durations.record(seconds, dict(known))
    for kind, count in (("input", usage.input_tokens), ("output", usage.output_tokens)):
        if count:
            tokens.record(count, {**known, TOKEN_TYPE: kind})


@functools.cache
def _histograms() -> tuple[Any, Any]:
    from opentelemetry.metrics import get_meter

    meter = get_meter("trioflow-agents")
    return (
        meter.create_histogram(
            "gen_ai.client.operation.duration", "s", "Duration of requests to models"
        ),
        meter.create_histogram(
            "gen_ai.client.token.usage", "{token}", "Tokens of requests to models"
        ),
    )
