"""Models of OpenAI, and of every server that is compatible with it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from typing import Any, Literal, get_args

import openai
import trio

from trioflow_agents.bodies import HEADERS, bound_page
from trioflow_agents.errors import ModelError
from trioflow_agents.faults import connection_error, hiding, status_error
from trioflow_agents.model import Model, ModelRequest, Piece, Prices
from trioflow_agents.openai_chat import chat_pieces, chat_request
from trioflow_agents.openai_responses import responses_pieces, responses_request
from trioflow_agents.sse import open_events

Api = Literal["chat", "responses"]
_FORMATS = {
    "chat": (chat_request, chat_pieces),
    "responses": (responses_request, responses_pieces),
}


class OpenAIModel(Model):
    """A model of OpenAI, or of a compatible server."""

    provider = "openai"

    def __init__(
        self,
        name: str,
        *,
        base_url: str | None = None,
        api_key: str | Callable[[], str] | None = None,
        api: Api = "chat",
        strict: bool = False,
        takes_schema: bool = True,
        prices: Prices | None = None,
        client: openai.AsyncOpenAI | None = None,
        **settings: Any,
    ) -> None:
        """Describe a model; nothing is opened or checked yet.

        Args:
          name: What the server calls the model.
          base_url: Address of a compatible server. Default: ``OPENAI_BASE_URL``, or OpenAI's.
          api_key: The key, or a function that returns it when the client is opened. Default:
            ``OPENAI_API_KEY``.
          api: ``"chat"`` for chat completions, ``"responses"`` for the responses interface.
          strict: Whether output schemas are strict in OpenAI's sense, which few schemas are.
          takes_schema: Whether the server obeys output schemas. If not, the model gets a tool to
            answer by.
          prices: What it costs, to count the cost of each turn.
          client: A client to use in place of one of its own. It is not closed, and it reads all of
            an error page, however long that is.
          **settings: Passed on with each request: ``temperature=0.0``.

        Raises:
          ValueError: if there is no such *api*.
        """
        if api not in get_args(Api):
            raise ValueError(f"api must be one of {', '.join(get_args(Api))}, not {api!r}")
        self.name = name
        self.takes_schema = takes_schema
        self.prices = prices
        self._base_url = base_url
        self._api_key = api_key
        self._api: Api = api
        self._strict = strict
        self._client = client
        self._settings: Mapping[str, Any] = settings

    def __repr__(self) -> str:
        return f"OpenAIModel({self.name!r})"

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[OpenAIModel]:
        """Keep a client open in this block. See `Model.opened`.

        Raises:
          ModelError: if there is no key.
        """
        if self._client is not None:
            yield self
            return
        key = self._api_key() if callable(self._api_key) else self._api_key
        # In a thread, for certificates are read, and the first use imports what it needs.
        client = await trio.to_thread.run_sync(self._new_client, key)
        async with client:
            yield OpenAIModel(
                self.name,
                api=self._api,
                strict=self._strict,
                takes_schema=self.takes_schema,
                client=client,
                **self._settings,
            )

    def _new_client(self, key: str | None) -> openai.AsyncOpenAI:
        try:
            client = openai.AsyncOpenAI(
                api_key=key,
                base_url=self._base_url,
                max_retries=0,
                default_headers=HEADERS,
                http_client=openai.DefaultAsyncHttpxClient(event_hooks={"response": [bound_page]}),
            )
        except openai.OpenAIError as exc:
            problem = "there is no key; set OPENAI_API_KEY, or pass api_key="
            raise ModelError(problem) from exc
        _ = client.chat.completions, client.responses
        return client

    @asynccontextmanager
    async def stream(self, request: ModelRequest) -> AsyncIterator[AsyncIterator[Piece]]:
        """Ask the model. See `Model.stream`."""
        if self._client is None:
            async with self.opened() as opened, opened.stream(request) as pieces:
                yield pieces
            return
        make, read = _FORMATS[self._api]
        wanted = {"model": self.name, **make(request, strict=self._strict), **self._settings}
        client: Any = self._client  # its overloads know no requests made elsewhere
        endpoint = client.chat.completions if self._api == "chat" else client.responses
        names = [tool.name for tool in request.tools]
        with hiding(client.api_key):
            async with (
                _respond(endpoint.with_streaming_response.create(**wanted)) as response,
                open_events(response.iter_bytes()) as events,
                aclosing(read(events, names)) as pieces,
            ):
                yield pieces


@asynccontextmanager
async def _respond(opening: Any) -> AsyncIterator[Any]:
    """Open a response; its faults are raised as `ModelError`."""
    try:
        response = await opening.__aenter__()
    except openai.APIStatusError as exc:  # which holds the whole page
        raise status_error(exc.status_code, exc.body, exc.response.headers) from None
    except openai.APIConnectionError as exc:
        raise connection_error(exc) from exc
    except UnicodeEncodeError as exc:
        raise ModelError(f"the request has characters that cannot be sent ({exc})") from exc
    try:
        yield response
    finally:
        await opening.__aexit__(None, None, None)
