"""Tokens in forms, against requests that other sites forge.

The forms of a session have a token that is made from its cookie. Without sessions (anybody may use
the server, or a proxy says who sends a request) it is made from a cookie of its own: another site
can neither read that nor send it, and no secret is shared between servers.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import secrets

import attrs
from starlette.requests import Request
from starlette.responses import Response

from trioflow_server.problems import Problem
from trioflow_server.safety.sessions import Sessions

COOKIE = "trioflow-form"
_VALID = re.compile(r"[0-9a-f]{32}")


@attrs.frozen
class FormToken:
    """What the forms of one page carry."""

    value: str
    cookie: str | None = None
    """The cookie that the browser gets with the page; None if it has one."""

    def put(self, answer: Response, *, secure: bool, path: str) -> None:
        """Give the browser the cookie."""
        if self.cookie is not None:
            answer.set_cookie(
                COOKIE,
                self.cookie,
                path=path or "/",
                secure=secure,
                httponly=True,
                samesite="strict",
            )


def form_token(request: Request, sessions: Sessions | None) -> FormToken:
    """Return the token of a page for whoever sends a request."""
    of_session = "" if sessions is None else sessions.form_token(request)
    if of_session:
        return FormToken(of_session)
    known = _cookie_of(request)
    cookie = known or secrets.token_hex(16)
    return FormToken(_token_of(cookie), None if known else cookie)


def check_form(request: Request, sessions: Sessions | None, given: str) -> None:
    """Check the token of a form that was sent.

    Programs send their token with each request, which no other site can have a browser do.

    Raises:
      Problem: if it does not belong to the session or the browser.
    """
    if sessions is not None and sessions.form_token(request):
        sessions.check_form(request, given)
        return
    if request.headers.get("authorization", "").lower().startswith("bearer "):
        return
    cookie = _cookie_of(request)
    wanted = _token_of(cookie).encode()
    if not cookie or not hmac.compare_digest(wanted, given.encode("utf-8", "replace")):
        raise Problem(403, "The form is out of date; load the page again", "forged-form")


def _cookie_of(request: Request) -> str:
    cookie = request.cookies.get(COOKIE, "")
    return cookie if _VALID.fullmatch(cookie) else ""


def _token_of(cookie: str) -> str:
    return hashlib.sha256(b"trioflow form\0" + cookie.encode()).hexdigest()
