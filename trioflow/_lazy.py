"""Packages whose names are imported on first access.

`trioflow` and `trioflow.testing` use this: pytest loads our plugin, and with it both packages,
for the tests of every project in the environment, even if they do not use trioflow.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from trioflow._public import publish_one


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package whose names are defined in other modules.

    After the first access, a name is an ordinary attribute of the package.

    Args:
      package: The package's ``__name__``.
      homes: The module that defines each public name, or that is the value of the name.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - the name that Python requires
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name])
        value = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        publish_one(package, value)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
