"""OpenTelemetry's conventions for generative AI: spans and metrics of requests to models.

The conventions are in development, so this is the only module that knows them, as of version 1.37.
Spans are written by the plugin ``trioflow-otel``; without it, nothing is set. Metrics need
``opentelemetry-api``. What is said is in the spans only if the environment variable `CAPTURES` is
``"true"``; keys are in neither.
"""

from __future__ import annotations

import functools
import json
import os
import sys
from collections.abc import Mapping
from typing import Any

import trio
from attrs import define, field

from trioflow import StepContext
from trioflow.abc import BodyInfo, Instrument, PartInfo, SpanInfo
from trioflow.wire import lenient_json
from trioflow_agents.model import NO_USAGE, Finish, Model, ModelRequest, Usage

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
AGENT = "gen_ai.agent.name"
INPUT = "gen_ai.input.messages"
OUTPUT = "gen_ai.output.messages"
CHAT = "chat"
INVOKE_AGENT = "invoke_agent"
METADATA = "trioflow-agents"
"""The key of an agent's attributes in the metadata of its workflow."""
CAPTURES = "OTEL_INSTRUMENTATION_GENAI_CAPTURE_MESSAGE_CONTENT"
"""The environment variable with which spans also tell what is said: ``"true"``."""


def about(model: Model) -> dict[str, str]:
    """Return what is known of a request before it is made."""
    return {OPERATION: CHAT, PROVIDER: model.provider, REQUEST_MODEL: model.name}


def agent_metadata(agent: str, model: Model) -> dict[str, Any]:
    """Return the metadata of an agent's workflow, by which its spans are found."""
    about = {OPERATION: INVOKE_AGENT, AGENT: agent, PROVIDER: model.provider}
    return {METADATA: {**about, REQUEST_MODEL: model.name}}


class DescribingModels(Instrument):
    """Tells instruments that write spans which bodies ask a model, and which are agents."""

    def describe_part(self, part: PartInfo) -> SpanInfo | None:
        """Return the span of a run of an agent."""
        return _of_agent(part.workflow_metadata)

    def describe_body(self, body: BodyInfo) -> SpanInfo | None:
        """Return the span of a request to a model, or of an agent in another workflow."""
        if body.kind == "workflow" and body.tool_call_id is None:
            return _of_agent(body.metadata)
        model = getattr(body.function, MODEL, None)
        if body.tool_call_id is None or not isinstance(model, Model):
            return None
        return SpanInfo(f"{CHAT} {model.name}", "client", about(model))


def _of_agent(metadata: Mapping[str, Any]) -> SpanInfo | None:
    about = metadata.get(METADATA)
    return None if about is None else SpanInfo(f"{INVOKE_AGENT} {about[AGENT]}", "internal", about)


def captures() -> bool:
    """Return whether spans tell what is said."""
    return os.environ.get(CAPTURES, "").strip().lower() == "true"


@define
class Observed:
    """What is observed of one request."""

    model: Model
    ctx: StepContext[Any]
    request: ModelRequest
    began_at: float = field(factory=trio.current_time)
    captures: bool = field(factory=captures)
    usage: Usage = NO_USAGE
    finish: Finish | None = None
    said: list[Any] = field(factory=list)
    """The other pieces, if they are captured."""

    def add(self, piece: object) -> None:
        """Take note of a piece."""
        if isinstance(piece, Usage):
            self.usage += piece
        elif isinstance(piece, Finish):
            self.finish = piece
        elif self.captures:
            self.said.append(piece)

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
        if self.captures:
            known |= {INPUT: _as_json(self.request.messages), OUTPUT: _as_json(self.said)}
        return {name: value for name, value in known.items() if value is not None}


def _as_json(value: Any) -> str:
    return json.dumps(lenient_json(value), ensure_ascii=False)


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
