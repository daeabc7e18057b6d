"""The port of language models: what an agent asks of one, and the pieces that it answers in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Any, Self, TypeAlias

from attrs import evolve, field, frozen

from trioflow_agents.messages import Message


@frozen
class Usage:
    """How many tokens were used, in how many requests."""

    input_tokens: int = 0
    output_tokens: int = 0
    cached_tokens: int = 0
    """Input tokens that the provider had in a cache; included in *input_tokens*."""
    reasoning_tokens: int = 0
    """Output tokens that the reader does not see; included in *output_tokens*."""
    requests: int = 0
    cost: float | None = None
    """What they cost, in the currency of the `Prices` of the model; None without prices."""

    def __add__(self, other: Usage) -> Usage:
        return Usage(
            self.input_tokens + other.input_tokens,
            self.output_tokens + other.output_tokens,
            self.cached_tokens + other.cached_tokens,
            self.reasoning_tokens + other.reasoning_tokens,
            self.requests + other.requests,
            _sum(self.cost, other.cost),
        )

    @property
    def total_tokens(self) -> int:
        """Input and output tokens."""
        return self.input_tokens + self.output_tokens


NO_USAGE = Usage()


def _sum(a: float | None, b: float | None) -> float | None:
    return None if a is None and b is None else (a or 0.0) + (b or 0.0)


@frozen
class Prices:
    """What a model costs: prices of a million tokens, in any currency."""

    input: float
    output: float
    cached: float | None = None
    """Of input tokens that the provider had in a cache; None for the price of all others."""

    def of(self, usage: Usage) -> Usage:
        """Return a usage with its cost."""
        cached = self.input if self.cached is None else self.cached
        new = usage.input_tokens - usage.cached_tokens
        cost = new * self.input + usage.cached_tokens * cached + usage.output_tokens * self.output
        return evolve(usage, cost=cost / 1_000_000)


@frozen
class ArgumentsDelta:
    """A piece of the arguments of a tool call that the model is writing."""

    call_id: str
    name: str
    delta: str


@frozen
class ProvisionalText:
    """A piece of text that output guards have not seen yet."""

    text: str


@frozen
class Finish:
    """The end of a reply; the last piece."""

    reason: str = "stop"
    """``"stop"``, ``"tool_calls"``, ``"length"``, ``"content_filter"``, or the provider's word."""
    response_id: str | None = None
    model: str | None = None
    """The model that replied, if the provider says so."""


Piece: TypeAlias = str | ArgumentsDelta | Usage | Finish
"""A piece of a reply: a string is text."""


@frozen
class ToolDescription:
    """A tool as the model sees it."""

    name: str
    """Letters, digits, ``_`` and ``-``, at most 64."""
    description: str
    schema: Mapping[str, Any] = field(hash=False)
    """JSON Schema of its arguments: an object."""


@frozen
class ModelRequest:
    """What a model is asked."""

    messages: tuple[Message, ...]
    tools: tuple[ToolDescription, ...] = ()
    output_schema: Mapping[str, Any] | None = field(default=None, hash=False)
    """JSON Schema of the reply's text; None for any text. Only if `Model.takes_schema`."""


class Model(ABC):
    """A language model. It is no part of any recorded value, and so are its keys."""

    name: str
    """What the provider calls the model."""
    provider: str = "custom"
    """The provider, as the OpenTelemetry conventions name it: ``"openai"``, ``"anthropic"``."""
    prices: Prices | None = None
    """What it costs; with prices, each `Usage` has its cost."""
    takes_schema: bool = True
    """Whether it obeys `ModelRequest.output_schema`; otherwise it is given a tool to answer by."""

    @abstractmethod
    def stream(self, request: ModelRequest) -> AbstractAsyncContextManager[AsyncIterator[Piece]]:
        """Ask the model, and yield an iterator over the pieces of its reply.

        Text and arguments come in the order in which they are written, then `Usage`, and `Finish`
        last. The pieces of one tool call all have its id and name.

        Raises:
          ModelError: if there is no reply, on entering or while iterating.

        **Cancellation**: closes the connection. So does leaving the block early.
        """

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[Self]:
        """Keep what all requests share, such as a client, open in this block.

        An engine that has the plugin enters it for the first request and leaves it on closing.
        """
        yield self
