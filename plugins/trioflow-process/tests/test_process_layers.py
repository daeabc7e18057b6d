"""The parts that any runner in other processes needs know nothing of local processes."""

from __future__ import annotations

import ast
from pathlib import Path

import trioflow_process

FOLDER = Path(trioflow_process.__file__).parent
REMOTE = {
    "asking",
    "culprit",
    "errors",
    "exceptions",
    "forwarding",
    "levels",
    "link",
    "logbook",
    "loop",
    "messages",
    "packing",
    "pickling",
    "remote",
    "service",
    "undoing",
}
"""Values, errors, contexts and log records on their way between a body and its run."""


def imports_of(module: str) -> set[str]:
    tree = ast.parse((FOLDER / f"{module}.py").read_text())
    named = [node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)]
    ours = [name.split(".") for name in named if name.startswith("trioflow_process.")]
    return {parts[1] for parts in ours}


def test_parts_for_any_other_process_import_only_such_parts() -> None:
    assert {module: imports_of(module) - REMOTE for module in REMOTE} == {
        module: set() for module in REMOTE
    }
