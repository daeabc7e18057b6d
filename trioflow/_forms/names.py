"""Classes by their names, as journals know them.

Nothing is imported because a journal names it: a class is found if its module is imported by
now, or if a type of the workflow names it.
"""

from __future__ import annotations

import sys
from typing import Any

MAIN = "__main__"


def name_of(cls: type) -> str:
    """Return the name of a class: ``"module:Outer.Inner"``."""
    return f"{cls.__module__}:{cls.__qualname__}"


class KnownClasses:
    """The classes that the types of an engine's workflows name."""

    def __init__(self) -> None:
        self._known: dict[str, type] = {}

    def add(self, cls: type) -> None:
        """Remember a class that a type names."""
        self._known.setdefault(name_of(cls), cls)

    def find(self, name: str) -> type | None:
        """Return the class of that name; None if there is none."""
        known = self._known.get(name)
        return known or _imported(name) or self._moved(name)

    def _moved(self, name: str) -> type | None:
        """Return the class if the module that defines it was the program then, or is it now."""
        module, _, path = name.partition(":")
        found = {
            cls
            for each, cls in self._known.items()
            if each.partition(":")[2] == path and MAIN in (module, cls.__module__)
        }
        return found.pop() if len(found) == 1 else None


def _imported(name: str) -> type | None:
    module, _, path = name.partition(":")
    found: Any = sys.modules.get(module)
    for part in path.split("."):
        if found is None or part == "<locals>":
            return None
        # Not getattr: it may run code, as a module's own __getattr__ does, which may import.
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) else None
