"""The runtime context: a mapping that tracks which of its keys have changed."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, MutableMapping
from typing import Any

from trioflow.wire._shown import shown


class SharedContext(MutableMapping[str, Any]):
    """Untyped data that all steps of a run share. Changes inside values are not detected."""

    __slots__ = ("_changed", "_values", "has_changed")

    def __init__(self, values: Mapping[str, Any] | None = None) -> None:
        self._values: dict[str, Any] = {} if values is None else dict(values)
        for key in self._values:
            _check(key)
        self._changed: set[str] = set()
        self.has_changed = False
        """Whether a key was set or removed since the changes were taken."""

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __setitem__(self, key: str, value: Any) -> None:
        _check(key)
        self._values[key] = value
        self._changed.add(key)
        self.has_changed = True

    def __delitem__(self, key: str) -> None:
        del self._values[key]
        self._changed.add(key)
        self.has_changed = True

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def __repr__(self) -> str:
        return repr(self._values)

    def take_changes(self) -> tuple[dict[str, Any], tuple[str, ...]]:
        """Return what was set and what was removed since the last call."""
        changed = sorted(self._changed)
        self._changed.clear()
        self.has_changed = False
        updates = {key: self._values[key] for key in changed if key in self._values}
        return updates, tuple(key for key in changed if key not in updates)


def _check(key: object) -> None:
    if not isinstance(key, str):
        raise TypeError(f"keys of the runtime context must be strings, not {shown(key)}")
