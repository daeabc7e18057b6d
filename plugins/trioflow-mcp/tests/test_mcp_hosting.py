"""The options of ``trioflow mcp``, which are checked before anything is opened."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import pytest
from trioflow_mcp.serving.hosting import TOKEN_VARIABLE, OptionError, run_server

LONG = "x" * 20


async def run(**options: Any) -> None:
    defaults = {"store": None, "port": None, "token_file": None, "allow_unauthenticated": False}
    await run_server([], **{**defaults, "grace": 1.0, **options})


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"token_file": "x"}, "--token-file: it is for --http PORT"),
        ({"allow_unauthenticated": True}, "--allow-unauthenticated: it is for --http PORT"),
        ({"port": 99_999}, "--http: 99999 is no port"),
        ({"port": -1}, "--http: -1 is no port"),
        ({"port": 0, "token_file": "no-such-file"}, "--token-file: no-such-file cannot be read"),
    ],
)
async def test_options_that_cannot_be_used(options: dict[str, Any], problem: str) -> None:
    with pytest.raises(OptionError, match=problem):
        await run(**options)


async def test_a_port_that_is_taken() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(OptionError, match="Address already in use"),
    ):
        await run(port=taken.getsockname()[1])


@pytest.mark.parametrize("token", ["short", "two words of it", "", "ü" * 20, " \n"])
async def test_tokens_that_could_be_guessed_or_not_sent(token: str, tmp_path: Path) -> None:
    file = tmp_path / "token"
    file.write_text(token)
    with pytest.raises(OptionError, match="--token-file: a token is one word of at least 16"):
        await run(port=0, token_file=str(file))


async def test_a_token_and_none_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, LONG)
    with pytest.raises(OptionError, match=r"there is a token in [$]TRIOFLOW_MCP_TOKEN"):
        await run(port=0, allow_unauthenticated=True)


async def test_a_bad_token_in_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(TOKEN_VARIABLE, "short")
    with pytest.raises(OptionError, match=r"[$]TRIOFLOW_MCP_TOKEN: a token is one word"):
        await run(port=0)
