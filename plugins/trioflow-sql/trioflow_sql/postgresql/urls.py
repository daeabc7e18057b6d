"""Parse the URL of a server, and hide its secrets."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from trioflow.errors import StoreError

GRACE = "reconnect_grace"


def parse(url: str) -> URL:
    """Return the parsed URL, with the driver set to psycopg.

    Raises:
      StoreError: if the URL is invalid or ambiguous. The message has only the scheme of the
        URL, because any other part may belong to a password.
    """
    scheme = url.partition(":")[0]
    if url.count("@") > 1:
        problem = "has more than one @; write @ in user name and password as %40"
        raise StoreError(f"{scheme}:", problem)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        problem = "is invalid; use postgresql://user:password@host:5432/database"
        raise StoreError(f"{scheme}:", problem) from None
    password = parsed.query.get("password", parsed.password)
    return parsed.difference_update_query(["password"]).set(
        drivername="postgresql+psycopg",
        password=password if isinstance(password, str) else None,
    )


def take_grace(url: URL, otherwise: float) -> tuple[URL, float]:
    """Return the URL without the option ``reconnect_grace``, and its value in seconds.

    Raises:
      StoreError: if the value is not a number of seconds above 0.
    """
    said = url.query.get(GRACE)
    try:
        grace = otherwise if said is None else float(said)  # type: ignore[arg-type]
        if not 0 < grace < float("inf"):
            raise ValueError
    except (ValueError, TypeError):
        problem = f"{GRACE} must be a number of seconds above 0, not {said or otherwise!r}"
        raise StoreError(shown(url), problem) from None
    return url.difference_update_query([GRACE]), grace


def shown(url: URL) -> str:
    """Return a URL for messages: without password and options."""
    return URL.create(
        "postgresql", url.username, host=url.host, port=url.port, database=url.database
    ).render_as_string()
