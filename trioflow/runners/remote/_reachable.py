"""Check before a run that a worker process can import a function."""

from __future__ import annotations

import functools
import sys
from collections.abc import Callable
from importlib.machinery import ModuleSpec
from typing import Any

from trioflow.errors import DefinitionError
from trioflow.runners.remote._pickling import dumps


def check_reachable(fn: Callable[..., Any], where: str) -> None:
    """Check that another process can import *fn*.

    Raises:
      DefinitionError: if not.
    """
    try:
        dumps(fn)
    except Exception as exc:
        reason = " ".join(str(exc).split())
        problem = f"a worker process cannot find its function by name ({reason})"
        raise DefinitionError(where, problem, "define it at the top level of a module") from exc
    module = _module_of(fn)
    if not _can_be_imported(module):
        problem = f"a worker process cannot import the module {module!r} that defines it"
        raise DefinitionError(where, problem, "move it to a module on sys.path")


def _module_of(fn: Any) -> str:
    while isinstance(fn, functools.partial):
        fn = fn.func
    module: str = getattr(fn, "__module__", None) or type(fn).__module__
    return module


def _can_be_imported(module: str) -> bool:
    if module == "__main__":
        # A worker imports the main module under another name if it has a file.
        main = sys.modules["__main__"]
        return getattr(main, "__spec__", None) is not None or hasattr(main, "__file__")
    path, name = None, ""
    for part in module.split("."):
        name = f"{name}.{part}" if name else part
        spec = _find_spec(name, path)
        if spec is None:
            return False
        path = spec.submodule_search_locations
    return True


def _find_spec(name: str, path: Any) -> ModuleSpec | None:
    """Find a module as a new process would; `importlib.util.find_spec` also uses sys.modules."""
    for finder in sys.meta_path:
        find_spec = getattr(finder, "find_spec", None)  # importlib also accepts finders without it
        spec: ModuleSpec | None = find_spec and find_spec(name, path)
        if spec is not None:
            return spec
    return None
