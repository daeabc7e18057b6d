"""Classes by their names in journals.

A name in a journal never causes an import: a class is found if its module is already imported, or
if a type of the workflow uses it.
"""

from __future__ import annotations

import sys
from typing import Any

MAIN = "__main__"


def name_of(cls: type) -> str:
    """Return the name of a class: ``"module:Outer.Inner"``."""
    return f"{cls.__module__}:{cls.__qualname__}"


class KnownClasses:
    """The classes that the types of an engine's workflows use."""

    def __init__(self) -> None:
        self._known: dict[str, type] = {}

    def add(self, cls: type) -> None:
        """Register a class that a type uses."""
        self._known.setdefault(name_of(cls), cls)

    def find(self, name: str) -> type | None:
        """Return the class with that name; None if there is none."""
        known = self._known.get(name)
        return known or _imported(name) or self._moved(name)

    def _moved(self, name: str) -> type | None:
        """Return the class if its module was the main program then, or is it now."""
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
        # Not getattr: it may run code, such as a module's __getattr__, which may import.
        found = vars(found).get(part) if hasattr(found, "__dict__") else None
    return found if isinstance(found, type) else None
