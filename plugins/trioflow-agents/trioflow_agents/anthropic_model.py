"""Models of Anthropic."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any

import anthropic
import trio

from trioflow_agents.anthropic_messages import messages_pieces, messages_request
from trioflow_agents.bodies import HEADERS, bound_page
from trioflow_agents.errors import ModelError
from trioflow_agents.faults import connection_error, hiding, status_error
from trioflow_agents.model import Model, ModelRequest, Piece, Prices
from trioflow_agents.sse import open_events


class AnthropicModel(Model):
    """A model of Anthropic. For outputs that are no text it gets a tool to answer by."""

    provider = "anthropic"
    takes_schema = False

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | Callable[[], str] | None = None,
        max_tokens: int = 8192,
        prices: Prices | None = None,
        client: anthropic.AsyncAnthropic | None = None,
        **settings: Any,
    ) -> None:
        """Describe a model; nothing is opened or checked yet.

        Args:
          name: What Anthropic calls the model.
          base_url: Address of a compatible server. Default: ``ANTHROPIC_BASE_URL``, or Anthropic's.
          api_key: The key, or a function that returns it when the client is opened. Default:
            ``ANTHROPIC_API_KEY``.
          max_tokens: How many tokens a reply has at most, which the interface demands.
          prices: What it costs, to count the cost of each turn.
          client: A client to use in place of one of its own. It is not closed, and it reads all of
            an error page, however long that is.
          **settings: Passed on with each request: ``temperature=0.0``.
        """
        self.name = name
        self.prices = prices
        self._base_url = base_url
        self._api_key = api_key
        self._client = client
        self._settings: Mapping[str, Any] = {"max_tokens": max_tokens, **settings}

    def __repr__(self) -> str:
        return f"AnthropicModel({self.name!r})"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[AnthropicModel]:
        """Keep a client open in this block. See `Model.opened`."""
        if self._client is not None:
            yield self
            return
        key = self._api_key() if callable(self._api_key) else self._api_key
        # In a thread, for certificates are read, and the first use imports what it needs.
        client = await trio.to_thread.run_sync(self._new_client, key)
        async with client:
            yield AnthropicModel(self.name, client=client, **self._settings)

    def _new_client(self, key: str | None) -> anthropic.AsyncAnthropic:
        client = anthropic.AsyncAnthropic(
            api_key=key,
            base_url=self._base_url,
            max_retries=0,
            default_headers=HEADERS,
            http_client=anthropic.DefaultAsyncHttpxClient(event_hooks={"response": [bound_page]}),
        )
        _ = client.messages
        return client

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        """Ask the model. See `Model.stream`."""
        if self._client is None:
            async with self.opened() as opened, opened.stream(request) as pieces:
                yield pieces
            return
        wanted = {"model": self.name, **messages_request(request), **self._settings}
        client: Any = self._client  # its overloads know no requests made elsewhere
        names = [tool.name for tool in request.tools]
        with hiding(client.api_key):
            async with (
                _respond(client.messages.with_streaming_response.create(**wanted)) as response,
                open_events(response.iter_bytes()) as events,
                aclosing(messages_pieces(events, names)) as pieces,
            ):
                yield pieces


@asynccontextmanager
async def _respond(opening: Any) -> AsyncIterator[Any]:
    """Open a response; its faults are raised as `ModelError`."""
    try:
        response = await opening.__aenter__()
    except anthropic.APIStatusError as exc:  # which holds the whole page
        raise status_error(exc.status_code, exc.body, exc.response.headers) from None
    except anthropic.APIConnectionError as exc:
        raise connection_error(exc) from exc
    except UnicodeEncodeError as exc:
        raise ModelError(f"the request has characters that cannot be sent ({exc})") from exc
    except TypeError as exc:  # which the client raises without a key
        if "authentication" not in str(exc):
            raise
        raise ModelError("there is no key; set ANTHROPIC_API_KEY, or pass api_key=") from exc
    try:
        yield response
    finally:
        await opening.__aexit__(None, None, None)
