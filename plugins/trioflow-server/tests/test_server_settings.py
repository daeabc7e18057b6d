"""The options of ``trioflow serve``: what they become, and what is refused."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import attrs
import pytest
from trioflow_server import Limits, ServerOptions, command
from trioflow_server.serving import Binding
from trioflow_server.settings import SettingError, Settings, is_local, read_settings

from trioflow import hookimpl, open_engine
from trioflow.abc import Authenticator, Principal

LIMITS: dict[str, tuple[str, Any]] = {
    "max_body": ("body_bytes", 1_000),
    "max_header": ("header_bytes", 2_000),
    "max_connections": ("connections", 30),
    "max_connections_per_client": ("connections_per_client", 20),
    "max_streams": ("streams_per_client", 10),
    "request_timeout": ("request_seconds", 1.5),
    "head_timeout": ("head_seconds", 2.5),
    "heartbeat": ("heartbeat_seconds", 3.5),
}
PLAIN: dict[str, Any] = {
    **dict.fromkeys(("certfile", "keyfile", "token_file")),
    **dict.fromkeys(("allow_unauthenticated", "show_sources", "show_stacks"), False),
    **dict.fromkeys(("cors_origins", "allowed_hosts", "exposed_tools"), ()),
    "host": "127.0.0.1",
    "port": 0,
    "base_path": "",
    "limits": {},
}


async def served_with(monkeypatch: pytest.MonkeyPatch, **options: Any) -> Settings:
    """Return what the command would serve with."""
    found: list[Settings] = []

    async def serve(settings: Settings, *_: Any, **__: Any) -> None:
        found.append(settings)

    monkeypatch.setattr(command, "_serve", serve)
    assert await command.serve(**options) == 0
    return found[0]


async def test_each_limit_is_an_option(monkeypatch: pytest.MonkeyPatch) -> None:
    given = {option: value for option, (_, value) in LIMITS.items()}
    settings = await served_with(monkeypatch, **given)

    assert settings.options.limits == Limits(**dict(LIMITS.values()))


async def test_without_options_all_is_as_documented(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TRIOFLOW_TOKENS", raising=False)
    settings = await served_with(monkeypatch)

    assert settings.options == ServerOptions()
    assert (settings.binding.host, settings.binding.port) == ("127.0.0.1", 8765)


async def test_lists_and_switches_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    settings = await served_with(
        monkeypatch,
        cors_origin=["http://localhost:3000", "https://flows.example"],
        allowed_host=["flows.example"],
        expose_tool=["add"],
        base_path="/flows/",
        allow_unauthenticated=True,
        show_sources=True,
        show_stacks=True,
        certfile="cert.pem",
        keyfile="key.pem",
    )

    assert settings.options == ServerOptions(
        cors_origins=("http://localhost:3000", "https://flows.example"),
        allowed_hosts=("flows.example",),
        exposed_tools=("add",),
        base_path="/flows",
        allow_unauthenticated=True,
        show_sources=True,
        show_stacks=True,
    )
    assert settings.binding == Binding(certfile="cert.pem", keyfile="key.pem")


def test_tokens_come_from_a_file_and_the_environment(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "tokens"
    file.write_text("# who\ntoken-of-ada-00001 name=ada scopes=read resources=acme\n")
    monkeypatch.setenv("TRIOFLOW_TOKENS", "token-of-bob-00002 name=bob\n")
    found = read_settings(**PLAIN | {"token_file": str(file)}).options.tokens

    assert found == {
        "token-of-ada-00001": Principal("ada", scopes=["read"], resources=["acme"]),
        "token-of-bob-00002": Principal("bob"),
    }
    assert "token-of" not in repr(read_settings(**PLAIN | {"token_file": str(file)}))


@pytest.mark.parametrize("content", [b"", b"# nobody\n", b"\xff\xfe"])
def test_a_file_without_tokens_is_refused(
    content: bytes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TRIOFLOW_TOKENS", raising=False)
    file = tmp_path / "tokens"
    file.write_bytes(content)

    with pytest.raises(SettingError, match="--token-file"):
        read_settings(**PLAIN | {"token_file": str(file)})


@pytest.mark.parametrize("name", [name for name, _ in LIMITS.values()])
@pytest.mark.parametrize("value", [0, -1, float("nan")])
def test_a_limit_that_lets_nothing_through_is_refused(name: str, value: float) -> None:
    with pytest.raises(SettingError, match="is not above 0"):
        read_settings(**PLAIN | {"limits": {name: value}})


@pytest.mark.parametrize(
    ("host", "wanted"),
    [
        *((host, True) for host in ("127.0.0.1", "127.8.8.8", "::1", "[::1]", "localhost")),
        *((host, False) for host in ("0.0.0.0", "::", "10.0.0.1", "flows.example", "")),
    ],
)
def test_only_loopback_is_local(host: str, wanted: bool) -> None:
    assert is_local(host) is wanted


class Everybody(Authenticator):
    async def principal(self, request: Any) -> Principal | None:
        return Principal("somebody")


async def test_a_public_address_needs_authentication() -> None:
    public = read_settings(**PLAIN | {"host": "0.0.0.0"})
    tokens = attrs.evolve(public.options, tokens={"t" * 16: Principal("ada")})
    anybody = attrs.evolve(public.options, allow_unauthenticated=True)
    async with open_engine(plugins=[]) as engine:
        with pytest.raises(SettingError, match="can be reached from other machines"):
            public.for_engine(engine)
        assert Settings(public.binding, tokens).for_engine(engine) == tokens
        assert Settings(public.binding, anybody).for_engine(engine) == anybody
        local = read_settings(**PLAIN).for_engine(engine)

    assert local.allow_unauthenticated


async def test_the_authenticator_of_a_plugin_is_authentication() -> None:
    class Plugin:
        @hookimpl
        def trioflow_authenticator(self) -> Authenticator:
            return Everybody()

    public = read_settings(**PLAIN | {"host": "0.0.0.0"})
    async with open_engine(plugins=[Plugin()]) as engine:
        assert not public.for_engine(engine).allow_unauthenticated
