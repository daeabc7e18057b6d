"""Sets ``__module__`` of public names to public modules."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any


def publish(module: str, names: Iterable[str], namespace: Mapping[str, Any]) -> None:
    """Set ``__module__`` of the public names that are defined in private modules."""
    for name in names:
        publish_one(module, namespace[name])


def publish_one(module: str, value: Any) -> None:
    """Do the same as `publish` for one class or function; ignore other values."""
    home = getattr(value, "__module__", None)
    is_private = isinstance(home, str) and home.startswith("trioflow.") and "._" in home
    if is_private and callable(value):
        value.__module__ = module
