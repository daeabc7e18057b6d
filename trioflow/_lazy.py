"""Packages whose names are imported when somebody asks for one of them.

`trioflow` and `trioflow.testing` do this: pytest loads our plugin, and with it both packages,
for the tests of every project in the environment, whether they use trioflow or not.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping
from typing import Any

from trioflow._public import publish_one


def lazy_names(package: str, homes: Mapping[str, str]) -> Callable[[str], Any]:
    """Return the ``__getattr__`` of a package whose names live in other modules.

    What was asked for once is an ordinary attribute of the package from then on.

    Args:
      package: The package's ``__name__``.
      homes: For each public name the module that defines it, which may be the name's own.
    """

    def __getattr__(name: str) -> Any:  # noqa: N807 - the name that the language asks for
        if name not in homes:
            raise AttributeError(f"module {package!r} has no attribute {name!r}")
        module = importlib.import_module(homes[name])
        value = module if homes[name] == f"{package}.{name}" else getattr(module, name)
        publish_one(package, value)
        setattr(sys.modules[package], name, value)
        return value

    return __getattr__
