"""The measured commits, one line each: ``benchmarks/history.jsonl``."""

from __future__ import annotations

import json
import os
import platform
import subprocess
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from benchmarks.measure import Row

FILE = Path(__file__).with_name("history.jsonl")
LIBRARIES = ("trioflow", "trio", "attrs", "cattrs")


class DirtyTreeError(Exception):
    """Raised if the figures would not be those of a commit."""


def commit_of(folder: Path) -> str:
    """Return the commit that is checked out.

    Raises:
      DirtyTreeError: if there are files that are not in it.
    """
    changed = _git(folder, "status", "--porcelain")
    if changed:
        raise DirtyTreeError(f"commit or remove these first, then record:\n{changed}")
    return _git(folder, "rev-parse", "HEAD").strip()


def _git(folder: Path, *arguments: str) -> str:
    command = ["git", "-C", str(folder), *arguments]
    return subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout


def entry(commit: str, rows: Sequence[Row], instructions: Mapping[str, int]) -> dict[str, Any]:
    """Return what is kept of a measured commit."""
    return {
        "commit": commit,
        "date": datetime.now(UTC).date().isoformat(),
        "versions": {name: version(name) for name in LIBRARIES},
        "python": platform.python_version(),
        "machine": machine(),
        "figures": {row.id: figures(row) for row in rows},
        "instructions": dict(instructions),
    }


def figures(row: Row) -> dict[str, float]:
    """Return the figures of a row that are worth keeping: ratios, and seconds or bytes of one."""
    kept = {
        "ratio": row.ratio,
        "value": row.value,
        "growth": row.growth,
        "each": row.median / row.per,
        "floor": row.floor_median / row.per,
        "memory": row.memory,
    }
    return {key: float(f"{figure:.4g}") for key, figure in kept.items() if figure is not None}


def machine() -> str:
    """Return what kind of machine this is, and not which one."""
    return f"{platform.system()} {platform.machine()}, {processor()}, {os.cpu_count()} cores"


def processor() -> str:
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
    except OSError:  # there is no such file outside of Linux
        return platform.processor() or "unknown processor"
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else "unknown processor"


def append(line: Mapping[str, Any], file: Path = FILE) -> None:
    with file.open("a", encoding="utf-8") as lines:
        lines.write(json.dumps(line, ensure_ascii=False) + "\n")
