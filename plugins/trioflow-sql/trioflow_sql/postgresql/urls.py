"""URLs of a server: what they say, and what of it may be shown."""

from __future__ import annotations

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from trioflow.errors import StoreError

GRACE = "reconnect_grace"


def parse(url: str) -> URL:
    """Return the parts of a URL, with the driver that we use.

    Raises:
      StoreError: if it cannot be read, or can be read in two ways. Nothing of the URL but the
        scheme is in it, since any part may be one of a password.
    """
    scheme = url.partition(":")[0]
    if url.count("@") > 1:
        problem = "has more than one @; write those in user name and password as %40"
        raise StoreError(f"{scheme}:", problem)
    try:
        parsed = make_url(url)
    except (ArgumentError, ValueError):
        problem = "cannot be read; write postgresql://user:password@host:5432/database"
        raise StoreError(f"{scheme}:", problem) from None
    password = parsed.query.get("password", parsed.password)
    return parsed.difference_update_query(["password"]).set(
        drivername="postgresql+psycopg",
        password=password if isinstance(password, str) else None,
    )


def take_grace(url: URL, otherwise: float) -> tuple[URL, float]:
    """Return a URL without our own option, and the seconds that it says.

    Raises:
      StoreError: if it does not say a number of seconds.
    """
    said = url.query.get(GRACE)
    try:
        grace = otherwise if said is None else float(said)  # type: ignore[arg-type]
        if not 0 < grace < float("inf"):
            raise ValueError
    except (ValueError, TypeError):
        problem = f"{GRACE} has to be a number of seconds above 0, not {said or otherwise!r}"
        raise StoreError(shown(url), problem) from None
    return url.difference_update_query([GRACE]), grace


def shown(url: URL) -> str:
    """Return a URL as it may be shown: without password and options."""
    return URL.create(
        "postgresql", url.username, host=url.host, port=url.port, database=url.database
    ).render_as_string()
