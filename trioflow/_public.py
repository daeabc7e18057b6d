"""Where public names say that they come from."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def publish(module: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """Have what a public module offers, but is defined in a private one, name the public one."""
    for name in names:
        publish_one(module, namespace[name])


def publish_one(module: str, value: Any) -> None:
    """Do as `publish` does with one class or function; other values come from nowhere."""
    home = getattr(value, "__module__", None)
    is_private = isinstance(home, str) and home.startswith("trioflow.") and "._" in home
    if is_private and callable(value):
        value.__module__ = module
