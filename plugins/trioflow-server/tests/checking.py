"""The given checkers, as they came with the recorded cases."""

from __future__ import annotations

import importlib.util
import json
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[2]
RECORDED = HERE / "recorded"


def load_cases() -> list[dict[str, Any]]:
    """Return the recorded cases."""
    lines = (RECORDED / "cases-http.jsonl").read_text("utf-8").splitlines()
    return [json.loads(line) for line in lines if line.strip()]


def load_checker() -> ModuleType:
    """Import ``check_http.py``, which imports ``compare.py`` from beside the other cases."""
    sys.path.insert(0, str(ROOT / "tests" / "conformance"))
    try:
        spec = importlib.util.spec_from_file_location("check_http", RECORDED / "check_http.py")
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        spec.loader.exec_module(module)
        return module
    finally:
        sys.path.remove(str(ROOT / "tests" / "conformance"))


def compare_path() -> str:
    """Return what ``check_http.py`` needs on ``PYTHONPATH``."""
    return str(ROOT / "tests" / "conformance")
