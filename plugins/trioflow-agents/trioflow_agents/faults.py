"""Faults of providers as `ModelError`, whatever client found them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from email.utils import parsedate_to_datetime
from typing import Any

from attrs import evolve

from trioflow_agents.errors import ModelError, cut_at, is_retryable

TRANSPORTS = ("httpx", "httpcore", "anyio", "ssl")
"""Packages, or the beginnings of their names, whose exceptions say that a connection failed."""


def is_of_transport(error: BaseException) -> bool:
    """Return whether an exception says that a connection failed."""
    names = (cls.__module__.partition(".")[0] for cls in type(error).__mro__)
    return any(name.startswith(TRANSPORTS) for name in names)


def connection_error(error: BaseException) -> ModelError:
    """Return the error for a connection that failed."""
    cause = error.__cause__ or error
    problem = f"the connection failed ({type(cause).__name__}: {cause})".rstrip(": ")
    return ModelError(problem, retryable=True)


def status_error(status: int, body: object, headers: Mapping[str, str]) -> ModelError:
    """Return the error for a response with an HTTP status of 400 or more.

    Args:
      body: The JSON of the response, if it is JSON.
    """
    told: Any = body.get("error", body) if isinstance(body, Mapping) else body
    problem, code = f"HTTP status {status}", None
    if isinstance(told, Mapping):
        problem, code = str(told.get("message") or problem), told.get("code") or told.get("type")
    elif told:
        problem = str(told)
    return ModelError(
        problem,
        status,
        None if code is None else str(code),
        headers.get("x-request-id") or headers.get("request-id"),
        retryable=is_retryable(status),
        retry_after=retry_after(headers),
    )


def stream_error(told: object) -> ModelError:
    """Return the error that a provider reports in the middle of a reply."""
    if not isinstance(told, Mapping):
        return ModelError(str(told))
    given = told.get("code") or told.get("type")
    code = None if given is None else str(given)
    return ModelError(str(told.get("message", told)), code=code, retryable=code in TEMPORARY)


TEMPORARY = frozenset({"server_error", "overloaded_error", "api_error", "rate_limit_exceeded"})
"""Codes in the middle of a reply after which the same request may succeed."""


def ended_early() -> ModelError:
    """Return the error for a reply without an end."""
    return ModelError("the reply ended early", retryable=True)


SHORTEST_KEY = 8
"""Fewest characters of a key; what is shorter is one of a test, and may be part of any word."""


@contextmanager
def hiding(key: object) -> Iterator[None]:
    """Take a key out of the errors of this block: some providers repeat it, and errors are kept."""
    try:
        yield
    except ModelError as exc:
        if not isinstance(key, str) or len(key) < SHORTEST_KEY:
            raise
        code = None if exc.code is None else _without(exc.code, key)
        clean = evolve(exc, problem=_without(exc.problem, key), code=code)
        if (clean.problem, clean.code) == (exc.problem, exc.code):
            raise
        raise clean from None


def _without(text: str, key: str) -> str:
    """Return a text without a key, and without the half of it where the text was shortened."""
    text = text.replace(key, "***")
    at = cut_at(text)
    if at < len(text):
        for length in range(len(key) - 1, SHORTEST_KEY // 2, -1):
            if text.endswith(key[:length], 0, at):
                return f"{text[: at - length]}***{text[at:]}"
    return text


def retry_after(headers: Mapping[str, str]) -> float | None:
    """Return the seconds that a response asks to wait: a number, or the time of an HTTP date."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return milliseconds / 1000
    given = headers.get("retry-after")
    if given is None:
        return None
    seconds = _number(given)
    if seconds is not None:
        return seconds
    try:
        return max(parsedate_to_datetime(given).timestamp() - time.time(), 0.0)
    except (ValueError, OverflowError):
        return None


def _number(text: str | None) -> float | None:
    try:
        number = float(text or "")
    except ValueError:
        return None
    return number if 0 <= number < float("inf") else None
