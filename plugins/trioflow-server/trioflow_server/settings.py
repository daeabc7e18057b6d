"""The settings of ``trioflow serve``, checked before anything is opened."""

from __future__ import annotations

import ipaddress
import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import attrs

from trioflow import Engine, TrioflowError
from trioflow_server.options import Limits, ServerOptions
from trioflow_server.safety.tokens import read_tokens
from trioflow_server.serving import Binding

TOKENS_VARIABLE = "TRIOFLOW_TOKENS"
"""Environment variable with the lines of a token file."""


@attrs.define(eq=False)
class SettingError(TrioflowError):
    """Raised when an option of the command cannot be used."""

    option: str
    problem: str

    def __str__(self) -> str:
        return f"{self.option}: {self.problem}"


@attrs.frozen
class Settings:
    """Where to listen, and how to answer."""

    binding: Binding
    options: ServerOptions

    def for_engine(self, engine: Engine) -> ServerOptions:
        """Return the options, after a look at who can reach the server.

        Raises:
          SettingError: if anybody could, and nobody was asked for that.
        """
        has_authentication = bool(self.options.tokens) or engine.authenticator is not None
        if has_authentication or self.options.allow_unauthenticated:
            return self.options
        if not is_local(self.binding.host):
            problem = (
                f"{self.binding.host} can be reached from other machines, and there is no "
                "authentication; give --token-file, or --allow-unauthenticated"
            )
            raise SettingError("--host", problem)
        return attrs.evolve(self.options, allow_unauthenticated=True)


def is_local(host: str) -> bool:
    """Return whether only this machine can reach an address."""
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host.strip("[]")).is_loopback
    except ValueError:
        return False


def read_settings(
    *,
    host: str,
    port: int,
    certfile: str | None,
    keyfile: str | None,
    token_file: str | None,
    cors_origins: Sequence[str],
    base_path: str,
    limits: Mapping[str, Any],
    allowed_hosts: Sequence[str],
    exposed_tools: Sequence[str],
    allow_unauthenticated: bool,
    show_sources: bool,
    show_stacks: bool,
) -> Settings:
    """Return the settings that the options of the command say.

    Raises:
      SettingError, TokenFileError: if one of them cannot be used.
    """
    for origin in cors_origins:
        _check_origin(origin)
    chosen = ServerOptions(
        tokens=_tokens(token_file),
        cors_origins=tuple(cors_origins),
        base_path=_path(base_path),
        limits=_limits(limits),
        allowed_hosts=tuple(allowed_hosts),
        exposed_tools=tuple(exposed_tools),
        allow_unauthenticated=allow_unauthenticated,
        show_sources=show_sources,
        show_stacks=show_stacks,
    )
    return Settings(Binding(host=host, port=port, certfile=certfile, keyfile=keyfile), chosen)


def _tokens(file: str | None) -> Mapping[str, Any]:
    lines = os.environ.get(TOKENS_VARIABLE, "").splitlines()
    if file is not None:
        try:
            lines = [*Path(file).read_text("utf-8").splitlines(), *lines]
        except (OSError, UnicodeDecodeError) as exc:
            reason = exc.strerror if isinstance(exc, OSError) else "it is not UTF-8"
            raise SettingError("--token-file", f"it cannot be read: {reason}") from exc
    found = read_tokens(lines)
    if file is not None and not found:
        raise SettingError("--token-file", "there is no token in it")
    return found


def _path(given: str) -> str:
    path = given.rstrip("/")
    if path and not path.startswith("/"):
        raise SettingError("--base-path", f"{given!r} does not begin with a slash")
    return path


def _limits(given: Mapping[str, Any]) -> Limits:
    for name, value in given.items():
        if not value > 0:
            raise SettingError(f"limit of {name.replace('_', ' ')}", f"{value!r} is not above 0")
    return Limits(**given)


def _check_origin(origin: str) -> None:
    parts = urlsplit(origin)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path.strip("/"):
        problem = f"{origin!r} is not an origin; give one such as http://localhost:3000"
        raise SettingError("--cors-origin", problem)
