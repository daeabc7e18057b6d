"""A trioflow plugin that puts the workflows of an engine on HTTP.

`create_app` makes an ASGI application that a Trio application can mount beside its own routes;
``trioflow serve`` serves it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from trioflow import hookimpl

if TYPE_CHECKING:
    from trioflow_server.app import ServerApp, create_app
    from trioflow_server.options import Limits, ServerOptions
    from trioflow_server.serving import Binding, open_server

__all__ = [
    "Binding",
    "Limits",
    "ServerApp",
    "ServerOptions",
    "create_app",
    "open_server",
    "trioflow_commands",
]


@hookimpl
def trioflow_commands(app: Any) -> None:
    """Add ``serve``."""
    from trioflow_server.command import serve  # see below

    app.command(serve)


_HOMES = {
    "Binding": "serving",
    "Limits": "options",
    "ServerApp": "app",
    "ServerOptions": "options",
    "create_app": "app",
    "open_server": "serving",
}


# Every engine and every ``trioflow --help`` loads this module, so the imports are lazy.
def __getattr__(name: str) -> Any:
    if name in _HOMES:
        from importlib import import_module

        return getattr(import_module(f"trioflow_server.{_HOMES[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
