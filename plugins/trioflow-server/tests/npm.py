"""Packages of npm, installed once into a cache outside of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

import pytest


def installed(name: str, *packages: str) -> Path:
    """Return the folder with some packages of npm; skip the test where they cannot be had.

    ``TRIOFLOW_NEEDS_NPM`` in the environment makes that an error instead.
    """
    folder = Path(tempfile.gettempdir()) / f"trioflow-{name}-{os.getuid()}"
    mark = folder / "installed"
    if mark.is_file():
        return folder
    if shutil.which("npm") is None or shutil.which("node") is None:
        return _missing("Node.js and npm are not installed")
    folder.mkdir(exist_ok=True)
    (folder / "package.json").write_text('{"private": true, "type": "module"}', "utf-8")
    command = ["npm", "install", "--no-audit", "--no-fund", "--loglevel=error", *packages]
    try:
        subprocess.run(command, cwd=folder, check=True, capture_output=True, timeout=900)
    except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
        return _missing("the registry of npm cannot be reached")
    mark.touch()
    return folder


def _missing(reason: str) -> Path:
    if os.environ.get("TRIOFLOW_NEEDS_NPM"):
        raise RuntimeError(reason)
    pytest.skip(reason)
