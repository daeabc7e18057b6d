"""Bearer tokens: from a file or the environment, never from an argument that ``ps`` shows.

A line of a token file is a token, and what it is for::

    s3cret-of-ada name=ada scopes=read,start,answer resources=acme,globex

Without ``name`` it is called ``token-1``, by its line; without ``scopes`` it may do everything;
without ``resources`` it sees all runs. Empty lines and lines that begin with ``#`` are skipped.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Mapping
from typing import get_args

import attrs

from trioflow import TrioflowError
from trioflow.abc import AccessRequest, AccessScope, Authenticator, Principal

SHORTEST = 16
"""Fewest characters of a token; shorter ones could be guessed."""
KEYS = ("name", "scopes", "resources")


@attrs.define(eq=False)
class TokenFileError(TrioflowError):
    """Raised when a line of a token file cannot be read."""

    line: int
    """Counted from 1."""
    problem: str

    def __str__(self) -> str:
        return f"token file, line {self.line}: {self.problem}"


def read_tokens(lines: Iterable[str]) -> dict[str, Principal]:
    """Return the principals of a token file, by token.

    Raises:
      TokenFileError: if a line is not valid. Its text is not in the message.
    """
    found: dict[str, Principal] = {}
    for number, line in enumerate(lines, 1):
        words = line.split()
        if not words or words[0].startswith("#"):
            continue
        token, *rest = words
        if len(token) < SHORTEST:
            raise TokenFileError(number, f"a token needs at least {SHORTEST} characters")
        if token in found:
            raise TokenFileError(number, "the token is there twice")
        found[token] = _principal(number, rest)
    return found


def _principal(number: int, words: Iterable[str]) -> Principal:
    given: dict[str, str] = {}
    for word in words:
        key, equals, value = word.partition("=")
        if key not in KEYS or not equals or not value:
            raise TokenFileError(number, f"expected {', '.join(f'{key}=...' for key in KEYS)}")
        given[key] = value
    scopes = given.get("scopes", "admin,read,start,answer").split(",")
    if unknown := set(scopes) - set(get_args(AccessScope)):
        known = ", ".join(get_args(AccessScope))
        raise TokenFileError(number, f"unknown scopes {', '.join(sorted(unknown))}; known: {known}")
    resources = given["resources"].split(",") if "resources" in given else None
    return Principal(given.get("name", f"token-{number}"), scopes, resources)  # type: ignore[arg-type]


@attrs.frozen(repr=False)
class Tokens(Authenticator):
    """Knows principals by their bearer tokens."""

    principals: Mapping[str, Principal]

    def find(self, token: str) -> Principal | None:
        """Return the principal with a token, in a time that does not depend on the token."""
        wanted, found = _digest(token), None
        for known, principal in self.principals.items():
            if hmac.compare_digest(_digest(known), wanted):
                found = principal
        return found

    async def principal(self, request: AccessRequest) -> Principal | None:
        """Return who sends a request with a bearer token."""
        kind, _, token = request.headers.get("authorization", "").partition(" ")
        return self.find(token.strip()) if kind.lower() == "bearer" else None


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()
