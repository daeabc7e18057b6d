"""Adds the commands of plugins, without importing plugins that have none."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from trioflow._host.discovery import disabled_plugins, installed_plugins
from trioflow._host.hooks import Hooks
from trioflow.errors import PluginError

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

HOOK = b"trioflow_commands"
DOUBTS = (b"import *", b"import_module")
"""A module with one of these may have the hook without naming it."""


def add_plugin_commands(app: Any, wanted: str | None = None) -> dict[str, PluginError]:
    """Let installed plugins add their commands, and return the broken ones by name.

    Only plugins whose source names the hook, or that have no source, are imported.

    Args:
      wanted: The plugin that is known to have the command that was typed.
    """
    installed = installed_plugins()
    refused = disabled_plugins(installed)
    names = [
        name
        for name, points in installed.items()
        if name not in refused and (name == wanted or _may_have(points))
    ]
    hooks = Hooks(names, keep_broken=True)
    hooks.add_commands(app)
    return {name: error for name, (_, error) in hooks.broken.items()}


def _may_have(points: list[EntryPoint]) -> bool:
    module, _, attribute = points[0].value.partition(":")
    if attribute:  # an object, whose class may come from anywhere
        return True
    try:
        spec = find_spec(module)  # imports the packages that it is in
        source = Path((spec and spec.origin) or "").read_bytes()
    except Exception:  # reported by name when the plugin is loaded
        return True
    return HOOK in source or any(doubt in source for doubt in DOUBTS)
