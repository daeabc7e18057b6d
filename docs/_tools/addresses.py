"""The public addresses of the project: from one setting in ``pyproject.toml``, empty until then."""

from __future__ import annotations

import tomllib
from pathlib import Path

ROOT = Path(__file__).parents[2]
_TOOLS = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["tool"]
_SETTINGS = _TOOLS["hatch"]["metadata"]["hooks"]["custom"]

REPOSITORY: str = _SETTINGS["repository"]
"""Where the source is, such as ``"https://example.org/trioflow"``; empty: nowhere yet."""
SITE: str = _SETTINGS["site"]
"""Where this site is; empty: nowhere yet."""
