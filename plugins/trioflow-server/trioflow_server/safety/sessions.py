"""Sessions of browsers, which cannot send a token with every request.

A session is a cookie that is signed with a key made from the token that was typed in. Nothing is
stored: it is valid on every server with that token, and ends when the token is removed.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import secrets
import time

import attrs
from starlette.requests import Request
from starlette.responses import Response

from trioflow.abc import Principal
from trioflow_server.problems import Problem
from trioflow_server.safety.tokens import Tokens

COOKIE = "trioflow-session"
SECONDS = 12 * 3600
"""How long a session is valid."""
FORM_FIELD = "csrf"
"""The field of forms with the token against forged requests."""


@attrs.frozen
class Sessions:
    """Opens, checks and ends sessions."""

    tokens: Tokens

    def open(self, token: str) -> str | None:
        """Return the cookie of a new session; None if the token is not valid."""
        if self.tokens.find(token) is None:
            return None
        until, nonce = int(time.time()) + SECONDS, secrets.token_hex(8)
        text = f"{until}.{nonce}"
        return _encode(f"{text}.{_sign(token, text)}")

    def find(self, request: Request) -> Principal | None:
        """Return the principal of a request's session; None without a valid one."""
        return self.principal(request.cookies.get(COOKIE, ""))

    def principal(self, cookie: str) -> Principal | None:
        """Return the principal of a session."""
        token = self._token_of(cookie)
        return None if token is None else self.tokens.find(token)

    def _token_of(self, cookie: str) -> str | None:
        text, _, signature = _decode(cookie).rpartition(".")
        until = text.partition(".")[0]
        if not until.isdigit() or len(until) > 12 or int(until) < time.time():
            return None
        found = None
        for token in self.tokens.principals:
            if hmac.compare_digest(_sign(token, text), signature):
                found = token
        return found

    def form_token(self, request: Request) -> str:
        """Return the token that forms of a session carry; empty without a session."""
        cookie = request.cookies.get(COOKIE, "")
        token = self._token_of(cookie)
        return "" if token is None else _sign(token, f"form.{cookie}")

    def check_form(self, request: Request, given: str) -> None:
        """Check the token of a form that was sent.

        Raises:
          Problem: if it does not belong to the session.
        """
        wanted = self.form_token(request)
        if wanted and not hmac.compare_digest(wanted.encode(), given.encode("utf-8", "replace")):
            raise Problem(403, "The form is out of date; load the page again", "forged-form")

    def set(self, answer: Response, cookie: str, *, secure: bool, path: str) -> None:
        """Give a browser a session."""
        answer.set_cookie(
            COOKIE,
            cookie,
            max_age=SECONDS,
            path=path or "/",
            secure=secure,
            httponly=True,
            samesite="strict",
        )

    def end(self, answer: Response, *, path: str) -> None:
        """Take a session from a browser."""
        answer.delete_cookie(COOKIE, path=path or "/", httponly=True, samesite="strict")


def _sign(token: str, text: str) -> str:
    key = hashlib.sha256(b"trioflow session\0" + token.encode("utf-8", "surrogatepass")).digest()
    return hmac.new(key, text.encode("utf-8", "replace"), "sha256").hexdigest()


def _encode(text: str) -> str:
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def _decode(cookie: str) -> str:
    try:
        padded = cookie + "=" * (-len(cookie) % 4)
        return base64.urlsafe_b64decode(padded.encode("ascii")).decode("ascii")
    except (binascii.Error, ValueError):
        return ""
