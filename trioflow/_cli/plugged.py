"""Commands that plugins add, and the errors for missing plugins."""

from __future__ import annotations

import os
from collections.abc import Mapping

from cyclopts import App

from trioflow._cli.app import make_app
from trioflow._cli.display import say
from trioflow._cli.errors import UsageError, explain
from trioflow._host.commands import add_plugin_commands
from trioflow._host.discovery import DISABLE_VARIABLE

KNOWN_PLUGINS: Mapping[str, str] = {"backup": "sql", "draw": "pictures", "timeline": "pictures"}
"""Commands that plugins of this project add, each with the name of its plugin."""


def draw_graph(target: str, file: str) -> int:
    """Draw a workflow with the command of the plugin ``pictures``.

    Raises:
      UsageError: if the plugin is not loaded.
    """
    app = make_app()
    add_commands(app, "draw")
    check_command(app, "draw", "graph --svg")
    code: int = app(["draw", "--", target, file])
    return code


def add_commands(app: App, command: str) -> None:
    """Let plugins add their commands; report broken plugins and skip their commands.

    Raises:
      PluginError: if *command* belongs to a broken plugin.
    """
    plugin = KNOWN_PLUGINS.get(command)
    broken = add_plugin_commands(app, plugin)
    if plugin in broken:
        raise broken[plugin]
    for error in broken.values():
        say(explain(error))


def check_command(app: App, name: str, asked: str) -> None:
    """Check that a command of a known plugin has been added.

    Args:
      app: The command line, to which plugins have added their commands.
      name: The command.
      asked: What the user typed.

    Raises:
      UsageError: if the plugin is not loaded; the message says how to load it.
    """
    if name in app or name not in KNOWN_PLUGINS:
        return
    plugin = KNOWN_PLUGINS[name]
    disabled = os.environ.get(DISABLE_VARIABLE, "").split(",")
    if plugin in (entry.strip() for entry in disabled):
        raise UsageError(f"{asked} needs the plugin {plugin!r}; remove it from {DISABLE_VARIABLE}")
    package = f"trioflow-{plugin}"
    raise UsageError(f"{asked} needs {package}; install it with: pip install {package}")
